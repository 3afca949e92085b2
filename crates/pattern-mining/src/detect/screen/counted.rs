//! How often one thing followed another until the end of a run: what the next run goes on from.

use std::collections::HashMap;

use super::follow::Count;
use crate::evidence::{Evidence, Series};

/// An odd number without pattern: the golden ratio in 64 bits (Knuth, *The Art of Computer Programming*, volume 3, 6.4).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Counts of what happened until a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How many actions were counted.
    pub(crate) actions: u64,
    /// The hash of those actions, in order.
    pub(crate) hash: u64,
    /// The entity and the state of each series, by number.
    pub(crate) series: Vec<(u32, u32)>,
    /// For each series as effect, how often it followed each of them; behind the last of each effect nobody's.
    pub(crate) counts: Vec<Count>,
    /// Actions that were not counted again, as the run before had counted them.
    pub(crate) taken_over: u64,
}

/// The first actions, by their number and hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    pub(super) actions: usize,
    pub(super) hash: u64,
}

impl Default for Prefix {
    fn default() -> Self {
        Self {
            actions: 0,
            hash: MIX,
        }
    }
}

impl Counted {
    /// How many actions a run did not have to count again, as the run before had counted them.
    pub fn taken_over(&self) -> u64 {
        self.taken_over
    }

    /// The counts of all series after a pass, of which the run before had counted the first actions.
    pub(super) fn new(evidence: &Evidence, counts: Vec<Count>, before: Prefix) -> Self {
        let series = names(evidence);
        Self {
            actions: evidence.actions.len() as u64,
            hash: hash(evidence, &series, before, evidence.actions.len()),
            series,
            counts,
            taken_over: before.actions as u64,
        }
    }

    /// The position of each of its series now; none where what was counted is no longer what is there.
    pub(super) fn places(&self, evidence: &Evidence) -> Option<Vec<usize>> {
        let actions = usize::try_from(self.actions).ok()?;
        let (series, names) = (self.series.len(), names(evidence));
        if actions > evidence.actions.len()
            || series.checked_mul(series + 1) != Some(self.counts.len())
            || hash(evidence, &names, Prefix::default(), actions) != self.hash
        {
            return None;
        }
        let now: HashMap<(u32, u32), usize> = names.into_iter().zip(0..).collect();
        let of = |name: &(u32, u32)| now.get(name).copied();
        self.series.iter().map(of).collect()
    }
}

/// The entity and the number of the state of each series; those that are only watched have no state.
fn names(evidence: &Evidence) -> Vec<(u32, u32)> {
    let name = |series: &Series| {
        let state = evidence.facts[series.entity].state(&series.state);
        let number = state.map_or(u32::MAX, u32::from);
        (series.entity as u32, number)
    };
    evidence.series.iter().map(name).collect()
}

/// The hash of so many actions, in order, of which that of the first is known: instants, entities, states, and whether they are effects. It
/// is no defence against somebody who wants two pasts to look alike, and the past is the home's own.
fn hash(evidence: &Evidence, names: &[(u32, u32)], first: Prefix, actions: usize) -> u64 {
    let named: Vec<u64> = names
        .iter()
        .zip(&evidence.series)
        .map(|(&(entity, state), series)| {
            let name = ((u64::from(entity) << 32) | u64::from(state)).wrapping_mul(MIX);
            name.rotate_left(29) ^ u64::from(series.effect)
        })
        .collect();
    let actions = evidence.actions[first.actions..actions].iter();
    actions.fold(first.hash, |hash, &(at, series)| {
        let action = (at as u64) ^ named[series as usize];
        (hash.rotate_left(23) ^ action).wrapping_mul(MIX)
    })
}
