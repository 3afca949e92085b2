//! What the events of a home add up to: categories, types, entities, traces, searches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::events::Event;
use crate::instant::UtcMicros;

/// Events of one category in a period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CategoryShare {
    /// State changes.
    pub count: u64,
    /// Of all in the period, 0 to 100.
    pub percentage: f64,
}

/// State changes of a period by category (`GET /api/v1/events/categories`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventCategories {
    /// As asked; `unknown` when nothing was said. Nothing depends on it.
    pub home_type: String,
    /// Hours that were counted, up to now.
    pub period_hours: u32,
    /// State changes in the period, each counted once.
    pub total_events: u64,
    /// By name: `security`, `climate`, `lighting`, `appliance`, `monitoring`, `general`.
    pub categories: BTreeMap<String, CategoryShare>,
    /// Categories that have any.
    pub category_count: usize,
}

/// What to look for (`POST /api/v1/events/search`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventSearch {
    /// Part of a text, 1 to 200 characters; case does not matter.
    pub query: String,
    /// Where to look: `entity_id`, `friendly_name`, `event_type`, `state`, `attributes`. Absent or empty: everywhere.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Rows, 1 to 1,000. Default 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1000))]
    pub limit: Option<u32>,
}

/// The events of the last seconds (`GET /api/v1/events/stream`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecentEvents {
    /// Seconds.
    pub duration: u32,
    /// The entity that was asked for.
    pub entity_id: Option<String>,
    /// At most 1,000, newest first.
    pub events: Vec<Event>,
    /// Beginning of the span.
    pub start_time: UtcMicros,
    /// Its end: now.
    pub end_time: UtcMicros,
}

/// An entity with events (`GET /api/v1/events/entities`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActiveEntity {
    /// The entity.
    pub entity_id: String,
    /// Its newest state change.
    pub last_activity: Option<UtcMicros>,
    /// Its stored state changes.
    pub event_count: u64,
    /// Part of the entity id before the dot.
    pub domain: String,
    /// `security`, `climate`, `lighting`, `appliance`, `monitoring` or `general`.
    pub category: String,
    /// Device of the entity.
    pub device_id: Option<String>,
    /// Area of the entity: its own, else its device's.
    pub area_id: Option<String>,
    /// Who brings the events: always `websocket-ingestion`.
    pub service: String,
}

/// A type of events (`GET /api/v1/events/types`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventType {
    /// `state_changed`, the only one that is stored.
    pub event_type: String,
    /// Stored events of it.
    pub count: u64,
    /// Who brings them.
    pub services: Vec<String>,
}

/// One event of a chain of causes (`GET /api/v1/events/automation-trace/{context_id}`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceStep {
    /// 0 for the context where the chain begins, 1 for what that caused, and so on.
    pub depth: u32,
    /// Context of the event.
    pub context_id: String,
    /// Context that caused it.
    pub context_parent_id: Option<String>,
    /// When it happened.
    pub timestamp: UtcMicros,
    /// What happened; absent with `include_details=false`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub details: Option<TraceDetails>,
}

/// What happened in a step of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceDetails {
    /// Id of the event, as in `GET /api/v1/events/{id}`.
    pub event_id: String,
    /// The entity that changed.
    pub entity_id: String,
    /// Always `state_changed`.
    pub event_type: String,
    /// The state after; null when the entity was removed.
    pub state: Option<String>,
    /// The state before.
    pub old_state: Option<String>,
    /// Person who caused it.
    pub context_user_id: Option<String>,
}
