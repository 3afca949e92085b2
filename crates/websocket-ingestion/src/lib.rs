#![doc = include_str!("../README.md")]

mod app;
mod backfill;
mod buffer;
mod config;
mod counters;
mod delivery;
mod discovery;
mod enrich;
mod filter;
mod gaps;
mod home_assistant;
mod home_time;
mod house;
mod http;
mod lines;
mod live;
mod normalize;
mod registry;
mod sink;
mod spool;
mod status;

pub use app::{App, WebsocketIngestion};
pub use config::{Build, Config, Home, InfluxDb, InfluxPeer, Role, Timing, Way};
pub use filter::FilterSource;
pub use http::openapi_document;
