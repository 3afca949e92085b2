//! One series laid out on the circle of the day in one measure, once for all day classes and spans: which days have a change in which
//! window is one bit for each day, so that the days of a class are counted by a mask.

use std::cell::OnceCell;
use std::ops::Range;

use crate::calendar::{Days, MINUTES_PER_DAY};
use crate::evidence::Series;
use crate::pattern::DaySet;

use super::WINDOWS;
use super::frame::Shifts;
use super::scan::NEIGHBOURHOOD;

/// Minutes beside the day that neighbourhoods reach into.
const REACH: i64 = NEIGHBOURHOOD + 1;
/// The widest of the windows: with its step it covers every narrower one.
const WIDEST: usize = WINDOWS.len() - 1;

/// A change as seen from one day: minutes from its midnight, before it and after its end as far as a neighbourhood reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    pub(super) minute: i16,
    pub(super) day: u16,
    pub(super) moment: u32,
}

/// Days of a class within a span of the past, those that count.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) class: DaySet,
    pub(super) span: Range<usize>,
    /// How many there are.
    pub(super) days: usize,
    bits: Vec<u64>,
}

impl Choice {
    pub(super) fn new(days: &Days, class: DaySet, span: Range<usize>) -> Self {
        let mut bits = vec![0; days.len().div_ceil(64)];
        let mut count = 0;
        for day in span.clone().filter(|&day| days.counts(day, class)) {
            bits[day / 64] |= 1 << (day % 64);
            count += 1;
        }
        Self {
            class,
            span,
            days: count,
            bits,
        }
    }

    pub(super) fn contains(&self, point: &Point) -> bool {
        let day = usize::from(point.day);
        self.bits[day / 64] & (1 << (day % 64)) != 0
    }
}

/// The changes of a series in one measure.
pub(super) struct Layout {
    /// In order of the minute, the day and the moment.
    pub(super) points: Vec<Point>,
    /// For the widest windows, and on demand for the others.
    windows: [OnceCell<Vec<u64>>; WINDOWS.len()],
    words: usize,
}

impl Layout {
    pub(super) fn new(series: &Series, days: &Days, shifts: &Shifts) -> Self {
        Self {
            points: points(series, days, shifts),
            windows: Default::default(),
            words: days.len().div_ceil(64),
        }
    }

    /// Whether any of the widest windows, or of those that lie in them, has at least so many days.
    pub(super) fn reaches(&self, choice: &Choice, enough: f64) -> bool {
        self.days(WIDEST, choice)
            .any(|(_, days)| f64::from(days) >= enough)
    }

    /// The centres of all windows of a width, with the days of the choice that have a change in it.
    pub(super) fn days(&self, width: usize, choice: &Choice) -> impl Iterator<Item = (i64, u32)> {
        let bits = self.windows[width].get_or_init(|| self.lay(width));
        let centres = (0..MINUTES_PER_DAY).step_by(WINDOWS[width].1 as usize);
        let windows = bits.chunks_exact(self.words.max(1));
        centres.zip(windows).map(|(centre, window)| {
            let both = window.iter().zip(&choice.bits);
            (
                centre,
                both.map(|(one, other)| (one & other).count_ones()).sum(),
            )
        })
    }

    fn lay(&self, width: usize) -> Vec<u64> {
        let (half_width, step) = WINDOWS[width];
        let centres = MINUTES_PER_DAY / step;
        let mut bits = vec![0; centres as usize * self.words];
        for point in &self.points {
            let minute = i64::from(point.minute);
            // Rounded up; numbers below zero are cut off.
            let first = (minute - half_width + step - 1).max(0) / step;
            let last = (minute + half_width).div_euclid(step).min(centres - 1);
            let day = usize::from(point.day);
            for centre in first..=last {
                bits[centre as usize * self.words + day / 64] |= 1 << (day % 64);
            }
        }
        bits
    }
}

/// All changes of a series in one measure, in order.
fn points(series: &Series, days: &Days, shifts: &Shifts) -> Vec<Point> {
    let mut points = Vec::with_capacity(series.moments.len() * 3 / 2);
    // Behind each minute, how many points have it or an earlier one.
    let mut ends = [0_u32; (MINUTES_PER_DAY + 2 * REACH) as usize];
    for (moment, at) in series.moments.iter().enumerate() {
        let (day, minute) = (at.day(), at.of_day());
        // 23:55 is also five minutes before the next day, 00:05 also five minutes after the end of the day before.
        for (day, minute) in [
            (day, minute),
            (day + 1, minute - MINUTES_PER_DAY),
            (day - 1, minute + MINUTES_PER_DAY),
        ] {
            let Some(day) = days.index(day) else {
                continue;
            };
            let minute = minute - shifts.by_day[day];
            if minute >= -REACH && minute < MINUTES_PER_DAY + REACH {
                ends[(minute + REACH) as usize] += 1;
                points.push(Point {
                    minute: minute as i16,
                    day: day as u16,
                    moment: moment as u32,
                });
            }
        }
    }
    in_order(&points, ends)
}

/// Puts points in order by counting those of each minute: `ends` has their numbers.
fn in_order(
    points: &[Point],
    mut ends: [u32; (MINUTES_PER_DAY + 2 * REACH) as usize],
) -> Vec<Point> {
    let mut sum = 0;
    for end in &mut ends {
        let count = *end;
        *end = sum;
        sum += count;
    }
    let mut ordered = points.to_vec();
    for &point in points {
        let end = &mut ends[(i64::from(point.minute) + REACH) as usize];
        ordered[*end as usize] = point;
        *end += 1;
    }
    // Those of one minute came in order of the moment, which is that of the day but for the seams.
    if !ordered.is_sorted() {
        ordered.sort_unstable();
    }
    ordered
}
