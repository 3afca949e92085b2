//! What happened in the home, entity by entity: changes go in as they were stored, and what people and devices did comes out.
//!
//! Nothing is guessed here about habits; this file only decides what is evidence and counts what is not, by reason.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use common::entity::EntityId;
use common::instant::UtcMicros;
use jiff::tz::TimeZone;

use crate::calendar::{Days, LocalClock, MINUTES_PER_DAY};
use crate::report::{LeftOut, Reason};

mod noise;

/// An entity with more changes a day than this, on average, has no single moments that people would call a habit.
pub const MAX_CHANGES_PER_DAY: usize = 60;
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

#[derive(Debug)]
struct Entity {
    id: EntityId,
    name: Option<String>,
    /// Why nothing of this entity is looked at.
    excluded: Option<Reason>,
    /// States seen, by number.
    states: Vec<Box<str>>,
}

/// A stored change, small enough for millions.
#[derive(Debug, Clone, Copy)]
struct Record {
    at: i64,
    /// Hash of the context; 0 where there is none.
    context: u64,
    entity: u32,
    state: u16,
    flags: u8,
}

/// State number of `unavailable` and `unknown`.
const GONE: u16 = u16::MAX;
const STARTUP: u8 = 1;
const FROM_UNAVAILABLE: u8 = 2;
const HAS_PARENT: u8 = 4;
const REPEATED: u8 = 8;
const KNOWN_PREVIOUS: u8 = 16;
const REMOVED: u8 = 32;

/// Collects changes. Memory: 32 bytes for each change of an entity that may have habits, nothing for the others.
#[derive(Debug)]
pub struct Timeline {
    time_zone: TimeZone,
    entities: Vec<Entity>,
    by_id: HashMap<EntityId, u32>,
    records: Vec<Record>,
    automated: HashSet<u64>,
    left_out: LeftOut,
    seen: u64,
    /// First and last instant of any change, used or not.
    covered: Option<(i64, i64)>,
    hasher: RandomState,
}

impl Timeline {
    /// An empty timeline of a home in this time zone.
    pub fn new(time_zone: TimeZone) -> Self {
        Self {
            time_zone,
            entities: Vec::new(),
            by_id: HashMap::new(),
            records: Vec::new(),
            automated: HashSet::new(),
            left_out: LeftOut::default(),
            seen: 0,
            covered: None,
            hasher: RandomState::new(),
        }
    }

    /// The key of an entity, known or new.
    pub fn entity(&mut self, id: &EntityId) -> EntityKey {
        if let Some(&key) = self.by_id.get(id) {
            return EntityKey(key);
        }
        let key = self.entities.len() as u32;
        let excluded = noise::check_domain(id.domain());
        self.entities.push(Entity {
            id: id.clone(),
            name: None,
            excluded,
            states: Vec::new(),
        });
        self.by_id.insert(id.clone(), key);
        EntityKey(key)
    }

    /// What else is known of an entity: the name that people see, and its device class.
    pub fn describe(&mut self, entity: EntityKey, name: Option<&str>, device_class: Option<&str>) {
        let entity = &mut self.entities[entity.0 as usize];
        if let Some(name) = name
            && entity.name.as_deref() != Some(name)
        {
            entity.name = Some(name.to_owned());
        }
        if entity.excluded.is_none() {
            entity.excluded = device_class.and_then(noise::check_device_class);
        }
    }

    /// Changes seen so far.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Takes one change. Any order will do, time order is fastest.
    pub fn push(&mut self, change: &Change<'_>) {
        self.seen += 1;
        let context = change.context_id.map_or(0, |id| self.hasher.hash_one(id));
        let entity = &mut self.entities[change.entity.0 as usize];
        let at = change.at.get();
        let (from, until) = self.covered.unwrap_or((at, at));
        self.covered = Some((from.min(at), until.max(at)));
        if let Some(reason) = entity.excluded {
            if reason == Reason::AutomationItself && context != 0 {
                self.automated.insert(context);
            }
            self.left_out.add(reason, 1);
            return;
        }
        let state = match change.state {
            None => Ok(GONE),
            Some(state) if noise::is_gone(state) => Ok(GONE),
            Some(state) => number_of(entity, state),
        };
        let state = match state {
            Ok(number) => number,
            Err(reason) => {
                entity.excluded = Some(reason);
                self.left_out.add(reason, 1);
                return;
            }
        };
        let mut flags = if change.state.is_none() { REMOVED } else { 0 };
        if change.startup {
            flags |= STARTUP;
        }
        if change.context_parent_id.is_some() {
            flags |= HAS_PARENT;
        }
        if change.previous.is_some() {
            flags |= if change.previous.is_some_and(noise::is_gone) {
                FROM_UNAVAILABLE
            } else {
                KNOWN_PREVIOUS
            };
            if change.previous == change.state {
                flags |= REPEATED;
            }
        }
        self.records.push(Record {
            at,
            context,
            entity: change.entity.0,
            state,
            flags,
        });
    }

    /// Puts everything in order and keeps what is evidence.
    pub fn finish(mut self) -> Evidence {
        self.records
            .sort_unstable_by_key(|record| (record.at, record.entity));
        let (first, last) = self.covered.unwrap_or((0, 0));
        let mut clock = LocalClock::new(self.time_zone.clone());
        let day_of =
            |clock: &mut LocalClock, at| clock.local_minute(at).div_euclid(MINUTES_PER_DAY);
        let first_day = day_of(&mut clock, first);
        let day_count = day_of(&mut clock, last) - first_day + 1;
        let mut changes_by_day = vec![
            0;
            if self.covered.is_some() {
                day_count as usize
            } else {
                0
            }
        ];
        let mut kept: Vec<(Vec<u16>, Vec<Moment>)> = vec![Default::default(); self.entities.len()];
        let mut before: Vec<Option<(u16, i64)>> = vec![None; self.entities.len()];
        for record in std::mem::take(&mut self.records) {
            if let Err(reason) = self.verdict(&record, &mut before[record.entity as usize]) {
                self.left_out.add(reason, 1);
                continue;
            }
            let minute = clock.local_minute(record.at);
            changes_by_day[(minute.div_euclid(MINUTES_PER_DAY) - first_day) as usize] += 1;
            let (states, moments) = &mut kept[record.entity as usize];
            states.push(record.state);
            moments.push(Moment {
                minute,
                at: record.at,
            });
        }
        let days = Days::new(&clock, first, last, &changes_by_day);
        let most = MAX_CHANGES_PER_DAY * days.lived_in().max(1);
        let mut series = Vec::new();
        let mut events_kept = 0;
        for (entity, (states, moments)) in self.entities.into_iter().zip(kept) {
            let dropped = if moments.len() > most {
                Some(Reason::Chatty)
            } else if noise::runs_by_itself(&moments, days.lived_in()) {
                Some(Reason::SelfRunning)
            } else {
                None
            };
            if let Some(reason) = dropped {
                self.left_out.add(reason, moments.len() as u64);
                continue;
            }
            events_kept += moments.len() as u64;
            series.extend(by_state(&entity, &states, &moments));
        }
        Evidence {
            series,
            days,
            seen: self.seen,
            kept: events_kept,
            left_out: self.left_out,
        }
    }

    /// Whether a change, the next of its entity, is evidence.
    fn verdict(&self, record: &Record, before: &mut Option<(u16, i64)>) -> Result<(), Reason> {
        if let Some(reason) = self.entities[record.entity as usize].excluded {
            return Err(reason);
        }
        let previous = before.replace((record.state, record.at));
        if record.flags & REMOVED != 0 {
            return Err(Reason::Removed);
        }
        if record.flags & STARTUP != 0 {
            return Err(Reason::Startup);
        }
        if record.state == GONE || record.flags & FROM_UNAVAILABLE != 0 {
            return Err(Reason::Unavailable);
        }
        match previous {
            Some((GONE, _)) => return Err(Reason::Unavailable),
            Some((state, at)) if state == record.state || at == record.at => {
                return Err(Reason::Repeated);
            }
            // Where the store knows no earlier state either, this is how things stood, not something that happened.
            None if record.flags & KNOWN_PREVIOUS == 0 => return Err(Reason::FirstSight),
            Some(_) | None => {}
        }
        if record.flags & REPEATED != 0 {
            return Err(Reason::Repeated);
        }
        if record.flags & HAS_PARENT != 0
            || (record.context != 0 && self.automated.contains(&record.context))
        {
            return Err(Reason::Automation);
        }
        Ok(())
    }
}

/// The number of a state of an entity, or why the entity has no states that could be habits.
fn number_of(entity: &mut Entity, state: &str) -> Result<u16, Reason> {
    if let Some(number) = entity.states.iter().position(|known| **known == *state) {
        return Ok(number as u16);
    }
    noise::check_state(state)?;
    if entity.states.len() == noise::MAX_STATES {
        return Err(Reason::FreeText);
    }
    entity.states.push(state.into());
    Ok((entity.states.len() - 1) as u16)
}

/// One series for each state that the entity reached.
fn by_state(entity: &Entity, states: &[u16], moments: &[Moment]) -> Vec<Series> {
    let mut series: Vec<Series> = entity
        .states
        .iter()
        .map(|state| Series {
            entity: entity.id.clone(),
            name: entity.name.clone(),
            state: state.to_string(),
            moments: Vec::new(),
        })
        .collect();
    for (&state, &moment) in states.iter().zip(moments) {
        series[usize::from(state)].moments.push(moment);
    }
    series.retain(|series| !series.moments.is_empty());
    series
}

/// One instant in both times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Minutes of the wall clock since 1970-01-01T00:00.
    pub minute: i64,
    /// Microseconds of UTC since 1970.
    pub at: i64,
}

/// When one entity reached one state, in time order.
#[derive(Debug, Clone)]
pub struct Series {
    /// The entity.
    pub entity: EntityId,
    /// Its name for people, where it is known.
    pub name: Option<String>,
    /// The state.
    pub state: String,
    /// When it was reached.
    pub moments: Vec<Moment>,
}

/// What is left when the noise is gone.
#[derive(Debug)]
pub struct Evidence {
    /// One series per entity and state.
    pub series: Vec<Series>,
    /// The days that they lie in.
    pub days: Days,
    /// Changes taken in.
    pub seen: u64,
    /// Changes that are evidence.
    pub kept: u64,
    /// The others, by reason.
    pub left_out: LeftOut,
}

#[cfg(test)]
mod tests;
