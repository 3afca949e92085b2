//! Entities that only repeat what another one does: an indicator, a group, a lamp that an automation without context drives.
//!
//! A person needs more than a second, and sometimes does not. What follows nearly always, and within a second, is a machine's.

use std::collections::{HashMap, VecDeque};

use common::entity::domain_of;

use crate::evidence::Facts;

/// An echo comes within this many microseconds.
const ECHO_WITHIN: i64 = 1_200_000;
/// Smallest share of one entity's changes to a state that the other must echo.
const ECHO_SHARE: f64 = 0.8;
/// Fewest echoes.
const MIN_ECHOES: u32 = 6;

/// A change to a state: entity and number of the state.
type Change = (u32, u16);

/// Takes the evidence from changes that are echoes; returns how many. What an automation did has echoes too.
pub(super) fn silence(facts: &mut [Facts]) -> u64 {
    let mut actions: Vec<(i64, Change)> = Vec::new();
    let mut totals: HashMap<Change, u32> = HashMap::new();
    for (entity, facts) in facts.iter().enumerate() {
        for step in facts
            .steps
            .iter()
            .filter(|step| step.evidence || step.automated)
        {
            let change = (entity as u32, step.state);
            actions.push((step.at, change));
            *totals.entry(change).or_default() += 1;
        }
    }
    actions.sort_unstable();
    let mut echoes: HashMap<(Change, Change), u32> = HashMap::new();
    each_close(&actions, |first, second| {
        *echoes.entry((first.1, second.1)).or_default() += 1;
    });
    echoes.retain(|(first, second), count| {
        let (one, other) = (&facts[first.0 as usize], &facts[second.0 as usize]);
        let often =
            *count >= MIN_ECHOES && f64::from(*count) >= ECHO_SHARE * f64::from(totals[first]);
        is_one_device(one, other) || (often && !is_scene(one, other))
    });
    if echoes.is_empty() {
        return 0;
    }
    let mut silenced: Vec<(u32, i64)> = Vec::new();
    each_close(&actions, |first, second| {
        if echoes.contains_key(&(first.1, second.1)) {
            silenced.push((second.1.0, second.0));
        }
    });
    silenced.sort_unstable();
    silenced.dedup();
    let mut count = 0;
    for &(entity, at) in &silenced {
        let steps = &mut facts[entity as usize].steps;
        let place = steps.partition_point(|step| step.at < at);
        if let Some(step) = steps.get_mut(place).filter(|step| step.evidence) {
            step.evidence = false;
            count += 1;
        }
    }
    count
}

fn is_one_device(one: &Facts, other: &Facts) -> bool {
    one.device.is_some() && one.device == other.device
}

/// Two things of one domain with devices of their own that go together: people set scenes, and that is a habit.
fn is_scene(one: &Facts, other: &Facts) -> bool {
    one.device.is_some()
        && other.device.is_some()
        && one.device != other.device
        && domain_of(&one.id) == domain_of(&other.id)
}

/// Every pair of changes of two entities that lie close enough, in order.
fn each_close(actions: &[(i64, Change)], mut see: impl FnMut(&(i64, Change), &(i64, Change))) {
    let mut recent: VecDeque<&(i64, Change)> = VecDeque::new();
    for action in actions {
        while recent
            .front()
            .is_some_and(|first| action.0 - first.0 > ECHO_WITHIN)
        {
            recent.pop_front();
        }
        for first in &recent {
            if first.1.0 != action.1.0 {
                see(first, action);
            }
        }
        recent.push_back(action);
    }
}
