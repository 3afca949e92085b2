//! What entities were like over a span of time, in a form that charts draw (`GET /api/v1/history`).

use serde::{Deserialize, Serialize};

use crate::api::gaps::Gap;
use crate::instant::UtcMicros;

/// Most entities in one request.
pub const MAX_HISTORY_ENTITIES: usize = 50;
/// Most points, bands or spans of one entity.
pub const MAX_HISTORY_POINTS: u32 = 5_000;

/// How the history of one entity is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SeriesKind {
    /// Numbers, few: every stored row is one of `points`.
    Raw,
    /// Numbers, many: `bands`, one for each bucket of time in which something is known.
    Bands,
    /// Words: `spans`, one for each state that held.
    Spans,
}

/// A number at an instant; it holds until the next point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryPoint {
    /// From when on.
    pub at: UtcMicros,
    /// The number; null: there is none from here on, a break in the line.
    pub value: Option<f64>,
    /// Why there is none: `unavailable`, `unknown` or another state that is no number. Null with a number, and when the entity was
    /// removed.
    pub state: Option<String>,
}

/// The numbers of one bucket of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryBand {
    /// Where the bucket begins.
    pub start: UtcMicros,
    /// Where it ends; this instant is in the next one.
    pub end: UtcMicros,
    /// Smallest number that held in the bucket, the one that it began with included.
    pub min: f64,
    /// Largest one.
    pub max: f64,
    /// Mean over the time in which a number held.
    pub mean: f64,
    /// The number that held last.
    pub last: f64,
    /// Share of the bucket in which a number held, 0 to 1.
    pub known: f64,
    /// Stored rows in the bucket; 0 for long-term statistics and where a number only went on.
    pub changes: u64,
}

/// A state and how long it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistorySpan {
    /// From when on.
    pub start: UtcMicros,
    /// Until when.
    pub end: UtcMicros,
    /// The state; null: the entity was removed.
    pub state: Option<String>,
    /// Changes of state that are folded into this span, its own included; 0 for the state that the range began with.
    pub changes: u64,
}

/// The history of one entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistorySeries {
    /// The entity.
    pub entity_id: String,
    /// Which of the lists to look at.
    pub kind: SeriesKind,
    /// Stored rows in the range.
    pub rows: u64,
    /// Numbers, when few. The first may be the one that held at the start.
    pub points: Vec<HistoryPoint>,
    /// Numbers, when many; with `raw` the hours of long-term statistics that lie before the stored rows.
    pub bands: Vec<HistoryBand>,
    /// States. Time in none of them is time of which nothing is stored.
    pub spans: Vec<HistorySpan>,
    /// Bands that begin before this instant come from long-term statistics; null: none does.
    pub statistics_until: Option<UtcMicros>,
}

/// `GET /api/v1/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct History {
    /// Where the range begins.
    pub start: UtcMicros,
    /// Where it ends: what was asked for, but never later than now.
    pub end: UtcMicros,
    /// One for each entity, in the order asked for.
    pub series: Vec<HistorySeries>,
    /// Spans of the range from which events may be missing: those that Home Assistant's history did not fill (yet), earliest first.
    pub gaps: Vec<Gap>,
}
