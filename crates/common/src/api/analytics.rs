//! Series for dashboards (`GET /api/v1/analytics`). Keys are in camel case, as dashboards know them.

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// Which way a series goes: the mean of the last five points against that of the five before, beyond 10 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// More than before.
    Up,
    /// Less than before.
    Down,
    /// About the same, or too little to say.
    Stable,
}

/// One point of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Point {
    /// Beginning of the interval.
    pub timestamp: UtcMicros,
    /// Value of the interval; 0 where nothing was measured.
    pub value: f64,
}

/// A series with what stands out in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Series {
    /// The last point.
    pub current: f64,
    /// The highest.
    pub peak: f64,
    /// The mean of the intervals in which something was measured.
    pub average: f64,
    /// The lowest of them.
    pub min: f64,
    /// Which way it goes.
    pub trend: Trend,
    /// Oldest first.
    pub data: Vec<Point>,
}

/// The range in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AnalyticsSummary {
    /// State changes in the range, each counted once.
    pub total_events: u64,
    /// Requests that did not fail by our fault, in percent; 100 when there were none.
    pub success_rate: f64,
    /// Mean time of a request, in milliseconds.
    pub avg_latency: f64,
    /// Share of the range that no gap in the record covers, in percent.
    pub uptime: f64,
}

/// Series of a range (`GET /api/v1/analytics`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Analytics {
    /// State changes a minute, from what is stored.
    pub events_per_minute: Series,
    /// Mean time of a request, in milliseconds; measured by this process, so from its start on.
    pub api_response_time: Series,
    /// Mean time of a small read of the database, in milliseconds, measured every 15 s since the start.
    pub database_latency: Series,
    /// Requests that failed by our fault, in percent of all; since the start.
    pub error_rate: Series,
    /// The range in numbers.
    pub summary: AnalyticsSummary,
    /// As asked: `1h`, `6h`, `24h` or `7d`.
    pub time_range: String,
    /// When this was counted.
    pub last_update: UtcMicros,
}
