#![doc = include_str!("../README.md")]

mod app;
mod backup;
mod command;
mod config;
mod hex;
mod http;
mod integrity;
mod keys;
pub mod store;

pub use app::{App, DataApi};
pub use command::{commands, run_command};
pub use config::Config;
pub use http::openapi_document;
pub use http::trusted_proxies::TrustedProxies;
