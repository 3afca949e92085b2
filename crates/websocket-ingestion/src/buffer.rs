//! The bounded queue between the socket and data-api, in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::lines::Line;

/// Lines that wait to be sent, oldest first.
#[derive(Debug)]
pub(crate) struct Buffer {
    waiting: Mutex<Waiting>,
    more: Notify,
    pressure: Notify,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: VecDeque<(Instant, Line)>,
    bytes: usize,
}

impl Buffer {
    /// A queue of at most so many bytes.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            more: Notify::new(),
            pressure: Notify::new(),
            capacity,
        }
    }

    /// Adds lines, at once. A full buffer lets go of its oldest lines, which are returned.
    pub(crate) fn push(&self, lines: impl IntoIterator<Item = Line>) -> Vec<Line> {
        let mut waiting = self.lock();
        let now = Instant::now();
        for line in lines {
            waiting.bytes += line.bytes();
            waiting.lines.push_back((now, line));
        }
        let mut dropped = Vec::new();
        while waiting.bytes > self.capacity
            && let Some(line) = waiting.pop()
        {
            dropped.push(line);
        }
        self.tell(waiting);
        dropped
    }

    /// Puts lines back that could not be handed on, in front of the others. What finds no room, the oldest, is returned.
    pub(crate) fn put_back(&self, mut lines: Vec<Line>) -> Vec<Line> {
        let mut waiting = self.lock();
        let now = Instant::now();
        while let Some(line) = lines.pop() {
            if waiting.bytes + line.bytes() > self.capacity {
                lines.push(line);
                break;
            }
            waiting.bytes += line.bytes();
            waiting.lines.push_front((now, line));
        }
        self.tell(waiting);
        lines
    }

    /// How many lines wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().lines.len()
    }

    /// Resolves when more than half of the room is taken.
    pub(crate) async fn pressed(&self) {
        loop {
            let told = self.pressure.notified();
            if self.lock().bytes > self.capacity / 2 {
                return;
            }
            told.await;
        }
    }

    /// The next batch: as soon as `size` lines wait, or `patience` after the first of them came. Also how long that one waited.
    pub(crate) async fn next_batch(
        &self,
        size: usize,
        patience: Duration,
    ) -> (Vec<Line>, Duration) {
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
        self.lock().lines.front().map(|(came, _)| *came)
    }

    /// Up to `size` lines, without waiting.
    pub(crate) fn take(&self, size: usize) -> Vec<Line> {
        let mut waiting = self.lock();
        let size = size.max(1).min(waiting.lines.len());
        let taken: Vec<Line> = waiting.lines.drain(..size).map(|(_, line)| line).collect();
        waiting.bytes -= taken.iter().map(Line::bytes).sum::<usize>();
        taken
    }

    fn tell(&self, waiting: MutexGuard<'_, Waiting>) {
        let is_pressed = waiting.bytes > self.capacity / 2;
        drop(waiting);
        self.more.notify_one();
        if is_pressed {
            self.pressure.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn pop(&mut self) -> Option<Line> {
        let (_, line) = self.lines.pop_front()?;
        self.bytes -= line.bytes();
        Some(line)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use common::instant::UtcMicros;

    /// A line with this number in it.
    pub(crate) fn line(n: i64) -> Line {
        let at = UtcMicros::new(1_795_428_000_000_000 + n).unwrap();
        Line {
            json: format!(r#"{{"entity_id":"sensor.n","state":"{n:03}","last_updated":"{at}"}}"#)
                .into(),
            at,
        }
    }

    fn numbers(lines: &[Line]) -> Vec<i64> {
        let first = line(0).at.get();
        lines.iter().map(|line| line.at.get() - first).collect()
    }

    fn room_for(lines: usize) -> Buffer {
        Buffer::new(line(0).bytes() * lines)
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_leaves_when_it_is_full_or_after_its_patience() {
        let buffer = room_for(100);
        assert!(buffer.push((0..5).map(line)).is_empty());
        let begun = Instant::now();
        let patience = Duration::from_secs(1);
        assert_eq!(numbers(&buffer.next_batch(3, patience).await.0), [0, 1, 2]);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        assert_eq!(numbers(&buffer.next_batch(3, patience).await.0), [3, 4]);
        assert_eq!(begun.elapsed(), patience);
    }

    #[tokio::test]
    async fn a_full_buffer_lets_go_of_the_oldest() {
        let buffer = room_for(2);
        assert!(buffer.push((0..2).map(line)).is_empty());
        assert_eq!(numbers(&buffer.push((2..4).map(line))), [0, 1]);
        assert_eq!(numbers(&buffer.take(10)), [2, 3]);
    }

    #[tokio::test]
    async fn what_is_put_back_comes_first_and_the_oldest_gives_way() {
        let buffer = room_for(3);
        buffer.push([line(7)]);
        assert_eq!(
            numbers(&buffer.put_back((3..7).map(line).collect())),
            [3, 4]
        );
        assert_eq!(numbers(&buffer.take(10)), [5, 6, 7]);
    }

    #[tokio::test]
    async fn more_than_half_of_the_room_is_pressure() {
        let buffer = room_for(4);
        buffer.push((0..2).map(line));
        let pressed = buffer.pressed();
        tokio::pin!(pressed);
        assert!(futures_util::FutureExt::now_or_never(&mut pressed).is_none());
        buffer.push([line(2)]);
        pressed.await;
        buffer.take(1);
        assert!(futures_util::FutureExt::now_or_never(buffer.pressed()).is_none());
    }
}
