#![doc = include_str!("../README.md")]

pub mod calendar;
pub mod detect;
pub mod identity;
pub mod merge;
pub mod mine;
pub mod report;
pub mod score;
pub mod sentence;
pub mod timeline;

pub use mine::{Outcome, mine};
pub use report::{Reason, Report};
pub use timeline::{Change, EntityKey, Timeline};
