//! Series of a range: which intervals, and what stands out in their values.

use common::api::analytics::{Point, Series, Trend};
use common::api::gaps::Gap;
use common::instant::UtcMicros;

/// Points on each side of the comparison that a trend is.
const TREND_POINTS: usize = 5;
/// Share by which a trend must differ.
const TREND_SHARE: f64 = 0.1;

/// The intervals of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// As asked.
    pub(crate) name: &'static str,
    /// Length of an interval, in microseconds.
    pub(crate) width_us: i64,
    /// How many.
    pub(crate) intervals: usize,
}

/// What may be asked for: 60 minutes, 72 times 5 minutes, 96 times a quarter of an hour, 84 times 2 hours.
const RANGES: [Range; 4] = [
    Range::of("1h", 1, 60),
    Range::of("6h", 5, 72),
    Range::of("24h", 15, 96),
    Range::of("7d", 120, 84),
];

impl Range {
    const fn of(name: &'static str, minutes: i64, intervals: usize) -> Self {
        Self {
            name,
            width_us: minutes * 60_000_000,
            intervals,
        }
    }

    /// The range of a name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        RANGES.into_iter().find(|range| range.name == name)
    }

    /// Where it begins when it ends at `now`.
    pub(crate) fn start(self, now: UtcMicros) -> UtcMicros {
        now.plus_micros(-self.width_us * self.intervals as i64)
    }
}

/// The series of values, one an interval from `start` on; none where nothing was measured.
pub(crate) fn series(start: UtcMicros, width_us: i64, values: &[Option<f64>]) -> Series {
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    let measured = || values.iter().flatten().copied();
    let count = measured().count().max(1) as f64;
    let data: Vec<Point> = values
        .iter()
        .enumerate()
        .map(|(position, value)| Point {
            timestamp: start.plus_micros(width_us * position as i64),
            value: rounded(value.unwrap_or_default()),
        })
        .collect();
    Series {
        current: data.last().map_or(0.0, |point| point.value),
        peak: rounded(measured().fold(0.0, f64::max)),
        average: rounded(measured().sum::<f64>() / count),
        min: rounded(measured().reduce(f64::min).unwrap_or_default()),
        trend: trend(&data),
        data,
    }
}

fn trend(data: &[Point]) -> Trend {
    let Some(before) = data.len().checked_sub(2 * TREND_POINTS) else {
        return Trend::Stable;
    };
    let sum = |points: &[Point]| points.iter().map(|point| point.value).sum::<f64>();
    let (earlier, later) = data[before..].split_at(TREND_POINTS);
    let (earlier, later) = (sum(earlier), sum(later));
    if later > earlier * (1.0 + TREND_SHARE) {
        Trend::Up
    } else if later < earlier * (1.0 - TREND_SHARE) {
        Trend::Down
    } else {
        Trend::Stable
    }
}

/// Share of the time from `start` to `end` that no gap covers, in percent. Gaps may overlap.
pub(crate) fn uptime_percent(gaps: &[Gap], start: UtcMicros, end: UtcMicros) -> f64 {
    let mut spans: Vec<(i64, i64)> = gaps
        .iter()
        .map(|gap| (gap.start.max(start).get(), gap.end.min(end).get()))
        .filter(|(from, to)| from < to)
        .collect();
    spans.sort_unstable();
    let (mut covered, mut reached) = (0, start.get());
    for (from, to) in spans {
        covered += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    let whole = (end.get() - start.get()).max(1);
    (10_000.0 * (1.0 - covered as f64 / whole as f64)).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::api::gaps::GapReason;

    fn at(second: i64) -> UtcMicros {
        UtcMicros::default().plus_seconds(second)
    }

    #[test]
    fn ranges_have_the_points_that_dashboards_know() {
        let points = |name| Range::from_name(name).map(|r| (r.intervals, r.width_us / 60_000_000));
        assert_eq!(points("1h"), Some((60, 1)));
        assert_eq!(points("6h"), Some((72, 5)));
        assert_eq!(points("24h"), Some((96, 15)));
        assert_eq!(points("7d"), Some((84, 120)));
        assert_eq!(points("2h"), None);
    }

    #[test]
    fn what_was_not_measured_is_0_and_lowers_no_mean() {
        let values = [None, Some(4.0), None, Some(2.0)];
        let series = series(at(0), 60_000_000, &values);
        assert_eq!((series.average, series.min, series.peak), (3.0, 2.0, 4.0));
        assert_eq!((series.current, series.data[2].value), (2.0, 0.0));
        assert_eq!(series.data[3].timestamp, at(180));
    }

    #[test]
    fn a_trend_is_more_than_a_tenth_between_five_points_and_five() {
        let of = |earlier: f64, later: f64| {
            let values: Vec<_> = [[earlier; 5], [later; 5]]
                .concat()
                .into_iter()
                .map(Some)
                .collect();
            series(at(0), 1, &values).trend
        };
        assert_eq!(of(10.0, 11.5), Trend::Up);
        assert_eq!(of(10.0, 8.5), Trend::Down);
        assert_eq!(of(10.0, 10.5), Trend::Stable);
        assert_eq!((of(0.0, 0.0), of(0.0, 1.0)), (Trend::Stable, Trend::Up));
        assert_eq!(series(at(0), 1, &[Some(1.0); 9]).trend, Trend::Stable);
    }

    #[test]
    fn gaps_that_overlap_are_counted_once_and_only_within_the_range() {
        let gap = |start, end| Gap {
            start: at(start),
            end: at(end),
            reason: GapReason::Disconnected,
            closed_by: None,
            rows: None,
        };
        let uptime = |gaps: &[Gap]| uptime_percent(gaps, at(0), at(100));
        assert!((uptime(&[]) - 100.0).abs() < 1e-9);
        assert!(
            (uptime(&[
                gap(40, 60),
                gap(-50, 10),
                gap(50, 70),
                gap(45, 50),
                gap(200, 300)
            ]) - 60.0)
                .abs()
                < 1e-9
        );
        assert!(uptime(&[gap(-1, 101)]).abs() < 1e-9);
    }
}
