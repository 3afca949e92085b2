//! Spans of time from which events may be missing (`POST /internal/gaps`, `GET /api/v1/gaps`).

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// Most gaps in one request and in one answer.
pub const MAX_GAPS: usize = 1_000;

/// Why events may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// No connection to Home Assistant.
    Disconnected,
    /// The ingestion did not run.
    NotRunning,
    /// Events came faster than they could be handed on.
    BufferFull,
    /// data-api was away for longer than the spool could hold.
    SpoolFull,
    /// A part of the spool cannot be read any more.
    SpoolDamaged,
    /// Home Assistant sent something that cannot be read.
    Unreadable,
    /// A part of the database file was damaged, and could not be carried over into a new one.
    Damaged,
}

impl GapReason {
    /// The word used in JSON, SQL and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::NotRunning => "not_running",
            Self::BufferFull => "buffer_full",
            Self::SpoolFull => "spool_full",
            Self::SpoolDamaged => "spool_damaged",
            Self::Unreadable => "unreadable",
            Self::Damaged => "damaged",
        }
    }
}

/// How a gap was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GapClosure {
    /// Home Assistant's history of the span was read.
    Backfill,
    /// The history does not reach back so far: what was missed stays unknown.
    Unrecoverable,
}

impl GapClosure {
    /// The word used in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Backfill => "backfill",
            Self::Unrecoverable => "unrecoverable",
        }
    }
}

/// One span. `start` and `reason` identify it: reporting it again replaces the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gap {
    /// When events were last sure to arrive.
    pub start: UtcMicros,
    /// From when on they arrive again.
    pub end: UtcMicros,
    /// Why.
    pub reason: GapReason,
    /// How it was closed; null while it is open.
    #[serde(default)]
    pub closed_by: Option<GapClosure>,
    /// Events that closing it brought.
    #[serde(default)]
    pub rows: Option<u64>,
}

/// `GET /api/v1/gaps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GapList {
    /// The gaps, latest first.
    pub gaps: Vec<Gap>,
    /// How many there are here.
    pub count: usize,
}
