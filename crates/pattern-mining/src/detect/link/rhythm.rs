//! How often an effect comes anyway at each time of the day.

use crate::advance;
use crate::calendar::MINUTES_PER_DAY;
use crate::evidence::{Evidence, Moment};
use crate::pattern::DaySet;

use super::{LONGEST, OTHER_DAYS, SECOND};

/// A second of a day of one of two kinds.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeOfDay {
    weekend: bool,
    second: i32,
}

impl TimeOfDay {
    pub(super) fn of(moment: Moment) -> Self {
        Self {
            weekend: DaySet::WEEKEND.contains(moment.day()),
            second: (moment.of_day() * 60 + (moment.at / SECOND).rem_euclid(60)) as i32,
        }
    }
}

/// The effect's moments, folded on the day, for weekdays and weekends.
pub struct Rhythm {
    /// Seconds of the day, in order.
    folded: [Vec<i32>; 2],
    /// For each minute of the day, how many of them come before it.
    before: [Vec<u32>; 2],
    /// For each minute of the day, on how many of the days it could come: those on which it is not so already.
    open: [Vec<f64>; 2],
}

impl Rhythm {
    /// The rhythm of a series.
    pub fn new(evidence: &Evidence, series: usize) -> Self {
        let mut folded = [Vec::new(), Vec::new()];
        for moment in &evidence.series[series].moments {
            let time = TimeOfDay::of(*moment);
            folded[usize::from(time.weekend)].push(time.second);
        }
        let count = |class: DaySet| {
            let days = &evidence.days;
            (0..days.len())
                .filter(|&day| days.counts(day, class))
                .count() as f64
        };
        for seconds in &mut folded {
            seconds.sort_unstable();
        }
        let before = folded.each_ref().map(|seconds| {
            let mut next = 0;
            (0..=MINUTES_PER_DAY as i32)
                .map(|minute| {
                    while seconds
                        .get(next)
                        .is_some_and(|&second| second < minute * 60)
                    {
                        next += 1;
                    }
                    next as u32
                })
                .collect()
        });
        let days = [count(DaySet::WEEKDAY), count(DaySet::WEEKEND)];
        let mut open = held_by_minute(evidence, series);
        for (open, days) in open.iter_mut().zip(days) {
            // Of the other days.
            for minute in open {
                *minute = (days - 1.0 - *minute).max(1.0);
            }
        }
        Self {
            folded,
            before,
            open,
        }
    }

    /// How many of the effect's moments on days of a kind come before a second of the day.
    fn before(&self, kind: usize, second: i32) -> usize {
        let minute = self.before[kind][(second / 60) as usize] as usize;
        advance::past(&self.folded[kind], minute, |&other| other < second)
    }

    /// Times a second at this time of other days of the same kind; `today` is how many of them are of the same day.
    pub(super) fn rate(&self, time: TimeOfDay, today: usize) -> f64 {
        let (kind, second) = (usize::from(time.weekend), time.second);
        // The middle of the delays that are tried lies a little after the trigger.
        let middle = second + 60;
        let (from, until) = (middle - OTHER_DAYS as i32, middle + OTHER_DAYS as i32);
        let between = |from: i32, until: i32| {
            self.before(kind, until.min(86_400)) - self.before(kind, from.max(0))
        };
        let mut count = between(from, until);
        if from < 0 {
            count += between(from + 86_400, 86_400);
        }
        if until > 86_400 {
            count += between(0, until - 86_400);
        }
        let others = self.open[kind][(second / 60) as usize];
        count.saturating_sub(today) as f64 / others / (2 * OTHER_DAYS) as f64
    }
}

/// For each minute of the day, on how many weekdays and weekend days the effect's state was held in it from before.
fn held_by_minute(evidence: &Evidence, series: usize) -> [Vec<f64>; 2] {
    let facts = evidence.facts_of(series);
    let state = facts.state(&evidence.series[series].state);
    let active = evidence.series[series].active;
    let mut held = [(); 2].map(|()| vec![0.0; MINUTES_PER_DAY as usize + 1]);
    let ends = facts.steps.iter().skip(1).map(|step| step.at);
    for (step, end) in facts.steps.iter().zip(ends.chain([evidence.span.1])) {
        if !active || Some(step.state) != state {
            continue;
        }
        let first = evidence.moment(step.at + LONGEST * SECOND).minute;
        let last = evidence.moment(end).minute;
        let days = first.div_euclid(MINUTES_PER_DAY)..=last.div_euclid(MINUTES_PER_DAY);
        for day in days.filter(|day| first < last && evidence.days.lived_at(day * MINUTES_PER_DAY))
        {
            let midnight = day * MINUTES_PER_DAY;
            let of_day = |minute: i64| (minute - midnight).clamp(0, MINUTES_PER_DAY) as usize;
            // Differences, to be summed up.
            let held = &mut held[usize::from(DaySet::WEEKEND.contains(day))];
            held[of_day(first)] += 1.0;
            held[of_day(last)] -= 1.0;
        }
    }
    for held in &mut held {
        let mut sum = 0.0;
        for minute in held {
            sum += *minute;
            *minute = sum;
        }
    }
    held
}
