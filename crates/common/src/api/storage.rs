//! What takes room in the store, and rules that give some back (`/api/v1/storage…`, `DELETE /api/v1/events`).

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// Most rules.
pub const MAX_STORAGE_RULES: usize = 200;

/// The part that one entity or one domain has in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageShare {
    /// Entity id or domain.
    pub name: String,
    /// Stored changes.
    pub events: u64,
    /// About how many bytes they take.
    pub bytes: u64,
    /// Changes a day, over the days that were looked at.
    pub events_per_day: f64,
    /// About how many bytes a day.
    pub bytes_per_day: f64,
}

/// The size of the store at a later day, if the days to come are like those that were looked at and no rule runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageForecast {
    /// So many days from now.
    pub days: u32,
    /// About how many bytes.
    pub bytes: u64,
}

/// A rule that would save much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageAdvice {
    /// The rule.
    pub rule: NewStorageRule,
    /// At least so many changes a day fewer.
    pub saves_events_per_day: f64,
    /// At least about so many bytes a day fewer.
    pub saves_bytes_per_day: f64,
}

/// `GET /api/v1/storage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageReport {
    /// Bytes on disk.
    pub bytes: u64,
    /// Stored changes.
    pub events: u64,
    /// The one by the other: everything that the store has is laid on its changes.
    pub bytes_per_event: f64,
    /// Whole days (UTC) before today that rates are reckoned from.
    pub days: u32,
    /// Changes a day.
    pub events_per_day: f64,
    /// About how many bytes a day.
    pub bytes_per_day: f64,
    /// In 30, 365 and 3,650 days.
    pub forecast: Vec<StorageForecast>,
    /// The entities with most changes, most first.
    pub entities: Vec<StorageShare>,
    /// The domains with most changes, most first.
    pub domains: Vec<StorageShare>,
    /// What rules would save, most first.
    pub advice: Vec<StorageAdvice>,
}

/// What a rule does, and to which entities. At least one of `entity_id`, `domain` and `device_class`, which must all fit; exactly one of
/// `keep_days`, `thin_seconds` and `exclude`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewStorageRule {
    /// Entities with this id; `*` stands for any characters, `?` for one.
    #[serde(default)]
    pub entity_id: Option<String>,
    /// Entities of this domain.
    #[serde(default)]
    pub domain: Option<String>,
    /// Entities whose registry entry has this device class.
    #[serde(default)]
    pub device_class: Option<String>,
    /// Deletes what is older than so many days, but never the newest change of an entity.
    #[serde(default)]
    pub keep_days: Option<u32>,
    /// Of each interval of so many seconds keeps the newest value only. What becomes `unavailable` or `unknown`, is removed or comes
    /// back from there, and the value before it, are kept.
    #[serde(default)]
    pub thin_seconds: Option<u32>,
    /// With `thin_seconds`: only what is older than so many days. Default 1.
    #[serde(default)]
    pub older_than_days: Option<u32>,
    /// Deletes everything that is stored. It does not stop new changes: the filter of ingestion does.
    #[serde(default)]
    pub exclude: bool,
}

/// A rule that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageRule {
    /// Its number.
    pub id: i64,
    /// What it does.
    pub rule: NewStorageRule,
    /// When it was made.
    pub created: UtcMicros,
}

/// What a rule did or would do to one entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StorageEffect {
    /// The entity.
    pub entity_id: String,
    /// Changes.
    pub events: u64,
    /// About how many bytes.
    pub bytes: u64,
}

/// What was or would be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deletion {
    /// Changes.
    pub events: u64,
    /// Hours of long-term statistics. Rules leave them: they are what remains of the years before.
    #[serde(default)]
    pub statistics: u64,
    /// About how many bytes they take. The file does not become smaller: its free pages are used for what comes next.
    pub bytes: u64,
    /// Entities that are affected.
    pub entities: u64,
    /// Those that lose most, at most 100.
    pub largest: Vec<StorageEffect>,
}
