//! The replay: a pattern learned on the first part of its life, played on the rest as the automation that it would be.

use common::instant::UtcMicros;

use crate::detect::time_of_day::Frame;
use crate::evidence::{Evidence, Moment};
use crate::finding::{ClockTime, Finding};
use crate::pattern::{Backtest, Kind, Status};
use crate::score::quartiles;

/// Part of its life on which a pattern is learned.
const LEARNED: f64 = 0.6;
/// Fewest times on each side of the cut.
const MIN_TIMES: usize = 3;
/// Latest times before the cut that say where a habit that moves is then.
const LATEST: usize = 6;
/// An action at a time of the day is right when people do it within this many minutes, or within the tested window.
const RIGHT_MINUTES: i64 = 20;

/// Replays a finding; none where there is too little of it, or nothing to automate.
pub fn replay(finding: &Finding, evidence: &Evidence) -> Option<Backtest> {
    let mut due: Vec<(i64, bool)> = finding
        .occurrences
        .iter()
        .map(|&at| (at, true))
        .chain(finding.misses.iter().map(|&at| (at, false)))
        .collect();
    due.sort_unstable();
    if finding.kind == Kind::Sequence && finding.clock.is_some() {
        // On a day on which the first step did not come, nothing is set off.
        let first = &evidence.series[finding.series[0]].moments;
        due.retain(|&(due, _)| first.binary_search_by_key(&due, |moment| moment.at).is_ok());
    }
    let cut = (due.len() as f64 * LEARNED) as usize;
    let learned = due[..cut].iter().filter(|(_, hit)| *hit).count();
    if finding.kind == Kind::Anomaly || learned < MIN_TIMES || due.len() - cut < MIN_TIMES {
        return None;
    }
    let (first, rest) = due.split_at(cut);
    let (right, early) = match (finding.kind, finding.clock) {
        (Kind::TimeOfDay | Kind::Routine, Some(clock)) => {
            by_clock(finding, clock, first, rest, evidence)
        }
        (Kind::Duration, _) => by_length(finding, first, rest, evidence),
        _ => by_trigger(finding, rest, evidence),
    };
    let fired = rest.len() as u32;
    let mut early = early;
    let early_s = (!early.is_empty()).then(|| quartiles(&mut early).1);
    Some(Backtest {
        from: UtcMicros::default().plus_micros(rest[0].0),
        fired,
        right,
        unwanted: fired - right,
        missed: missed(finding, rest, evidence),
        early_s,
    })
}

/// Acts at the middle of the times that were known at the cut: on the clock, or as far from the sun's moment as they were. An automation
/// has no drift, so for a habit that moves it is the middle of the latest times.
fn by_clock(
    finding: &Finding,
    clock: ClockTime,
    first: &[(i64, bool)],
    rest: &[(i64, bool)],
    evidence: &Evidence,
) -> (u32, Vec<f64>) {
    let follows = if matches!(clock.frame, Frame::Sun(_)) {
        clock.frame
    } else {
        Frame::Clock
    };
    // Minutes from the told one, so that midnight does not matter.
    let off = |&at: &i64| {
        let moment = evidence.moment(at);
        let index = evidence.days.index(moment.day());
        let ahead = index.and_then(|index| follows.ahead(evidence, index));
        let minute = moment.of_day() - clock.minute - ahead.unwrap_or(0);
        ((minute + 720).rem_euclid(1440) - 720) as f64
    };
    let hits = |part: &[(i64, bool)]| -> Vec<i64> {
        let hits = part.iter().filter(|(_, hit)| *hit);
        hits.map(|&(at, _)| at).collect()
    };
    let learned = hits(first);
    let latest = if finding.status == Status::Drifting {
        learned.len().saturating_sub(LATEST)
    } else {
        0
    };
    let mut learned: Vec<f64> = learned[latest..].iter().map(off).collect();
    let acts = quartiles(&mut learned).1;
    let allowed = RIGHT_MINUTES.max(clock.half_width) as f64;
    let early: Vec<f64> = hits(rest)
        .iter()
        .map(|at| off(at) - acts)
        .filter(|off| off.abs() <= allowed)
        .map(|minutes| minutes * 60.0)
        .collect();
    (early.len() as u32, early)
}

/// Acts when the trigger comes: it is right when people would have followed, and early by their delay.
fn by_trigger(finding: &Finding, rest: &[(i64, bool)], evidence: &Evidence) -> (u32, Vec<f64>) {
    let early: Vec<f64> = rest
        .iter()
        .filter(|(_, hit)| *hit)
        .map(|&(at, _)| {
            let Some(&effect) = finding.series.get(1) else {
                return 0.0;
            };
            let moments = &evidence.series[effect].moments;
            let next = moments.partition_point(|moment| moment.at <= at);
            moments
                .get(next)
                .map_or(0.0, |moment| (moment.at - at) as f64 / 1e6)
        })
        .collect();
    (early.len() as u32, early)
}

/// Ends the state after the middle of the first part's lengths.
fn by_length(
    finding: &Finding,
    first: &[(i64, bool)],
    rest: &[(i64, bool)],
    evidence: &Evidence,
) -> (u32, Vec<f64>) {
    let entity = evidence.series[finding.series[0]].entity;
    let steps = &evidence.facts[entity].steps;
    let length = |at: i64| {
        steps
            .get(steps.until(at))
            .map_or(0.0, |step| (step.at - at) as f64 / 1e6)
    };
    let mut learned: Vec<f64> = first
        .iter()
        .filter(|(_, hit)| *hit)
        .map(|&(at, _)| length(at))
        .collect();
    let acts = quartiles(&mut learned).1;
    let early: Vec<f64> = rest
        .iter()
        .map(|&(at, _)| length(at) - acts)
        .filter(|off| off.abs() <= acts * 0.2)
        .collect();
    (early.len() as u32, early)
}

/// Times in the rest at which people did the last thing of the pattern and the automation would not have.
fn missed(finding: &Finding, rest: &[(i64, bool)], evidence: &Evidence) -> u32 {
    if !matches!(finding.kind, Kind::Pair | Kind::Conditional) {
        return 0;
    }
    let effect = &evidence.series[finding.series[1]].moments;
    let reach = (finding.within * 1e6) as i64;
    let after = |moment: &&Moment| moment.at > rest[0].0;
    let explained = |moment: &Moment| {
        let next = rest.partition_point(|&(at, _)| at < moment.at - reach);
        rest.get(next).is_some_and(|&(at, _)| at <= moment.at)
    };
    effect
        .iter()
        .filter(after)
        .filter(|moment| !explained(moment))
        .count() as u32
}
