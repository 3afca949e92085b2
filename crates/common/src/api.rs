//! Request and response bodies of data-api: the only definition of each, used by the server and by its client.

pub mod backup;
pub mod events;
pub mod gaps;
pub mod home;
pub mod keys;
pub mod places;
pub mod registry;
pub mod relations;
