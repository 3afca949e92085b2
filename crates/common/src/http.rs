//! The HTTP frame that every service wears, so that all answer errors alike.

pub mod correlation;
pub mod docs;
pub mod extract;
pub mod frame;
pub mod metrics;
pub mod problem;
pub mod server;
