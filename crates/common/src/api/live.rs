//! State changes as they are committed (`GET /api/v1/events/live`, server-sent events).

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::events::{Origin, StateObject};
use crate::instant::UtcMicros;

/// Response header of `GET /api/v1/events`: the cursor with which `/api/v1/events/live` goes on where the page was read.
pub const LIVE_CURSOR_HEADER: &str = "x-live-cursor";

/// The data of an event `state_changed`: the keys of an event of `/api/v1/events`, but for those that repeat others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveEvent {
    /// `<entity_id>@<last_updated in microseconds>`: who hears it twice knows by this.
    pub id: String,
    /// When it happened (`last_updated`).
    pub timestamp: UtcMicros,
    /// The entity that changed.
    pub entity_id: String,
    /// Always `state_changed`.
    pub event_type: String,
    /// Part of the entity id before the dot.
    pub domain: String,
    /// The state; null when the entity was removed.
    pub state: Option<String>,
    /// The state before; null when there was none, or the entity has another id meanwhile.
    pub previous_state: Option<String>,
    /// All that is known of it, as in `/api/v1/events`.
    pub old_state: Option<StateObject>,
    /// When the state last became another one.
    pub last_changed: UtcMicros,
    /// Attributes after the change.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub attributes: Box<RawValue>,
    /// Device of the entity, where the sender knew it.
    pub device_id: Option<String>,
    /// Area of the entity, where the sender knew it.
    pub area_id: Option<String>,
    /// Context of the change.
    pub context_id: Option<String>,
    /// Context that caused it.
    pub context_parent_id: Option<String>,
    /// Person who caused it.
    pub context_user_id: Option<String>,
    /// How it reached the store.
    pub origin: Origin,
    /// Written while Home Assistant was starting.
    pub startup: bool,
}

/// The data of an event `reset`: changes were missed, and this stream cannot bring them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reset {
    /// Why.
    pub reason: ResetReason,
    /// Page from this instant on (`start_time` of `/api/v1/events`), then go on with the stream; null: from where you know everything.
    pub page_from: Option<UtcMicros>,
}

/// Why a stream cannot bring everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResetReason {
    /// More was committed since the cursor than is kept for streams, or the service was started anew.
    CursorTooOld,
    /// More was committed while this client read than is kept for streams.
    TooSlow,
}
