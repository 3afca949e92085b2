//! What stored states tell of devices, as data-api serves it.

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// Something that is wrong with a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceIssue {
    /// `low_battery`, `silent` or `unavailable`.
    pub issue_type: String,
    /// `warning` or `error`.
    pub severity: String,
    /// The same for people.
    pub message: String,
}

/// `GET /api/devices/{device_id}/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceHealth {
    /// Home Assistant's id of it.
    pub device_id: String,
    /// The name that people gave it, else its own.
    pub device_name: String,
    /// When this was found out.
    pub timestamp: UtcMicros,
    /// `healthy`, `warning`, `error`; `unknown` without any stored state.
    pub overall_status: String,
    /// Percent, of its emptiest battery; null where it tells none.
    pub battery_level: Option<f64>,
    /// When one of its entities last told something; null without any stored state.
    pub last_seen: Option<UtcMicros>,
    /// What is wrong.
    pub issues: Vec<DeviceIssue>,
    /// What to do about it, for people.
    pub maintenance_recommendations: Vec<String>,
}

/// `GET /api/devices/health-summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthSummary {
    /// Devices that Home Assistant has.
    pub total_devices: usize,
    /// Those with nothing wrong.
    pub healthy_devices: usize,
    /// Those that need attention.
    pub warning_devices: usize,
    /// Those that do not work.
    pub error_devices: usize,
    /// Those without any stored state.
    pub unknown_devices: usize,
    /// When it was counted.
    pub timestamp: UtcMicros,
}

/// An issue of one of all devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MaintenanceAlert {
    /// Home Assistant's id of the device.
    pub device_id: String,
    /// Its name.
    pub device_name: String,
    /// `low_battery`, `silent` or `unavailable`.
    pub issue_type: String,
    /// `warning` or `error`.
    pub severity: String,
    /// The same for people.
    pub message: String,
    /// When this was found out.
    pub timestamp: UtcMicros,
}

/// `GET /api/devices/maintenance-alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MaintenanceAlerts {
    /// Errors first, then by device.
    pub alerts: Vec<MaintenanceAlert>,
    /// How many there are here.
    pub count: usize,
    /// When this was found out.
    pub timestamp: UtcMicros,
}

/// Events of the devices of one manufacturer or of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReliabilityRow {
    /// The manufacturer, when grouped by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// The model, when grouped by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Stored events in the period.
    pub event_count: u64,
    /// Of the events that were analyzed.
    pub percentage: f64,
}

/// `GET /api/devices/reliability`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reliability {
    /// Such as `7d`.
    pub period: String,
    /// `manufacturer` or `model`.
    pub group_by: String,
    /// Events of devices of which that is known.
    pub total_events_analyzed: u64,
    /// All events.
    pub total_events_in_period: u64,
    /// The first of the second.
    pub metadata_coverage_percentage: f64,
    /// The most first, at most 20.
    pub reliability_data: Vec<ReliabilityRow>,
    /// When it was counted.
    pub timestamp: UtcMicros,
}

/// A device beside others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(
    missing_docs,
    reason = "the fields are those of the device and of its health"
)]
pub struct ComparedDevice {
    pub device_id: String,
    pub device_name: String,
    pub manufacturer: String,
    pub model: String,
    pub sw_version: Option<String>,
    pub area_id: Option<String>,
    pub device_type: Option<String>,
    pub device_category: Option<String>,
    pub entity_count: u64,
    pub overall_status: String,
    pub battery_level: Option<f64>,
    pub last_seen: Option<UtcMicros>,
}

/// `GET /api/devices/compare`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Comparison {
    /// The devices, as they were asked for.
    pub devices: Vec<ComparedDevice>,
    /// How many there are here.
    pub count: usize,
    /// When this was found out.
    pub timestamp: UtcMicros,
}

/// A device that is like another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(missing_docs, reason = "the fields are those of the device")]
pub struct SimilarDevice {
    pub device_id: String,
    pub device_name: String,
    pub manufacturer: String,
    pub model: String,
    pub device_type: Option<String>,
    pub device_category: Option<String>,
    /// 0.5 for the same type, 0.3 for the same manufacturer, 0.2 for the same category.
    pub similarity_score: f64,
}

/// `GET /api/devices/similar/{device_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SimilarDevices {
    /// The device asked for.
    pub reference_device_id: String,
    /// Its name.
    pub reference_device_name: String,
    /// Those with a score above 0.3, the most like first, at most 10.
    pub similar_devices: Vec<SimilarDevice>,
    /// How many there are here.
    pub count: usize,
    /// When this was found out.
    pub timestamp: UtcMicros,
}

/// What a sensor of power told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MeasuredPower {
    /// The sensor.
    pub entity_id: String,
    /// Watts now; null where it tells none.
    pub current_w: Option<f64>,
    /// Mean over the time measured, in watts.
    pub average_w: Option<f64>,
    /// Smallest, in watts.
    pub min_w: Option<f64>,
    /// Largest, in watts.
    pub max_w: Option<f64>,
    /// Seconds of the period for which there is a value.
    pub measured_seconds: f64,
}

/// `GET /api/devices/{device_id}/power-analysis`. Nothing in it is estimated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PowerAnalysis {
    /// Home Assistant's id of it.
    pub device_id: String,
    /// Its name.
    pub device_name: String,
    /// The period, up to now.
    pub days: u32,
    /// Its sensors of power, by id; none: nothing measures it.
    pub sensors: Vec<MeasuredPower>,
    /// When this was found out.
    pub timestamp: UtcMicros,
}

/// `POST /api/devices/{device_id}/classify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Classification {
    /// Home Assistant's id of it.
    pub device_id: String,
    /// Its name.
    pub device_name: String,
    /// What it is, as its entities say.
    pub device_type: Option<String>,
    /// What it is for, as its entities say.
    pub device_category: Option<String>,
    /// When this was found out.
    pub timestamp: UtcMicros,
}

/// `POST /api/devices/classify-all`. Nothing is written: what a device is follows from its entities whenever it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClassifiedDevices {
    /// The same for people.
    pub message: String,
    /// Devices whose entities tell what they are.
    pub classified: usize,
    /// Devices that Home Assistant has.
    pub total: usize,
    /// When it was counted.
    pub timestamp: UtcMicros,
}

/// `POST /api/devices/link-entities`. Nothing is written: Home Assistant's registry says which device an entity belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LinkedEntities {
    /// The same for people.
    pub message: String,
    /// Always 0.
    pub linked: usize,
    /// Entities without a device, at most the limit.
    pub total: usize,
    /// When it was counted.
    pub timestamp: UtcMicros,
}

/// Body of `POST /api/entities/enrich`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrichRequest {
    /// These only; empty: all.
    #[serde(default)]
    pub entity_ids: Vec<String>,
}

/// `POST /api/entities/enrich`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enriched {
    /// Always true; failures have another status.
    pub success: bool,
    /// Entities whose device class, unit, features or icon were taken over from their newest stored state.
    pub enriched: usize,
    /// Entities of which no state is stored.
    pub failed: usize,
    /// When that was done.
    pub timestamp: UtcMicros,
}

/// `DELETE /internal/devices/clear`. Events stay, and the next hand-over fills the registry again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cleared {
    /// Always true; failures have another status.
    pub success: bool,
    /// Devices that were deleted.
    pub devices_deleted: u64,
    /// Entities that were deleted.
    pub entities_deleted: u64,
    /// When that was done.
    pub timestamp: UtcMicros,
}
