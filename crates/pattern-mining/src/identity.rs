//! The name that a habit keeps from run to run.

use common::entity::EntityId;
use common::pattern::{DayClass, Pattern, PatternKind};

use crate::detect::time_of_day::apart;

/// Minutes of the day that a new id is made of are rounded to this.
const SLOT: i64 = 30;
/// A habit that moved by no more than this many minutes since the last run is the same one.
const DRIFT: i64 = 45;

/// What makes a habit this one.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Its kind.
    pub kind: PatternKind,
    /// Who takes part.
    pub entity: &'a EntityId,
    /// The state reached.
    pub state: &'a str,
    /// The days.
    pub days: DayClass,
    /// The minute of the day.
    pub minute: i64,
}

impl Identity<'_> {
    /// A new id: a hash of kind, entity, state, day class and slot of the day.
    pub fn hash(&self) -> String {
        let slot = ((self.minute + SLOT / 2) / SLOT) % (1440 / SLOT);
        let text = format!(
            "{}|{}|{}|{}|{slot}",
            self.kind.as_str(),
            self.entity,
            self.state,
            self.days.as_str()
        );
        format!("{:016x}", fnv1a(text.as_bytes()))
    }

    /// How far this habit is from one of an earlier run: `None` when it is another one.
    fn distance(&self, known: &Pattern) -> Option<(bool, i64)> {
        let same = known.kind == self.kind
            && known.entities.first() == Some(self.entity)
            && known
                .states
                .first()
                .is_some_and(|state| state == self.state);
        let moved = apart(i64::from(known.time_of_day_minutes), self.minute);
        (same && moved <= DRIFT).then_some((known.days != self.days, moved))
    }
}

/// Gives each habit the id of the nearest one of the last run, so that it survives a drift across the edge of a slot or a
/// change of its days; each old id is given once, and what is new gets a hash.
pub fn name_all(habits: &[Identity<'_>], known: &[Pattern]) -> Vec<String> {
    let mut pairs: Vec<((bool, i64), usize, usize)> = Vec::new();
    for (habit, identity) in habits.iter().enumerate() {
        let near = known.iter().enumerate();
        pairs.extend(
            near.filter_map(|(old, pattern)| Some((identity.distance(pattern)?, habit, old))),
        );
    }
    pairs.sort_unstable();
    let mut names: Vec<Option<String>> = vec![None; habits.len()];
    let mut given = vec![false; known.len()];
    for (_, habit, old) in pairs {
        if names[habit].is_none() && !given[old] {
            names[habit] = Some(known[old].id.clone());
            given[old] = true;
        }
    }
    // A new id must not be one that another habit brought along when it drifted here.
    let mut taken: Vec<String> = names.iter().flatten().cloned().collect();
    let fresh = |identity: &Identity<'_>, taken: &mut Vec<String>| {
        let hash = identity.hash();
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
        .zip(habits)
        .map(|(name, identity)| name.unwrap_or_else(|| fresh(identity, &mut taken)))
        .collect()
}

/// FNV-1a with 64 bits: small, and the same for ever on every machine.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
