#![doc = include_str!("../README.md")]

mod app;
mod config;
mod history;
mod home_assistant;
mod http;
mod ledger;
pub mod notify;
mod run;
pub mod schedule;
pub mod search;
pub mod store;
mod zone;

pub use app::{App, PatternService};
pub use config::{Config, HomeAssistantSettings, Least};
pub use http::openapi_document;
