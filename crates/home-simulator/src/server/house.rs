//! The running home: its states, its recorder, its clients. One lock, so that what is stored and what is told have one order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::clock::Clock;
use common::instant::UtcMicros;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::client::{Client, Leave, Seat};
use super::recorder::Recorder;
use super::{is_token, wire};
use crate::home::{Attributes, Chatty, Context, Home, StateChange};

mod ledger;
mod registries;
mod trouble;

use ledger::Book;
pub use ledger::{Emitted, Ledger};

use registries::Registries;
pub use registries::Registry;

/// Who asks for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Device,
    User,
}

/// The running home.
#[derive(Debug)]
pub(super) struct House {
    pub(super) home: Home,
    pub(super) clock: Clock,
    pub(super) recorder_lag: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    current: BTreeMap<Arc<str>, StateChange>,
    recorder: Recorder,
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    contexts: u64,
    book: Book,
    /// The recorder has written everything before this, whatever its lag.
    committed: UtcMicros,
    token: Option<SecretString>,
    core_state: String,
    registries: Registries,
    /// When it was started and stopped, for the logbook; a life has few of these.
    core_marks: Vec<(UtcMicros, &'static str)>,
    /// Components and commands that it does as if it did not know.
    refused: BTreeSet<String>,
    /// Most rows of history in one answer; a larger question is never answered.
    max_answer_rows: usize,
}

impl House {
    pub(super) fn new(
        home: Home,
        (clock, recorder_lag): (Clock, Duration),
        ledger_capacity: usize,
        token: SecretString,
        recorder: Recorder,
    ) -> Self {
        let latest = recorder
            .latest()
            .map(|change| (Arc::clone(&change.entity_id), change.clone()));
        let inner = Inner {
            current: latest.collect(),
            recorder,
            clients: BTreeMap::new(),
            next_client: 0,
            contexts: 0,
            book: Book::new(ledger_capacity),
            committed: UtcMicros::default(),
            token: Some(token),
            core_state: "RUNNING".to_owned(),
            registries: Registries::new(&home),
            core_marks: Vec::new(),
            refused: BTreeSet::new(),
            max_answer_rows: usize::MAX,
        };
        Self {
            home,
            clock,
            recorder_lag,
            inner: Mutex::new(inner),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a client in.
    pub(super) fn join(&self, token: &str) -> Option<Seat> {
        let mut inner = self.lock();
        if !is_token(inner.token.as_ref(), token) {
            return None;
        }
        let id = inner.next_client;
        inner.next_client += 1;
        let (client, seat) = Client::new(id);
        inner.clients.insert(id, client);
        Some(seat)
    }

    pub(super) fn leave(&self, client: u64) {
        self.lock().clients.remove(&client);
    }

    pub(super) fn connections(&self) -> usize {
        self.lock().clients.len()
    }

    /// The client that has most messages waiting, if those are more than `backlog`; without those that are leaving or left out.
    pub(super) fn furthest_behind(&self, backlog: usize, without: &BTreeSet<u64>) -> Option<u64> {
        let inner = self.lock();
        let behind = inner.clients.iter().filter(|(id, client)| {
            !client.is_leaving() && client.pending() > backlog && !without.contains(id)
        });
        behind
            .max_by_key(|(_, client)| client.pending())
            .map(|(&id, _)| id)
    }

    pub(super) fn dismiss(&self, reason: Leave) {
        self.lock()
            .clients
            .values()
            .for_each(|client| client.leave(reason));
    }

    /// Does something with a client that may be gone.
    pub(super) fn with_client<T>(&self, id: u64, act: impl FnOnce(&mut Client) -> T) -> Option<T> {
        self.lock().clients.get_mut(&id).map(act)
    }

    pub(super) fn token(&self) -> Option<SecretString> {
        self.lock().token.clone()
    }

    pub(super) fn is_token(&self, text: &str) -> bool {
        is_token(self.lock().token.as_ref(), text)
    }

    pub(super) fn set_token(&self, token: Option<SecretString>) {
        self.lock().token = token;
        self.dismiss(Leave::Revoked);
    }

    pub(super) fn core_state(&self) -> String {
        self.lock().core_state.clone()
    }

    pub(super) fn set_core_state(&self, state: &str) {
        state.clone_into(&mut self.lock().core_state);
        if state == "RUNNING" {
            self.mark_core("started");
            self.fire("homeassistant_started", By::Device, json!({}));
        }
    }

    pub(super) fn recorded(&self) -> usize {
        self.lock().recorder.len()
    }

    /// All states, as a JSON array.
    pub(super) fn states(&self) -> String {
        wire::states(self.lock().current.values())
    }

    pub(super) fn state(&self, entity_id: &str) -> Option<StateChange> {
        self.lock().current.get(entity_id).cloned()
    }

    pub(super) fn current(&self) -> Vec<StateChange> {
        self.lock().current.values().cloned().collect()
    }

    /// Rows of history, none younger than what the recorder has written by now.
    pub(super) fn rows(
        &self,
        entity_id: &str,
        start: UtcMicros,
        end: UtcMicros,
    ) -> (Option<StateChange>, Vec<StateChange>) {
        let end = self.written().map_or(end, |at| end.min(at));
        self.lock().recorder.between(entity_id, start, end)
    }

    fn context(inner: &mut Inner, at: UtcMicros, user: Option<u128>) -> Context {
        inner.contexts += 1;
        Context::new(at, inner.contexts, user)
    }

    fn user(&self, by: By) -> Option<u128> {
        (by == By::User).then(|| self.home.user(0))
    }

    /// Sets a state with the attributes that it usually has.
    pub(super) fn set_by_device(&self, entity_id: &str, state: &str) -> Option<UtcMicros> {
        let first_id = self.lock().registries.first_id(entity_id);
        let attributes = self.home.attributes(&first_id, state);
        self.set(entity_id, state, attributes, By::Device)
    }

    /// Sets a state now. Nothing is fired and nothing returned where nothing changes.
    pub(super) fn set(
        &self,
        entity_id: &str,
        state: &str,
        attributes: Attributes,
        by: By,
    ) -> Option<UtcMicros> {
        let (now, user) = (self.clock.now(), self.user(by));
        let context = Self::context(&mut self.lock(), now, user);
        self.set_in(entity_id, state, attributes, context)
    }

    /// Sets a state now, in the context of what caused it.
    pub(super) fn set_in(
        &self,
        entity_id: &str,
        state: &str,
        attributes: Attributes,
        context: Context,
    ) -> Option<UtcMicros> {
        let mut inner = self.lock();
        // The time is taken under the lock, so that stamps have the order in which clients hear of them.
        let now = self.clock.now();
        let change = StateChange {
            entity_id: entity_id.into(),
            state: state.into(),
            attributes: Arc::new(attributes),
            last_changed: now,
            last_updated: now,
            removed: false,
            context,
        };
        Self::apply(&mut inner, change)
    }

    /// Carries out a change of the home's life, at the instant that it says.
    pub(super) fn live(&self, mut change: StateChange) {
        let mut inner = self.lock();
        // The life knows entities by the ids that they began with.
        let Some(now) = inner.registries.id_of_now(&change.entity_id) else {
            return;
        };
        change.entity_id = now;
        Self::apply(&mut inner, change);
    }

    fn apply(inner: &mut Inner, mut change: StateChange) -> Option<UtcMicros> {
        let old = inner.current.get(&change.entity_id).cloned();
        let same_state = old.as_ref().filter(|old| old.state == change.state);
        if same_state.is_some_and(|old| old.attributes == change.attributes) {
            return None;
        }
        inner.stamp(&mut change);
        change.last_changed = same_state.map_or(change.last_updated, |old| old.last_changed);
        let at = change.last_updated;
        let event = wire::state_changed(old.as_ref(), Some(&change), (at, &change.context));
        inner
            .current
            .insert(Arc::clone(&change.entity_id), change.clone());
        inner.write_down(change);
        tell(inner, "state_changed", &event);
        Some(at)
    }

    /// Removes a state.
    pub(super) fn remove(&self, entity_id: &str) -> bool {
        let now = self.clock.now();
        let mut inner = self.lock();
        let Some(old) = inner.current.remove(entity_id) else {
            return false;
        };
        let context = Self::context(&mut inner, now, None);
        let mut change = StateChange {
            entity_id: Arc::clone(&old.entity_id),
            state: "".into(),
            attributes: Arc::default(),
            last_changed: now,
            last_updated: now,
            removed: true,
            context,
        };
        inner.stamp(&mut change);
        change.last_changed = change.last_updated;
        let event = wire::state_changed(Some(&old), None, (change.last_updated, &context));
        inner.write_down(change);
        tell(&mut inner, "state_changed", &event);
        true
    }

    /// Forgets all states and clients, as a restart does: what is set next has no old state. History stays.
    pub(super) fn forget_current(&self) {
        let mut inner = self.lock();
        inner.current.clear();
        inner.clients.clear();
    }

    /// Fires an event that is not about a state.
    pub(super) fn fire(&self, event_type: &'static str, by: By, data: Value) -> Context {
        let (now, user) = (self.clock.now(), self.user(by));
        let mut inner = self.lock();
        let context = Self::context(&mut inner, now, user);
        let event = wire::event(event_type, now, &context, data);
        tell(&mut inner, event_type, &event);
        context
    }

    /// One more reading of a chatty sensor, `steps` usual steps away from the last. False where it shows the same.
    pub(super) fn nudge(&self, sensor: &Chatty, steps: f64) -> bool {
        let Some(old) = self.state(sensor.entity_id) else {
            return false;
        };
        let middle = f64::midpoint(sensor.range.0, sensor.range.1);
        let now: f64 = old.state.parse().unwrap_or(middle);
        let next = (now + steps * sensor.step).clamp(sensor.range.0, sensor.range.1);
        let state = format!("{next:.*}", sensor.decimals);
        self.set_by_device(sensor.entity_id, &state).is_some()
    }
}

impl Inner {
    /// Two changes of an entity never have one stamp: it is the name of the row.
    fn stamp(&self, change: &mut StateChange) {
        if let Some(last) = self.recorder.last(&change.entity_id) {
            change.last_updated = change.last_updated.max(last.last_updated.plus_micros(1));
        }
    }

    /// Into the ledger and into history.
    fn write_down(&mut self, change: StateChange) {
        let heard = self.clients.values().any(Client::hears_changes);
        self.book.note(&change, heard);
        self.recorder.remember(change);
    }
}

fn tell(inner: &mut Inner, event_type: &str, event: &str) {
    inner
        .clients
        .values_mut()
        .for_each(|client| client.tell(event_type, event));
}
