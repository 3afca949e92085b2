//! Models from a server that speaks as a hub does, and as one does on a bad day; and the real weights.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod cache;
mod faults;
mod hub;
mod place;
mod program;
mod redirects;
