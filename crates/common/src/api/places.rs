//! Areas, floors and labels, as data-api serves them.

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// An area of the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Area {
    /// Home Assistant's id of it.
    pub area_id: String,
    /// The name that people gave it, else the id in title case.
    pub display_name: String,
    /// Its floor.
    pub floor_id: Option<String>,
    /// Such as `mdi:sofa`.
    pub icon: Option<String>,
    /// Address of a picture of it.
    pub picture: Option<String>,
    /// Other names of it, for spoken commands.
    pub aliases: Vec<String>,
    /// Ids of its labels.
    pub labels: Vec<String>,
    /// The sensor that tells its temperature.
    pub temperature_entity_id: Option<String>,
    /// The sensor that tells its humidity.
    pub humidity_entity_id: Option<String>,
    /// Entities in it, by their own area or their device's.
    pub entity_count: u64,
    /// Domains of those entities, sorted.
    pub domains: Vec<String>,
    /// Since when Home Assistant no longer has it; none: it is there.
    pub removed_at: Option<UtcMicros>,
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

/// A floor of the home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Floor {
    /// Home Assistant's id of it.
    pub floor_id: String,
    /// The name that people gave it, else the id in title case.
    pub name: String,
    /// 0 is the ground floor.
    pub level: Option<i64>,
    /// Such as `mdi:home-floor-1`.
    pub icon: Option<String>,
    /// Other names of it, for spoken commands.
    pub aliases: Vec<String>,
    /// Ids of its areas, sorted.
    pub areas: Vec<String>,
    /// When it was last reported; none when only an area names it.
    pub timestamp: Option<UtcMicros>,
    /// Since when Home Assistant no longer has it; none: it is there.
    pub removed_at: Option<UtcMicros>,
}

/// `GET /api/v1/floors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FloorList {
    /// The floors, from the lowest to the highest.
    pub floors: Vec<Floor>,
    /// How many there are here.
    pub count: usize,
}

/// A label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Label {
    /// Home Assistant's id of it: what entities, devices and areas have in their `labels`.
    pub label_id: String,
    /// The same, under the name that the replaced service gave it.
    pub label: String,
    /// What stands before a colon in the id.
    pub prefix: Option<String>,
    /// The name that people gave it, else the id in title case.
    pub name: String,
    /// Such as `green`.
    pub color: Option<String>,
    /// Such as `mdi:leaf`.
    pub icon: Option<String>,
    /// What people wrote about it.
    pub description: Option<String>,
    /// Entities that have it.
    pub entity_count: u64,
    /// Devices that have it.
    pub device_count: u64,
    /// Areas that have it.
    pub area_count: u64,
    /// When it was last reported; none when only something that has it names it.
    pub timestamp: Option<UtcMicros>,
    /// Since when Home Assistant no longer has it; none: it is there.
    pub removed_at: Option<UtcMicros>,
}

/// `GET /api/v1/labels`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LabelList {
    /// The labels, by id.
    pub labels: Vec<Label>,
    /// How many there are here.
    pub count: usize,
}
