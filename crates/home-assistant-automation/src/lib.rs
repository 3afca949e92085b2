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
pub use existing::{Behaviour, Relation, relation};
pub use reason::NotAutomatable;
pub use text::prose;
pub use writing::automate;
