//! What the house knows of one authenticated connection: its subscriptions and its bounded queue.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::wire;

/// Most messages that may wait for a client, as in Home Assistant.
pub(super) const MAX_PENDING: usize = 4096;
/// A queue that stays longer than this for [`PEAK_TIME`] is too long as well.
const PEAK: usize = 1024;
const PEAK_TIME: Duration = Duration::from_secs(10);
/// Most subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 256;

/// Why a connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// It does not keep up.
    TooSlow,
    /// Its token is no longer valid.
    Revoked,
    /// The simulator stops.
    Stopping,
    /// The network breaks.
    Cut,
}

/// The house's end of a connection.
#[derive(Debug)]
pub(super) struct Client {
    queue: mpsc::Sender<String>,
    leave: watch::Sender<Option<Leave>>,
    /// By the id of the command that made them: the event type, or all.
    subscriptions: BTreeMap<u64, Option<String>>,
    over_peak_since: Option<Instant>,
}

/// The connection's end.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: u64,
    pub(super) queue: mpsc::Receiver<String>,
    pub(super) leave: watch::Receiver<Option<Leave>>,
}

impl Client {
    pub(super) fn new(id: u64) -> (Self, Seat) {
        let (queue, messages) = mpsc::channel(MAX_PENDING);
        let (leave, told) = watch::channel(None);
        let client = Self {
            queue,
            leave,
            subscriptions: BTreeMap::new(),
            over_peak_since: None,
        };
        (
            client,
            Seat {
                id,
                queue: messages,
                leave: told,
            },
        )
    }

    /// Puts a message in the queue; a client whose queue is full, or long for long, has to leave.
    pub(super) fn push(&mut self, message: String) {
        let full = self.queue.try_send(message).is_err();
        if self.pending() > PEAK {
            let since = *self.over_peak_since.get_or_insert_with(Instant::now);
            if full || since.elapsed() > PEAK_TIME {
                self.leave(Leave::TooSlow);
            }
        } else {
            self.over_peak_since = None;
        }
    }

    /// Whether it was told to end.
    pub(super) fn is_leaving(&self) -> bool {
        self.leave.borrow().is_some()
    }

    /// Messages that wait.
    pub(super) fn pending(&self) -> usize {
        MAX_PENDING - self.queue.capacity()
    }

    /// Tells the connection to end. The first reason stays, save that a cut is a cut.
    pub(super) fn leave(&self, reason: Leave) {
        self.leave.send_if_modified(|told| {
            let news = told.is_none() || (reason == Leave::Cut && *told != Some(Leave::Cut));
            if news {
                *told = Some(reason);
            }
            news
        });
    }

    /// Whether it is subscribed to changes of states, and listens.
    pub(super) fn hears_changes(&self) -> bool {
        !self.is_leaving()
            && self.subscriptions.values().any(|wanted| {
                wanted
                    .as_deref()
                    .is_none_or(|wanted| wanted == "state_changed")
            })
    }

    /// Sends an event to every subscription that wants it.
    pub(super) fn tell(&mut self, event_type: &str, event: &str) {
        let wanting: Vec<u64> = self
            .subscriptions
            .iter()
            .filter(|(_, wanted)| wanted.as_deref().is_none_or(|wanted| wanted == event_type))
            .map(|(&id, _)| id)
            .collect();
        for id in wanting {
            self.push(wire::event_message(event, id));
        }
    }

    /// Adds a subscription; false when there are too many.
    pub(super) fn subscribe(&mut self, id: u64, event_type: Option<String>) -> bool {
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return false;
        }
        self.subscriptions.insert(id, event_type);
        true
    }

    /// Ends a subscription; false when there is none.
    pub(super) fn unsubscribe(&mut self, id: u64) -> bool {
        self.subscriptions.remove(&id).is_some()
    }
}
