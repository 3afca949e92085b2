#![doc = include_str!("../README.md")]

pub mod api;
pub mod entity;
pub mod instant;
pub mod pattern;

#[cfg(feature = "service")]
pub mod clock;
#[cfg(feature = "service")]
pub mod env;
#[cfg(feature = "service")]
pub mod health;
#[cfg(feature = "service")]
pub mod http;
#[cfg(feature = "service")]
pub mod lifecycle;
#[cfg(feature = "service")]
pub mod program;
#[cfg(feature = "service")]
pub mod retry;
#[cfg(feature = "service")]
pub mod settings;
#[cfg(feature = "service")]
pub mod telemetry;
#[cfg(feature = "service")]
pub mod tls;
