//! A habit that was due today and did not happen.
//!
//! This is no test of its own: the habit has passed the run's cut, and that it did not happen is seen. So it is told of habits only that
//! hardly ever fail, when the day is lived in otherwise and there was ample time to be late.

use crate::calendar::MINUTES_PER_DAY;
use crate::evidence::Evidence;
use crate::finding::{ClockTime, Finding};
use crate::pattern::{DaySet, Kind, Oddity, Status};

/// Smallest share of its days on which the habit happened before.
const MIN_SHARE: f64 = 0.9;
/// Fewest of those days.
const MIN_DAYS: u32 = 14;
/// A habit is missed when it did not happen within this many minutes of its time, or twice its window if that is more.
const LATE: i64 = 90;
/// A time counts as lived in with at least this part of the usual number of changes.
const QUIET_PART: f64 = 0.2;

const DAY: i64 = 86_400_000_000;
const MINUTE: i64 = 60_000_000;

/// The habits among the findings that were missed within the last day of the data.
pub fn find(findings: &[Finding], evidence: &Evidence) -> Vec<Finding> {
    findings
        .iter()
        .filter_map(|habit| missed(habit, evidence))
        .collect()
}

fn missed(habit: &Finding, evidence: &Evidence) -> Option<Finding> {
    let clock = habit.clock?;
    let lives = matches!(
        habit.status,
        Status::New | Status::Active | Status::Drifting | Status::Revived
    );
    if habit.kind != Kind::TimeOfDay || !lives {
        return None;
    }
    let reach = LATE.max(2 * clock.half_width) * MINUTE;
    let due = due(clock, habit.days.unwrap_or(DaySet::ALL), reach, evidence)?;
    // Today's miss, where the run has seen it as one, is not held against the habit.
    let before = |instants: &[i64]| instants.iter().filter(|&&at| at < due - reach).count() as u32;
    let (hits, misses) = (before(&habit.occurrences), before(&habit.misses));
    let days = hits + misses;
    if days < MIN_DAYS || f64::from(hits) < MIN_SHARE * f64::from(days) {
        return None;
    }
    let series = habit.series[0];
    let moments = &evidence.series[series].moments;
    let next = moments.partition_point(|moment| moment.at < due - reach);
    let happened = moments
        .get(next)
        .is_some_and(|moment| moment.at <= due + reach);
    let (from, until) = (due - reach, due + reach);
    let lived =
        is_lived_in(until - DAY, until, evidence) && is_lived_in(from, evidence.span.1, evidence);
    if happened || !lived {
        return None;
    }
    let mut finding = Finding::new(Kind::Anomaly, vec![series]);
    finding.p_value = habit.p_value;
    finding.hits = 1;
    finding.opportunities = 1;
    finding.occurrences = vec![due];
    finding.clock = Some(clock);
    finding.days = habit.days;
    finding.oddity = Some((Oddity::MissedHabit, due));
    finding.remark = format!("before, it did on {hits} of {days} days");
    Some(finding)
}

/// When the habit was due last, where that was within a day of the end of the data and it had time to be late.
fn due(clock: ClockTime, class: DaySet, reach: i64, evidence: &Evidence) -> Option<i64> {
    let end = evidence.span.1;
    let last = evidence.days.len().checked_sub(1)?;
    (last.saturating_sub(1)..=last)
        .rev()
        .filter(|&day| class.contains(evidence.days.day_at(day)))
        .map(|day| evidence.days.micros_at(day, clock.minute % MINUTES_PER_DAY))
        .find(|&due| due + reach <= end && due > end - DAY)
}

/// Whether people did about as much as usual between two instants.
fn is_lived_in(from: i64, until: i64, evidence: &Evidence) -> bool {
    let by_people = |&&(_, series): &&(i64, u32)| evidence.series[series as usize].effect;
    let series = evidence.series.iter();
    let place = |at: i64| evidence.actions.partition_point(|&(other, _)| other <= at);
    let there = evidence.actions[place(from)..place(until)].iter();
    let all: usize = series
        .filter(|series| series.effect)
        .map(|series| series.moments.len())
        .sum();
    let a_day = all as f64 / evidence.days.lived_in().max(1) as f64;
    let usual = a_day * (until - from) as f64 / DAY as f64;
    there.filter(by_people).count() as f64 >= (QUIET_PART * usual).max(1.0)
}
