//! What Home Assistant's recorder remembers, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use common::instant::UtcMicros;

use crate::home::StateChange;

/// Rows that an entity may add to its past before its oldest are forgotten.
const MAX_NEW_ROWS: usize = 30_000;

/// All state changes by entity, oldest first.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    rows: BTreeMap<Arc<str>, VecDeque<StateChange>>,
    max_rows: usize,
    /// Rows that were forgotten because there were too many.
    forgotten: u64,
}

impl Recorder {
    /// A memory that begins with a past.
    pub(super) fn new(past: impl Iterator<Item = StateChange>) -> Self {
        let mut rows: BTreeMap<Arc<str>, VecDeque<StateChange>> = BTreeMap::new();
        for change in past {
            rows.entry(Arc::clone(&change.entity_id))
                .or_default()
                .push_back(change);
        }
        let longest = rows.values().map(VecDeque::len).max().unwrap_or_default();
        Self {
            rows,
            max_rows: longest + MAX_NEW_ROWS,
            forgotten: 0,
        }
    }

    pub(super) fn remember(&mut self, change: StateChange) {
        let rows = self.rows.entry(Arc::clone(&change.entity_id)).or_default();
        rows.push_back(change);
        if rows.len() > self.max_rows {
            rows.pop_front();
            if self.forgotten == 0 {
                tracing::warn!("the simulator's history is full; the oldest rows are forgotten");
            }
            self.forgotten += 1;
        }
    }

    /// Has an entity's rows under another id; where that has rows of its own, they stay apart, as in Home Assistant.
    pub(super) fn rename(&mut self, old: &str, new: &str) {
        if self.rows.contains_key(new) {
            return;
        }
        let id: Arc<str> = new.into();
        if let Some(mut rows) = self.rows.remove(old) {
            for row in &mut rows {
                row.entity_id = Arc::clone(&id);
            }
            self.rows.insert(id, rows);
        }
    }

    /// The state that each entity had last, unless it was removed.
    pub(super) fn latest(&self) -> impl Iterator<Item = &StateChange> {
        let last = self.rows.values().filter_map(|rows| rows.back());
        last.filter(|row| !row.removed)
    }

    /// The last row of an entity.
    pub(super) fn last(&self, entity_id: &str) -> Option<&StateChange> {
        self.rows.get(entity_id)?.back()
    }

    /// Forgets the rows at or after an instant.
    pub(super) fn forget_from(&mut self, at: UtcMicros) {
        for rows in self.rows.values_mut() {
            rows.truncate(rows.partition_point(|row| row.last_updated < at));
        }
    }

    /// Forgets the rows before an instant.
    pub(super) fn purge(&mut self, before: UtcMicros) {
        for rows in self.rows.values_mut() {
            drop(rows.drain(..rows.partition_point(|row| row.last_updated < before)));
        }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.values().map(VecDeque::len).sum()
    }

    /// Ids of all entities that it has rows of.
    pub(super) fn entity_ids(&self) -> Vec<Arc<str>> {
        self.rows.keys().map(Arc::clone).collect()
    }

    /// Number of rows at or after an instant.
    pub(super) fn younger_than(&self, at: UtcMicros) -> usize {
        self.rows
            .values()
            .map(|rows| rows.len() - rows.partition_point(|row| row.last_updated < at))
            .sum()
    }

    /// An entity's rows between two instants, both excluded, and the row before them.
    pub(super) fn between(
        &self,
        entity_id: &str,
        start: UtcMicros,
        end: UtcMicros,
    ) -> (Option<StateChange>, Vec<StateChange>) {
        let Some(rows) = self.rows.get(entity_id) else {
            return (None, Vec::new());
        };
        let before = rows.partition_point(|row| row.last_updated < start);
        let from = rows.partition_point(|row| row.last_updated <= start);
        let until = rows.partition_point(|row| row.last_updated < end).max(from);
        let first = before.checked_sub(1).and_then(|at| rows.get(at)).cloned();
        (first, rows.range(from..until).cloned().collect())
    }
}
