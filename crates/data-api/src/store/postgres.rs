//! What only PostgreSQL knows.

pub(super) mod insert;
pub(super) mod newest;
pub(super) mod partitions;
