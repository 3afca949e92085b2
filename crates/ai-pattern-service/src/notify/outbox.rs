//! What is waiting to be said: bounded, the newest kept, nothing counted as said before it was acknowledged.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::notify::message::Message;

/// Messages that wait at most; beyond that the oldest is dropped and counted.
const MAX_WAITING: usize = 1_000;

/// The messages that wait. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outbox(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    posted: Notify,
    acknowledged: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Not yet handed to a connection.
    waiting: VecDeque<Message>,
    /// Ids of habits whose messages are with a connection, not yet acknowledged.
    under_way: Vec<String>,
    /// Ids of habits whose messages were acknowledged, not yet marked in the tables.
    acknowledged: Vec<String>,
}

impl Outbox {
    /// Puts a message in the queue. A habit that waits already, or is under way, is not put in twice.
    pub fn post(&self, message: Message) {
        {
            let mut state = self.lock();
            if let Some(id) = message.pattern_id() {
                let queued = state
                    .waiting
                    .iter()
                    .any(|other| other.pattern_id() == Some(id));
                if queued
                    || state
                        .under_way
                        .iter()
                        .chain(&state.acknowledged)
                        .any(|other| other == id)
                {
                    return;
                }
            }
            state.waiting.push_back(message);
            if state.waiting.len() > MAX_WAITING
                && let Some(dropped) = state.waiting.pop_front()
            {
                metrics::counter!("homeiq_mqtt_dropped_total", "reason" => "queue_full")
                    .increment(1);
                tracing::warn!(topic = %dropped.topic(), "too many messages wait for a broker: the oldest is dropped");
            }
        }
        self.0.posted.notify_one();
    }

    /// Messages that wait or are under way.
    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Resolves when something was posted since the last time.
    pub(super) async fn posted(&self) {
        self.0.posted.notified().await;
    }

    /// The next message, which is under way from now on.
    pub(super) fn take(&self) -> Option<Message> {
        let mut state = self.lock();
        let message = state.waiting.pop_front()?;
        if let Some(id) = message.pattern_id() {
            state.under_way.push(id.to_owned());
        }
        Some(message)
    }

    /// Puts messages that were under way when a connection broke back in front, in their order.
    pub(super) fn put_back(&self, messages: Vec<Message>) {
        let mut state = self.lock();
        for message in messages.into_iter().rev() {
            if let Some(id) = message.pattern_id() {
                state.under_way.retain(|other| other != id);
            }
            state.waiting.push_front(message);
        }
    }

    /// The broker has acknowledged a message.
    pub(super) fn arrived(&self, message: &Message) {
        if let Some(id) = message.pattern_id() {
            let mut state = self.lock();
            state.under_way.retain(|other| other != id);
            state.acknowledged.push(id.to_owned());
            drop(state);
            self.0.acknowledged.notify_one();
        }
    }

    /// Waits for acknowledged habits. They stay acknowledged until [`Self::marked`].
    pub(crate) async fn acknowledged(&self) -> Vec<String> {
        loop {
            let ids = self.lock().acknowledged.clone();
            if !ids.is_empty() {
                return ids;
            }
            self.0.acknowledged.notified().await;
        }
    }

    /// The tables know that this habit was told.
    pub(crate) fn marked(&self, id: &str) {
        self.lock().acknowledged.retain(|other| other != id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::habit;
    use crate::notify::message::PatternEvent;

    fn found(id: &str) -> Message {
        Message::Pattern(PatternEvent::from(&habit(id, 420, 0.8)))
    }

    fn ids(outbox: &Outbox) -> Vec<String> {
        std::iter::from_fn(|| outbox.take())
            .filter_map(|m| m.pattern_id().map(str::to_owned))
            .collect()
    }

    #[test]
    fn the_newest_are_kept_when_no_broker_comes() {
        let outbox = Outbox::default();
        for number in 0..MAX_WAITING + 5 {
            outbox.post(found(&number.to_string()));
        }
        assert_eq!(outbox.waiting(), MAX_WAITING);
        assert_eq!(ids(&outbox).first().map(String::as_str), Some("5"));
    }

    #[test]
    fn a_habit_waits_only_once_wherever_it_is_on_its_way() {
        let outbox = Outbox::default();
        outbox.post(found("a"));
        outbox.post(found("a"));
        assert_eq!(outbox.waiting(), 1);
        let message = outbox.take().unwrap();
        outbox.post(found("a"));
        assert_eq!(outbox.waiting(), 0, "it is under way");
        outbox.arrived(&message);
        outbox.post(found("a"));
        assert_eq!(outbox.waiting(), 0, "it is being marked");
        outbox.marked("a");
        outbox.post(found("a"));
        assert_eq!(outbox.waiting(), 1, "whoever posts it now means it");
    }

    #[test]
    fn what_was_under_way_goes_first_in_its_old_order() {
        let outbox = Outbox::default();
        for id in ["a", "b", "c"] {
            outbox.post(found(id));
        }
        let lost = vec![outbox.take().unwrap(), outbox.take().unwrap()];
        outbox.put_back(lost);
        assert_eq!(ids(&outbox), ["a", "b", "c"]);
    }
}
