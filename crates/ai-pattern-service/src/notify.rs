//! Tells the world over MQTT. Nothing outside this module knows the protocol.
//!
//! What a run has to say goes into the [`Outbox`]; the session takes it from there when a broker is connected, and hands back the
//! ids of the habits whose messages were acknowledged. Without a broker nothing here runs.

#[cfg_attr(not(unix), path = "notify/no_bridge.rs")]
mod bridge;
pub mod broker;
mod connection;
pub mod message;
mod outbox;
mod session;
pub mod topics;

pub use outbox::Outbox;
pub(crate) use session::Session;
