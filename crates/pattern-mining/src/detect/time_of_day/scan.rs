//! One series in one day class, span and measure, laid out on the circle of the day, and the test of its windows.

use std::ops::Range;

use crate::calendar::{Days, MINUTES_PER_DAY};
use crate::evidence::Moment;
use crate::finding::{ClockTime, Finding};
use crate::life;
use crate::pattern::{DaySet, Kind, Status};
use crate::score::{binomial_tail, binomial_tail_is_below, fisher_greater, wilson_lower};

use super::frame::{Frame, Shifts};
use super::layout::{Choice, Layout, Point};
use super::sweep::{Sweep, at_least_one};
use super::{MIN_DAYS, WINDOWS};

/// Smallest share of the days on which it must have happened.
const MIN_SHARE: f64 = 0.55;
/// Smallest lower bound (Wilson, 95 %) of that share.
const MIN_SHARE_LOWER: f64 = 0.35;
/// The same for a single weekday, of which there are few …
const MIN_SHARE_SINGLE: f64 = 0.75;
/// … and seven, …
const MIN_SHARE_LOWER_SINGLE: f64 = 0.45;
/// … unless it keeps to the minute: what happens on six of ten Thursdays within ten minutes, and on no other day, is Thursday's.
const MIN_SHARE_LOWER_PUNCTUAL: f64 = 0.28;
/// Smallest share of the days that chance leaves open on which it must have happened: 0 is chance, 1 is every day.
const MIN_ABOVE_CHANCE: f64 = 0.5;
/// The same for the widest window: what people do at about the time at which they get up or come home fills it to more than a half, and
/// is no habit of its own.
const MIN_ABOVE_CHANCE_WIDE: f64 = 0.55;
/// How many times as often as chance it must have happened: that the kitchen door opens between six and eight on most mornings, as it does
/// at any time, is no habit.
const MIN_LIFT: f64 = 2.5;
/// Largest standard deviation in half widths of the window. An even spread over the window has 0.58: a habit has a middle.
const MAX_SPREAD: f64 = 0.48;

/// Half width of the neighbourhood that a window is compared with, in minutes.
pub(super) const NEIGHBOURHOOD: i64 = 180;
/// Minutes on each side of the window whose density is also taken for chance.
const FLANK: i64 = 60;
/// Windows above this probability are not worth a closer look; the correction for all windows alone takes them above 1.
const WORTH_A_LOOK: f64 = 1e-3;
/// Latest hits that say where a habit is now.
const LATEST_HITS: usize = 12;
/// A habit of the earlier days goes on when its share afterwards is more than this part of what it was.
const GOES_ON: f64 = 0.3;
/// A weekday is told from the others when chance would make such a difference more rarely than this, …
const SPECIAL: f64 = 0.05;
/// … and they have it at most this part as often: on Tuesdays people get up as on other days.
const OTHER_DAYS: f64 = 0.4;
/// Share of the days with a hit in the widest window, from which on a series is worth a look.
const WORTH_A_SHARE: f64 = 0.35;

pub(super) struct Scan<'a> {
    moments: &'a [Moment],
    days: &'a Days,
    choice: &'a Choice,
    shifts: &'a Shifts,
    /// Centre, number of the width and days of every window with enough of them.
    windows: Vec<(i64, usize, u32)>,
    /// Those of the layout's points that lie in the class and the span, in the neighbourhood of the windows.
    points: Vec<Point>,
    /// All of the layout's points.
    everywhere: &'a [Point],
}

/// Days that the widest window must have for anything of the choice to be looked at.
pub(super) fn worth_a_look(choice: &Choice) -> f64 {
    f64::from(MIN_DAYS).max(WORTH_A_SHARE * choice.days as f64)
}

/// Days that a window must have at least to be looked at closer.
fn enough(choice: &Choice) -> f64 {
    f64::from(MIN_DAYS).max(MIN_SHARE * (choice.days as f64 - 2.0))
}

impl<'a> Scan<'a> {
    /// A scan of what lies in the class and the span, where the widest window has at most so many days; none where no window has enough.
    pub(super) fn new(layout: &'a Layout<'a>, choice: &'a Choice, most_days: u32) -> Option<Self> {
        let enough = enough(choice);
        if f64::from(most_days) < enough {
            return None;
        }
        let shifts = layout.shifts;
        let mut windows = layout.windows_with(choice, enough);
        windows.retain(|&(centre, width, _)| shifts.explain(centre, WINDOWS[width].0));
        if windows.is_empty() {
            return None;
        }
        // By centre and width, so that one pass serves the neighbourhoods of all widths.
        windows.sort_unstable();
        let (first, last) = (windows[0].0, windows[windows.len() - 1].0);
        let all = layout.points();
        let near = within(all, first - NEIGHBOURHOOD, last + NEIGHBOURHOOD);
        let mut points = Vec::with_capacity(near.len());
        points.extend(near.iter().filter(|point| choice.contains(**point)));
        Some(Self {
            moments: &layout.series.moments,
            days: layout.days,
            choice,
            shifts,
            windows,
            points,
            everywhere: all,
        })
    }

    /// Points within `from..=until` minutes.
    fn between(&self, from: i64, until: i64) -> &[Point] {
        within(&self.points, from, until)
    }

    /// Days of the class on which something could have been seen at this minute, within a range of days.
    fn possible(&self, minute: i64, range: Range<usize>) -> Vec<usize> {
        let of_class = &self.choice.of_class;
        let before = |end: usize| of_class.partition_point(|&day| day < end);
        let days = of_class[before(range.start)..before(range.end)].iter();
        let was = |day: &usize| self.days.was(*day, minute + self.shifts.by_day[*day]);
        days.copied().filter(was).collect()
    }

    /// Windows that are better than chance at first sight: against an even spread over the neighbourhood.
    pub(super) fn shortlist(&self) -> Vec<(i64, i64)> {
        let mut around = Sweep::new(&self.points, self.days.len(), NEIGHBOURHOOD);
        let mut windows = self.windows.clone();
        windows.retain(|&(centre, width, days)| {
            around.move_to(centre);
            let share = (2 * WINDOWS[width].0 + 1) as f64 / (2 * NEIGHBOURHOOD + 1) as f64;
            let chance = around.expected(share) / f64::from(around.days);
            binomial_tail_is_below(WORTH_A_LOOK, around.days, days, chance)
        });
        windows.sort_unstable_by_key(|&(centre, width, _)| (width, centre));
        let windows = windows.into_iter();
        windows
            .map(|(centre, width, _)| (centre, WINDOWS[width].0))
            .collect()
    }

    /// The full test of one window. `None` where it fails; the p-value of what passes is not yet corrected for the scan.
    pub(super) fn examine(&self, centre: i64, half_width: i64) -> Option<Finding> {
        let inside = self.between(centre - half_width, centre + half_width);
        let hit_points = one_a_day(inside, centre);
        let hits = hit_points.len() as u32;
        let possible = self.possible(centre, self.choice.span.clone());
        let opportunities = (possible.len() as u32).max(hits);
        let share = f64::from(hits) / f64::from(opportunities);
        let (least, lower) = match self.choice.class.count() {
            1 if half_width == WINDOWS[0].0 => (MIN_SHARE, MIN_SHARE_LOWER_PUNCTUAL),
            1 => (MIN_SHARE_SINGLE, MIN_SHARE_LOWER_SINGLE),
            _ => (MIN_SHARE, MIN_SHARE_LOWER),
        };
        if hits < MIN_DAYS || share < least || wilson_lower(opportunities, hits) < lower {
            return None;
        }
        let (p_value, expected) = self.by_chance(centre, half_width, hits);
        let above = (f64::from(hits) - expected) / (f64::from(opportunities) - expected).max(1e-9);
        let widest = half_width == WINDOWS[WINDOWS.len() - 1].0;
        let least = if widest {
            MIN_ABOVE_CHANCE_WIDE
        } else {
            MIN_ABOVE_CHANCE
        };
        if above < least || f64::from(hits) < MIN_LIFT * expected || p_value >= WORTH_A_LOOK {
            return None;
        }
        let (minute, spread) = self.now(&hit_points);
        if spread > MAX_SPREAD * half_width as f64 {
            return None;
        }
        if self.choice.class.count() == 1
            && !self.is_special(centre, half_width, hits, opportunities)
        {
            return None;
        }
        let part = self.part(centre, half_width, share)?;
        let (hit_points, possible) = if part == self.choice.span {
            (hit_points, possible)
        } else {
            let inside = self.anywhere(centre, half_width);
            let mut hit_points = one_a_day(&inside, centre);
            hit_points.retain(|point| part.contains(&usize::from(point.day)));
            (hit_points, self.possible(centre, part))
        };
        let hit_days = days_of(&hit_points);
        let mut finding = Finding::new(Kind::TimeOfDay, Vec::new());
        finding.p_value = p_value;
        finding.hits = hit_points.len() as u32;
        finding.opportunities = (possible.len() as u32).max(finding.hits);
        finding.expected = expected * f64::from(finding.opportunities) / f64::from(opportunities);
        finding.days = Some(self.choice.class);
        finding.occurrences = hit_points
            .iter()
            .map(|point| self.moments[point.moment as usize].at)
            .collect();
        finding.misses = self.missed(&possible, &hit_days, centre);
        let first = hit_days.first().copied().unwrap_or(0);
        let mut earlier = days_of(&self.anywhere(centre, half_width));
        earlier.retain(|&day| day < first);
        earlier.sort_unstable();
        earlier.dedup();
        finding.status = self.status(&hit_days, earlier.len(), centre);
        if finding.status == Status::Stopped && self.shifts.frame != Frame::Clock {
            // Where it would be now, had it gone on moving, says nothing.
            return None;
        }
        finding.clock = Some(ClockTime {
            minute: minute.rem_euclid(MINUTES_PER_DAY),
            centre,
            half_width,
            spread,
            frame: self.shifts.frame,
        });
        Some(finding)
    }

    /// The points of the window on all days of the class, also outside of the span.
    fn anywhere(&self, centre: i64, half_width: i64) -> Vec<Point> {
        let inside = within(self.everywhere, centre - half_width, centre + half_width);
        let counts = |point: &&Point| self.days.counts(usize::from(point.day), self.choice.class);
        inside.iter().filter(counts).copied().collect()
    }

    /// The days in which the habit lived, of which the span was tested: a recent one may have begun before the span. None where it goes
    /// on behind the span of the earlier days, which then only was the best part of it.
    fn part(&self, centre: i64, half_width: i64, share: f64) -> Option<Range<usize>> {
        let (span, all) = (&self.choice.span, self.days.len());
        if *span == (0..all) {
            return Some(span.clone());
        }
        let mut happened = vec![false; all];
        for day in days_of(&self.anywhere(centre, half_width)) {
            happened[day] = true;
        }
        let share_in = |range: Range<usize>| {
            let possible = self.possible(centre, range);
            let hits = possible.iter().filter(|&&day| happened[day]).count();
            hits as f64 / possible.len().max(1) as f64
        };
        if span.end < all {
            return (share_in(span.end..all) <= GOES_ON * share).then(|| span.clone());
        }
        let possible = self.possible(centre, 0..all);
        let row: Vec<bool> = possible.iter().map(|&day| happened[day]).collect();
        let life = life::of_row(&row);
        let begin = possible.get(life.part.start).copied();
        Some(match begin {
            Some(begin) if life.began && !life.ended => begin.min(span.start)..all,
            _ => span.clone(),
        })
    }

    /// Whether the one weekday of the class has it clearly more often than the other days, paid for the choice of the weekday.
    fn is_special(&self, centre: i64, half_width: i64, hits: u32, opportunities: u32) -> bool {
        let inside = within(self.everywhere, centre - half_width, centre + half_width);
        let other = |day: usize| {
            self.days.counts(day, DaySet::ALL) && !self.days.counts(day, self.choice.class)
        };
        let mut happened = days_of(inside);
        happened.retain(|&day| other(day));
        happened.sort_unstable();
        happened.dedup();
        let others = (0..self.days.len()).filter(|&day| other(day)).count();
        let outside = (happened.len() as u32, others as u32);
        let share = |(hits, days): (u32, u32)| f64::from(hits) / f64::from(days.max(1));
        share(outside) <= OTHER_DAYS * share((hits, opportunities))
            && fisher_greater((hits, opportunities), outside) * 7.0 < SPECIAL
    }

    /// The middle of the days on which it was due and did not happen.
    fn missed(&self, possible: &[usize], hit_days: &[usize], centre: i64) -> Vec<i64> {
        // Both are in order.
        let is_hit = |day: &&usize| hit_days.binary_search(day).is_ok();
        let missed = possible.iter().filter(|day| !is_hit(day));
        missed
            .map(|&day| {
                let minute = centre + self.shifts.by_day[day];
                self.days.micros_at(day, minute)
            })
            .collect()
    }

    /// Probability of so many hits by chance, and how many chance makes.
    fn by_chance(&self, centre: i64, half_width: i64, hits: u32) -> (f64, f64) {
        let mut by_day = vec![0_u32; self.days.len()];
        let around = self.between(centre - NEIGHBOURHOOD, centre + NEIGHBOURHOOD);
        for point in around {
            by_day[usize::from(point.day)] += 1;
        }
        let chance = self.chance(centre, half_width, around.len());
        let active = by_day.iter().filter(|&&changes| changes > 0).count() as u32;
        let expected: f64 = by_day
            .iter()
            .map(|&changes| at_least_one(chance, changes))
            .sum();
        (
            binomial_tail(active, hits, expected / f64::from(active.max(1))),
            expected,
        )
    }

    /// Chance that one change of the neighbourhood falls into the window.
    fn chance(&self, centre: i64, half_width: i64, around: usize) -> f64 {
        let width = (2 * half_width + 1) as f64;
        let even = width / (2 * NEIGHBOURHOOD + 1) as f64;
        let density = |from: i64, until: i64| {
            self.between(from, until).len() as f64 / (until - from + 1) as f64
        };
        let (left, right) = (centre - half_width, centre + half_width);
        let sides = [
            density(left - FLANK, left - 1),
            density(right + 1, right + FLANK),
            density(centre - NEIGHBOURHOOD, left - 1),
            density(right + 1, centre + NEIGHBOURHOOD),
        ];
        let densest = sides.into_iter().fold(0.0, f64::max) * width / around.max(1) as f64;
        even.max(densest).min(0.99)
    }

    /// Where it is in its life, from the days with a hit, and the number of earlier days on which it happened in passing.
    fn status(&self, hit_days: &[usize], earlier: usize, centre: i64) -> Status {
        let Some(&first) = hit_days.first() else {
            return Status::Stopped;
        };
        let as_days = |days: &[usize]| days.iter().map(|&day| day as i64).collect::<Vec<_>>();
        let lived = as_days(&self.possible(centre, 0..self.days.len()));
        if let Some(status) = life::by_silence(&as_days(hit_days), &lived) {
            return status;
        }
        if matches!(self.shifts.frame, Frame::Drift(_)) {
            return Status::Drifting;
        }
        let came_back = life::came_back(&as_days(hit_days), &lived);
        let absent = self.possible(centre, 0..first).len();
        let share = hit_days.len() as f64 / lived.len().saturating_sub(absent).max(1) as f64;
        let was_there = earlier as f64 > GOES_ON * share * absent as f64;
        let young = life::young(absent, first, self.days.len()).filter(|_| !was_there);
        came_back.or(young).unwrap_or(Status::Active)
    }

    /// Where the habit is now, and how far it strays.
    fn now(&self, hits: &[Point]) -> (i64, f64) {
        let latest = &hits[hits.len().saturating_sub(LATEST_HITS)..];
        let mut minutes: Vec<i64> = latest.iter().map(|point| i64::from(point.minute)).collect();
        minutes.sort_unstable();
        let middle = minutes[minutes.len() / 2];
        let mean = hits
            .iter()
            .map(|point| f64::from(point.minute))
            .sum::<f64>()
            / hits.len() as f64;
        let variance = hits
            .iter()
            .map(|point| (f64::from(point.minute) - mean).powi(2))
            .sum::<f64>()
            / hits.len() as f64;
        // A habit of certain days keeps to the day that its window was counted on, even where its middle lies past midnight.
        let minute = if self.choice.class == DaySet::ALL {
            middle
        } else {
            middle.clamp(0, MINUTES_PER_DAY - 1)
        };
        (minute, variance.sqrt())
    }
}

fn days_of(points: &[Point]) -> Vec<usize> {
    points.iter().map(|point| usize::from(point.day)).collect()
}

/// Those of the points, which are in order of the minute, that lie within `from..=until` minutes.
fn within(points: &[Point], from: i64, until: i64) -> &[Point] {
    let start = points.partition_point(|point| i64::from(point.minute) < from);
    let end = points.partition_point(|point| i64::from(point.minute) <= until);
    &points[start..end]
}

/// The point of each day that lies nearest to the centre, by day.
fn one_a_day(points: &[Point], centre: i64) -> Vec<Point> {
    let mut nearest: Vec<Point> = points.to_vec();
    nearest.sort_unstable_by_key(|point| (point.day, (i64::from(point.minute) - centre).abs()));
    nearest.dedup_by_key(|point| point.day);
    nearest
}
