#![doc = include_str!("../README.md")]

mod action;
mod automation;
mod existing;
mod node;
mod part;
mod reason;
mod text;
mod writing;
mod yaml;

pub use automation::{Automation, ID_PREFIX, id_of};
pub use existing::{Relation, relation};
pub use reason::NotAutomatable;
pub use writing::automate;
