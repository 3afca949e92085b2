//! State changes on their way in (`POST /internal/events/bulk_upsert`) and out (`GET /api/v1/events`).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::entity::EntityId;
use crate::instant::UtcMicros;

/// Most rows that one request to store events may carry.
pub const MAX_ROWS_PER_REQUEST: usize = 50_000;
/// Largest request body of the ingest endpoint, in bytes, after decompression.
pub const MAX_INGEST_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Most rows in one page of `GET /api/v1/events`.
pub const MAX_PAGE_ROWS: u32 = 10_000;
/// Response header with the cursor of the next page; absent on the last one.
pub const NEXT_CURSOR_HEADER: &str = "x-next-cursor";
/// Longest state that Home Assistant knows, in characters.
pub const MAX_STATE_CHARS: usize = 255;

/// How a state change reached the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Seen as it happened.
    #[default]
    Live,
    /// Read later from Home Assistant's history.
    Backfill,
    /// Read from a file or another database.
    Import,
}

/// Who or what caused a change, as Home Assistant tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Context {
    /// Id of the context, a ULID in current versions.
    #[serde(default)]
    pub id: Option<String>,
    /// The context that this one came from.
    #[serde(default)]
    pub parent_id: Option<String>,
    /// The person who acted.
    #[serde(default)]
    pub user_id: Option<String>,
}

/// One state change to store. Its identity is `(entity_id, last_updated)`: storing it twice changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewEvent {
    /// The entity that changed.
    pub entity_id: EntityId,
    /// Its new state; null when the entity was removed.
    #[serde(deserialize_with = "present")]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub state: Option<String>,
    /// Its attributes, a JSON object, kept as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub attributes: Option<Box<RawValue>>,
    /// When the state itself last became another one; absent: the same as `last_updated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_changed: Option<UtcMicros>,
    /// When state or attributes were written.
    pub last_updated: UtcMicros,
    /// Cause of the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// How it reached the sender.
    #[serde(default)]
    pub origin: Origin,
    /// Written while Home Assistant was starting: not something that happened in the home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<bool>,
    /// Device of the entity, when the sender knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Area of the entity (its own, else its device's), when the sender knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_id: Option<String>,
}

/// Reads a value that may be null but must be there: a missing state is a mistake, a null state is a removal.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// What became of a batch, told after it was committed to disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IngestReply {
    /// Rows in the request.
    pub received: usize,
    /// Rows that are new in the store.
    pub stored: usize,
    /// Rows that the store had already, by `(entity_id, last_updated)`.
    pub duplicates: usize,
    /// Rows that cannot be stored, and why.
    pub rejected: Vec<RejectedRow>,
}

/// One row that was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RejectedRow {
    /// Position in the request, from 0 (for NDJSON: among the lines that are not blank).
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// A state as Home Assistant would show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StateObject {
    /// The entity.
    pub entity_id: String,
    /// Its state.
    pub state: String,
    /// Its attributes.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub attributes: Box<RawValue>,
    /// When the state last became another one.
    pub last_changed: UtcMicros,
    /// When state or attributes were written.
    pub last_updated: UtcMicros,
}

/// One stored state change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// `<entity_id>@<last_updated in microseconds>`: unique, and the same wherever the event came from.
    pub id: String,
    /// When it happened (`last_updated`).
    pub timestamp: UtcMicros,
    /// The entity that changed.
    pub entity_id: String,
    /// Always `state_changed`.
    pub event_type: String,
    /// The state before; null when none is stored or the entity was absent.
    pub old_state: Option<StateObject>,
    /// The state after; null when the entity was removed.
    pub new_state: Option<StateObject>,
    /// Attributes after the change; empty with `no_attributes=true`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub attributes: Box<RawValue>,
    /// `domain` and `device_class`.
    pub tags: BTreeMap<String, String>,
    /// The state after; null when the entity was removed.
    pub state: Option<String>,
    /// The state before.
    pub previous_state: Option<String>,
    /// Device of the entity.
    pub device_id: Option<String>,
    /// Area of the entity: its own, else its device's.
    pub area_id: Option<String>,
    /// Part of the entity id before the dot.
    pub domain: String,
    /// Context of the change.
    pub context_id: Option<String>,
    /// Context that caused it.
    pub context_parent_id: Option<String>,
    /// Person who caused it.
    pub context_user_id: Option<String>,
    /// Seconds that the entity had been in the state before; null when that is not known.
    pub duration_in_state: Option<f64>,
    /// Name that people see.
    pub friendly_name: Option<String>,
    /// How it reached the store.
    pub origin: Origin,
    /// Written while Home Assistant was starting.
    pub startup: bool,
}

/// Counts over a period (`GET /api/v1/events/stats`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventStats {
    /// The period asked for, such as `1h`.
    pub period: String,
    /// State changes in the period.
    pub total_events: u64,
    /// `total_events` over the minutes of the period.
    pub events_per_minute: f64,
    /// Entities that changed in the period.
    pub unique_entities: u64,
    /// Counts by event type.
    pub event_types: BTreeMap<String, u64>,
    /// Kept for clients of the replaced service; always empty.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub services: BTreeMap<String, serde_json::Value>,
    /// State changes in the whole store.
    pub stored_events: u64,
    /// Newest instant in the whole store.
    pub newest: Option<UtcMicros>,
    /// Oldest instant in the whole store.
    pub oldest: Option<UtcMicros>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_state_is_refused_and_a_null_state_is_a_removal() {
        let gone: NewEvent = serde_json::from_str(
            r#"{"entity_id":"light.a","state":null,"last_updated":1795421580211807}"#,
        )
        .unwrap();
        assert_eq!(gone.state, None);
        let missing = serde_json::from_str::<NewEvent>(
            r#"{"entity_id":"light.a","last_updated":1795421580211807}"#,
        );
        assert!(missing.unwrap_err().to_string().contains("state"));
    }
}
