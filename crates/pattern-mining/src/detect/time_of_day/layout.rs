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
/// Windows begin, and have their last minute, at multiples of so many minutes.
const BIN: i64 = 5;
/// Bins before and after the day.
const SIDE_BINS: i64 = REACH / BIN + 1;
const BINS: i64 = MINUTES_PER_DAY / BIN + 2 * SIDE_BINS;
/// Minutes of the day and beside it.
const MINUTES: usize = (MINUTES_PER_DAY + 2 * REACH) as usize;
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
    /// All days of the class that count, also outside of the span.
    pub(super) of_class: Vec<usize>,
    bits: Vec<u64>,
}

impl Choice {
    pub(super) fn new(days: &Days, class: DaySet, span: Range<usize>) -> Self {
        let of_class: Vec<usize> = (0..days.len())
            .filter(|&day| days.counts(day, class))
            .collect();
        let mut bits = vec![0; days.len().div_ceil(64)];
        let mut count = 0;
        for day in of_class.iter().filter(|day| span.contains(day)) {
            bits[day / 64] |= 1 << (day % 64);
            count += 1;
        }
        Self {
            class,
            span,
            days: count,
            of_class,
            bits,
        }
    }

    pub(super) fn contains(&self, point: Point) -> bool {
        let day = usize::from(point.day);
        self.bits[day / 64] & (1 << (day % 64)) != 0
    }
}

/// The changes of a series in one measure.
pub(super) struct Layout<'a> {
    pub(super) series: &'a Series,
    pub(super) days: &'a Days,
    pub(super) shifts: &'a Shifts,
    points: OnceCell<Vec<Point>>,
    /// Days with a change.
    any: Vec<u64>,
    /// For each bin the days with a change in it …
    bins: Vec<u64>,
    /// … and those with one in its first minute.
    firsts: Vec<u64>,
    /// For each width, on demand, the days with a change in each window.
    windows: [OnceCell<Vec<u64>>; WINDOWS.len()],
    /// Words for one bit of each day.
    words: usize,
}

impl<'a> Layout<'a> {
    pub(super) fn new(series: &'a Series, days: &'a Days, shifts: &'a Shifts) -> Self {
        let words = days.len().div_ceil(64);
        let mut bins = vec![0; BINS as usize * words];
        let mut firsts = bins.clone();
        each_point(series, days, shifts, |point| {
            let place = i64::from(point.minute) + SIDE_BINS * BIN;
            let day = usize::from(point.day);
            let word = (place / BIN) as usize * words + day / 64;
            let bit = 1 << (day % 64);
            bins[word] |= bit;
            firsts[word] |= if place % BIN == 0 { bit } else { 0 };
        });
        let mut any = vec![0; words];
        for days in bins.chunks_exact(words.max(1)) {
            any.iter_mut()
                .zip(days)
                .for_each(|(sum, days)| *sum |= days);
        }
        Self {
            series,
            days,
            shifts,
            points: OnceCell::new(),
            any,
            bins,
            firsts,
            windows: Default::default(),
            words,
        }
    }

    /// In order of the minute, the day and the moment.
    pub(super) fn points(&self) -> &[Point] {
        self.points
            .get_or_init(|| points(self.series, self.days, self.shifts))
    }

    /// The most days of the choice that any of the widest windows has, and so any that lies in one; 0 where it is below `enough`.
    pub(super) fn most_days(&self, choice: &Choice, enough: f64) -> u32 {
        if f64::from(days_in_both(&self.any, &choice.bits)) < enough {
            return 0;
        }
        self.days_of_widest(choice).max().unwrap_or(0)
    }

    /// The windows that have at least so many days of the choice, by width and centre: centre, number of the width, days.
    pub(super) fn windows_with(&self, choice: &Choice, enough: f64) -> Vec<(i64, usize, u32)> {
        let has_enough = |days: u32| f64::from(days) >= enough;
        let widest: Vec<u32> = self.days_of_widest(choice).collect();
        let step = WINDOWS[WIDEST].1;
        // A window has no more days than the one of the widest around it, which is that with the nearest centre of the same day.
        let may_have_enough = |centre: i64| {
            let around = (centre + step / 2) / step;
            has_enough(widest[(around as usize).min(widest.len() - 1)])
        };
        let mut windows = Vec::new();
        for (width, &(_, step)) in WINDOWS.iter().enumerate() {
            for (centre, window) in (0..).step_by(step as usize).zip(self.bits_of(width)) {
                if may_have_enough(centre) {
                    let days = days_in_both(window, &choice.bits);
                    windows.extend(has_enough(days).then_some((centre, width, days)));
                }
            }
        }
        windows
    }

    /// For each of the widest windows, the days of the choice that have a change in it.
    fn days_of_widest(&self, choice: &Choice) -> impl Iterator<Item = u32> {
        self.bits_of(WIDEST)
            .map(|window| days_in_both(window, &choice.bits))
    }

    /// The days with a change in each window of a width, a bit for each.
    fn bits_of(&self, width: usize) -> impl Iterator<Item = &[u64]> {
        let bits = self.windows[width].get_or_init(|| self.lay(width));
        bits.chunks_exact(self.words.max(1))
    }

    /// A window reaches from the first minute of a bin to the first minute of another.
    fn lay(&self, width: usize) -> Vec<u64> {
        let (half_width, step) = WINDOWS[width];
        let words = self.words.max(1);
        let mut windows = vec![0; (MINUTES_PER_DAY / step) as usize * words];
        let centres = (0..MINUTES_PER_DAY).step_by(step as usize);
        for (window, centre) in windows.chunks_exact_mut(words).zip(centres) {
            let bin = |minute: i64| (minute / BIN + SIDE_BINS) as usize * words;
            let (from, until) = (bin(centre - half_width), bin(centre + half_width));
            let bins = self.bins[from..until].chunks_exact(words);
            for days in bins.chain([&self.firsts[until..until + words]]) {
                for (sum, days) in window.iter_mut().zip(days) {
                    *sum |= days;
                }
            }
        }
        windows
    }
}

fn days_in_both(one: &[u64], other: &[u64]) -> u32 {
    let both = one.iter().zip(other);
    both.map(|(one, other)| (one & other).count_ones()).sum()
}

/// Shows every change of a series as seen from its day and from the days beside it, in order of the moment.
fn each_point(series: &Series, days: &Days, shifts: &Shifts, mut see: impl FnMut(Point)) {
    let lowest = shifts.by_day.iter().copied().min().unwrap_or(0);
    let highest = shifts.by_day.iter().copied().max().unwrap_or(0);
    for (moment, at) in series.moments.iter().enumerate() {
        let (day, minute) = (at.day(), at.of_day());
        // 23:55 is also five minutes before the next day, 00:05 also five minutes after the end of the day before.
        for (day, minute) in [
            (day, minute),
            (day + 1, minute - MINUTES_PER_DAY),
            (day - 1, minute + MINUTES_PER_DAY),
        ] {
            if minute - lowest < -REACH || minute - highest >= MINUTES_PER_DAY + REACH {
                continue;
            }
            let Some(day) = days.index(day) else {
                continue;
            };
            let minute = minute - shifts.by_day[day];
            if (-REACH..MINUTES_PER_DAY + REACH).contains(&minute) {
                see(Point {
                    minute: minute as i16,
                    day: day as u16,
                    moment: moment as u32,
                });
            }
        }
    }
}

/// All changes of a series in one measure, put in order by counting those of each minute.
fn points(series: &Series, days: &Days, shifts: &Shifts) -> Vec<Point> {
    let mut points = Vec::with_capacity(series.moments.len() * 3 / 2);
    let mut ends = [0_u32; MINUTES];
    let place = |point: Point| (i64::from(point.minute) + REACH) as usize;
    each_point(series, days, shifts, |point| {
        ends[place(point)] += 1;
        points.push(point);
    });
    let mut sum = 0;
    for end in &mut ends {
        sum += std::mem::replace(end, sum);
    }
    let mut ordered = points.clone();
    for point in points {
        let end = &mut ends[place(point)];
        ordered[*end as usize] = point;
        *end += 1;
    }
    // Those of one minute came in order of the moment, which is that of the day but for the seams.
    if !ordered.is_sorted() {
        ordered.sort_unstable();
    }
    ordered
}
