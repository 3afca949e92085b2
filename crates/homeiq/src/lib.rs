#![doc = include_str!("../README.md")]

mod app;
mod config;
mod import;
mod mine;
mod narrate;
mod search;

pub use app::{App, Homeiq};
pub use config::{Config, Destination};
