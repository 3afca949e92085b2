#![doc = include_str!("../README.md")]

mod app;
mod backup;
mod commands;
mod config;
mod hex;
mod http;
pub mod store;

pub use app::{App, DataApi};
pub use commands::{command, commands};
pub use config::Config;
pub use http::openapi_document;
