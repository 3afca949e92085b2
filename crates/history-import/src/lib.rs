#![doc = include_str!("../README.md")]

mod entities;
mod events;
mod failure;
mod influx;
mod line;
mod lines;
mod ltss;
mod page;
mod position;
mod progress;
mod recorder;
mod report;
mod run;
mod sending;
mod source;
mod statistics;

pub use failure::ImportFailed;
pub use page::Rejections;
pub use position::StateFile;
pub use report::Report;
pub use run::{Import, Outcome, run};
pub use source::{Filter, Source};
