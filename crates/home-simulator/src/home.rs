//! A lived-in home: rooms, devices, entities, the people's days, and every state change that comes of them.
//!
//! Pure: no clock, no I/O, no global chance. The same seed, zone and dates give the same life, whoever asks and whenever. Days
//! are planned one by one from their date alone, so that a life that was begun earlier continues in the same way.

pub(crate) mod calendar;
pub(crate) mod chance;
mod habits;
mod incidents;
mod life;
mod look;
mod people;
mod plan;
mod registry;
mod rooms;
mod sensors;
mod services;
mod things;

use std::collections::HashMap;
use std::sync::Arc;

use common::instant::UtcMicros;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

pub(crate) use chance::Chance;
pub use habits::{DayClass, PlantedHabit, PlantedPair};
pub use life::Life;
pub use sensors::Chatty;
use things::THINGS;

/// Attributes of a state.
pub type Attributes = Map<String, Value>;

/// Who or what caused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    id: u128,
    parent: Option<u128>,
    user: Option<u128>,
}

impl Context {
    /// A context made at `at`; `salt` tells contexts of the same millisecond apart.
    pub(crate) fn new(at: UtcMicros, salt: u64, user: Option<u128>) -> Self {
        let milliseconds = u128::from((at.get() / 1000).unsigned_abs());
        let chance = u128::from(chance::mix(&[salt, at.get() as u64])) << 16;
        let id = (milliseconds << 80) | chance | u128::from(salt & 0xffff);
        Self {
            id,
            parent: None,
            user,
        }
    }

    /// Its id in ULID's alphabet.
    pub fn id(&self) -> String {
        ulid(self.id)
    }

    /// The id of the context that caused this one.
    pub fn parent_id(&self) -> Option<String> {
        self.parent.map(ulid)
    }

    /// The person who asked for it, through Home Assistant's own interface.
    pub fn user_id(&self) -> Option<String> {
        self.user.map(|user| format!("{user:032x}"))
    }
}

/// 26 characters of Crockford's base 32, most significant first.
fn ulid(id: u128) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    (0..26)
        .rev()
        .map(|place| ALPHABET[(id >> (place * 5)) as usize & 31] as char)
        .collect()
}

/// One change of one entity, as Home Assistant would tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// Whose state.
    pub entity_id: Arc<str>,
    /// The new state.
    pub state: Arc<str>,
    /// The new attributes.
    pub attributes: Arc<Attributes>,
    /// When the state itself last became another one.
    pub last_changed: UtcMicros,
    /// When the state or an attribute last became another one.
    pub last_updated: UtcMicros,
    /// The state was removed; then it is empty, as the attributes are.
    pub removed: bool,
    /// The cause.
    pub context: Context,
}

/// The home and its people.
#[derive(Debug, Clone)]
pub struct Home {
    seed: u64,
    zone: TimeZone,
    index: Arc<HashMap<&'static str, usize>>,
}

impl Home {
    /// A home in a time zone; the seed decides every chance in it.
    pub fn new(seed: u64, zone: TimeZone) -> Self {
        let index = THINGS
            .iter()
            .enumerate()
            .map(|(at, thing)| (thing.entity_id, at))
            .collect();
        Self {
            seed,
            zone,
            index: Arc::new(index),
        }
    }

    /// Everything that changes from `start` on, in the order of time, without an end. It opens with the state of every entity.
    pub fn life(&self, start: UtcMicros) -> Life {
        Life::new(self.clone(), start)
    }

    /// Ids of all entities.
    pub fn entity_ids() -> impl Iterator<Item = &'static str> {
        THINGS.iter().map(|thing| thing.entity_id)
    }

    /// The habits that were planted, by which a miner's findings can be judged.
    pub fn planted() -> Vec<PlantedHabit> {
        habits::planted()
    }

    /// The planted pairs of a trigger and what follows it.
    pub fn planted_pairs() -> Vec<PlantedPair> {
        habits::planted_pairs()
    }

    /// The sensors that change all the time and mean nothing.
    pub fn chatty() -> &'static [Chatty] {
        sensors::CHATTY
    }

    /// Answer to `config/entity_registry/list`.
    pub fn entity_registry(&self) -> Value {
        registry::entities(self.seed)
    }

    /// Answer to `config/device_registry/list`.
    pub fn device_registry(&self) -> Value {
        registry::devices(self.seed)
    }

    /// Answer to `config_entries/get`.
    pub fn config_entries(&self) -> Value {
        registry::config_entries(self.seed)
    }

    /// Answer to `config/area_registry/list`.
    pub fn area_registry() -> Value {
        registry::areas()
    }

    /// Answer to `config/floor_registry/list`.
    pub fn floor_registry() -> Value {
        registry::floors()
    }

    /// Answer to `config/label_registry/list`.
    pub fn label_registry() -> Value {
        registry::labels()
    }

    /// Answer to `get_services`: domain, service, description.
    pub fn services() -> Value {
        services::map()
    }

    /// Name of the home's time zone.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The id of one of the two people, as a user of Home Assistant.
    pub(crate) fn user(&self, person: u64) -> u128 {
        let half = |salt| u128::from(chance::mix(&[self.seed, 77, person, salt]));
        (half(0) << 64) | half(1)
    }

    /// Attributes of an entity in a state, when nothing more is known of it.
    pub(crate) fn attributes(&self, entity_id: &str, state: &str) -> Attributes {
        match self.index.get(entity_id) {
            Some(&at) => look::attributes(&THINGS[at], state, &[]),
            None => Attributes::new(),
        }
    }

    fn thing(&self, entity_id: &str) -> usize {
        match self.index.get(entity_id) {
            Some(&at) => at,
            None => unreachable!("{entity_id} is planned for and not in the home"),
        }
    }
}

#[cfg(test)]
mod tests;
