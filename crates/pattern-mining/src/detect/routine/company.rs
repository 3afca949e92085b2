//! Who is near to whom on the same day.

use std::collections::BTreeMap;

use crate::calendar::MINUTES_PER_DAY;
use crate::detect::time_of_day::Frame;
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::pattern::DaySet;
use crate::score::binomial_tail;

/// On one day, members go together within this many minutes.
const TOGETHER: i64 = 12;
/// Two whose times of the day hardly vary are told from two that know nothing of each other by how close they come: within these minutes.
const CLOSE: [i64; 3] = [TOGETHER, 5, 2];
/// Minutes around the time of the day that are looked at: in some weeks people go to bed later.
const REACH: i64 = 90;
/// The same where no member has a time of its own: at weekends they get up two hours later.
const WIDE_REACH: i64 = 150;
/// Days before and after a day whose times it is compared with.
const OTHER_DAYS: i64 = 10;
/// Fewest days on which both happen.
const MIN_DAYS: usize = 5;

const MICROS_PER_MINUTE: i64 = 60_000_000;

/// For each day, the minutes from its midnight at which something happens around a time of the day, in order.
pub(super) struct Around {
    first_day: i64,
    /// From the first day on; a day on which nothing happens has none.
    minutes: Vec<Vec<i64>>,
}

/// A time of the day: minutes from midnight on the last day, and what moves it.
#[derive(Clone, Copy)]
pub(super) struct Centre {
    pub(super) minute: i64,
    pub(super) frame: Frame,
    /// Minutes around it that are looked at.
    pub(super) reach: i64,
}

impl Centre {
    pub(super) fn of(time: &Finding) -> Self {
        let frame = time.clock.map_or(Frame::Clock, |clock| clock.frame);
        Self {
            minute: time.clock.map_or(0, |clock| clock.minute),
            frame,
            reach: REACH,
        }
    }

    /// The middle of the densest part of the day among these minutes of the day, in order, with the number of those in it.
    pub(super) fn densest(minutes: &[i64]) -> Option<(Self, usize)> {
        let all = minutes.len();
        let day_after = minutes.iter().map(|minute| minute + MINUTES_PER_DAY);
        let twice: Vec<i64> = minutes.iter().copied().chain(day_after).collect();
        let end = |start: usize| {
            twice.partition_point(|&minute| minute <= twice[start] + 2 * WIDE_REACH) - start
        };
        let (start, count) = (0..all)
            .map(|start| (start, end(start).min(all)))
            .max_by_key(|&(start, count)| (count, std::cmp::Reverse(start)))?;
        let centre = Self {
            minute: twice[start + count / 2].rem_euclid(MINUTES_PER_DAY),
            frame: Frame::Clock,
            reach: WIDE_REACH,
        };
        Some((centre, count))
    }

    /// Minutes by which it is later on a day than on the last one.
    pub(super) fn ahead(self, evidence: &Evidence, day: i64) -> i64 {
        let index = evidence.days.index(day);
        let ahead = index.and_then(|index| self.frame.ahead(evidence, index));
        ahead.unwrap_or(0)
    }
}

impl Around {
    pub(super) fn new(evidence: &Evidence, series: usize, centre: Centre) -> Self {
        // Near midnight, a window belongs to the day before or after.
        let mut around = Self::none(evidence.days.day_at(0) - 1, evidence.days.len() + 2);
        let mut ahead = (i64::MIN, 0);
        for moment in &evidence.series[series].moments {
            let day = day_of_minute(moment.minute, centre.minute);
            if ahead.0 != day {
                ahead = (day, centre.ahead(evidence, day));
            }
            let minute = moment.minute - day * MINUTES_PER_DAY;
            let off = minute - centre.minute - ahead.1;
            if off.abs() <= centre.reach && evidence.days.lived_at(moment.minute) {
                around.add(day, minute);
            }
        }
        around
    }

    fn none(first_day: i64, days: usize) -> Self {
        Self {
            first_day,
            minutes: vec![Vec::new(); days],
        }
    }

    fn add(&mut self, day: i64, minute: i64) {
        self.minutes[(day - self.first_day) as usize].push(minute);
    }

    /// The days on which something happens.
    fn days(&self) -> impl Iterator<Item = (i64, &[i64])> {
        let days = (self.first_day..).zip(&self.minutes);
        let days = days.filter(|(_, minutes)| !minutes.is_empty());
        days.map(|(day, minutes)| (day, &minutes[..]))
    }

    /// How near, in minutes, it comes to any of these on a day; none where nothing happens on it.
    fn nearest(&self, day: i64, minutes: &[i64]) -> Option<i64> {
        let place = usize::try_from(day - self.first_day).ok()?;
        let own = self.minutes.get(place)?;
        let each = minutes
            .iter()
            .flat_map(|minute| own.iter().map(move |other| (minute - other).abs()));
        each.min()
    }
}

/// The day whose window an instant is in, which near midnight may be the neighbour's.
pub(super) fn day_of(evidence: &Evidence, at: i64, centre: i64) -> i64 {
    day_of_minute(evidence.moment(at).minute, centre)
}

fn day_of_minute(minute: i64, centre: i64) -> i64 {
    (minute - centre + MINUTES_PER_DAY / 2).div_euclid(MINUTES_PER_DAY)
}

/// Probability that two go together on so many of their common days if they do as on days of the same kind before and after, paid for
/// the choice of how close, and the chance of a day that was assumed for that.
pub(super) fn by_chance(one: &Around, other: &Around) -> (f64, f64) {
    let (mut same, mut crossed) = (Vec::new(), Vec::new());
    for (day, minutes) in one.days() {
        let Some(nearest) = other.nearest(day, minutes) else {
            continue;
        };
        same.push(nearest);
        // Weekdays have their hours, and weekends theirs.
        let is_like = |other: &i64| {
            *other != day && DaySet::WEEKEND.contains(*other) == DaySet::WEEKEND.contains(day)
        };
        let elsewhere = (day - OTHER_DAYS..=day + OTHER_DAYS).filter(is_like);
        crossed.extend(elsewhere.filter_map(|elsewhere| other.nearest(elsewhere, minutes)));
    }
    let within = |close: i64| {
        let count = |all: &[i64]| all.iter().filter(|&&nearest| nearest <= close).count();
        let chance = (count(&crossed) as f64 + 1.0) / (crossed.len() as f64 + 1.0);
        let tail = binomial_tail(same.len() as u32, count(&same) as u32, chance);
        let paid = if same.len() < MIN_DAYS {
            1.0
        } else {
            (tail * CLOSE.len() as f64).min(1.0)
        };
        (paid, chance)
    };
    let best = CLOSE.map(within).into_iter();
    best.min_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or((1.0, 1.0))
}

/// Members that went together on a day.
pub(super) struct Day {
    /// Their mean, in minutes from the day's midnight.
    pub(super) minute: i64,
    /// Who was there, in order.
    pub(super) there: Vec<usize>,
}

/// The days on which enough of the members went together.
pub(super) struct Company {
    pub(super) days: BTreeMap<i64, Day>,
}

impl Company {
    /// Of these series, around a time of the day, at least so many together.
    pub(super) fn of(evidence: &Evidence, members: &[usize], centre: Centre, least: usize) -> Self {
        let mut all: BTreeMap<i64, Vec<(i64, usize)>> = BTreeMap::new();
        for &member in members {
            for (day, minutes) in Around::new(evidence, member, centre).days() {
                let minutes = minutes.iter().map(|&minute| (minute, member));
                all.entry(day).or_default().extend(minutes);
            }
        }
        let mut days = BTreeMap::new();
        for (day, mut moments) in all {
            moments.sort_unstable();
            let best = (0..moments.len())
                .map(|start| within(&moments[start..]))
                .max_by_key(|together| together.there.len());
            if let Some(best) = best.filter(|best| best.there.len() >= least) {
                days.insert(day, best);
            }
        }
        Self { days }
    }

    /// Every series that does something near to a day's time, once for each day.
    pub(super) fn near(&self, evidence: &Evidence) -> Vec<usize> {
        let mut near = Vec::new();
        for (&day, together) in &self.days {
            let Some(index) = evidence.days.index(day) else {
                continue;
            };
            let middle = evidence.days.micros_at(index, together.minute);
            let reach = TOGETHER * MICROS_PER_MINUTE;
            let place = |at: i64| evidence.actions.partition_point(|&(other, _)| other < at);
            let actions = &evidence.actions[place(middle - reach)..place(middle + reach)];
            let mut there: Vec<usize> =
                actions.iter().map(|&(_, series)| series as usize).collect();
            there.sort_unstable();
            there.dedup();
            near.extend(there);
        }
        near
    }

    pub(super) fn as_around(&self) -> Around {
        let first = self.days.keys().next().copied().unwrap_or(0);
        let last = self.days.keys().next_back().copied().unwrap_or(first);
        let mut around = Around::none(first, (last - first + 1) as usize);
        for (&day, one) in &self.days {
            around.add(day, one.minute);
        }
        around
    }
}

/// The members, each once, that come within twice the distance of two from the first of these moments.
fn within(moments: &[(i64, usize)]) -> Day {
    let first = moments[0].0;
    let mut there = Vec::new();
    let mut sum = 0;
    for &(minute, member) in moments
        .iter()
        .take_while(|(minute, _)| minute - first <= 2 * TOGETHER)
    {
        if !there.contains(&member) {
            there.push(member);
            sum += minute;
        }
    }
    Day {
        minute: sum / there.len() as i64,
        there,
    }
}
