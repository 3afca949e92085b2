//! Everything that people, devices and automations did, in time order.

use std::collections::HashMap;
use std::ops::Range;

use super::Facts;
use crate::report::{LeftOut, Reason};
use crate::timeline::{EVIDENCE, Record};

/// A change of one entity to one of its states.
#[derive(Debug, Clone, Copy)]
pub(super) struct Action {
    pub(super) at: i64,
    /// Number of the entity and state among all of them.
    pub(super) change: u32,
    /// People or devices did it by themselves; otherwise an automation did.
    pub(super) evidence: bool,
}

/// The actions of all entities.
pub(super) struct Order {
    /// In time order; at one instant in order of the change.
    pub(super) actions: Vec<Action>,
    /// The entity of each change.
    pub(super) entity_of: Vec<u32>,
    /// The number of each entity's first change, and behind the last entity the number of all.
    first_change: Vec<u32>,
    /// How many records there are for each reason, and that are evidence.
    by_reason: [u64; EVIDENCE as usize + 1],
}

impl Order {
    /// Puts what was done in order. `records` are in time order.
    pub(super) fn new<'a>(facts: &[Facts], records: impl Iterator<Item = &'a Record>) -> Self {
        let mut first_change = vec![0];
        let mut entity_of = Vec::new();
        for (entity, facts) in facts.iter().enumerate() {
            entity_of.extend(facts.states.iter().map(|_| entity as u32));
            first_change.push(entity_of.len() as u32);
        }
        let most = records.size_hint().1.unwrap_or_default();
        let mut actions: Vec<Action> = Vec::with_capacity(most);
        let mut by_reason = [0_u64; EVIDENCE as usize + 1];
        for record in records {
            by_reason[usize::from(record.why)] += 1;
            let evidence = record.why == EVIDENCE;
            if evidence || record.why == Reason::Automation as u8 {
                actions.push(Action {
                    at: record.at,
                    change: first_change[record.entity as usize] + u32::from(record.state),
                    evidence,
                });
            }
        }
        for instant in actions.chunk_by_mut(|one, other| one.at == other.at) {
            instant.sort_unstable_by_key(|action| action.change);
        }
        Self {
            actions,
            entity_of,
            first_change,
            by_reason,
        }
    }

    /// Counts what is no evidence, by reason.
    pub(super) fn count_left_out(&self, left_out: &mut LeftOut) {
        for (why, &count) in (0..EVIDENCE).zip(&self.by_reason) {
            if let Some(reason) = Reason::from_code(why) {
                left_out.add(reason, count);
            }
        }
    }

    /// The numbers of an entity's changes.
    pub(super) fn changes_of(&self, entity: usize) -> Range<usize> {
        self.first_change[entity] as usize..self.first_change[entity + 1] as usize
    }

    /// These instants of changes, each in order, are no evidence.
    pub(super) fn forget(&mut self, instants: &HashMap<u32, Vec<i64>>) {
        if instants.is_empty() {
            return;
        }
        for action in &mut self.actions {
            let of_change = instants.get(&action.change);
            action.evidence &= of_change.is_none_or(|at| at.binary_search(&action.at).is_err());
        }
    }

    /// The evidence as instants and series, where each change has its series or none.
    pub(super) fn of_series(self, series_of: &[Option<u32>]) -> Vec<(i64, u32)> {
        let actions = self.actions.into_iter();
        actions
            .filter(|action| action.evidence)
            .filter_map(|action| Some((action.at, series_of[action.change as usize]?)))
            .collect()
    }
}
