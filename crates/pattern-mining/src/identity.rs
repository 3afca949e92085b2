//! The name that a pattern keeps from run to run.

use common::instant::UtcMicros;

use crate::detect::time_of_day::apart;
use crate::pattern::{DaySet, Kind, Pattern, Status};

/// Minutes of the day that a new id is made of are rounded to this.
const SLOT: i64 = 30;
/// A habit that moved by no more than this many minutes since the last run is the same one.
const DRIFT: i64 = 45;
/// Two routines with at least this part of their entities in common are the same one.
const COMMON: f64 = 0.6;

/// What makes a pattern this one: enough to recognise it in a later run, or when it was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: Kind,
    /// Who takes part.
    pub entities: Vec<String>,
    /// The states reached.
    pub states: Vec<String>,
    /// The days.
    pub days: Option<DaySet>,
    /// The minute of the day.
    pub minute: Option<i64>,
    /// When an oddity began.
    pub t: Option<UtcMicros>,
    /// Where it was in its life.
    pub status: Status,
}

impl From<&Pattern> for Known {
    fn from(pattern: &Pattern) -> Self {
        Self {
            id: pattern.id.clone(),
            kind: pattern.kind,
            entities: pattern.entities.clone(),
            states: pattern.states.clone(),
            days: pattern.days,
            minute: pattern.time_of_day_minutes.map(i64::from),
            t: pattern.t,
            status: pattern.status,
        }
    }
}

impl Known {
    /// A new id: a hash of what makes the pattern this one.
    pub fn hash(&self) -> String {
        let slot = self
            .minute
            .map_or(-1, |minute| ((minute + SLOT / 2) / SLOT) % (1440 / SLOT));
        let days = self.days.map(DaySet::word).unwrap_or_default();
        let since = self.t.map_or(0, |t| t.get() / 86_400_000_000);
        // A routine is what it is whatever the order in which its members are told.
        let mut parts: Vec<String> = self
            .entities
            .iter()
            .zip(self.states.iter().chain(std::iter::repeat(&String::new())))
            .map(|(entity, state)| format!("{entity}={state}"))
            .collect();
        if self.kind == Kind::Routine {
            parts.sort_unstable();
        }
        let text = format!(
            "{}|{}|{days}|{slot}|{since}",
            self.kind.as_str(),
            parts.join("|")
        );
        format!("{:016x}", fnv1a(text.as_bytes()))
    }

    /// How far this pattern is from another: `None` when it is another one.
    pub fn distance(&self, other: &Self) -> Option<(bool, i64)> {
        if self.kind != other.kind || self.t.map(day) != other.t.map(day) {
            return None;
        }
        let same = if self.kind == Kind::Routine {
            alike(&self.entities, &other.entities)
        } else {
            self.entities == other.entities && self.states == other.states
        };
        let moved = match (self.minute, other.minute) {
            (Some(here), Some(there)) => apart(here, there),
            _ => 0,
        };
        (same && moved <= DRIFT).then_some((other.days != self.days, moved))
    }
}

fn day(t: UtcMicros) -> i64 {
    t.get() / 86_400_000_000
}

fn alike(one: &[String], other: &[String]) -> bool {
    let common = one.iter().filter(|entity| other.contains(entity)).count();
    let all = one.len() + other.len() - common;
    common as f64 >= COMMON * all as f64
}

/// Gives each pattern the id of the nearest one of the last run, so that it survives a drift across the edge of a slot or a
/// change of its days; each old id is given once, and what is new gets a hash.
pub fn name_all(found: &[Known], known: &[Known]) -> Vec<String> {
    let mut pairs: Vec<((bool, i64), usize, usize)> = Vec::new();
    for (place, pattern) in found.iter().enumerate() {
        let near = known.iter().enumerate();
        pairs.extend(near.filter_map(|(old, other)| Some((pattern.distance(other)?, place, old))));
    }
    pairs.sort_unstable();
    let mut names: Vec<Option<String>> = vec![None; found.len()];
    let mut given = vec![false; known.len()];
    for (_, place, old) in pairs {
        if names[place].is_none() && !given[old] {
            names[place] = Some(known[old].id.clone());
            given[old] = true;
        }
    }
    // A new id must not be one that another pattern brought along when it drifted here.
    let mut taken: Vec<String> = names.iter().flatten().cloned().collect();
    let fresh = |pattern: &Known, taken: &mut Vec<String>| {
        let hash = pattern.hash();
        let suffixes =
            std::iter::once(String::new()).chain((2..).map(|number| format!("-{number}")));
        let id = suffixes
            .map(|suffix| format!("{hash}{suffix}"))
            .find(|id| !taken.contains(id))
            .unwrap_or(hash);
        taken.push(id.clone());
        id
    };
    names
        .into_iter()
        .zip(found)
        .map(|(name, pattern)| name.unwrap_or_else(|| fresh(pattern, &mut taken)))
        .collect()
}

/// FNV-1a with 64 bits: small, and the same for ever on every machine.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
