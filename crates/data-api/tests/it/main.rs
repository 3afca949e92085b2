//! data-api as its clients meet it: a real server, a real database file, the real client.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod auth;
mod backup;
mod client;
mod disk;
mod events;
mod gaps;
mod home;
mod ingest;
mod metrics;
mod names_change_hands;
mod places;
mod registry;
mod removed;
mod renames;
mod restart;
