//! What is known of the entities that the status shows: only what is shown, for as many as there may be.

use std::collections::BTreeMap;

use common::entity::EntityId;
use common::instant::UtcMicros;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::MAX_ENTITIES;

/// Longest name that is kept, in characters.
const MAX_NAME: usize = 255;

/// What an entity is, as far as the status is concerned; each is a section of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Climate,
    Person,
    Light,
    BinarySensor,
    Switch,
    Automation,
}

impl Kind {
    /// All of them, in the order of the sections.
    pub(super) const ALL: [Self; 6] = [
        Self::Climate,
        Self::Person,
        Self::Light,
        Self::BinarySensor,
        Self::Switch,
        Self::Automation,
    ];

    /// The kind of a domain's entities; none for domains that are not shown.
    pub(super) fn of(domain: &str) -> Option<Self> {
        Some(match domain {
            "climate" => Self::Climate,
            "person" => Self::Person,
            "light" => Self::Light,
            "binary_sensor" => Self::BinarySensor,
            "switch" => Self::Switch,
            "automation" => Self::Automation,
            _ => return None,
        })
    }

    /// Whether anything of the attributes is shown.
    pub(super) fn has_attributes(self) -> bool {
        matches!(self, Self::Climate | Self::Person | Self::BinarySensor)
    }
}

/// What is shown of an entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) state: String,
    pub(super) shown: Shown,
    at: UtcMicros,
    kind: Kind,
}

/// What is shown of its attributes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shown {
    pub(super) name: Option<String>,
    pub(super) class: Option<String>,
    pub(super) current_temperature: Option<Number>,
    pub(super) target_temperature: Option<Number>,
    pub(super) unit: Option<String>,
}

/// Of any type: an integration may send what it likes.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Attributes {
    friendly_name: Value,
    device_class: Value,
    current_temperature: Value,
    temperature: Value,
    temperature_unit: Value,
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    Some(text.chars().take(MAX_NAME).collect())
}

fn number(value: Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number),
        _ => None,
    }
}

impl Seen {
    /// From a state object of Home Assistant.
    pub(super) fn read(
        kind: Kind,
        state: String,
        attributes: Option<&RawValue>,
        at: UtcMicros,
    ) -> Self {
        let attributes = attributes.filter(|_| kind.has_attributes());
        let read: Attributes = attributes
            .and_then(|attributes| serde_json::from_str(attributes.get()).ok())
            .unwrap_or_default();
        let shown = Shown {
            name: text(&read.friendly_name),
            class: text(&read.device_class),
            current_temperature: number(read.current_temperature),
            target_temperature: number(read.temperature),
            unit: text(&read.temperature_unit),
        };
        Self {
            state,
            shown,
            at,
            kind,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.state == "on"
    }
}

/// The entities of each kind, by id.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    kinds: [BTreeMap<EntityId, Seen>; Kind::ALL.len()],
    touched: [bool; Kind::ALL.len()],
}

impl Rooms {
    /// Forgets all and takes these. Returns how many found no place.
    pub(super) fn replace(&mut self, states: Vec<(EntityId, Seen)>) -> u64 {
        self.kinds = Default::default();
        self.touched = [true; Kind::ALL.len()];
        let mut left_out = 0;
        for (entity_id, seen) in states {
            left_out += u64::from(!self.set(seen.kind, entity_id, Some(seen)));
        }
        left_out
    }

    /// Takes what is known of an entity now; nothing: it is gone. False when there was no place for it.
    pub(super) fn set(&mut self, kind: Kind, entity_id: EntityId, seen: Option<Seen>) -> bool {
        let is_full = self.len() >= MAX_ENTITIES;
        let entities = &mut self.kinds[kind as usize];
        let Some(seen) = seen else {
            self.touched[kind as usize] |= entities.remove(&entity_id).is_some();
            return true;
        };
        if let Some(known) = entities.get_mut(&entity_id) {
            let is_other = (&known.state, &known.shown) != (&seen.state, &seen.shown);
            self.touched[kind as usize] |= is_other;
            *known = seen;
        } else if is_full {
            return false;
        } else {
            entities.insert(entity_id, seen);
            self.touched[kind as usize] = true;
        }
        true
    }

    /// When an entity was last written.
    pub(super) fn at(&self, kind: Kind, entity_id: &EntityId) -> Option<UtcMicros> {
        self.of(kind).get(entity_id).map(|seen| seen.at)
    }

    /// Has a section written anew.
    pub(super) fn touch(&mut self, kind: Kind) {
        self.touched[kind as usize] = true;
    }

    /// Whether a section may have become another since this was last asked.
    pub(super) fn take_touched(&mut self, kind: Kind) -> bool {
        std::mem::take(&mut self.touched[kind as usize])
    }

    /// The entities of a kind, in the order of their ids.
    pub(super) fn of(&self, kind: Kind) -> &BTreeMap<EntityId, Seen> {
        &self.kinds[kind as usize]
    }

    fn len(&self) -> usize {
        self.kinds.iter().map(BTreeMap::len).sum()
    }
}
