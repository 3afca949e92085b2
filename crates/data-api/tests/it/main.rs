//! data-api as its clients meet it: a real server, a real database file, the real client.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod access;
mod auth;
mod backup;
mod client;
mod disk;
mod disk_full;
mod events;
mod gaps;
mod home;
mod ingest;
mod metrics;
mod names_change_hands;
mod not_built;
mod places;
mod program;
mod registry;
mod relations;
mod removed;
mod renames;
mod restart;
mod salvage;
mod sudden_end;
