//! What could be a condition.

use std::collections::HashSet;

use common::entity::domain_of;

use crate::evidence::Evidence;

use super::QUANTILES;

/// An entity whose state is a condition changes at most this often a day.
const MAX_CHANGES_A_DAY: usize = 12;
/// A plug that was switched so often is one that people switch.
const MIN_SWITCHED: usize = 5;

/// What could be a condition in this home.
#[derive(Debug)]
pub struct Conditions {
    /// Entity and number of its state.
    pub(super) states: Vec<(usize, u16)>,
    /// Entities that measure.
    pub(super) numbers: Vec<usize>,
}

impl Conditions {
    /// Looks for entities that hold a state long enough to be a condition, and for measurements.
    pub fn new(evidence: &Evidence) -> Self {
        let days = evidence.days.len().max(1);
        let mut states = Vec::new();
        let mut numbers = Vec::new();
        for (index, facts) in evidence.facts.iter().enumerate() {
            if !facts.members.is_empty() {
                continue;
            }
            let changes = facts.steps.len();
            if (4..=MAX_CHANGES_A_DAY * days).contains(&changes) && !facts.ambient {
                let known = (0..facts.states.len().min(6)).map(|state| (index, state as u16));
                states.extend(known);
            }
            if facts.samples.len() >= 2 * days {
                numbers.push(index);
            }
        }
        // The power of a plug that people switch says only that it is on, which is a state.
        let switched: HashSet<u32> = evidence
            .series
            .iter()
            .filter(|series| series.effect && series.moments.len() >= MIN_SWITCHED)
            .map(|series| &evidence.facts[series.entity])
            .filter(|facts| domain_of(&facts.id) == "switch")
            .filter_map(|facts| facts.device)
            .collect();
        numbers.retain(|&entity| {
            let device = evidence.facts[entity].device;
            device.is_none_or(|device| !switched.contains(&device))
        });
        Self { states, numbers }
    }

    /// How many are tried for a pair.
    pub fn len(&self) -> usize {
        4 + self.states.len() + 2 * QUANTILES.len() * self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
