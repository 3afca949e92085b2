#![doc = include_str!("../README.md")]

mod app;
mod cause;
mod config;
mod context;
mod hex;
mod http;
pub mod store;

pub use app::{App, DataApi};
pub use config::Config;
pub use http::openapi_document;
