//! Rows of one entity in, what a chart draws out; nothing here knows of a database.
//!
//! A state holds until the next row. Rows come in the order of time, the first may lie before the range: it is what held at its start.

mod bands;
mod series;
mod spans;

use std::sync::Arc;

pub(crate) use series::Series;

/// What an entity is from some instant on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    /// A number, and how it is written.
    Number(f64, Arc<str>),
    /// A word.
    Word(Arc<str>),
    /// `unavailable` or `unknown`: nobody knows.
    Broken(Arc<str>),
    /// It was removed.
    Removed,
}

impl Held {
    /// A stored state.
    pub(crate) fn of(state: Arc<str>) -> Self {
        match number(&state) {
            Some(number) => Self::Number(number, state),
            None if matches!(&*state, "unavailable" | "unknown") => Self::Broken(state),
            None => Self::Word(state),
        }
    }
}

/// The number that a state is, if it is one. Words that a parser takes for numbers (`nan`, `infinity`) are words here.
pub(crate) fn number(state: &str) -> Option<f64> {
    state.parse().ok().filter(|number: &f64| number.is_finite())
}

/// One stored row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// When, in microseconds.
    pub(crate) at: i64,
    /// What it says.
    pub(crate) held: Held,
}

/// One hour of long-term statistics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Statistic {
    /// Its begin, in microseconds.
    pub(crate) start: i64,
    /// Smallest number.
    pub(crate) min: f64,
    /// Largest number.
    pub(crate) max: f64,
    /// Mean over the hour.
    pub(crate) mean: f64,
    /// The number at its end.
    pub(crate) last: f64,
}

/// Microseconds of one hour.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// A range of time in buckets of equal width; the last may be cut short by the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buckets {
    start: i64,
    end: i64,
    width: i64,
}

impl Buckets {
    /// At most `count` buckets from `start` to `end`.
    pub(crate) fn new(start: i64, end: i64, count: u32) -> Self {
        let end = end.max(start);
        let count = i64::from(count.max(1));
        Self {
            start,
            end,
            width: ((end - start + count - 1) / count).max(1),
        }
    }

    fn len(self) -> usize {
        usize::try_from((self.end - self.start + self.width - 1) / self.width).unwrap_or(0)
    }

    /// The bucket that an instant of the range is in.
    fn index(self, at: i64) -> usize {
        usize::try_from((at - self.start) / self.width).unwrap_or(0)
    }

    /// Begin and end of a bucket.
    fn bounds(self, index: usize) -> (i64, i64) {
        let begin = self.start + self.width * i64::try_from(index).unwrap_or(0);
        (begin, (begin + self.width).min(self.end))
    }

    /// The parts into which the buckets cut a piece of the range.
    fn cut(self, from: i64, to: i64) -> impl Iterator<Item = (usize, i64, i64)> {
        let (from, to) = (from.max(self.start), to.min(self.end));
        let mut at = from;
        std::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            let index = self.index(at);
            let begin = at;
            at = self.bounds(index).1.min(to);
            Some((index, begin, at))
        })
    }
}

#[cfg(test)]
mod tests;
