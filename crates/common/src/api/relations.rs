//! How devices and entities belong together, as data-api serves it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A device in a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HierarchyDevice {
    /// Home Assistant's id of it.
    pub device_id: String,
    /// The name that people gave it, else its own.
    pub name: String,
    /// `Unknown` where nobody said it.
    pub manufacturer: String,
    /// `Unknown` where nobody said it.
    pub model: String,
    /// The device that it is reached through.
    pub via_device: Option<String>,
    /// The configuration entry that brought it.
    pub config_entry_id: Option<String>,
}

/// `GET /api/devices/{device_id}/hierarchy`. An unknown id has neither device nor parent nor children.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceHierarchy {
    /// Always true; failures have another status.
    pub success: bool,
    /// The id asked for.
    pub device_id: String,
    /// The device itself.
    pub device: Option<HierarchyDevice>,
    /// The device that it is reached through, else the one that it is a part of.
    pub parent_device: Option<HierarchyDevice>,
    /// Devices that are reached through it, and its parts, by id.
    pub child_devices: Vec<HierarchyDevice>,
}

/// An entity with what is known of its device. Every key is always there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(
    missing_docs,
    reason = "the fields are named and explained by the replaced service's contract"
)]
pub struct RegistryEntry {
    pub entity_id: String,
    /// Empty where the integration gave none.
    pub unique_id: String,
    pub name: Option<String>,
    pub device_id: Option<String>,
    /// Own area, else the device's, else the parent device's.
    pub area_id: Option<String>,
    pub config_entry_id: Option<String>,
    pub platform: String,
    pub domain: String,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub sw_version: Option<String>,
    pub via_device: Option<String>,
    /// The other entities of its device, by id.
    pub related_entities: Vec<String>,
    /// `{}` where there are none.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub capabilities: Value,
    pub friendly_name: Option<String>,
    pub name_by_user: Option<String>,
    pub original_name: Option<String>,
    pub disabled: bool,
    pub supported_features: Option<i64>,
    pub available_services: Option<Vec<String>>,
    pub icon: Option<String>,
    pub device_class: Option<String>,
    pub unit_of_measurement: Option<String>,
}

/// `GET /api/entities/by-device/{device_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntitiesOfDevice {
    /// Always true; failures have another status.
    pub success: bool,
    /// The id asked for.
    pub device_id: String,
    /// The entities, by id.
    pub entities: Vec<RegistryEntry>,
    /// How many there are here.
    pub count: usize,
}

/// `GET /api/entities/by-area/{area_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntitiesOfArea {
    /// Always true; failures have another status.
    pub success: bool,
    /// The id asked for.
    pub area_id: String,
    /// The entities in it, by id: those whose own area it is, and those of devices in it.
    pub entities: Vec<RegistryEntry>,
    /// How many there are here.
    pub count: usize,
}

/// `GET /api/entities/by-config-entry/{config_entry_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntitiesOfConfigEntry {
    /// Always true; failures have another status.
    pub success: bool,
    /// The id asked for.
    pub config_entry_id: String,
    /// The entities that it brought, by id.
    pub entities: Vec<RegistryEntry>,
    /// How many there are here.
    pub count: usize,
}

/// `GET /api/entities/{entity_id}/siblings`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntitySiblings {
    /// Always true; failures have another status.
    pub success: bool,
    /// The id asked for.
    pub entity_id: String,
    /// The other entities of its device, by id.
    pub siblings: Vec<RegistryEntry>,
    /// How many there are here.
    pub count: usize,
}

/// A device as an entity's own page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceOfEntity {
    /// Home Assistant's id of it.
    pub device_id: String,
    /// The name that people gave it, else its own.
    pub name: String,
    /// `Unknown` where nobody said it.
    pub manufacturer: String,
    /// `Unknown` where nobody said it.
    pub model: String,
    /// Version of its software.
    pub sw_version: Option<String>,
    /// Own area, else the parent device's.
    pub area_id: Option<String>,
    /// The integration that brought it.
    pub integration: Option<String>,
    /// The configuration entry that brought it.
    pub config_entry_id: Option<String>,
    /// The device that it is reached through.
    pub via_device: Option<String>,
}

/// `GET /api/entities/{entity_id}/device`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntityDevice {
    /// Always true; failures have another status.
    pub success: bool,
    /// The id asked for.
    pub entity_id: String,
    /// Its device.
    pub device: DeviceOfEntity,
}
