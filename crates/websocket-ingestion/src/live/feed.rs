//! Every event, from the reader to the clients that want it: written as JSON once for all of them.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::Utf8Bytes;
use common::lifecycle::Failure;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::lines::Line;

/// Messages that a client may be behind; Home Assistant lets its own clients be as far behind.
pub(crate) const BACKLOG: usize = 4096;
/// Messages that are handed to a client, or made for all, at once.
pub(crate) const AT_ONCE: usize = 256;

/// The way of the events to the clients.
#[derive(Debug)]
pub(crate) struct Feed {
    listeners: Arc<AtomicUsize>,
    waiting: mpsc::Sender<Line>,
    incoming: Mutex<Option<mpsc::Receiver<Line>>>,
    told: broadcast::Sender<Utf8Bytes>,
    missed: AtomicU64,
}

/// One client's ear.
#[derive(Debug)]
pub(crate) struct Subscription {
    told: broadcast::Receiver<Utf8Bytes>,
    listeners: Arc<AtomicUsize>,
}

/// What came for a client.
#[derive(Debug)]
pub(crate) enum Came {
    /// These messages.
    Messages(Vec<Utf8Bytes>),
    /// So many that it was too slow to take.
    Overflow(u64),
}

#[derive(Serialize)]
struct Push<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    channel: &'static str,
    id: String,
    event: &'a RawValue,
}

/// As much of an event as its id needs.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    entity_id: Cow<'a, str>,
}

/// The message about an event.
fn push(line: &Line) -> Result<String, serde_json::Error> {
    let Named { entity_id } = serde_json::from_slice(&line.json)?;
    serde_json::to_string(&Push {
        kind: "event",
        channel: "events",
        id: format!("{entity_id}@{}", line.at.get()),
        event: serde_json::from_slice(&line.json)?,
    })
}

impl Default for Feed {
    fn default() -> Self {
        let (waiting, incoming) = mpsc::channel(BACKLOG);
        Self {
            listeners: Arc::default(),
            waiting,
            incoming: Mutex::new(Some(incoming)),
            told: broadcast::Sender::new(BACKLOG),
            missed: AtomicU64::new(0),
        }
    }
}

impl Feed {
    /// Takes note of an event, if anybody listens. Never waits, copies nothing.
    pub(crate) fn note(&self, line: &Line) {
        if self.listeners.load(Ordering::Relaxed) == 0 {
            return;
        }
        match self.waiting.try_reserve() {
            Ok(place) => place.send(line.clone()),
            Err(_) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A new ear.
    pub(crate) fn subscribe(&self) -> Subscription {
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Subscription {
            told: self.told.subscribe(),
            listeners: Arc::clone(&self.listeners),
        }
    }

    /// Writes for the clients what the reader noted, until the process stops.
    pub(crate) async fn run(&self, stop: CancellationToken) -> Result<(), Failure> {
        let incoming = self
            .incoming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let mut incoming = incoming.ok_or("the events for clients are handed out already")?;
        let mut lines = Vec::with_capacity(AT_ONCE);
        loop {
            tokio::select! {
                _ = incoming.recv_many(&mut lines, AT_ONCE) => {}
                () = stop.cancelled() => return Ok(()),
            }
            for line in lines.drain(..) {
                self.tell(push(&line));
            }
            let missed = self.missed.swap(0, Ordering::Relaxed);
            if missed > 0 {
                lost("feed", missed);
                self.tell(Ok(overflow(missed).to_string()));
            }
            // The clients take these before there are more.
            tokio::task::yield_now().await;
        }
    }

    fn tell(&self, message: Result<String, serde_json::Error>) {
        match message {
            // Nobody may listen any more.
            Ok(text) => drop(self.told.send(text.into())),
            Err(error) => tracing::debug!(%error, "an event cannot be written for clients"),
        }
    }
}

/// Counts messages that did not reach a client.
pub(crate) fn lost(reason: &'static str, count: u64) {
    metrics::counter!("homeiq_live_messages_dropped_total", "reason" => reason).increment(count);
}

/// Tells a client that it missed something, and how much.
pub(crate) fn overflow(dropped: u64) -> serde_json::Value {
    serde_json::json!({"type": "overflow", "channel": "events", "dropped": dropped,
        "message": format!("{dropped} events were not sent; GET /api/v1/events of data-api has them")})
}

impl Subscription {
    /// Waits for what comes next. Can be given up at any time without losing anything.
    pub(crate) async fn next(&mut self) -> Came {
        let mut messages = match self.told.recv().await {
            Ok(message) => vec![message],
            Err(RecvError::Lagged(dropped)) => return Came::Overflow(dropped),
            // The sender lives as long as the service.
            Err(RecvError::Closed) => std::future::pending().await,
        };
        while messages.len() < AT_ONCE {
            match self.told.try_recv() {
                Ok(message) => messages.push(message),
                // Noticed again at the next turn, with all that was lost until then.
                Err(TryRecvError::Lagged(dropped)) => return Came::Overflow(dropped),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        Came::Messages(messages)
    }

    /// Messages that wait.
    pub(crate) fn behind(&self) -> u64 {
        self.told.len() as u64
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::tests::line;

    #[tokio::test]
    async fn with_nobody_listening_nothing_is_kept() {
        let feed = Feed::default();
        feed.note(&line(1));
        assert_eq!(feed.waiting.capacity(), BACKLOG);
        drop(feed.subscribe());
        feed.note(&line(2));
        assert_eq!(feed.waiting.capacity(), BACKLOG);
    }

    #[tokio::test]
    async fn more_at_once_than_can_be_written_is_told_to_all_who_listen() {
        let feed = Feed::default();
        let mut ear = feed.subscribe();
        for n in 0..BACKLOG as i64 + 7 {
            feed.note(&line(n));
        }
        let stop = CancellationToken::new();
        let listening = async {
            let (mut events, mut told) = (0, None);
            while told.is_none() || events < BACKLOG {
                let Came::Messages(messages) = ear.next().await else {
                    panic!("this client is quick enough")
                };
                for message in messages {
                    let message: serde_json::Value = serde_json::from_str(&message).unwrap();
                    match message["type"].as_str() {
                        Some("event") => events += 1,
                        _ => told = message["dropped"].as_u64(),
                    }
                }
            }
            stop.cancel();
            told
        };
        let (told, ended) = tokio::join!(listening, feed.run(stop.clone()));
        ended.unwrap();
        assert_eq!(told, Some(7));
    }

    #[tokio::test]
    async fn a_client_that_is_too_far_behind_hears_by_how_much() {
        let feed = Feed::default();
        let mut ear = feed.subscribe();
        for n in 0..BACKLOG + 5 {
            feed.tell(Ok(n.to_string()));
        }
        let Came::Overflow(dropped) = ear.next().await else {
            panic!("it was behind by more than is kept")
        };
        assert_eq!(dropped, 5);
    }
}
