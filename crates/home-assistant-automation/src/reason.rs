//! Why a habit has no automation.

use serde::Serialize;

/// Why a habit has no automation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum NotAutomatable {
    /// It is an oddity.
    #[error("an oddity happens once: there is nothing to repeat")]
    Oddity,
    /// What it ends in only reports.
    #[error("{entity} only reports: nothing can make it {state}")]
    OnlyReports {
        /// The entity.
        entity: String,
        /// The state that it reaches.
        state: String,
    },
    /// No service brings it there.
    #[error("no service of Home Assistant brings {entity} to the state {state}")]
    NoService {
        /// The entity.
        entity: String,
        /// The state that it reaches.
        state: String,
    },
    /// What ends the state is not known.
    #[error("what ends the state {state} of {entity} is not known")]
    NoOpposite {
        /// The entity.
        entity: String,
        /// The state that it holds.
        state: String,
    },
    /// It lets people or water in.
    #[error("{entity} is not brought to the state {state} without a person: {danger}")]
    Dangerous {
        /// The entity.
        entity: String,
        /// The state that it reaches.
        state: String,
        /// What may come of it.
        danger: &'static str,
    },
    /// The habit does not say what begins it.
    #[error("the habit has no time of the day and nothing that begins it")]
    NoTrigger,
    /// It is no entity id of this day's Home Assistant.
    #[error(
        "'{entity}' cannot stand in an automation: an entity id has small letters, digits and underscores"
    )]
    BadEntityId {
        /// The id, without control characters.
        entity: String,
    },
    /// Its state has what Home Assistant would take for a template, or cannot be written.
    #[error(
        "a state of {entity} cannot stand in an automation: it has '{{{{' or control characters"
    )]
    BadState {
        /// The entity.
        entity: String,
    },
}
