//! websocket-ingestion between a simulated Home Assistant and a real data-api.

#![expect(
    clippy::large_types_passed_by_value,
    reason = "the waits of a test are made for it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod acceptance;
mod backfill;
mod chain;
mod clocks;
mod connection;
mod data_api_faults;
mod disk_faults;
mod events;
mod faults;
mod frames;
mod home_faults;
mod house;
mod influxdb;
mod live;
mod metrics;
mod missing;
mod process;
mod registries;
mod scripted;
mod socket;
mod stopping;
mod sudden_end;
mod tls;
