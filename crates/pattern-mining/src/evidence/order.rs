//! Everything that people, devices and automations did, in time order.

use std::collections::HashMap;

use super::changes::Changes;
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
pub(super) struct Order<'a> {
    /// In time order; at one instant in order of the change.
    pub(super) actions: Vec<Action>,
    pub(super) changes: &'a Changes,
    /// How many records there are for each reason, and that are evidence.
    by_reason: [u64; EVIDENCE as usize + 1],
}

impl<'a> Order<'a> {
    /// Puts what was done in order. `records` are in time order.
    pub(super) fn new<'r>(changes: &'a Changes, records: impl Iterator<Item = &'r Record>) -> Self {
        let most = records.size_hint().1.unwrap_or_default();
        let mut actions: Vec<Action> = Vec::with_capacity(most);
        let mut by_reason = [0_u64; EVIDENCE as usize + 1];
        for record in records {
            by_reason[usize::from(record.why)] += 1;
            let evidence = record.why == EVIDENCE;
            if evidence || record.why == Reason::Automation as u8 {
                actions.push(Action {
                    at: record.at,
                    change: changes.to(record.entity as usize, record.state),
                    evidence,
                });
            }
        }
        for instant in actions.chunk_by_mut(|one, other| one.at == other.at) {
            instant.sort_unstable_by_key(|action| action.change);
        }
        Self {
            actions,
            changes,
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
