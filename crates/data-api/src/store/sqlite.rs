//! What only SQLite knows.

pub(super) mod insert;
pub(super) mod newest;
pub(super) mod recent;
pub(super) mod tail;
