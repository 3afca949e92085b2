//! Entities that only repeat what another one does: an indicator, a group, a lamp that an automation without context drives.
//!
//! A person needs more than a second, and sometimes does not. What follows nearly always, and within a second, is a machine's.

use std::collections::HashMap;

use common::entity::domain_of;
use foldhash::fast::FixedState;

use crate::evidence::Facts;
use crate::report::Reason;
use crate::timeline::{EVIDENCE, Record};

/// An echo comes within this many microseconds.
const ECHO_WITHIN: i64 = 1_200_000;
/// Smallest share of one entity's changes to a state that the other must echo.
const ECHO_SHARE: f64 = 0.8;
/// Fewest echoes.
const MIN_ECHOES: u32 = 6;

/// A change of one entity to one of its states.
#[derive(Debug, Clone, Copy)]
struct Action {
    at: i64,
    entity: u32,
    /// Number of the entity and state among all of them.
    change: u32,
}

/// How often one change was close to another.
type Counts = HashMap<(u32, u32), u32, FixedState>;

/// Takes the evidence from changes that are echoes; returns how many. What an automation did has echoes too. `records` are in time
/// order and those that the entities' steps were made of.
pub(super) fn silence<'a>(facts: &mut [Facts], records: impl Iterator<Item = &'a Record>) -> u64 {
    let first_change = numbers(facts);
    let actions = actions(records, &first_change);
    let mut totals = vec![0_u32; first_change[facts.len()] as usize];
    for action in &actions {
        totals[action.change as usize] += 1;
    }
    let mut echoes = Counts::default();
    each_close(&actions, |first, second| {
        *echoes.entry((first.change, second.change)).or_default() += 1;
    });
    let entity = |change: u32| first_change.partition_point(|&first| first <= change) - 1;
    echoes.retain(|&(first, second), count| {
        let (one, other) = (&facts[entity(first)], &facts[entity(second)]);
        let total = totals[first as usize];
        let often = *count >= MIN_ECHOES && f64::from(*count) >= ECHO_SHARE * f64::from(total);
        is_one_device(one, other) || (often && !is_scene(one, other))
    });
    if echoes.is_empty() {
        return 0;
    }
    let mut silenced: Vec<(u32, i64)> = Vec::new();
    each_close(&actions, |first, second| {
        if echoes.contains_key(&(first.change, second.change)) {
            silenced.push((second.entity, second.at));
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

/// The number of each entity's first change, and behind the last entity the number of all.
fn numbers(facts: &[Facts]) -> Vec<u32> {
    let mut first = 0;
    let mut numbers = vec![0];
    numbers.extend(facts.iter().map(|facts| {
        first += facts.states.len() as u32;
        first
    }));
    numbers
}

/// What people, devices and automations did, in time order; at one instant in order of the change.
fn actions<'a>(records: impl Iterator<Item = &'a Record>, first_change: &[u32]) -> Vec<Action> {
    let mut actions: Vec<Action> = records
        .filter(|record| record.why == EVIDENCE || record.why == Reason::Automation as u8)
        .map(|record| Action {
            at: record.at,
            entity: record.entity,
            change: first_change[record.entity as usize] + u32::from(record.state),
        })
        .collect();
    for instant in actions.chunk_by_mut(|one, other| one.at == other.at) {
        instant.sort_unstable_by_key(|action| action.change);
    }
    actions
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
fn each_close(actions: &[Action], mut see: impl FnMut(&Action, &Action)) {
    let mut oldest = 0;
    for (place, action) in actions.iter().enumerate() {
        while action.at - actions[oldest].at > ECHO_WITHIN {
            oldest += 1;
        }
        for first in &actions[oldest..place] {
            if first.entity != action.entity {
                see(first, action);
            }
        }
    }
}
