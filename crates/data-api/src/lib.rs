#![doc = include_str!("../README.md")]

mod app;
mod config;
mod hex;
mod history;
mod http;
pub mod store;

pub use app::{App, DataApi};
pub use config::Config;
pub use http::openapi_document;
