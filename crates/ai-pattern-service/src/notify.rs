//! Tells the world over MQTT, and listens to it. Nothing outside this module knows the protocol.
//!
//! What there is to say is in the tables: messages about moments in their order, and states, of which only the newest counts. The
//! session takes them from there when a broker is connected, and takes them out when the broker has acknowledged them. Without a
//! broker nothing here runs.

#[cfg_attr(not(unix), path = "notify/no_bridge.rs")]
mod bridge;
pub mod broker;
mod client;
mod commands;
mod connection;
mod discovery;
mod expected;
pub mod message;
pub(crate) mod news;
mod peers;
mod session;
pub mod settings;
mod states;
pub mod topics;
mod v311;
mod v5;

pub(crate) use commands::{Commands, WAITING_COMMANDS};
pub(crate) use session::Session;
pub(crate) use states::States;
pub use states::{PatternState, Summary};
