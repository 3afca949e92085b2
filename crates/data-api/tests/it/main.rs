//! data-api as its clients meet it: a real server, a real database, the real client.
//!
//! The same tests run twice: on SQLite as this program, on PostgreSQL as `tests/postgres`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

mod access;
mod activity;
mod alerts;
mod analytics;
mod attributes;
mod auth;
mod client;
mod device_reports;
mod energy;
mod event_summaries;
mod events;
mod export;
mod gaps;
mod history;
pub(crate) mod home;
pub(crate) mod homeiq_clients;
mod homeiq_dashboard;
mod ingest;
mod integrations;
mod limits;
mod live;
mod metrics;
mod names_change_hands;
mod not_built;
mod pages;
mod places;
pub(crate) mod registry;
mod relations;
mod removed;
pub(crate) mod renames;
mod restart;
mod statistics;
mod storage;
mod trace;
