//! Spans of time from which events may be missing, and why.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use common::instant::UtcMicros;
use serde::Serialize;

/// Gaps that are remembered one by one; older ones are only counted.
const REMEMBERED: usize = 100;

/// Why events may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// No connection to Home Assistant.
    Disconnected,
    /// This service did not run.
    NotRunning,
    /// Events came faster than they could be handed on.
    BufferFull,
    /// data-api was away for longer than the spool could hold.
    SpoolFull,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::NotRunning => "not_running",
            Self::BufferFull => "buffer_full",
            Self::SpoolFull => "spool_full",
        }
    }
}

/// One span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    pub(crate) start: UtcMicros,
    pub(crate) end: UtcMicros,
    pub(crate) reason: Reason,
    /// Events of the span that were found in Home Assistant's history since; null until it was read.
    pub(crate) backfilled: Option<usize>,
}

/// All gaps of this process.
#[derive(Debug, Default)]
pub(crate) struct Gaps(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: u64,
    total_seconds: f64,
    open_since: Option<UtcMicros>,
    recent: VecDeque<Gap>,
}

/// What `/health` tells of them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Told {
    count: u64,
    total_seconds: f64,
    /// Since when there has been no connection.
    open_since: Option<UtcMicros>,
    recent: Vec<Gap>,
}

impl Gaps {
    /// The connection broke; `last_alive` is when it last showed life.
    pub(crate) fn disconnected(&self, last_alive: Option<UtcMicros>) {
        let mut inner = self.lock();
        if inner.open_since.is_none() {
            inner.open_since = last_alive;
        }
    }

    /// Events come again from `now` on.
    pub(crate) fn reconnected(&self, now: UtcMicros) {
        let mut inner = self.lock();
        if let Some(start) = inner.open_since.take() {
            inner.add(Gap {
                start,
                end: now,
                reason: Reason::Disconnected,
                backfilled: None,
            });
        }
    }

    /// Between the newest stored event and `now` nobody listened.
    pub(crate) fn not_running(&self, newest: UtcMicros, now: UtcMicros) {
        self.lock().add(Gap {
            start: newest,
            end: now,
            reason: Reason::NotRunning,
            backfilled: None,
        });
    }

    /// The spool let go of the events of this span.
    pub(crate) fn spool_full(&self, start: UtcMicros, end: UtcMicros) {
        self.lock().add(Gap {
            start,
            end,
            reason: Reason::SpoolFull,
            backfilled: None,
        });
    }

    /// The buffer let go of an event of this instant. Neighbours make one gap.
    pub(crate) fn overflowed(&self, at: UtcMicros) {
        let mut inner = self.lock();
        if let Some(last) = inner
            .recent
            .back_mut()
            .filter(|gap| gap.reason == Reason::BufferFull && gap.backfilled.is_none())
        {
            if at > last.end {
                let more = at.seconds_since(last.end);
                last.end = at;
                inner.total_seconds += more;
                metrics::gauge!("homeiq_gap_seconds_total", "reason" => "buffer_full")
                    .increment(more);
            }
            return;
        }
        inner.add(Gap {
            start: at,
            end: at,
            reason: Reason::BufferFull,
            backfilled: None,
        });
    }

    /// Gaps that were not looked for in the history yet.
    pub(crate) fn unfilled(&self) -> Vec<Gap> {
        self.lock()
            .recent
            .iter()
            .filter(|gap| gap.backfilled.is_none())
            .cloned()
            .collect()
    }

    /// The history of a gap was read.
    pub(crate) fn filled(&self, filled: &Gap, rows: usize) {
        if let Some(gap) = self.lock().recent.iter_mut().find(|gap| *gap == filled) {
            gap.backfilled = Some(rows);
        }
    }

    pub(crate) fn told(&self) -> Told {
        let inner = self.lock();
        Told {
            count: inner.count,
            total_seconds: inner.total_seconds,
            open_since: inner.open_since,
            recent: inner.recent.iter().rev().cloned().collect(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn add(&mut self, gap: Gap) {
        let seconds = gap.end.seconds_since(gap.start).max(0.0);
        self.count += 1;
        self.total_seconds += seconds;
        metrics::gauge!("homeiq_gap_seconds_total", "reason" => gap.reason.as_str())
            .increment(seconds);
        tracing::warn!(start = %gap.start, end = %gap.end, reason = gap.reason.as_str(), "events of this time may be missing");
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> UtcMicros {
        UtcMicros::default().plus_seconds(second)
    }

    #[test]
    fn a_lost_connection_is_one_gap_from_its_last_sign_of_life() {
        let gaps = Gaps::default();
        gaps.reconnected(at(1));
        assert_eq!(gaps.told().count, 0, "the first connection ends no gap");
        gaps.disconnected(Some(at(10)));
        gaps.disconnected(Some(at(10)));
        assert_eq!(gaps.told().open_since, Some(at(10)));
        gaps.reconnected(at(25));
        let told = gaps.told();
        assert_eq!((told.count, told.open_since), (1, None));
        assert!((told.total_seconds - 15.0).abs() < 1e-9);
        gaps.filled(&gaps.unfilled()[0], 7);
        assert!(gaps.unfilled().is_empty());
    }

    #[test]
    fn events_that_the_buffer_let_go_of_make_one_gap() {
        let gaps = Gaps::default();
        for second in 5..9 {
            gaps.overflowed(at(second));
        }
        let told = gaps.told();
        assert_eq!(
            (told.count, told.recent[0].start, told.recent[0].end),
            (1, at(5), at(8))
        );
    }
}
