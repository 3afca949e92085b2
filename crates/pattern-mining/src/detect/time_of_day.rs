//! An entity reaches a state around a minute of the day.
//!
//! The question asked of every window of the day is not "how often" but "more often than this entity's own life around that
//! hour explains". The null hypothesis lets each day keep as many changes as it had within three hours of the
//! window, and only places them anew: evenly, or as densely as they are just before or just after the window, whichever explains
//! more. A light that is used at random while people are awake, a sensor that chatters, the step in the morning when everything
//! begins: none of these stands out against its own neighbourhood. A habit does. Days are counted, never changes, so that one busy evening is one day.

use common::pattern::DayClass;

use crate::calendar::{Days, MINUTES_PER_DAY};
use crate::score::{binomial_tail, wilson_lower};
use crate::timeline::{Moment, Series};

use sweep::{Sweep, at_least_one};

mod sweep;

/// Fewest distinct days on which it must have happened.
pub const MIN_DAYS: u32 = 5;
/// Smallest share of the days on which it must have happened.
pub const MIN_SHARE: f64 = 0.55;
/// Smallest lower bound (Wilson, 95 %) of that share.
pub const MIN_SHARE_LOWER: f64 = 0.35;
/// Smallest share of the days that chance leaves open on which it must have happened: 0 is chance, 1 is every day.
pub const MIN_ABOVE_CHANCE: f64 = 0.5;
/// Largest standard deviation in half widths of the window. An even spread over the window has 0.58: a habit has a middle.
pub const MAX_SPREAD: f64 = 0.48;
/// Days of the recent span, in which a habit that began lately, or drifts, shows best.
pub const RECENT_DAYS: usize = 28;

/// Half widths of the windows, in minutes, each with the distance between the centres tried.
const WINDOWS: [(i64, i64); 4] = [(10, 5), (20, 10), (30, 15), (45, 20)];
/// Half width of the neighbourhood that a window is compared with, in minutes.
const NEIGHBOURHOOD: i64 = 180;
/// Minutes on each side of the window whose density is also taken for chance.
const FLANK: i64 = 60;
/// Windows above this probability are not worth a closer look; the correction for all windows alone takes them above 1.
const WORTH_A_LOOK: f64 = 1e-3;
/// Two habits of the same entity, state and class lie at least this far apart, in minutes.
const APART: i64 = 45;
/// Latest hits that say where a habit is now, when it drifts.
const LATEST_HITS: usize = 12;
/// A habit is over when it was missed so often in a row that chance would do it this rarely …
const SILENCE: f64 = 1e-3;
/// … and at least this many times.
const MIN_SILENT_DAYS: u32 = 5;

/// A window of the day that stands out.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Position of the series in the evidence.
    pub series: usize,
    /// The days on which it holds.
    pub class: DayClass,
    /// Minute around which it happens now, 0 to 1439.
    pub minute: i64,
    /// Centre of the tested window, 0 to 1439.
    pub centre: i64,
    /// Half width of the tested window.
    pub half_width: i64,
    /// Standard deviation around the middle of the hits.
    pub spread: f64,
    /// Days with a hit.
    pub hits: u32,
    /// Days that could have had one.
    pub opportunities: u32,
    /// Days with a hit that chance explains.
    pub expected: f64,
    /// Probability of so many by chance, corrected for every window of the day, width and span that was tried.
    pub p_value: f64,
    /// The moments that made the hits, one a day, in time order.
    pub moments: Vec<Moment>,
    /// Hits and opportunities on weekdays, whatever the class.
    pub weekdays: (u32, u32),
    /// Hits and opportunities on weekends, whatever the class.
    pub weekends: (u32, u32),
}

/// What was tried for one series.
#[derive(Debug, Default)]
pub struct Found {
    /// Windows that stand out, all classes together.
    pub candidates: Vec<Candidate>,
    /// Classes with enough days to be tested.
    pub hypotheses: usize,
    /// Windows looked at.
    pub windows: usize,
}

/// Looks for windows in one series, in every day class and span.
pub fn find(index: usize, series: &Series, days: &Days) -> Found {
    let spans: &[usize] = if days.len() > RECENT_DAYS * 3 / 2 {
        &[0, days.len() - RECENT_DAYS]
    } else {
        &[0]
    };
    let positions = tried_positions();
    let charge = (positions * spans.len()) as f64;
    let mut found = Found::default();
    for class in [DayClass::All, DayClass::Weekday, DayClass::Weekend] {
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut tested = false;
        for &first_day in spans {
            let scan = Scan::new(&series.moments, days, class, first_day);
            if scan.days_with_any() < MIN_DAYS as usize {
                continue;
            }
            tested = true;
            found.windows += positions;
            for (centre, half_width) in scan.shortlist() {
                if let Some(mut candidate) = scan.examine(centre, half_width, &series.moments) {
                    candidate.p_value = (candidate.p_value * charge).min(1.0);
                    candidate.series = index;
                    candidates.push(candidate);
                }
            }
        }
        found.hypotheses += usize::from(tested);
        found.candidates.extend(best_apart(candidates));
    }
    found
}

/// Centres and widths that are tried for each series, class and span.
fn tried_positions() -> usize {
    WINDOWS
        .iter()
        .map(|&(_, step)| (MINUTES_PER_DAY / step) as usize)
        .sum()
}

/// The strongest of the candidates that overlap, for each habit of the day.
fn best_apart(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| a.p_value.total_cmp(&b.p_value).then(b.hits.cmp(&a.hits)));
    let mut best: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let near = |other: &Candidate| {
            apart(other.minute, candidate.minute) < APART.max(other.half_width)
                || apart(other.centre, candidate.centre) < other.half_width + candidate.half_width
        };
        if !best.iter().any(near) {
            best.push(candidate);
        }
    }
    best
}

/// Distance of two minutes of the day on the circle.
pub fn apart(a: i64, b: i64) -> i64 {
    let distance = (a - b).rem_euclid(MINUTES_PER_DAY);
    distance.min(MINUTES_PER_DAY - distance)
}

/// A change as seen from one day: minutes from its midnight, before it and after its end as far as a neighbourhood reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    minute: i64,
    day: usize,
    moment: usize,
}

/// One series in one day class and span, laid out on the circle of the day.
struct Scan<'a> {
    days: &'a Days,
    class: DayClass,
    first_day: usize,
    points: Vec<Point>,
}

impl<'a> Scan<'a> {
    fn new(moments: &[Moment], days: &'a Days, class: DayClass, first_day: usize) -> Self {
        let reach = NEIGHBOURHOOD + 1;
        let mut points = Vec::with_capacity(moments.len());
        for (moment, at) in moments.iter().enumerate() {
            let (day, minute) = (
                at.minute.div_euclid(MINUTES_PER_DAY),
                at.minute.rem_euclid(MINUTES_PER_DAY),
            );
            // 23:55 is also five minutes before the next day, 00:05 also five minutes after the end of the day before.
            for (day, minute) in [
                (day, minute),
                (day + 1, minute - MINUTES_PER_DAY),
                (day - 1, minute + MINUTES_PER_DAY),
            ] {
                if minute < -reach || minute >= MINUTES_PER_DAY + reach {
                    continue;
                }
                if let Some(day) = days
                    .index(day)
                    .filter(|&day| day >= first_day && days.counts(day, class))
                {
                    points.push(Point {
                        minute,
                        day,
                        moment,
                    });
                }
            }
        }
        points.sort_unstable();
        Self {
            days,
            class,
            first_day,
            points,
        }
    }

    fn days_with_any(&self) -> usize {
        let mut seen = vec![false; self.days.len()];
        for point in &self.points {
            seen[point.day] = true;
        }
        seen.into_iter().filter(|&any| any).count()
    }

    /// Points within `from..=until` minutes.
    fn between(&self, from: i64, until: i64) -> &[Point] {
        let start = self.points.partition_point(|point| point.minute < from);
        let end = self.points.partition_point(|point| point.minute <= until);
        &self.points[start..end]
    }

    /// Days of the class and span on which something could have been seen at this minute.
    fn opportunities(&self, minute: i64, class: DayClass) -> u32 {
        (self.first_day..self.days.len())
            .filter(|&day| self.days.could_happen(day, class, minute))
            .count() as u32
    }

    /// Windows that are better than chance at first sight: against an even spread over the neighbourhood.
    fn shortlist(&self) -> Vec<(i64, i64)> {
        let mut worth = Vec::new();
        let days_of_class = (self.first_day..self.days.len())
            .filter(|&day| self.days.counts(day, self.class))
            .count();
        let enough = f64::from(MIN_DAYS).max(MIN_SHARE * (days_of_class as f64 - 2.0));
        for (half_width, step) in WINDOWS {
            let share = (2 * half_width + 1) as f64 / (2 * NEIGHBOURHOOD + 1) as f64;
            let mut window = Sweep::new(&self.points, self.days.len(), half_width);
            let mut around = Sweep::new(&self.points, self.days.len(), NEIGHBOURHOOD);
            for centre in (0..MINUTES_PER_DAY).step_by(step as usize) {
                window.move_to(centre);
                if f64::from(window.days) < enough {
                    continue;
                }
                around.move_to(centre);
                let expected = around.expected(share);
                let chance = expected / f64::from(around.days);
                if binomial_tail(around.days, window.days, chance) < WORTH_A_LOOK {
                    worth.push((centre, half_width));
                }
            }
        }
        worth
    }

    /// The full test of one window. `None` where it fails; the p-value of what passes is not yet corrected for the scan.
    fn examine(&self, centre: i64, half_width: i64, moments: &[Moment]) -> Option<Candidate> {
        let inside = self.between(centre - half_width, centre + half_width);
        let hit_points = one_a_day(inside, centre);
        let hits = hit_points.len() as u32;
        let opportunities = self.opportunities(centre, self.class).max(hits);
        let share = f64::from(hits) / f64::from(opportunities);
        if hits < MIN_DAYS
            || share < MIN_SHARE
            || wilson_lower(opportunities, hits) < MIN_SHARE_LOWER
        {
            return None;
        }
        let mut by_day = vec![0_u32; self.days.len()];
        let around = self.between(centre - NEIGHBOURHOOD, centre + NEIGHBOURHOOD);
        for point in around {
            by_day[point.day] += 1;
        }
        let chance = self.chance(centre, half_width, around.len());
        let active = by_day.iter().filter(|&&changes| changes > 0).count() as u32;
        let expected: f64 = by_day
            .iter()
            .map(|&changes| at_least_one(chance, changes))
            .sum();
        let above = (f64::from(hits) - expected) / (f64::from(opportunities) - expected).max(1e-9);
        let p_value = binomial_tail(active, hits, expected / f64::from(active));
        if above < MIN_ABOVE_CHANCE || p_value >= WORTH_A_LOOK || self.is_over(&hit_points, centre)
        {
            return None;
        }
        let (minute, spread) = self.now(&hit_points, centre);
        if spread > MAX_SPREAD * half_width as f64 {
            return None;
        }
        let of_class = |class: DayClass| {
            let first = Scan::new(moments, self.days, class, self.first_day);
            let days = one_a_day(
                first.between(centre - half_width, centre + half_width),
                centre,
            )
            .len() as u32;
            (days, first.opportunities(centre, class).max(days))
        };
        Some(Candidate {
            series: 0,
            class: self.class,
            minute,
            centre,
            half_width,
            spread,
            hits,
            opportunities,
            expected,
            p_value,
            moments: hit_points
                .iter()
                .map(|point| moments[point.moment])
                .collect(),
            weekdays: of_class(DayClass::Weekday),
            weekends: of_class(DayClass::Weekend),
        })
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

    /// Whether it was missed so often since the last hit that it is no longer a habit.
    fn is_over(&self, hits: &[Point], centre: i64) -> bool {
        let (Some(first), Some(last)) = (hits.first(), hits.last()) else {
            return true;
        };
        let possible = |from: usize, until: usize| {
            (from..until)
                .filter(|&day| self.days.could_happen(day, self.class, centre))
                .count() as u32
        };
        let silent = possible(last.day + 1, self.days.len());
        let alive = possible(first.day, last.day + 1).max(hits.len() as u32);
        let missed = 1.0 - hits.len() as f64 / f64::from(alive + 1);
        silent >= MIN_SILENT_DAYS && missed.powi(silent as i32) < SILENCE
    }

    /// Where the habit is now, and how far it strays.
    fn now(&self, hits: &[Point], centre: i64) -> (i64, f64) {
        let latest = &hits[hits.len().saturating_sub(LATEST_HITS)..];
        let mut minutes: Vec<i64> = latest.iter().map(|point| point.minute).collect();
        minutes.sort_unstable();
        let middle = minutes[minutes.len() / 2];
        let mean = hits.iter().map(|point| point.minute as f64).sum::<f64>() / hits.len() as f64;
        let variance = hits
            .iter()
            .map(|point| (point.minute as f64 - mean).powi(2))
            .sum::<f64>()
            / hits.len() as f64;
        // A habit of certain days keeps to the day that its window was counted on, even where its middle lies past midnight.
        let minute = if self.class == DayClass::All {
            middle.rem_euclid(MINUTES_PER_DAY)
        } else {
            middle.clamp(0, MINUTES_PER_DAY - 1)
        };
        debug_assert!(
            apart(minute, centre) <= NEIGHBOURHOOD,
            "a middle lies in its window"
        );
        (minute, variance.sqrt())
    }
}

/// The point of each day that lies nearest to the centre, by day.
fn one_a_day(points: &[Point], centre: i64) -> Vec<Point> {
    let mut nearest: Vec<Point> = points.to_vec();
    nearest.sort_unstable_by_key(|point| (point.day, (point.minute - centre).abs()));
    nearest.dedup_by_key(|point| point.day);
    nearest
}
