//! Which form a series takes, and the pass over its rows.

use std::sync::Arc;

use common::api::history::{HistoryBand, HistoryPoint, HistorySeries, HistorySpan, SeriesKind};
use common::instant::UtcMicros;

use super::bands::Bands;
use super::spans::Spans;
use super::{Buckets, HOUR, Held, Row, Statistic};

/// Gathers the history of one entity in one pass.
///
/// Whether it is drawn as numbers or as words is decided by the first rows that are handed in together: by what is more common in them,
/// breaks left out. A word among numbers is a break then.
#[derive(Debug)]
pub(crate) struct Series {
    buckets: Buckets,
    most: usize,
    rows: u64,
    statistics: Vec<Statistic>,
    statistics_until: i64,
    form: Option<Form>,
}

#[derive(Debug)]
enum Form {
    Numbers {
        bands: Bands,
        /// All points, until they are too many.
        points: Option<Vec<HistoryPoint>>,
    },
    Words(Spans),
}

impl Series {
    /// Nothing yet, of `start` to `end`, in at most `most` pieces.
    pub(crate) fn new(start: i64, end: i64, most: u32) -> Self {
        Self {
            buckets: Buckets::new(start, end, most),
            most: most as usize,
            rows: 0,
            statistics: Vec::new(),
            statistics_until: start,
            form: None,
        }
    }

    /// Hours of long-term statistics, earliest first; of them counts what lies before `until`, where the stored rows begin. To be called
    /// before the rows are handed in.
    pub(crate) fn add_statistics(&mut self, hours: Vec<Statistic>, until: i64) {
        self.statistics_until = until.min(self.buckets.end);
        let (start, until) = (self.buckets.start, self.statistics_until);
        self.statistics = hours
            .into_iter()
            .filter(|hour| hour.start < until && hour.start + HOUR > start)
            .collect();
    }

    /// Rows, earliest first, none before those that were handed in earlier. What holds at the start of the range is a row that lies
    /// before it.
    pub(crate) fn add_rows(&mut self, rows: &[Row]) {
        if rows.is_empty() {
            return;
        }
        if self.form.is_none() {
            self.form = Some(self.begin(is_numeric(rows)));
        }
        let (start, end, most) = (self.buckets.start, self.buckets.end, self.most);
        let Some(form) = &mut self.form else {
            return;
        };
        for row in rows.iter().filter(|row| row.at < end) {
            let is_row = row.at >= start;
            self.rows += u64::from(is_row);
            match form {
                Form::Words(spans) => spans.hold(row.at, word(&row.held), is_row),
                Form::Numbers { bands, points } => {
                    let value = match row.held {
                        Held::Number(value, _) => Some(value),
                        _ => None,
                    };
                    bands.hold(row.at, value, is_row);
                    if points.as_ref().is_some_and(|points| points.len() == most) {
                        *points = None;
                    }
                    if let Some(points) = points {
                        points.push(HistoryPoint {
                            at: instant(row.at.max(start)),
                            value,
                            state: if value.is_some() {
                                None
                            } else {
                                word(&row.held).as_deref().map(str::to_owned)
                            },
                        });
                    }
                }
            }
        }
    }

    fn begin(&self, is_numeric: bool) -> Form {
        if !is_numeric {
            return Form::Words(Spans::new(self.buckets));
        }
        let mut bands = Bands::new(self.buckets);
        for hour in &self.statistics {
            bands.add(hour, self.statistics_until);
        }
        Form::Numbers {
            bands,
            points: (self.statistics.len() <= self.most).then(Vec::new),
        }
    }

    /// The series; what holds at the last row holds until the end.
    pub(crate) fn finish(mut self, entity_id: String) -> HistorySeries {
        if self.form.is_none() && !self.statistics.is_empty() {
            self.form = Some(self.begin(true));
        }
        let (mut raw, mut wide, mut spans): (
            Vec<HistoryPoint>,
            Vec<HistoryBand>,
            Vec<HistorySpan>,
        ) = Default::default();
        let kind = match self.form {
            Some(Form::Words(words)) => {
                spans = words.finish();
                SeriesKind::Spans
            }
            Some(Form::Numbers {
                points: Some(points),
                ..
            }) if points.len() + self.statistics.len() <= self.most => {
                raw = points;
                wide = hours(&self.statistics, self.buckets.start, self.statistics_until);
                SeriesKind::Raw
            }
            Some(Form::Numbers { bands, .. }) => {
                wide = bands.finish();
                SeriesKind::Bands
            }
            None => SeriesKind::Raw,
        };
        let has_statistics = kind != SeriesKind::Spans && !self.statistics.is_empty();
        HistorySeries {
            entity_id,
            kind,
            rows: self.rows,
            points: raw,
            bands: wide,
            spans,
            statistics_until: has_statistics.then(|| instant(self.statistics_until)),
        }
    }
}

fn instant(micros: i64) -> UtcMicros {
    UtcMicros::default().plus_micros(micros)
}

/// The state as it is written.
fn word(held: &Held) -> Option<Arc<str>> {
    match held {
        Held::Number(_, word) | Held::Word(word) | Held::Broken(word) => Some(Arc::clone(word)),
        Held::Removed => None,
    }
}

/// Whether numbers are more common than words. Where there are only breaks there is nothing to draw a line of.
fn is_numeric(rows: &[Row]) -> bool {
    let (mut numbers, mut words) = (0_usize, 0_usize);
    for row in rows {
        match row.held {
            Held::Number(..) => numbers += 1,
            Held::Word(_) => words += 1,
            Held::Broken(_) | Held::Removed => {}
        }
    }
    numbers > words
}

/// Hours as bands, cut to the range and to where the stored rows begin.
fn hours(statistics: &[Statistic], start: i64, until: i64) -> Vec<HistoryBand> {
    statistics
        .iter()
        .map(|hour| HistoryBand {
            start: instant(hour.start.max(start)),
            end: instant((hour.start + HOUR).min(until)),
            min: hour.min,
            max: hour.max,
            mean: hour.mean,
            last: hour.last,
            known: 1.0,
            changes: 0,
        })
        .collect()
}
