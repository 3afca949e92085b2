//! Devices, entities, areas and services, as data-api serves them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::instant::UtcMicros;

/// Answer to each `POST /internal/{devices,entities,areas,services}/bulk_upsert`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpsertReply {
    /// Always true; failures have another status.
    pub success: bool,
    /// Rows written.
    pub upserted: usize,
    /// Rows without a usable key, which were left out.
    #[serde(default)]
    pub skipped: usize,
    /// When the rows were committed.
    pub timestamp: UtcMicros,
}

/// A device. Every key is always there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(
    missing_docs,
    reason = "the fields are named and explained by the replaced service's contract"
)]
pub struct Device {
    pub device_id: String,
    pub name: String,
    pub name_by_user: Option<String>,
    pub manufacturer: String,
    pub model: String,
    pub model_id: Option<String>,
    pub integration: Option<String>,
    pub sw_version: Option<String>,
    /// Own area, else the parent device's.
    pub area_id: Option<String>,
    pub config_entry_id: Option<String>,
    pub via_device: Option<String>,
    pub device_type: Option<String>,
    pub device_category: Option<String>,
    pub power_consumption_idle_w: Option<f64>,
    pub power_consumption_active_w: Option<f64>,
    pub power_consumption_max_w: Option<f64>,
    pub setup_instructions_url: Option<String>,
    pub troubleshooting_notes: Option<String>,
    pub device_features_json: Option<String>,
    pub community_rating: Option<f64>,
    pub last_capability_sync: Option<String>,
    pub serial_number: Option<String>,
    pub labels: Vec<String>,
    pub entity_count: u64,
    /// `active` when reported within 30 days, else `inactive`.
    pub status: String,
    /// When it was last reported.
    pub timestamp: UtcMicros,
}

/// `GET /api/devices`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceList {
    /// The devices, by id.
    pub devices: Vec<Device>,
    /// How many there are here.
    pub count: usize,
    /// The limit asked for.
    pub limit: u32,
}

/// An entity of the registry. Every key is always there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(
    missing_docs,
    reason = "the fields are named and explained by the replaced service's contract"
)]
pub struct Entity {
    pub entity_id: String,
    pub device_id: Option<String>,
    pub domain: String,
    pub platform: String,
    pub unique_id: Option<String>,
    /// Own area, else the device's, else the parent device's.
    pub area_id: Option<String>,
    pub disabled: bool,
    pub config_entry_id: Option<String>,
    pub name: Option<String>,
    pub name_by_user: Option<String>,
    pub original_name: Option<String>,
    pub friendly_name: Option<String>,
    pub supported_features: Option<i64>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub capabilities: Option<Value>,
    /// Services of the entity's domain, such as `light.turn_on`.
    pub available_services: Option<Vec<String>>,
    pub icon: Option<String>,
    pub original_icon: Option<String>,
    pub device_class: Option<String>,
    pub unit_of_measurement: Option<String>,
    pub aliases: Vec<String>,
    pub labels: Vec<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub options: Option<Value>,
    /// When it was last reported.
    pub timestamp: UtcMicros,
}

/// `GET /api/entities`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntityList {
    /// The entities, by id.
    pub entities: Vec<Entity>,
    /// How many there are here.
    pub count: usize,
    /// The limit asked for.
    pub limit: u32,
}

/// An area of the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Area {
    /// Home Assistant's id of it.
    pub area_id: String,
    /// The name that people gave it, else the id in title case.
    pub display_name: String,
    /// Entities in it, by their own area or their device's.
    pub entity_count: u64,
    /// Domains of those entities, sorted.
    pub domains: Vec<String>,
}

/// `GET /api/areas`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AreaList {
    /// The areas, by id.
    pub areas: Vec<Area>,
    /// How many there are here.
    pub count: usize,
}

/// An action that Home Assistant offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Service {
    /// Such as `light`.
    pub domain: String,
    /// Such as `turn_on`.
    pub service_name: String,
    /// Name that people see, where Home Assistant tells it.
    pub name: Option<String>,
    /// What it does, where Home Assistant tells it.
    pub description: Option<String>,
    /// Its parameters by name.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub fields: Option<Value>,
    /// What it can be applied to.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub target: Option<Value>,
    /// Whether it answers with data.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub response: Option<Value>,
    /// When it was last reported.
    pub last_updated: UtcMicros,
}

/// `GET /api/services`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceList {
    /// The services, by domain and name.
    pub services: Vec<Service>,
    /// How many there are here.
    pub count: usize,
}
