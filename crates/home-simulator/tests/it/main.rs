//! The simulator behind a real socket, reached as Home Assistant's clients reach it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on may say so where it stands"
)]

mod events;
mod faults;
mod handshake;
mod history;
mod kill;
mod logbook;
mod registries;
mod rest;
mod session;
