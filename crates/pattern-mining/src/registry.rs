//! What is known of the entities besides their changes.

use serde::Deserialize;

/// The registry of a home, as far as the miner uses it. Unknown keys are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Registry {
    /// IANA name of the home's time zone.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// North of the equator, in degrees.
    #[serde(default)]
    pub latitude: Option<f64>,
    /// East of Greenwich, in degrees.
    #[serde(default)]
    pub longitude: Option<f64>,
    /// The entities.
    #[serde(default)]
    pub entities: Vec<Registered>,
}

/// One entity of the registry.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Registered {
    /// `domain.object_id`.
    pub entity_id: String,
    /// The device that it belongs to.
    #[serde(default)]
    pub device_id: Option<String>,
    /// The area that it is in.
    #[serde(default, alias = "area_id")]
    pub area: Option<String>,
    /// The integration that made it.
    #[serde(default)]
    pub platform: Option<String>,
    /// What kind of thing it is within its domain.
    #[serde(default)]
    pub device_class: Option<String>,
    /// The name that people see.
    #[serde(default)]
    pub name: Option<String>,
    /// For a group, the entities in it.
    #[serde(default)]
    pub members: Option<Vec<String>>,
}
