//! What changed a thing (`GET /api/v1/events/{id}/cause`).

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// Who or what acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// Somebody, over Home Assistant: its pages, its app, a voice assistant.
    Person,
    /// An automation.
    Automation,
    /// A script that no automation is known to have started.
    Script,
    /// The thing itself: a wall switch, a sensor, its own integration.
    Device,
    /// It cannot be told.
    Unknown,
}

/// How far a cause can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Sureness {
    /// Home Assistant said so.
    Certain,
    /// It follows from what Home Assistant said, and from what it did not say.
    Likely,
    /// There is nothing to go by.
    None,
}

/// The part of an event in a chain of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChainRole {
    /// It set the automation or script off.
    Trigger,
    /// A run of an automation.
    Automation,
    /// A run of a script.
    Script,
    /// A scene that was activated on the way.
    Scene,
    /// The event that was asked about.
    Event,
}

/// One event of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChainLink {
    /// Its part.
    pub role: ChainRole,
    /// Id of the event, as in `GET /api/v1/events/{id}`.
    pub event_id: String,
    /// The entity that changed.
    pub entity_id: String,
    /// Name that people see.
    pub name: Option<String>,
    /// When it happened.
    pub timestamp: UtcMicros,
    /// The state after.
    pub state: Option<String>,
    /// The state before.
    pub previous_state: Option<String>,
    /// Its context.
    pub context_id: Option<String>,
    /// The context that caused it.
    pub context_parent_id: Option<String>,
    /// The user behind it.
    pub user_id: Option<String>,
}

/// What changed a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cause {
    /// The event that was asked about.
    pub event_id: String,
    /// Who or what acted.
    pub kind: CauseKind,
    /// The automation or script; for `device` the entity itself.
    pub entity_id: Option<String>,
    /// Home Assistant's user, for `person`.
    pub user_id: Option<String>,
    /// Name of the person, automation, script or entity, where it is known.
    pub name: Option<String>,
    /// How far this can be relied on.
    pub sureness: Sureness,
    /// What it follows from, in one sentence.
    pub why: String,
    /// What led to the event, oldest first; the event itself is the last.
    pub chain: Vec<ChainLink>,
}
