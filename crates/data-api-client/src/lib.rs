#![doc = include_str!("../README.md")]

mod call;
pub mod events;
pub mod gaps;
pub mod registry;
pub mod standing;
pub mod statistics;

pub use call::{CallFailed, DataApi};
