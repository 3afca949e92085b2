//! Long-term statistics: one row an hour and entity, brought by an import (`POST /internal/statistics/bulk_upsert`), read by charts.

use serde::{Deserialize, Serialize};

use super::events::RejectedRow;
use crate::entity::EntityId;
use crate::instant::UtcMicros;

/// Most rows of one page of `GET /api/v1/statistics`.
pub const MAX_STATISTICS: u32 = 10_000;

/// One hour of an entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewStatistic {
    /// The entity.
    pub entity_id: EntityId,
    /// Begin of the hour.
    pub start: UtcMicros,
    /// Its numbers.
    #[serde(flatten)]
    pub numbers: StatisticNumbers,
    /// Unit of the numbers, such as `°C`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// What is known of an hour; at least one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatisticNumbers {
    /// Mean over time.
    #[serde(default)]
    pub mean: Option<f64>,
    /// Smallest value.
    #[serde(default)]
    pub min: Option<f64>,
    /// Largest value.
    #[serde(default)]
    pub max: Option<f64>,
    /// What a meter showed at the end.
    #[serde(default)]
    pub state: Option<f64>,
    /// What a meter had counted until the end, over all its resets.
    #[serde(default)]
    pub sum: Option<f64>,
}

/// What became of a batch, told after it was committed to disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatisticsReply {
    /// Rows in the request.
    pub received: usize,
    /// Rows that are in the store now, new or with other numbers than before.
    pub stored: usize,
    /// Rows that the store had just so.
    pub duplicates: usize,
    /// Rows that cannot be stored, and why.
    pub rejected: Vec<RejectedRow>,
}

/// One stored hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Statistic {
    /// Begin of the hour.
    pub start: UtcMicros,
    /// Its numbers.
    #[serde(flatten)]
    pub numbers: StatisticNumbers,
}

/// Hours of an entity, earliest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatisticList {
    /// The entity.
    pub entity_id: String,
    /// Unit of the numbers.
    pub unit: Option<String>,
    /// Rows in this page.
    pub count: usize,
    /// The rows.
    pub statistics: Vec<Statistic>,
    /// Begin of the next page, to be handed back as `start`; null when this is the last.
    pub next_start: Option<UtcMicros>,
}
