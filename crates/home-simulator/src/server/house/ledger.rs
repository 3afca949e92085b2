//! The books of what was fired live: for those who check that nothing of it was lost.

use std::collections::VecDeque;
use std::sync::Arc;

use common::instant::UtcMicros;

use super::{House, Inner};
use crate::home::{Attributes, Context, StateChange};
use crate::server::history;

/// A live change, as it was fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// Whose state.
    pub entity_id: Arc<str>,
    /// The new state; empty where it was removed.
    pub state: Arc<str>,
    /// The state was removed: `new_state` was null.
    pub removed: bool,
    /// The new attributes.
    pub attributes: Arc<Attributes>,
    /// Its `last_updated`, in microseconds; of a removal, its `time_fired`.
    pub last_updated_us: i64,
    /// Its `last_changed`, in microseconds.
    pub last_changed_us: i64,
    /// The cause.
    pub context: Context,
    /// Whether somebody was subscribed when it was fired.
    pub heard: bool,
    /// False: it was fired just before [`Simulator::kill`](crate::Simulator::kill), and history does not have it.
    pub recorded: bool,
}

impl Emitted {
    /// The attributes that history has of it: integrations keep some out of the recorder.
    pub fn recorded_attributes(&self) -> Attributes {
        history::recorded_attributes(&self.entity_id, &self.attributes)
    }
}

/// What was fired live.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// The changes, oldest first.
    pub changes: Vec<Emitted>,
    /// Older changes that no longer found room.
    pub dropped: u64,
}

/// The ledger while it is written.
#[derive(Debug)]
pub(super) struct Book {
    capacity: usize,
    changes: VecDeque<Emitted>,
    dropped: u64,
}

impl Book {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            changes: VecDeque::new(),
            dropped: 0,
        }
    }

    pub(super) fn note(&mut self, change: &StateChange, heard: bool) {
        if self.capacity == 0 {
            return;
        }
        if self.changes.len() >= self.capacity {
            self.changes.pop_front();
            self.dropped += 1;
        }
        self.changes.push_back(Emitted {
            entity_id: Arc::clone(&change.entity_id),
            state: Arc::clone(&change.state),
            removed: change.removed,
            attributes: Arc::clone(&change.attributes),
            last_updated_us: change.last_updated.get(),
            last_changed_us: change.last_changed.get(),
            context: change.context,
            heard,
            recorded: true,
        });
    }
}

impl House {
    pub(in crate::server) fn ledger(&self) -> Ledger {
        let book = &self.lock().book;
        Ledger {
            changes: book.changes.iter().cloned().collect(),
            dropped: book.dropped,
        }
    }

    /// Hands the ledger over and begins a new one.
    pub(in crate::server) fn take_ledger(&self) -> Ledger {
        let mut inner = self.lock();
        let capacity = inner.book.capacity;
        let book = std::mem::replace(&mut inner.book, Book::new(capacity));
        Ledger {
            changes: book.changes.into(),
            dropped: book.dropped,
        }
    }

    /// History forgets what is older.
    pub(in crate::server) fn purge(&self, before: UtcMicros) {
        self.lock().recorder.purge(before);
    }

    /// The recorder writes all it has, as at a stop in order.
    pub(in crate::server) fn commit(&self) {
        self.lock().committed = self.clock.now().plus_micros(1);
    }

    /// What the recorder has not written is gone, as after SIGKILL.
    pub(in crate::server) fn lose_unwritten(&self) {
        let Some(written) = self.written() else {
            return;
        };
        let Inner { recorder, book, .. } = &mut *self.lock();
        recorder.forget_from(written);
        for change in &mut book.changes {
            change.recorded &= change.last_updated_us < written.get();
        }
    }
}
