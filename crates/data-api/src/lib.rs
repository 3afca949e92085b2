#![doc = include_str!("../README.md")]

mod activity;
mod alerts;
mod analytics;
mod app;
mod backup;
mod cause;
mod command;
mod config;
mod context;
mod device_health;
mod export;
mod hex;
mod history;
mod http;
mod integrity;
mod keys;
mod measured;
mod power;
pub mod store;

pub use app::{App, DataApi};
pub use command::{commands, run_command};
pub use config::Config;
pub use http::openapi_document;
pub use http::trusted_proxies::TrustedProxies;
