//! Sensors of which nobody said what they are, in a home in which it is said of others, and which follow whatever is done near them: they
//! see whoever walks by.

use std::collections::{HashMap, HashSet};

use common::entity::domain_of;

use crate::detect::link::Link;
use crate::evidence::{Evidence, Facts};

/// What follows so many different things is nobody's habit.
const FOLLOWS: usize = 3;

/// The entities among these links that see whoever walks by.
pub(super) fn who_walks_by<'a>(
    links: impl Iterator<Item = &'a Link>,
    evidence: &Evidence,
) -> HashSet<usize> {
    let is_sensor = |facts: &Facts| domain_of(&facts.id) == "binary_sensor";
    let mut sensors = evidence.facts.iter().filter(|facts| is_sensor(facts));
    if !sensors.any(|facts| facts.class.is_some()) {
        return HashSet::new();
    }
    let mut triggers: HashMap<usize, HashSet<usize>> = HashMap::new();
    for link in links {
        let (from, to) = super::link_ends(link, evidence);
        let facts = &evidence.facts[to];
        if facts.class.is_none() && is_sensor(facts) {
            triggers.entry(to).or_default().insert(from);
        }
    }
    triggers.retain(|_, triggers| triggers.len() >= FOLLOWS);
    triggers.into_keys().collect()
}
