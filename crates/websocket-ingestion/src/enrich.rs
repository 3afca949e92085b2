//! Which device and area an entity belongs to, as the registries say.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use common::api::events::NewEvent;
use serde_json::Value;
use tokio::sync::watch;

use crate::registry::Registries;

/// Device and area of every known entity.
#[derive(Debug, Default)]
pub(crate) struct Enrichment {
    places: RwLock<HashMap<String, Place>>,
    readings: watch::Sender<Reading>,
}

/// One reading of the registries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// Which of this process it was; 0: there was none yet.
    pub(crate) number: u64,
    /// Unit of the home's temperatures, such as `°C`.
    pub(crate) temperature_unit: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    device_id: Option<String>,
    area_id: Option<String>,
}

impl Enrichment {
    /// Takes what the registries say now; what they no longer name is forgotten.
    pub(crate) fn replace(&self, registries: &Registries) {
        let text =
            |object: &Value, key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let devices: HashMap<String, &Value> = registries
            .devices
            .iter()
            .filter_map(|device| Some((text(device, "id")?, device)))
            .collect();
        // A device without area is where its parent is.
        let area_of_device = |device_id: &str| {
            let device = devices.get(device_id)?;
            text(device, "area_id")
                .or_else(|| text(devices.get(&text(device, "parent_device_id")?)?, "area_id"))
        };
        let places = registries
            .entities
            .iter()
            .filter_map(|entity| {
                let device_id = text(entity, "device_id");
                let area_id =
                    text(entity, "area_id").or_else(|| area_of_device(device_id.as_deref()?));
                Some((text(entity, "entity_id")?, Place { device_id, area_id }))
            })
            .collect();
        let unit = registries.home["unit_system"]["temperature"].as_str();
        self.take(places, unit.map(str::to_owned));
    }

    fn take(&self, places: HashMap<String, Place>, temperature_unit: Option<String>) {
        *self.places.write().unwrap_or_else(PoisonError::into_inner) = places;
        self.readings.send_modify(|reading| {
            reading.number += 1;
            reading.temperature_unit = temperature_unit;
        });
    }

    /// As if the registries had been read and said that.
    #[cfg(test)]
    pub(crate) fn say(&self, areas: &[(&str, &str)], temperature_unit: Option<&str>) {
        let place = |area: &str| Place {
            device_id: None,
            area_id: Some(area.to_owned()),
        };
        let places = areas
            .iter()
            .map(|(entity_id, area)| ((*entity_id).to_owned(), place(area)));
        self.take(places.collect(), temperature_unit.map(str::to_owned));
    }

    /// An ear for readings of the registries.
    pub(crate) fn readings(&self) -> watch::Receiver<Reading> {
        self.readings.subscribe()
    }

    /// The area of an entity.
    pub(crate) fn area(&self, entity_id: &str) -> Option<String> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.get(entity_id)?.area_id.clone()
    }

    /// Says of a change where it happened.
    pub(crate) fn place(&self, change: &mut NewEvent) {
        if let Some(place) = self
            .places
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(change.entity_id.as_str())
        {
            change.device_id.clone_from(&place.device_id);
            change.area_id.clone_from(&place.area_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::api::events::Origin;
    use serde_json::json;

    #[test]
    fn an_entity_is_in_its_own_area_else_its_devices_else_the_parents() {
        let registries = Registries {
            devices: vec![
                json!({"id": "d1", "area_id": "hall"}),
                json!({"id": "d2", "area_id": null, "parent_device_id": "d1"}),
            ],
            entities: vec![
                json!({"entity_id": "light.own", "area_id": "attic", "device_id": "d1"}),
                json!({"entity_id": "light.device", "area_id": null, "device_id": "d1"}),
                json!({"entity_id": "light.child", "device_id": "d2"}),
                json!({"entity_id": "light.none", "device_id": "gone"}),
            ],
            areas: vec![],
            floors: None,
            labels: None,
            config_entries: None,
            services: Value::Null,
            home: Value::Null,
        };
        let enrichment = Enrichment::default();
        enrichment.replace(&registries);
        for (entity, area) in [
            ("light.own", Some("attic")),
            ("light.device", Some("hall")),
            ("light.child", Some("hall")),
            ("light.none", None),
            ("light.new", None),
        ] {
            let mut change = NewEvent {
                entity_id: entity.parse().unwrap(),
                state: None,
                attributes: None,
                last_changed: None,
                last_updated: common::instant::UtcMicros::default(),
                context: None,
                origin: Origin::Live,
                startup: None,
                device_id: None,
                area_id: None,
            };
            enrichment.place(&mut change);
            assert_eq!(change.area_id.as_deref(), area, "{entity}");
        }
    }
}
