//! The replay: a pattern learned on the first part of its life, played on the rest as the automation that it would be.

use common::instant::UtcMicros;

use crate::evidence::{Evidence, Moment};
use crate::finding::Finding;
use crate::pattern::{Backtest, Kind};
use crate::score::quartiles;

/// Part of its life on which a pattern is learned.
const LEARNED: f64 = 0.6;
/// Fewest times on each side of the cut.
const MIN_TIMES: usize = 3;
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
    let cut = (due.len() as f64 * LEARNED) as usize;
    let learned = due[..cut].iter().filter(|(_, hit)| *hit).count();
    if finding.kind == Kind::Anomaly || learned < MIN_TIMES || due.len() - cut < MIN_TIMES {
        return None;
    }
    let (first, rest) = due.split_at(cut);
    let (right, early) = match finding.kind {
        Kind::TimeOfDay | Kind::Routine if finding.clock.is_some() => {
            by_clock(finding, first, rest, evidence)
        }
        Kind::Duration => by_length(finding, first, rest, evidence),
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

/// Acts at the middle of the first part's times.
fn by_clock(
    finding: &Finding,
    first: &[(i64, bool)],
    rest: &[(i64, bool)],
    evidence: &Evidence,
) -> (u32, Vec<f64>) {
    let clock = finding
        .clock
        .map_or((0, RIGHT_MINUTES), |clock| (clock.minute, clock.half_width));
    let frame = finding.clock.map(|clock| clock.frame);
    // Minutes from the told one, so that midnight does not matter; with the sun or a drift the automation follows it too.
    let follows = frame.is_some_and(|frame| frame != crate::detect::time_of_day::Frame::Clock);
    let off = |at: i64| {
        let minute = evidence.moment(at).of_day();
        ((minute - clock.0 + 720).rem_euclid(1440) - 720) as f64
    };
    let mut learned: Vec<f64> = first
        .iter()
        .filter(|(_, hit)| *hit)
        .map(|&(at, _)| off(at))
        .collect();
    let acts = if follows {
        0.0
    } else {
        quartiles(&mut learned).1
    };
    let allowed = RIGHT_MINUTES.max(clock.1) as f64;
    let early: Vec<f64> = rest
        .iter()
        .filter(|(_, hit)| *hit)
        .map(|&(at, _)| off(at) - acts)
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
