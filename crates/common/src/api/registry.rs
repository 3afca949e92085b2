//! Devices, entities and services, as data-api serves them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entity::EntityId;
use crate::instant::UtcMicros;

/// Answer to each `POST /internal/{devices,entities,areas,floors,labels,services}/bulk_upsert`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpsertReply {
    /// Always true; failures have another status.
    pub success: bool,
    /// Rows written.
    pub upserted: usize,
    /// Rows without a usable key, which were left out.
    #[serde(default)]
    pub skipped: usize,
    /// Rows that the complete list no longer names and that are marked as removed now; 0 for a list that is not complete.
    #[serde(default)]
    pub removed: usize,
    /// Rows that an empty complete list would have marked. They are, when the next complete list is empty as well.
    #[serde(default)]
    pub held_back: usize,
    /// Entities that the complete list has under another `entity_id` than before.
    #[serde(default)]
    pub renamed: usize,
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
    /// The device that this one is a part of.
    pub parent_device_id: Option<String>,
    pub hw_version: Option<String>,
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
    /// Since when Home Assistant no longer has it; none: it is there.
    pub removed_at: Option<UtcMicros>,
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
    /// `config`, `diagnostic`, or none for what the device is there for.
    pub entity_category: Option<String>,
    /// Whether it is hidden in Home Assistant's own pages.
    pub hidden: bool,
    /// Home Assistant's id of the entry, which a rename does not change.
    pub registry_id: Option<String>,
    /// Ids that it had before; its events are served under the one of now.
    pub former_entity_ids: Vec<String>,
    /// When it was last reported.
    pub timestamp: UtcMicros,
    /// Since when Home Assistant no longer has it; none: it is there.
    pub removed_at: Option<UtcMicros>,
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

/// An entity that got another `entity_id`, as Home Assistant told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rename {
    /// The id that it had.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub old_entity_id: EntityId,
    /// The id that it has from then on.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub new_entity_id: EntityId,
    /// When: `time_fired` of the event that told it.
    pub at: UtcMicros,
}

/// Answer to `POST /internal/entities/renames`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenameReply {
    /// Renames that were carried out.
    pub renamed: usize,
    /// Renames that were known, or that do not fit what is known: the next complete list of entities decides on those.
    pub skipped: usize,
    /// Events that both ids had at the same instant, of which one was kept.
    pub duplicates: u64,
}
