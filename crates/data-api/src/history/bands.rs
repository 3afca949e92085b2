//! Numbers of buckets: smallest, largest, mean over time, last.

use common::api::history::HistoryBand;
use common::instant::UtcMicros;

use super::{Buckets, HOUR, Statistic};

/// Gathers bands in one pass.
#[derive(Debug)]
pub(super) struct Bands {
    buckets: Buckets,
    cells: Vec<Cell>,
    /// What holds, and since when.
    held: Option<f64>,
    since: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    numbers: Option<Numbers>,
    /// Microseconds in which a number held.
    known: i64,
    changes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Numbers {
    min: f64,
    max: f64,
    mean: f64,
    last: f64,
}

impl Cell {
    fn see(&mut self, min: f64, max: f64, last: f64) -> &mut Numbers {
        let numbers = self.numbers.get_or_insert(Numbers {
            min,
            max,
            mean: last,
            last,
        });
        numbers.min = numbers.min.min(min);
        numbers.max = numbers.max.max(max);
        numbers.last = last;
        numbers
    }

    /// Adds time in which the mean was `mean`. A running mean stays between its terms, whatever their size.
    fn pass(&mut self, mean: f64, micros: i64) {
        if micros <= 0 {
            return;
        }
        self.known += micros;
        let share = micros as f64 / self.known as f64;
        if let Some(numbers) = &mut self.numbers {
            numbers.mean = numbers.mean * (1.0 - share) + mean * share;
        }
    }
}

impl Bands {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self {
            buckets,
            cells: vec![Cell::default(); buckets.len()],
            held: None,
            since: buckets.start,
        }
    }

    /// From `at` on a number holds, or none. `is_row`: somebody stored it then.
    pub(super) fn hold(&mut self, at: i64, value: Option<f64>, is_row: bool) {
        let at = at.max(self.buckets.start);
        self.pass_until(at);
        (self.held, self.since) = (value, at);
        if at >= self.buckets.end {
            return;
        }
        let Some(cell) = self.cells.get_mut(self.buckets.index(at)) else {
            return;
        };
        if let Some(value) = value {
            cell.see(value, value, value);
        }
        cell.changes += u64::from(is_row);
    }

    /// An hour of long-term statistics, cut to what lies before `until`.
    pub(super) fn add(&mut self, hour: &Statistic, until: i64) {
        for (index, from, to) in self.buckets.cut(hour.start, (hour.start + HOUR).min(until)) {
            if let Some(cell) = self.cells.get_mut(index) {
                cell.see(hour.min, hour.max, hour.last);
                cell.pass(hour.mean, to - from);
            }
        }
    }

    fn pass_until(&mut self, at: i64) {
        let Some(value) = self.held else {
            return;
        };
        for (index, from, to) in self.buckets.cut(self.since, at) {
            if let Some(cell) = self.cells.get_mut(index) {
                cell.see(value, value, value);
                cell.pass(value, to - from);
            }
        }
    }

    /// The bands of the buckets in which a number held; what holds now holds until the end.
    pub(super) fn finish(mut self) -> Vec<HistoryBand> {
        self.pass_until(self.buckets.end);
        let buckets = self.buckets;
        let instant = |micros| UtcMicros::default().plus_micros(micros);
        self.cells
            .iter()
            .enumerate()
            .filter_map(|(index, cell)| {
                let numbers = cell.numbers?;
                let (start, end) = buckets.bounds(index);
                Some(HistoryBand {
                    start: instant(start),
                    end: instant(end),
                    min: numbers.min,
                    max: numbers.max,
                    mean: numbers.mean.clamp(numbers.min, numbers.max),
                    last: numbers.last,
                    known: cell.known as f64 / (end - start) as f64,
                    changes: cell.changes,
                })
            })
            .collect()
    }
}
