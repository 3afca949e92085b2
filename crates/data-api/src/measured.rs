//! What this process measured of itself, minute by minute, for a week: requests, their time, their failures, and reads of the database.
//!
//! In memory only, in a ring of fixed size (0.4 MB): a restart begins anew, and nothing is made up for the time before.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::instant::UtcMicros;

/// Minutes of a week.
const MINUTES: usize = 7 * 24 * 60;
const MINUTE_US: i64 = 60_000_000;

/// What was measured in some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Measurement {
    /// Requests that were answered.
    pub(crate) requests: u64,
    /// Those that failed by our fault (5xx).
    pub(crate) failed: u64,
    /// Time that they took, in microseconds.
    pub(crate) request_us: u64,
    /// Small reads of the database.
    pub(crate) reads: u64,
    /// Time that they took, in microseconds.
    pub(crate) read_us: u64,
}

impl Measurement {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.request_us += other.request_us;
        self.reads += other.reads;
        self.read_us += other.read_us;
    }

    /// Failed requests in percent; none without a request.
    pub(crate) fn error_percent(&self) -> Option<f64> {
        (self.requests > 0).then(|| 100.0 * self.failed as f64 / self.requests as f64)
    }

    /// Mean time of a request in milliseconds; none without a request.
    pub(crate) fn request_ms(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.request_us as f64 / self.requests as f64 / 1e3)
    }

    /// Mean time of a read in milliseconds; none without a read.
    pub(crate) fn read_ms(&self) -> Option<f64> {
        (self.reads > 0).then(|| self.read_us as f64 / self.reads as f64 / 1e3)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    /// Since the epoch; 0 where nothing was measured yet.
    number: i64,
    measured: Measurement,
}

/// Measurements of the last week.
#[derive(Debug)]
pub(crate) struct Measured {
    minutes: Mutex<Vec<Minute>>,
    /// When events were stored last, in microseconds; 0: not since the start.
    stored_us: AtomicI64,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            minutes: Mutex::new(vec![Minute::default(); MINUTES]),
            stored_us: AtomicI64::new(0),
        }
    }
}

impl Measured {
    /// A request was answered.
    pub(crate) fn request(&self, now: UtcMicros, took: Duration, failed: bool) {
        self.note(
            now,
            Measurement {
                requests: 1,
                failed: u64::from(failed),
                request_us: took.as_micros() as u64,
                ..Measurement::default()
            },
        );
    }

    /// A small read of the database took so long.
    pub(crate) fn read(&self, now: UtcMicros, took: Duration) {
        self.note(
            now,
            Measurement {
                reads: 1,
                read_us: took.as_micros() as u64,
                ..Measurement::default()
            },
        );
    }

    /// Events were stored that were not there before.
    pub(crate) fn stored(&self, now: UtcMicros) {
        self.stored_us.fetch_max(now.get(), Ordering::Relaxed);
    }

    /// When that was last; none when not since the start.
    pub(crate) fn last_stored(&self) -> Option<UtcMicros> {
        let at = self.stored_us.load(Ordering::Relaxed);
        UtcMicros::new(at).ok().filter(|at| at.get() > 0)
    }

    fn note(&self, now: UtcMicros, measured: Measurement) {
        let number = now.get().div_euclid(MINUTE_US);
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let place = number.rem_euclid(MINUTES as i64) as usize;
        let minute = &mut minutes[place];
        if minute.number != number {
            *minute = Minute {
                number,
                ..Minute::default()
            };
        }
        minute.measured.add(measured);
    }

    /// What was measured in each of `intervals` intervals of `width_us` microseconds from `start` on. A minute counts for the interval
    /// in which it begins.
    pub(crate) fn intervals(
        &self,
        start: UtcMicros,
        width_us: i64,
        intervals: usize,
    ) -> Vec<Measurement> {
        let mut sums = vec![Measurement::default(); intervals];
        let minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        for minute in minutes.iter().filter(|minute| minute.number != 0) {
            let after = minute.number * MINUTE_US - start.get();
            // The minute that begins at the end is the one that goes on: it belongs to the last interval.
            let place = match after.div_euclid(width_us) {
                place if after == width_us.saturating_mul(intervals as i64) => place - 1,
                place => place,
            };
            if let Ok(place) = usize::try_from(place)
                && let Some(sum) = sums.get_mut(place)
            {
                sum.add(minute.measured);
            }
        }
        sums
    }

    /// What was measured from `start` on.
    pub(crate) fn since(&self, start: UtcMicros) -> Measurement {
        self.intervals(start, i64::MAX, 1)[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> UtcMicros {
        UtcMicros::new(29_000_000 * MINUTE_US + minute * MINUTE_US).unwrap()
    }

    #[test]
    fn minutes_are_summed_by_interval_and_forgotten_after_a_week() {
        let measured = Measured::default();
        let ms = Duration::from_millis(10);
        for minute in [0, 1, 1, 5] {
            measured.request(at(minute).plus_seconds(30), ms, minute == 1);
        }
        measured.read(at(5), Duration::from_millis(2));
        let pairs = measured.intervals(at(0), 2 * MINUTE_US, 3);
        let requests: Vec<_> = pairs.iter().map(|m| (m.requests, m.failed)).collect();
        assert_eq!(requests, [(3, 2), (0, 0), (1, 0)]);
        assert_eq!(
            (pairs[2].request_ms(), pairs[2].read_ms()),
            (Some(10.0), Some(2.0))
        );
        assert_eq!(
            (pairs[1].request_ms(), pairs[1].error_percent()),
            (None, None)
        );
        assert_eq!(
            measured.intervals(at(0), MINUTE_US, 5)[4].requests,
            1,
            "minute 5 goes on"
        );
        measured.request(at(MINUTES as i64), ms, false);
        assert_eq!(
            measured.since(at(0)).requests,
            4,
            "minute 0 has given its place"
        );
    }
}
