#![doc = include_str!("../README.md")]

mod app;
mod config;
pub mod home;
pub mod households;
pub mod planted;
pub mod server;

pub use app::HomeSimulator;
pub use config::Config;
pub use server::{Emitted, Ledger, Memory, Registry, Simulator, SimulatorConfig};
