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
    waiting: Mutex<VecDeque<NewEvent>>,
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
        waiting.push_back(event);
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

    /// The next batch: as soon as `size` events wait, or `patience` after the first one.
    pub(crate) async fn next_batch(&self, size: usize, patience: Duration) -> Vec<NewEvent> {
        while self.len() == 0 {
            self.more.notified().await;
        }
        let deadline = Instant::now() + patience;
        while self.len() < size {
            if tokio::time::timeout_at(deadline, self.more.notified())
                .await
                .is_err()
            {
                break;
            }
        }
        self.take(size)
    }

    /// Up to `size` events, without waiting.
    pub(crate) fn take(&self, size: usize) -> Vec<NewEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let size = size.max(1).min(waiting.len());
        waiting.drain(..size).collect()
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
            states(&buffer.next_batch(3, Duration::from_secs(1)).await),
            ["0", "1", "2"]
        );
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(
            states(&buffer.next_batch(3, Duration::from_secs(1)).await),
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
}
