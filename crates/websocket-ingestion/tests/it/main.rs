//! websocket-ingestion between a simulated Home Assistant and a real data-api.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod acceptance;
mod chain;
mod events;
mod faults;
mod house;
mod live;
mod metrics;
mod missing;
mod registries;
mod socket;
mod sudden_end;
