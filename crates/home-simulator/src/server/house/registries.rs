//! Registries that change while the home runs, and the events that tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::instant::UtcMicros;
use serde_json::{Value, json};

use super::{By, House};
use crate::home::{Home, StateChange};
use crate::server::wire;

/// A registry of Home Assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Registry {
    /// Entities, by `entity_id`.
    Entities,
    /// Devices, by `id`.
    Devices,
    /// Areas, by `area_id`.
    Areas,
    /// Floors, by `floor_id`.
    Floors,
    /// Labels, by `label_id`.
    Labels,
}

impl Registry {
    /// The key of its objects; the key of its events; the type of its events.
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Entities => ("entity_id", "entity_id", "entity_registry_updated"),
            Self::Devices => ("id", "device_id", "device_registry_updated"),
            Self::Areas => ("area_id", "area_id", "area_registry_updated"),
            Self::Floors => ("floor_id", "floor_id", "floor_registry_updated"),
            Self::Labels => ("label_id", "label_id", "label_registry_updated"),
        }
    }
}

/// The registries as they are now.
#[derive(Debug)]
pub(super) struct Registries {
    lists: BTreeMap<Registry, Vec<Value>>,
    /// Ids of now of the entities that the life knows by another one.
    renamed: BTreeMap<Arc<str>, Arc<str>>,
    /// Entities, by the id that the life knows them by, that were removed.
    removed: BTreeSet<Arc<str>>,
}

impl Registries {
    pub(super) fn new(home: &Home) -> Self {
        let list = |all: Value| all.as_array().cloned().unwrap_or_default();
        Self {
            lists: BTreeMap::from([
                (Registry::Entities, list(home.entity_registry())),
                (Registry::Devices, list(home.device_registry())),
                (Registry::Areas, list(Home::area_registry())),
                (Registry::Floors, list(Home::floor_registry())),
                (Registry::Labels, list(Home::label_registry())),
            ]),
            renamed: BTreeMap::new(),
            removed: BTreeSet::new(),
        }
    }

    /// The id of now of an entity of the life; none when it was removed.
    pub(super) fn id_of_now(&self, first: &Arc<str>) -> Option<Arc<str>> {
        if self.removed.contains(first) {
            return None;
        }
        Some(Arc::clone(self.renamed.get(first).unwrap_or(first)))
    }

    /// The id by which the life knows an entity.
    pub(super) fn first_id(&self, now: &str) -> Arc<str> {
        let first = self.renamed.iter().find(|(_, id)| &***id == now);
        first.map_or_else(|| now.into(), |(first, _)| Arc::clone(first))
    }

    fn place(&self, registry: Registry, id: &str) -> Option<usize> {
        let (key, ..) = registry.words();
        self.lists
            .get(&registry)?
            .iter()
            .position(|object| object[key] == id)
    }

    fn object(&mut self, registry: Registry, id: &str) -> Option<&mut Value> {
        let at = self.place(registry, id)?;
        self.lists.get_mut(&registry)?.get_mut(at)
    }

    fn take(&mut self, registry: Registry, id: &str) -> Option<Value> {
        let at = self.place(registry, id)?;
        Some(self.lists.get_mut(&registry)?.remove(at))
    }
}

fn seconds(at: UtcMicros) -> Value {
    json!(at.get() as f64 / 1e6)
}

impl House {
    /// The id that an entity of the life has now; none when it was removed.
    pub(in crate::server) fn id_of_now(&self, first: &Arc<str>) -> Option<Arc<str>> {
        self.lock().registries.id_of_now(first)
    }

    /// Everything in a registry, as its list command answers.
    pub(in crate::server) fn registry(&self, registry: Registry) -> Value {
        self.lock()
            .registries
            .lists
            .get(&registry)
            .cloned()
            .into_iter()
            .flatten()
            .collect()
    }

    /// Adds an object, or changes the one that has its id: keys that it does not say stay as they are.
    pub(in crate::server) fn put(&self, registry: Registry, object: Value) {
        let (key, told, event_type) = registry.words();
        let now = self.clock.now();
        let id = object[key].as_str().unwrap_or_default().to_owned();
        let mut inner = self.lock();
        let data = if let Some(known) = inner.registries.object(registry, &id) {
            let mut changes = json!({});
            for (name, value) in object.as_object().into_iter().flatten() {
                changes[name] = std::mem::replace(&mut known[name], value.clone());
            }
            known["modified_at"] = seconds(now);
            match registry {
                Registry::Entities | Registry::Devices => {
                    json!({"action": "update", told: id, "changes": changes})
                }
                Registry::Areas | Registry::Floors | Registry::Labels => {
                    json!({"action": "update", told: id})
                }
            }
        } else {
            let mut object = object;
            object["created_at"] = seconds(now);
            object["modified_at"] = seconds(now);
            inner
                .registries
                .lists
                .entry(registry)
                .or_default()
                .push(object);
            json!({"action": "create", told: id})
        };
        drop(inner);
        self.fire(event_type, By::Device, data);
    }

    /// Removes an object; an entity also loses its state, and a device its entities. False where there is none.
    pub(in crate::server) fn take_out(&self, registry: Registry, id: &str) -> bool {
        let (_, told, event_type) = registry.words();
        let mut inner = self.lock();
        let Some(object) = inner.registries.take(registry, id) else {
            return false;
        };
        let first = inner.registries.first_id(id);
        let mut data = json!({"action": "remove", told: id});
        let mut entities = Vec::new();
        match registry {
            Registry::Entities => {
                inner.registries.removed.insert(first);
            }
            Registry::Devices => {
                entities = inner
                    .registries
                    .lists
                    .get(&Registry::Entities)
                    .into_iter()
                    .flatten()
                    .filter(|entity| entity["device_id"] == id)
                    .filter_map(|entity| entity["entity_id"].as_str().map(str::to_owned))
                    .collect();
                data["device"] = object;
            }
            Registry::Areas | Registry::Floors | Registry::Labels => {}
        }
        drop(inner);
        self.fire(event_type, By::Device, data);
        if registry == Registry::Entities {
            self.remove(id);
        }
        for entity in entities {
            self.take_out(Registry::Entities, &entity);
        }
        true
    }

    /// Gives an entity another id, as its page in Home Assistant does: the registry tells it, the old state goes, the same state comes
    /// under the new id, and history is found under that from then on. None when there is no such entity, or the id is in use.
    pub(in crate::server) fn rename(&self, old: &str, new: &str) -> Option<UtcMicros> {
        let mut inner = self.lock();
        let now = self.clock.now();
        let domain = common::entity::domain_of;
        if inner.registries.place(Registry::Entities, new).is_some()
            || inner.current.contains_key(new)
            || domain(old) != domain(new)
        {
            return None;
        }
        let entry = inner.registries.object(Registry::Entities, old)?;
        entry["entity_id"] = json!(new);
        entry["modified_at"] = seconds(now);
        let first = inner.registries.first_id(old);
        inner.registries.renamed.insert(first, new.into());
        let data = json!({"action": "update", "entity_id": new, "changes": {"entity_id": old}, "old_entity_id": old});
        let context = Self::context(&mut inner, now, None);
        let event = wire::event("entity_registry_updated", now, &context, data);
        super::tell(&mut inner, "entity_registry_updated", &event);
        inner.recorder.rename(old, new);
        let state = inner.current.get(old).cloned();
        drop(inner);
        if let Some(StateChange {
            state, attributes, ..
        }) = state
        {
            self.remove(old);
            self.set(new, &state, Arc::unwrap_or_clone(attributes), By::Device);
        }
        Some(now)
    }
}
