//! The bounded queue between the socket and data-api, in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::api::events::NewEvent;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Events that wait to be sent, oldest first.
#[derive(Debug)]
pub(crate) struct Buffer {
    waiting: Mutex<VecDeque<(Instant, NewEvent)>>,
    more: Notify,
    capacity: usize,
}

impl Buffer {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            more: Notify::new(),
            capacity: capacity.max(1),
        }
    }

    /// Adds an event, at once. A full buffer lets go of its oldest event, which is returned.
    pub(crate) fn push(&self, event: NewEvent) -> Option<NewEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let dropped = if waiting.len() >= self.capacity {
            waiting.pop_front()
        } else {
            None
        };
        waiting.push_back((Instant::now(), event));
        drop(waiting);
        self.more.notify_one();
        dropped.map(|(_, event)| event)
    }

    /// Puts events back that could not be handed on, in front of the others. What finds no room, the oldest, is returned.
    pub(crate) fn put_back(&self, events: Vec<NewEvent>) -> Vec<NewEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.capacity.saturating_sub(waiting.len());
        let mut dropped = events;
        let kept = dropped.split_off(dropped.len().saturating_sub(room));
        for event in kept.into_iter().rev() {
            waiting.push_front((Instant::now(), event));
        }
        drop(waiting);
        self.more.notify_one();
        dropped
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// The next batch: as soon as `size` events wait, or `patience` after the first of them came. Also how long that one waited.
    pub(crate) async fn next_batch(
        &self,
        size: usize,
        patience: Duration,
    ) -> (Vec<NewEvent>, Duration) {
        let first = loop {
            if let Some(first) = self.oldest() {
                break first;
            }
            self.more.notified().await;
        };
        while self.len() < size {
            if tokio::time::timeout_at(first + patience, self.more.notified())
                .await
                .is_err()
            {
                break;
            }
        }
        (self.take(size), first.elapsed())
    }

    fn oldest(&self) -> Option<Instant> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .front()
            .map(|(came, _)| *came)
    }

    /// Up to `size` events, without waiting.
    pub(crate) fn take(&self, size: usize) -> Vec<NewEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let size = size.max(1).min(waiting.len());
        waiting.drain(..size).map(|(_, event)| event).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use common::api::events::Origin;
    use common::instant::UtcMicros;

    pub(crate) fn event(n: i64) -> NewEvent {
        NewEvent {
            entity_id: "sensor.n".parse().unwrap(),
            state: Some(n.to_string()),
            attributes: None,
            last_changed: None,
            last_updated: UtcMicros::new(1_795_428_000_000_000 + n).unwrap(),
            context: None,
            origin: Origin::Live,
            startup: None,
            device_id: None,
            area_id: None,
        }
    }

    fn states(batch: &[NewEvent]) -> Vec<&str> {
        batch
            .iter()
            .filter_map(|event| event.state.as_deref())
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_leaves_when_it_is_full_or_after_its_patience() {
        let buffer = Buffer::new(100);
        for n in 0..5 {
            assert!(buffer.push(event(n)).is_none());
        }
        let begun = Instant::now();
        assert_eq!(
            states(&buffer.next_batch(3, Duration::from_secs(1)).await.0),
            ["0", "1", "2"]
        );
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(
            states(&buffer.next_batch(3, Duration::from_secs(1)).await.0),
            ["3", "4"]
        );
        assert_eq!(begun.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_full_buffer_lets_go_of_the_oldest() {
        let buffer = Buffer::new(2);
        assert!(buffer.push(event(0)).is_none() && buffer.push(event(1)).is_none());
        assert_eq!(buffer.push(event(2)).unwrap().state.as_deref(), Some("0"));
        assert_eq!(states(&buffer.take(10)), ["1", "2"]);
    }

    #[tokio::test]
    async fn what_is_put_back_comes_first_and_the_oldest_gives_way() {
        let buffer = Buffer::new(3);
        buffer.push(event(7));
        let dropped = buffer.put_back((3..7).map(event).collect());
        assert_eq!(states(&dropped), ["3", "4"]);
        assert_eq!(states(&buffer.take(10)), ["5", "6", "7"]);
    }
}
