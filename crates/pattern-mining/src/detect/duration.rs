//! A state is held for a typical time, then ended by hand.
//!
//! Times that people hold things for spread over a factor of three or more; a habit keeps to within a sixth. The window of
//! that width that holds most of the times is compared with what a log-normal of the smallest ordinary spread would put there.

use crate::evidence::{Evidence, Facts};
use crate::finding::{Finding, Found};
use crate::life::{self, NEW_DAYS};
use crate::noise;
use crate::pattern::{Kind, Status};
use crate::score::{binomial_tail, quartiles, wilson_lower};

/// Half width of the window: a factor.
const FACTOR: f64 = 1.18;
/// Standard deviation of the logarithm of ordinary times: with 0.5 two thirds lie within a factor of 1.65.
const ORDINARY: f64 = 0.5;
/// Fewest times held.
const MIN_TIMES: usize = 10;
/// Fewest distinct days.
const MIN_DAYS: usize = 5;
/// Smallest share of the times that lie in the window.
const MIN_SHARE: f64 = 0.6;
/// Smallest lower bound (Wilson, 95 %) of that share.
const MIN_SHARE_LOWER: f64 = 0.5;
/// Shortest typical time, in seconds.
const SHORTEST: f64 = 60.0;
/// Largest distance of the quarter points of all times, as a part of the median: half of the times lie within an eighth of it.
const MAX_QUARTERS: f64 = 0.35;
/// Quarter points closer than this part of the median are a timer, not a person.
const TIMER: f64 = 0.01;

/// Days in which a habit that began lately shows, or one whose time has changed.
const RECENT_DAYS: i64 = 42;

const DAY: i64 = 86_400_000_000;

/// A state held from one instant to another.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// Since when, in microseconds.
    pub from: i64,
    /// For how long, in seconds.
    pub seconds: f64,
    /// People began and ended it.
    pub by_hand: bool,
    /// It still lasts when the data end.
    pub lasts: bool,
}

/// Every time that an entity held a state, without those that a lost connection cut or a repeated state makes doubtful.
pub fn held(facts: &Facts, state: u16, end: i64) -> Vec<Held> {
    let mut times = Vec::new();
    let mut steps = facts.steps.iter().peekable();
    let mut before = None;
    while let Some(step) = steps.next() {
        let fresh = before
            .replace(step.state)
            .is_some_and(|before| before != state);
        if step.state != state {
            continue;
        }
        match steps.peek() {
            Some(next) if next.state == state || usize::from(next.state) >= facts.states.len() => {}
            Some(next) if fresh => times.push(Held {
                from: step.at,
                seconds: (next.at - step.at) as f64 / 1e6,
                by_hand: step.evidence && next.evidence,
                lasts: false,
            }),
            None if fresh => times.push(Held {
                from: step.at,
                seconds: (end - step.at) as f64 / 1e6,
                by_hand: step.evidence,
                lasts: true,
            }),
            _ => {}
        }
    }
    times
}

/// Looks for typical times in every state in which something is at work.
pub fn find(evidence: &Evidence) -> Found {
    let mut found = Found::default();
    for (index, series) in evidence.series.iter().enumerate() {
        if evidence.stop.is_said() {
            break;
        }
        if !series.effect || !series.active || !noise::is_active(&series.state) {
            continue;
        }
        let facts = &evidence.facts[series.entity];
        let Some(state) = facts.state(&series.state) else {
            continue;
        };
        let mut times = held(facts, state, evidence.span.1);
        times.retain(|time| time.by_hand && !time.lasts && time.seconds > 0.0);
        if times.len() >= MIN_TIMES {
            found.hypotheses += 2;
            // All of the past, or where there is nothing in it as a whole, its latest part.
            let whole = typical(evidence, index, &times, &times);
            found.findings.extend(whole.or_else(|| {
                let since = evidence.span.1 - RECENT_DAYS * DAY;
                let recent = times.partition_point(|time| time.from < since);
                let recent = &times[recent..];
                (MIN_TIMES..times.len())
                    .contains(&recent.len())
                    .then(|| typical(evidence, index, recent, &times))?
            }));
        }
    }
    found
}

/// The habit that shows in these of all times, with the part of all times in which it lived.
fn typical(evidence: &Evidence, index: usize, times: &[Held], all: &[Held]) -> Option<Finding> {
    let mut sorted: Vec<f64> = times.iter().map(|time| time.seconds).collect();
    let (below, usual, above) = quartiles(&mut sorted);
    let mut end = 0;
    let mut best = (0, 0);
    for start in 0..sorted.len() {
        while end < sorted.len() && sorted[end] <= sorted[start] * FACTOR * FACTOR {
            end += 1;
        }
        if end - start > best.1 - best.0 {
            best = (start, end);
        }
    }
    let inside = &mut sorted[best.0..best.1];
    let (low, middle, high) = quartiles(inside);
    let chance = 2.0 * FACTOR.ln() / (ORDINARY * (2.0 * std::f64::consts::PI).sqrt());
    let shortest = inside.first().copied()?;
    let longest = shortest * FACTOR * FACTOR;
    let (hits, trials) = (inside.len() as u32, times.len() as u32);
    let is_in = |time: &&Held| (shortest..=longest).contains(&time.seconds);
    let mut days: Vec<i64> = times
        .iter()
        .filter(is_in)
        .map(|time| evidence.moment(time.from).day())
        .collect();
    days.dedup();
    let kept = f64::from(hits) / f64::from(trials) >= MIN_SHARE
        && wilson_lower(trials, hits) >= MIN_SHARE_LOWER
        && days.len() >= MIN_DAYS
        && middle >= SHORTEST
        && high - low >= TIMER * middle
        && above - below <= MAX_QUARTERS * usual;
    if !kept {
        return None;
    }
    let mut finding = Finding::new(Kind::Duration, vec![index]);
    // Every time could have begun the window.
    finding.p_value = (binomial_tail(trials, hits, chance) * f64::from(trials)).min(1.0);
    finding.minutes = Some(middle / 60.0);
    finding.delay = Some((low, middle, high));
    let row: Vec<bool> = all.iter().map(|time| is_in(&time)).collect();
    let life = life::of_row(&row);
    let lived = if life.began || life.ended {
        &all[life.part.clone()]
    } else {
        times
    };
    let (inside, outside): (Vec<&Held>, Vec<&Held>) = lived.iter().partition(|time| is_in(time));
    finding.hits = inside.len() as u32;
    finding.opportunities = lived.len() as u32;
    finding.expected = chance * lived.len() as f64;
    finding.occurrences = inside.iter().map(|time| time.from).collect();
    finding.misses = outside.iter().map(|time| time.from).collect();
    if life.ended {
        finding.status = Status::Stopped;
    } else if life.began && lived.first()?.from >= evidence.span.1 - NEW_DAYS as i64 * DAY {
        finding.status = Status::New;
    }
    Some(finding)
}
