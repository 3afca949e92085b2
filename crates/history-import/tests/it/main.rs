//! Imports as a person would make them: real source databases, a real data-api with a real database file.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod elsewhere;
mod home;
mod made;
mod move_store;
mod recorder;
mod resume;
mod statistics;
