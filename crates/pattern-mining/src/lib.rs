#![doc = include_str!("../README.md")]

mod advance;
pub mod backtest;
pub mod calendar;
pub mod days;
pub mod detect;
pub mod evidence;
pub mod finding;
pub mod fold;
pub mod identity;
pub mod life;
pub mod line;
pub mod mine;
mod noise;
pub mod pattern;
pub mod registry;
pub mod report;
pub mod score;
pub mod sentence;
pub mod stop;
pub mod sun;
pub mod tell;
pub mod threads;
pub mod timeline;

pub use detect::screen::Counted;
pub use identity::Known;
pub use mine::{Outcome, Settings, mine, mine_until};
pub use registry::{Registered, Registry};
pub use report::{Reason, Report};
pub use stop::Stop;
pub use timeline::{Change, EntityKey, Timeline};
