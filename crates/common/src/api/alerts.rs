//! Alerts: conditions that somebody should look at (`GET /api/v1/alerts`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// Good to know.
    Info,
    /// Look at it soon.
    Warning,
    /// Events are being lost, or soon will be.
    Critical,
}

impl AlertSeverity {
    /// Its word in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::Critical]
            .into_iter()
            .find(|known| known.as_str() == word)
    }
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// The condition holds.
    Active,
    /// It holds, and somebody knows.
    Acknowledged,
    /// It ended, or somebody closed it.
    Resolved,
}

impl AlertStatus {
    /// Its word in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// The status of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Acknowledged, Self::Resolved]
            .into_iter()
            .find(|known| known.as_str() == word)
    }
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alert {
    /// `<service>_<rule>_<unix seconds>`.
    pub id: String,
    /// The rule: `ingest_stalled`, `gap_open`, `disk_filling`, `error_rate`, `service_unhealthy`.
    pub name: String,
    /// How urgent.
    pub severity: AlertSeverity,
    /// Where it stands.
    pub status: AlertStatus,
    /// What is the matter and what to do.
    pub message: String,
    /// The service that it is about.
    pub service: String,
    /// What was measured.
    pub metric: Option<String>,
    /// What was measured last.
    pub current_value: Option<f64>,
    /// The bound that it passed.
    pub threshold_value: Option<f64>,
    /// When it was raised.
    pub created_at: UtcMicros,
    /// When it ended.
    pub resolved_at: Option<UtcMicros>,
    /// When somebody took note.
    pub acknowledged_at: Option<UtcMicros>,
    /// More about it.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Alerts in numbers (`GET /api/v1/alerts/summary`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertSummary {
    /// Active alerts.
    pub total_active: u64,
    /// Critical ones of them.
    pub critical: u64,
    /// Warnings of them.
    pub warning: u64,
    /// The rest of them.
    pub info: u64,
    /// All that are kept.
    pub total_alerts: u64,
    /// Those that are over.
    pub alert_history_count: u64,
}

/// Answer to a change of alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlertReply {
    /// Always `success`.
    pub status: String,
    /// What was done.
    pub message: String,
    /// When.
    pub timestamp: UtcMicros,
}
