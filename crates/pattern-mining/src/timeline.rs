//! What happened in the home: changes go in as they were stored, and each is kept with the reason why it is, or is not, evidence.
//!
//! Nothing is guessed here about habits. Changes wait until no row of an automation can still come that explains them, are put in
//! order, and become a record of 16 bytes; those records are all that later runs need. So a nightly run pushes the new changes only,
//! and gives the same answer as one that reads everything again.

use std::collections::HashMap;
use std::sync::Arc;

use common::entity::{EntityId, domain_of};
use common::instant::UtcMicros;
use foldhash::fast::FixedState;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::detect::screen::Counted;
use crate::noise;
use crate::registry::Registered;
use crate::report::{LeftOut, Reason};
use crate::sun::Place;

mod rows;
mod saved;
mod settle;

pub use saved::{Past, Settled, Unreadable};

/// The row of an automation may come this much later than what the automation did, in microseconds
/// (measured on Home Assistant's own event stream: about two seconds).
pub const AUTOMATION_LAG: i64 = 2_000_000;
/// A run looks this many days back: a year, so that every season is in it, and a month. Habits are about now, and so the cost and
/// the memory of a run have a bound whatever the age of the home.
pub const LOOKBACK_DAYS: i64 = 400;
/// A measurement is kept at most this often, in microseconds: thresholds do not need more.
const SAMPLE_EVERY: i64 = 120_000_000;

/// An entity of one timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntityKey(u32);

/// One state change as it was stored.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The entity, from [`Timeline::entity`].
    pub entity: EntityKey,
    /// When it changed.
    pub at: UtcMicros,
    /// The state after; `None` when the entity was removed.
    pub state: Option<&'a str>,
    /// The state before, where the store knows it.
    pub previous: Option<&'a str>,
    /// Written while Home Assistant was starting.
    pub startup: bool,
    /// Context of the change.
    pub context_id: Option<&'a str>,
    /// Context that caused it.
    pub context_parent_id: Option<&'a str>,
}

/// What is known of an entity.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Entity {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) area: Option<String>,
    pub(crate) device: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) members: Vec<String>,
    /// Why nothing of this entity is looked at.
    pub(crate) excluded: Option<Reason>,
    /// It follows whoever walks by.
    pub(crate) ambient: bool,
    /// It measures: its other states are no states.
    pub(crate) numeric: bool,
    /// States seen, by number.
    pub(crate) states: Vec<Box<str>>,
    /// The state and instant of its last change.
    before: Option<(u16, i64)>,
    /// When its last sample was kept.
    sampled: i64,
}

/// A change that waits for its order and its cause.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    at: i64,
    /// Hash of the context; 0 where there is none.
    context: u64,
    entity: u32,
    state: u16,
    flags: u8,
}

/// A change in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) at: i64,
    pub(crate) entity: u32,
    pub(crate) state: u16,
    /// [`EVIDENCE`], or why not.
    pub(crate) why: u8,
}

/// A measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    pub(crate) at: i64,
    pub(crate) entity: u32,
    pub(crate) value: f32,
}

/// Mark of a record that is evidence.
pub(crate) const EVIDENCE: u8 = u8::MAX;
/// State number of `unavailable`, `unknown` and removed.
pub(crate) const GONE: u16 = u16::MAX;
const STARTUP: u8 = 1;
const FROM_UNAVAILABLE: u8 = 2;
const HAS_PARENT: u8 = 4;
const REPEATED: u8 = 8;
const KNOWN_PREVIOUS: u8 = 16;
const REMOVED: u8 = 32;

/// Collects changes. Memory: 16 bytes for each settled change of an entity that has states, 24 more while it waits.
#[derive(Debug, Clone)]
pub struct Timeline {
    pub(crate) time_zone: TimeZone,
    pub(crate) place: Place,
    pub(crate) entities: Vec<Entity>,
    by_id: HashMap<String, u32, FixedState>,
    waiting: Vec<Waiting>,
    sorted: bool,
    pub(crate) records: Vec<Record>,
    pub(crate) samples: Vec<Sample>,
    /// Contexts of automations and scripts, with the instant of their row.
    automated: HashMap<u64, i64, FixedState>,
    pub(crate) left_out: LeftOut,
    pub(crate) seen: u64,
    /// First and last instant of any change, used or not.
    pub(crate) covered: Option<(i64, i64)>,
    /// What is older than this came too late.
    settled: i64,
    /// What the last run counted.
    pub(crate) counted: Option<Arc<Counted>>,
}

impl Timeline {
    /// An empty timeline of a home in this time zone.
    pub fn new(time_zone: TimeZone) -> Self {
        let name = time_zone.iana_name().unwrap_or_default();
        let offset = time_zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds();
        Self {
            place: Place::of_zone(name, offset),
            time_zone,
            entities: Vec::new(),
            by_id: HashMap::default(),
            waiting: Vec::new(),
            sorted: true,
            records: Vec::new(),
            samples: Vec::new(),
            automated: HashMap::default(),
            left_out: LeftOut::default(),
            seen: 0,
            covered: None,
            settled: i64::MIN,
            counted: None,
        }
    }

    /// Says where the home is, for sunrise and sunset; without it the principal place of the time zone is taken.
    pub fn set_place(&mut self, place: Place) {
        self.place = place;
    }

    /// The key of an entity, known or new.
    pub fn entity(&mut self, id: &EntityId) -> EntityKey {
        self.entity_named(id.as_str())
    }

    /// The key of an entity by a text that is known to be an entity id.
    pub fn entity_named(&mut self, id: &str) -> EntityKey {
        if let Some(&key) = self.by_id.get(id) {
            return EntityKey(key);
        }
        let key = self.entities.len() as u32;
        self.entities.push(Entity {
            id: id.to_owned(),
            excluded: noise::check_domain(domain_of(id)).or_else(|| noise::check_id(id)),
            ambient: noise::named_ambient(id),
            sampled: i64::MIN,
            ..Entity::default()
        });
        self.by_id.insert(id.to_owned(), key);
        EntityKey(key)
    }

    /// The key of an entity that has been named before.
    pub fn known(&self, id: &str) -> Option<EntityKey> {
        self.by_id.get(id).copied().map(EntityKey)
    }

    /// What else is known of an entity: the name that people see, and its device class.
    pub fn describe(&mut self, entity: EntityKey, name: Option<&str>, device_class: Option<&str>) {
        let entity = &mut self.entities[entity.0 as usize];
        if let Some(name) = name
            && entity.name.as_deref() != Some(name)
        {
            entity.name = Some(name.to_owned());
        }
        if let Some(class) = device_class {
            entity.ambient = noise::is_ambient(class);
            if entity.excluded.is_none() {
                entity.excluded = noise::check_device_class(class);
            }
            entity.class = Some(class.to_owned());
        }
    }

    /// What the registry says of an entity.
    pub fn register(&mut self, known: &Registered) {
        let key = self.entity_named(&known.entity_id);
        self.describe(key, known.name.as_deref(), known.device_class.as_deref());
        let entity = &mut self.entities[key.0 as usize];
        entity.area.clone_from(&known.area);
        entity.device.clone_from(&known.device_id);
        entity.members = known.members.clone().unwrap_or_default();
    }

    /// The area of an entity, where nothing else has told it.
    pub fn set_area(&mut self, entity: EntityKey, area: &str) {
        let entity = &mut self.entities[entity.0 as usize];
        if entity.area.is_none() {
            entity.area = Some(area.to_owned());
        }
    }

    /// The home's wall clock.
    pub fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// Ids of the entities of which changes or measurements are kept.
    pub fn changed_entities(&self) -> impl Iterator<Item = &str> {
        let mut changed = vec![false; self.entities.len()];
        let waiting = self.waiting.iter().map(|waiting| waiting.entity);
        let settled = self.records.iter().map(|record| record.entity);
        let measured = self.samples.iter().map(|sample| sample.entity);
        for entity in waiting.chain(settled).chain(measured) {
            changed[entity as usize] = true;
        }
        let all = self.entities.iter().zip(changed);
        all.filter(|(_, changed)| *changed)
            .map(|(entity, _)| entity.id.as_str())
    }

    /// The instant, in microseconds, from which on a run looks.
    pub(crate) fn horizon(&self) -> i64 {
        let last = self.covered.map_or(0, |(_, last)| last);
        last - LOOKBACK_DAYS * 86_400_000_000
    }

    /// Whether an entity, an area or a domain of this home is called this.
    pub fn names(&self, word: &str) -> bool {
        let called = |entity: &Entity| {
            entity.id == word
                || domain_of(&entity.id) == word
                || entity.area.as_deref() == Some(word)
        };
        self.entities.iter().any(called)
    }

    /// Changes seen so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Changes that wait to be put in order.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes one change. Any order will do, time order is fastest.
    pub fn push(&mut self, change: &Change<'_>) {
        self.seen += 1;
        let context = change.context_id.map_or(0, hash);
        let entity = &mut self.entities[change.entity.0 as usize];
        let at = change.at.get();
        let (from, until) = self.covered.unwrap_or((at, at));
        self.covered = Some((from.min(at), until.max(at)));
        if let Some(reason) = entity.excluded {
            if reason == Reason::AutomationItself && context != 0 {
                self.automated.insert(context, at);
            }
            self.left_out.add(reason, 1);
            return;
        }
        let state = match change.state {
            None => GONE,
            Some(state) => match number_of(entity, state) {
                Ok(number) => number,
                Err(Text::Number(value)) => {
                    self.left_out.add(Reason::Numeric, 1);
                    entity.numeric = true;
                    let due =
                        at.saturating_sub(entity.sampled) >= SAMPLE_EVERY || at < entity.sampled;
                    if due && value.is_finite() {
                        entity.sampled = at;
                        self.samples.push(Sample {
                            at,
                            entity: change.entity.0,
                            value: value as f32,
                        });
                    }
                    return;
                }
                Err(Text::Free) => {
                    entity.excluded = Some(Reason::FreeText);
                    self.left_out.add(Reason::FreeText, 1);
                    return;
                }
            },
        };
        let waiting = Waiting {
            at,
            context,
            entity: change.entity.0,
            state,
            flags: flags_of(change),
        };
        self.sorted &= self.waiting.last().is_none_or(|last| last.at <= at);
        self.waiting.push(waiting);
    }
}

/// What about a change bears on whether it is evidence.
fn flags_of(change: &Change<'_>) -> u8 {
    let mut flags = if change.state.is_none() { REMOVED } else { 0 };
    if change.startup {
        flags |= STARTUP;
    }
    if change.context_parent_id.is_some() {
        flags |= HAS_PARENT;
    }
    if let Some(previous) = change.previous {
        flags |= if noise::is_gone(previous) {
            FROM_UNAVAILABLE
        } else {
            KNOWN_PREVIOUS
        };
        if change.previous == change.state {
            flags |= REPEATED;
        }
    }
    flags
}

/// A state that has no number.
enum Text {
    Number(f64),
    Free,
}

/// The number of a state of an entity, or what it is instead.
fn number_of(entity: &mut Entity, state: &str) -> Result<u16, Text> {
    if let Some(number) = entity.states.iter().position(|known| **known == *state) {
        return Ok(number as u16);
    }
    if noise::is_gone(state) {
        return Ok(GONE);
    }
    if let Ok(value) = state.parse::<f64>() {
        return Err(Text::Number(value));
    }
    if noise::is_free_text(state) || entity.states.len() == noise::MAX_STATES {
        return Err(Text::Free);
    }
    entity.states.push(state.into());
    Ok((entity.states.len() - 1) as u16)
}

/// FNV-1a with 64 bits: the same for ever on every machine, so that it can be written down. Never 0.
fn hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}

#[cfg(test)]
mod tests;
