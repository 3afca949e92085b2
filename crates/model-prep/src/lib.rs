#![doc = include_str!("../README.md")]

mod command;
mod digest;
mod disk;
mod failure;
mod fetch;
mod guard;
mod hub;
mod partial;
mod prepare;
mod progress;
mod settings;
mod source;
mod verify;

pub use command::{Command, Ended, NAME, command, run};
pub use failure::Failure;
pub use prepare::{Outcome, prepare};
pub use progress::Teller;
pub use settings::Settings;
pub use source::{InvalidSource, Source};
pub use verify::{Verdict, list, verify};
