//! Integrations of Home Assistant, as data-api serves them.

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// An integration that was set up: a configuration entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Integration {
    /// Home Assistant's id of the entry; empty for what has none.
    pub entry_id: String,
    /// The integration, such as `zha`.
    pub domain: String,
    /// The name that people see, else the domain.
    pub title: String,
    /// Such as `loaded`, `setup_retry`, `setup_error`; `unknown` where Home Assistant did not say.
    pub state: String,
    /// Always null: Home Assistant does not tell it.
    pub version: Option<i64>,
    /// How it was found, such as `user` or `zeroconf`.
    pub source: Option<String>,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// Who disabled it; none: it is enabled.
    pub disabled_by: Option<String>,
    /// When it was last reported.
    pub timestamp: UtcMicros,
    /// Since when Home Assistant no longer has it; none: it is there.
    pub removed_at: Option<UtcMicros>,
}

/// Where a list of integrations is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IntegrationOrigin {
    /// Home Assistant's own list, `config_entries/get`.
    ConfigEntries,
    /// What devices and entities say of who brought them: without titles and states, and without those that brought nothing.
    Registry,
}

/// `GET /api/integrations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IntegrationList {
    /// The integrations, by domain and title.
    pub integrations: Vec<Integration>,
    /// How many there are here.
    pub count: usize,
    /// Where they are from.
    pub origin: IntegrationOrigin,
    /// What is missing and what to do about it; none: nothing is.
    pub note: Option<String>,
}

/// Entities of one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DomainCount {
    /// Such as `light`.
    pub domain: String,
    /// How many entities.
    pub count: u64,
}

/// `GET /api/integrations/{platform}/analytics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IntegrationAnalytics {
    /// The integration asked for.
    pub platform: String,
    /// Devices that have an entity of it.
    pub device_count: u64,
    /// Entities of it.
    pub entity_count: u64,
    /// Those by domain, the most first.
    pub entity_breakdown: Vec<DomainCount>,
    /// When it was counted.
    pub timestamp: UtcMicros,
}

/// `GET /api/integrations/{platform}/performance`. What is not known is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IntegrationPerformance {
    /// The integration asked for.
    pub platform: String,
    /// `1h`, `24h` or `7d`, up to now.
    pub period: String,
    /// Stored events of its entities, for each minute of the period.
    pub events_per_minute: f64,
    /// Which part of the changes of state were to `unavailable`, in percent; null where there were none.
    pub error_rate: Option<f64>,
    /// Always null: nobody measures it.
    pub avg_response_time: Option<f64>,
    /// `active`: Home Assistant named an entity of it in the period; `paused`: before only; `unknown`: never.
    pub device_discovery_status: String,
    /// Stored events of its entities.
    pub total_events: u64,
    /// Changes of state to `unavailable` among them.
    pub total_errors: u64,
    /// When it was counted.
    pub timestamp: UtcMicros,
}
