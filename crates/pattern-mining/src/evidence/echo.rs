//! Entities that only repeat what another one does: an indicator, a group, a lamp that an automation without context drives, which also
//! puts it off after a while.
//!
//! A person needs more than a second, and sometimes does not. What follows nearly always, and within a second, is a machine's.

use std::collections::HashMap;

use common::entity::domain_of;
use foldhash::fast::FixedState;

use super::order::Order;
use crate::evidence::Facts;
use crate::noise;

/// An echo comes within this many microseconds.
const ECHO_WITHIN: i64 = 1_200_000;
/// Smallest share of one entity's changes to a state that the other must echo.
const ECHO_SHARE: f64 = 0.8;
/// Fewest echoes.
const MIN_ECHOES: u32 = 6;
/// What goes on so often only when somebody has just walked by is run by a machine, which also puts it off.
const DRIVEN_SHARE: f64 = 0.9;
/// Fewest times of that.
const MIN_DRIVEN: u32 = 20;

/// How often one change was close to another.
type Counts = HashMap<(u32, u32), u32, FixedState>;

/// Takes the evidence from changes that are echoes; returns the entities and instants of those. What an automation did has echoes too.
pub(super) fn silence(facts: &[Facts], order: &mut Order<'_>) -> Vec<(usize, i64)> {
    let mut totals = vec![0_u32; order.changes.len()];
    for action in &order.actions {
        totals[action.change as usize] += 1;
    }
    let mut echoes = Counts::default();
    each_close(
        order,
        |_| true,
        |first, second| {
            let pair = (order.actions[first].change, order.actions[second].change);
            *echoes.entry(pair).or_default() += 1;
        },
    );
    let facts_of = |change: u32| &facts[order.changes.entity_of(change)];
    let mut driven = vec![false; facts.len()];
    for (&(first, second), &count) in &echoes {
        if count >= MIN_DRIVEN
            && f64::from(count) >= DRIVEN_SHARE * f64::from(totals[second as usize])
            && is_on(second, order, facts)
            && facts_of(first).ambient
            && !facts_of(second).ambient
        {
            driven[order.changes.entity_of(second)] = true;
        }
    }
    echoes.retain(|&(first, second), count| {
        let (one, other) = (facts_of(first), facts_of(second));
        let total = totals[first as usize];
        let often = *count >= MIN_ECHOES && f64::from(*count) >= ECHO_SHARE * f64::from(total);
        is_one_device(one, other) || (often && !is_scene(one, other))
    });
    if echoes.is_empty() && !driven.contains(&true) {
        return Vec::new();
    }
    let mut may_echo = vec![false; order.changes.len()];
    for &(_, second) in echoes.keys() {
        may_echo[second as usize] = true;
    }
    let mut silenced = vec![false; order.actions.len()];
    let is_asked = |change: u32| may_echo[change as usize];
    each_close(order, is_asked, |first, second| {
        let pair = (order.actions[first].change, order.actions[second].change);
        if echoes.contains_key(&pair) {
            // A person follows its phone at once, and is whom the habit is of.
            let (one, other) = (
                domain_of(&facts_of(pair.0).id),
                domain_of(&facts_of(pair.1).id),
            );
            let is_phone = one == "device_tracker" && other == "person";
            silenced[if is_phone { first } else { second }] = true;
        }
    });
    let mut found = Vec::new();
    for (action, silenced) in order.actions.iter_mut().zip(silenced) {
        let entity = order.changes.entity_of(action.change);
        if (silenced || driven[entity]) && action.evidence {
            action.evidence = false;
            found.push((entity, action.at));
        }
    }
    found
}

/// Whether a change is one to a state in which the thing is at work.
fn is_on(change: u32, order: &Order<'_>, facts: &[Facts]) -> bool {
    let entity = order.changes.entity_of(change);
    let state = change as usize - order.changes.of(entity).start;
    noise::is_active(&facts[entity].states[state])
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

/// Every pair of places at which changes of two entities lie close enough, in order, for the second changes that are asked for.
fn each_close(
    order: &Order<'_>,
    is_asked: impl Fn(u32) -> bool,
    mut see: impl FnMut(usize, usize),
) {
    let actions = &order.actions;
    let entity = |place: usize| order.changes.entity_of(actions[place].change);
    let mut oldest = 0;
    for place in 0..actions.len() {
        while actions[place].at - actions[oldest].at > ECHO_WITHIN {
            oldest += 1;
        }
        if !is_asked(actions[place].change) {
            continue;
        }
        for first in oldest..place {
            if entity(first) != entity(place) {
                see(first, place);
            }
        }
    }
}
