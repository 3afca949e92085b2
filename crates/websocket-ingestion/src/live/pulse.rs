//! The pulse of the service, felt once a second: rates over the last minute and hour, and its state for those who watch it.
//!
//! The totals are counted anyway; here they are only looked at, so that the reader does nothing for a rate.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use common::process;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::app::Shared;
use crate::http::status;
use crate::status::Facts;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Looks that are remembered one by one: those of the last minute.
const SECONDS: usize = 60;
/// Looks that are remembered as one a minute: those of the last hour.
const MINUTES: usize = 60;
/// Looks between two messages to those who watch while nothing changes.
const TELL_EVERY: u32 = 15;

/// What was counted until one moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    received: u64,
    processed: u64,
    cpu_seconds: Option<f64>,
}

impl Look {
    fn now(facts: &Facts) -> Self {
        Self {
            at: Instant::now(),
            received: facts.received,
            processed: facts.stored + facts.duplicates,
            cpu_seconds: process::usage().map(|usage| usage.cpu_seconds),
        }
    }
}

/// How fast it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rates {
    /// Events received a second, over the last minute.
    pub(crate) received_per_second: f64,
    /// Events received in the last hour; where there was less than an hour, as many as there would be in one.
    pub(crate) received_per_hour: f64,
    /// Events that data-api took a second, over the last minute.
    pub(crate) processed_per_second: f64,
    /// Share of one processor over the last minute, in percent.
    pub(crate) cpu_percent: Option<f64>,
    /// When data-api last took something, to the second.
    pub(crate) last_processed: Option<UtcMicros>,
}

/// The pulse.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    past: Mutex<Past>,
    state: watch::Sender<Utf8Bytes>,
}

#[derive(Debug, Default)]
struct Past {
    seconds: VecDeque<Look>,
    minutes: VecDeque<Look>,
    last_processed: Option<UtcMicros>,
}

impl Past {
    fn add(&mut self, look: Look, now: UtcMicros) {
        if self
            .seconds
            .back()
            .is_some_and(|last| look.processed > last.processed)
        {
            self.last_processed = Some(now);
        }
        let is_new_minute = self
            .minutes
            .back()
            .is_none_or(|last| look.at.duration_since(last.at) >= Duration::from_secs(60));
        if is_new_minute {
            keep(&mut self.minutes, look, MINUTES);
        }
        keep(&mut self.seconds, look, SECONDS);
    }

    fn rates(&self, now: &Look) -> Rates {
        let (Some(minute), Some(hour)) = (self.seconds.front(), self.minutes.front()) else {
            return Rates::default();
        };
        // A rate over a fraction of a second says nothing.
        let seconds = |since: &Look| now.at.duration_since(since.at).as_secs_f64().max(1.0);
        let per_second =
            |now: u64, then: u64, seconds: f64| now.saturating_sub(then) as f64 / seconds;
        Rates {
            received_per_second: per_second(now.received, minute.received, seconds(minute)),
            received_per_hour: per_second(now.received, hour.received, seconds(hour)) * 3600.0,
            processed_per_second: per_second(now.processed, minute.processed, seconds(minute)),
            cpu_percent: now
                .cpu_seconds
                .zip(minute.cpu_seconds)
                .map(|(now, then)| (now - then).max(0.0) / seconds(minute) * 100.0),
            last_processed: self.last_processed,
        }
    }
}

fn keep(looks: &mut VecDeque<Look>, look: Look, most: usize) {
    if looks.len() == most {
        looks.pop_front();
    }
    looks.push_back(look);
}

impl Pulse {
    /// The rates until now.
    pub(crate) fn rates(&self, facts: &Facts) -> Rates {
        self.lock().rates(&Look::now(facts))
    }

    /// An ear for the state of the service; each message is the whole of it.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Utf8Bytes> {
        self.state.subscribe()
    }

    /// Looks once a second until the process stops.
    pub(crate) async fn run(
        &self,
        shared: &Shared,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut told, mut quiet) = (Value::Null, 0);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return Ok(()),
            }
            let facts = shared.status.facts();
            self.lock().add(Look::now(&facts), shared.clock.now());
            let state = status::standing(shared, &facts);
            quiet += 1;
            if state != told || quiet >= TELL_EVERY {
                (told, quiet) = (state, 0);
                // Whoever subscribes is told the state then, so that nobody but those who listen now needs this.
                if self.state.receiver_count() > 0 {
                    self.state
                        .send_replace(status::message(shared).to_string().into());
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(start: Instant, second: u64, received: u64) -> Look {
        Look {
            at: start + Duration::from_secs(second),
            received,
            processed: received / 2,
            cpu_seconds: Some(second as f64 / 4.0),
        }
    }

    #[test]
    fn a_rate_forgets_what_was_more_than_a_minute_ago() {
        let (start, mut past) = (Instant::now(), Past::default());
        // 600 events in the first minute, then none.
        for second in 0..=600 {
            past.add(
                look(start, second, (second * 10).min(600)),
                UtcMicros::default().plus_seconds(second as i64),
            );
            if second == 59 {
                let rates = past.rates(&look(start, 60, 600));
                assert!((rates.received_per_second - 10.0).abs() < 1e-9);
                assert!((rates.processed_per_second - 5.0).abs() < 1e-9);
                assert!((rates.cpu_percent.unwrap() - 25.0).abs() < 1e-9);
            }
        }
        let rates = past.rates(&look(start, 600, 600));
        assert!(
            rates.received_per_second.abs() < 1e-9,
            "the stream is dead: {rates:?}"
        );
        assert!((rates.received_per_hour - 3600.0).abs() < 1e-6, "{rates:?}");
        assert_eq!(
            rates.last_processed,
            Some(UtcMicros::default().plus_seconds(60))
        );
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (start, mut past) = (Instant::now(), Past::default());
        for second in 0..10_000 {
            past.add(look(start, second, second), UtcMicros::default());
        }
        assert_eq!((past.seconds.len(), past.minutes.len()), (SECONDS, MINUTES));
    }
}
