//! The home as data-api has it, as documents: entities, areas, and what can be done.

use std::collections::{BTreeMap, HashMap};

use common::api::places::{Area, Floor, Label};
use common::api::registry::{Device, Entity};
use common::entity::domain_of;
use data_api_client::{CallFailed, DataApi};

use super::actions;
use super::document::{Document, DocumentKind};

/// Everything that is asked of data-api.
#[derive(Debug, Default)]
pub(crate) struct HomeNow {
    entities: Vec<Entity>,
    devices: Vec<Device>,
    areas: Vec<Area>,
    floors: Vec<Floor>,
    labels: Vec<Label>,
}

impl HomeNow {
    /// Asks data-api.
    pub(crate) async fn read(data_api: &DataApi) -> Result<Self, CallFailed> {
        let (entities, devices, areas, floors, labels) = tokio::try_join!(
            data_api.entities(),
            data_api.devices(),
            data_api.areas(),
            data_api.floors(),
            data_api.labels(),
        )?;
        Ok(Self {
            entities: entities.entities,
            devices: devices.devices,
            areas: areas.areas,
            floors: floors.floors,
            labels: labels.labels,
        })
    }

    /// For each entity that is in an area, the area's name.
    pub(crate) fn area_names(&self) -> HashMap<String, String> {
        let names = Names::of(self);
        let area_of = |entity: &Entity| {
            let area = names.area_of(entity)?;
            Some((entity.entity_id.clone(), area.display_name.clone()))
        };
        self.entities.iter().filter_map(area_of).collect()
    }

    /// What is there and in use, as documents: areas, entities, actions. Actions that only habits name come last.
    pub(crate) fn documents(&self, of_habits: &[String]) -> Vec<Document> {
        let names = Names::of(self);
        let here = self.areas.iter().filter(|area| area.removed_at.is_none());
        let mut documents: Vec<Document> = here.map(|area| names.area(area)).collect();
        let used = self
            .entities
            .iter()
            .filter(|entity| entity.removed_at.is_none() && !entity.disabled);
        let used: Vec<&Entity> = used.collect();
        documents.extend(used.iter().map(|entity| names.entity(entity)));
        let mut doable: BTreeMap<String, Document> = BTreeMap::new();
        for entity in &used {
            for service in entity.available_services.iter().flatten() {
                if let Some(phrase) = actions::phrase(service) {
                    let document = names.action(entity, service, phrase);
                    doable.insert(document.key.clone(), document);
                }
            }
        }
        let by_id: HashMap<&str, &Entity> = used
            .iter()
            .map(|entity| (entity.entity_id.as_str(), *entity))
            .collect();
        for key in of_habits {
            let Some((service, id)) = key.split_once(' ') else {
                continue;
            };
            if doable.contains_key(key) {
                continue;
            }
            let phrase = actions::phrase(service).unwrap_or("Use");
            let document = if let Some(entity) = by_id.get(id) {
                names.action(entity, service, phrase)
            } else {
                let title = format!("{phrase} {}", spoken(id));
                Document::new(DocumentKind::Action, key, &title, "", key)
            };
            doable.insert(key.clone(), document);
        }
        documents.extend(doable.into_values());
        documents
    }
}

/// What things are called.
struct Names<'a> {
    devices: HashMap<&'a str, &'a Device>,
    areas: HashMap<&'a str, &'a Area>,
    floors: HashMap<&'a str, &'a Floor>,
    labels: HashMap<&'a str, &'a str>,
}

impl<'a> Names<'a> {
    fn of(home: &'a HomeNow) -> Self {
        let devices = home.devices.iter();
        let areas = home.areas.iter();
        let floors = home.floors.iter();
        let labels = home.labels.iter();
        Self {
            devices: devices.map(|it| (it.device_id.as_str(), it)).collect(),
            areas: areas.map(|it| (it.area_id.as_str(), it)).collect(),
            floors: floors.map(|it| (it.floor_id.as_str(), it)).collect(),
            labels: labels
                .map(|it| (it.label_id.as_str(), it.name.as_str()))
                .collect(),
        }
    }

    fn labels(&self, ids: &'a [String]) -> impl Iterator<Item = &'a str> {
        let name = |id: &'a String| self.labels.get(id.as_str()).copied().unwrap_or(id);
        ids.iter().map(name).collect::<Vec<_>>().into_iter()
    }

    fn area(&self, area: &Area) -> Document {
        let floor = area.floor_id.as_deref().and_then(|id| self.floors.get(id));
        let text = floor.map_or_else(
            || "area".to_owned(),
            |floor| format!("area on {}", floor.name),
        );
        let mut more = vec![area.area_id.as_str()];
        more.extend(area.aliases.iter().map(String::as_str));
        more.extend(self.labels(&area.labels));
        more.extend(area.domains.iter().map(String::as_str));
        more.extend(
            floor
                .iter()
                .flat_map(|floor| floor.aliases.iter().map(String::as_str)),
        );
        let document = Document::new(
            DocumentKind::Area,
            &area.area_id,
            &area.display_name,
            &text,
            &more.join(" "),
        );
        Document {
            area: Some(area.display_name.clone()),
            ..document
        }
    }

    fn area_of(&self, entity: &Entity) -> Option<&'a Area> {
        let id = entity.area_id.as_deref()?;
        self.areas.get(id).copied()
    }

    fn entity(&self, entity: &Entity) -> Document {
        let area = self.area_of(entity);
        let device = entity
            .device_id
            .as_deref()
            .and_then(|id| self.devices.get(id));
        let floor = area
            .and_then(|area| area.floor_id.as_deref())
            .and_then(|id| self.floors.get(id));
        let what = what(entity);
        let text = area.map_or_else(
            || what.clone(),
            |area| format!("{what} in {}", area.display_name),
        );
        let mut more = vec![entity.entity_id.as_str()];
        more.extend(entity.aliases.iter().map(String::as_str));
        more.extend(self.labels(&entity.labels));
        if let Some(device) = device {
            more.extend(
                device
                    .name_by_user
                    .as_deref()
                    .or(Some(device.name.as_str())),
            );
            more.extend(self.labels(&device.labels));
        }
        more.extend(
            area.iter()
                .flat_map(|area| area.aliases.iter().map(String::as_str)),
        );
        more.extend(floor.iter().map(|floor| floor.name.as_str()));
        let document = Document::new(
            DocumentKind::Entity,
            &entity.entity_id,
            &name(entity),
            &text,
            &more.join(" "),
        );
        Document {
            area: area.map(|area| area.display_name.clone()),
            ..document
        }
    }

    fn action(&self, entity: &Entity, service: &str, phrase: &str) -> Document {
        let area = self.area_of(entity).map(|area| area.display_name.clone());
        let text = area
            .as_ref()
            .map_or_else(String::new, |area| format!("in {area}"));
        let key = format!("{service} {}", entity.entity_id);
        let more = format!("{service} {}", entity.aliases.join(" "));
        let title = format!("{phrase} {}", name(entity));
        Document {
            area,
            ..Document::new(DocumentKind::Action, &key, &title, &text, &more)
        }
    }
}

/// The name that people see, else one made of the id.
fn name(entity: &Entity) -> String {
    let names = [
        &entity.name_by_user,
        &entity.friendly_name,
        &entity.name,
        &entity.original_name,
    ];
    let named = names
        .into_iter()
        .flatten()
        .find(|name| !name.trim().is_empty());
    named.cloned().unwrap_or_else(|| spoken(&entity.entity_id))
}

/// `light.kitchen_lamp` is spoken "kitchen lamp".
fn spoken(entity_id: &str) -> String {
    let object = entity_id.split_once('.').map_or(entity_id, |(_, it)| it);
    object.replace('_', " ")
}

/// What it is, in words: `light`, `door sensor`, `media player`.
fn what(entity: &Entity) -> String {
    let domain = match domain_of(&entity.entity_id) {
        "binary_sensor" | "sensor" => "sensor",
        "climate" => "heating and cooling",
        "input_boolean" => "switch",
        "device_tracker" => "tracker",
        domain => domain,
    };
    let class = entity.device_class.as_deref().unwrap_or_default();
    let class = if class == domain { "" } else { class };
    format!("{class} {domain}")
        .replace('_', " ")
        .trim()
        .to_owned()
}
