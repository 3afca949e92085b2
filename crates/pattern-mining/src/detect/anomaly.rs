//! Something out of the ordinary, once, and lately: left open, stuck, silent, at an unusual hour.
//!
//! Each entity is compared with its own past. One odd thing is no habit and cannot be repeated, so what is told must be both far out by
//! a model of the ordinary and beyond everything that was ever seen.

use crate::evidence::{Evidence, Facts, Series};
use crate::finding::{Finding, Found};
use crate::pattern::{Kind, Oddity};
use crate::score::{normal_tail, poisson_tail, quartiles};
use crate::sentence;

use super::duration::{Held, held};

mod silent;

/// Oddities older than this many days are no news.
pub const RECENT_DAYS: i64 = 28;
/// Days lived in before anything is told to be odd: three of each weekday. In two weeks of a real log (a flat in Cambridge in 2003) a
/// contact that stuck now and then was "never like that before" five times.
const DAYS_WANTED: usize = 21;
/// Times held that are needed to know what is ordinary.
const MIN_TIMES: usize = 20;
/// How many times longer than ever before.
const BEYOND: f64 = 3.0;
/// Shortest time that can be too long, in seconds.
const LONG: f64 = 1_800.0;
/// Smallest spread of the logarithm that is believed: with 0.7, one time in six is twice as long as usual.
const LEAST_SPREAD: f64 = 0.7;
/// How many times longer than ever before is beyond doubt …
const BEYOND_DOUBT: f64 = 6.0;
/// … where so many times are known.
const WELL_KNOWN: usize = 50;
/// Fewest of the longest times that say how long they can be.
const LARGEST: usize = 10;
/// Smallest mean of the logarithms by which they exceed the next that is believed.
const LEAST_TAIL: f64 = 0.2;
/// Two models are asked.
const MODELS: f64 = 2.0;
/// Half width of the time of the day that is unusual, in minutes.
const HOUR: i64 = 90;
/// Fewest times within that window, in one night.
const MIN_BURST: usize = 2;

/// Share of what the household does in a day within a window at which it sleeps; evenly spread it would be an eighth.
const ASLEEP: f64 = 0.02;
/// Changes after which an entity's own record counts as much as the household's habits.
const KNOWN_AFTER: f64 = 50.0;

const DAY: i64 = 86_400_000_000;

/// Looks at every entity.
pub fn find(evidence: &Evidence) -> Found {
    let mut found = Found::default();
    if evidence.days.lived_in() < DAYS_WANTED {
        return found;
    }
    let night = household(evidence);
    silent::find(evidence, &mut found);
    for (index, series) in evidence.series.iter().enumerate() {
        if evidence.stop.is_said() {
            break;
        }
        if !series.effect || !series.active {
            continue;
        }
        found.hypotheses += 2;
        let facts = &evidence.facts[series.entity];
        found
            .findings
            .extend(too_long(evidence, index, series, facts));
        found
            .findings
            .extend(unusual_hour(evidence, index, series, &night));
    }
    found
}

fn since(evidence: &Evidence) -> i64 {
    evidence.span.1 - RECENT_DAYS * DAY
}

/// The ordinary is a model here, not a permutation, and an oddity cannot be repeated: its p-value is made dearer by this factor.
const UNSURE: f64 = 10.0;

fn oddity(index: usize, oddity: Oddity, at: i64, p_value: f64, remark: String) -> Finding {
    let mut finding = Finding::new(Kind::Anomaly, vec![index]);
    finding.p_value = (p_value * UNSURE).min(1.0);
    finding.hits = 1;
    finding.opportunities = 1;
    finding.occurrences = vec![at];
    finding.oddity = Some((oddity, at));
    finding.remark = remark;
    finding
}

/// Held far longer than ever before.
fn too_long(evidence: &Evidence, index: usize, series: &Series, facts: &Facts) -> Option<Finding> {
    let state = facts
        .states
        .iter()
        .position(|state| *state == series.state)?;
    let mut times = held(facts, state as u16, evidence.span.1);
    let odd = longest(evidence, times.iter())?;
    if odd.from < since(evidence) || odd.seconds < LONG {
        return None;
    }
    let is_other = |time: &&Held| time.from != odd.from && !time.lasts;
    let before = longest(evidence, times.iter().filter(is_other)).map_or(0.0, |time| time.seconds);
    if odd.seconds < BEYOND * before {
        return None;
    }
    times.retain(|time| all_lived(evidence, time));
    if times.len() < MIN_TIMES {
        return None;
    }
    let mut others: Vec<f64> = times
        .iter()
        .filter(is_other)
        .filter(|time| time.seconds > 0.0)
        .map(|time| time.seconds.ln())
        .collect();
    let (low, middle, high) = quartiles(&mut others);
    // The quarter points of a normal distribution lie 1.35 standard deviations apart.
    let spread = ((high - low) / 1.35).max(LEAST_SPREAD);
    let by_middle = normal_tail((odd.seconds.ln() - middle) / spread) * times.len() as f64;
    let by_end = beyond_the_end(&others, odd.seconds.ln());
    let p_value = by_middle.min(by_end) * MODELS;
    let opening = facts.id.starts_with("binary_sensor.") || facts.id.starts_with("cover.");
    let kind = if opening {
        Oddity::LeftOpen
    } else {
        Oddity::StuckOn
    };
    let remark = sentence::far_longer(odd.seconds, middle.exp(), before);
    let mut finding = oddity(index, kind, odd.from, p_value.min(1.0), remark);
    if odd.seconds >= BEYOND_DOUBT * before && others.len() >= WELL_KNOWN {
        finding.p_value /= UNSURE;
    }
    finding.minutes = Some(middle.exp() / 60.0);
    finding.until = (!odd.lasts).then(|| odd.from + (odd.seconds * 1e6) as i64);
    Some(finding)
}

/// Probability that one more of these logarithms, which are in order, reaches so far, by how fast the largest of them thin out: the
/// estimator of Hill (*A Simple General Approach to Inference About the Tail of a Distribution*, 1975).
fn beyond_the_end(sorted: &[f64], far: f64) -> f64 {
    let count = (sorted.len() / 10).max(LARGEST);
    let Some(start) = sorted.len().checked_sub(count + 1) else {
        return 1.0;
    };
    let (limit, largest) = (sorted[start], &sorted[start + 1..]);
    let above = largest.iter().map(|value| value - limit).sum::<f64>();
    let thins_out = (above / count as f64).max(LEAST_TAIL);
    (count as f64 * (-(far - limit) / thins_out).exp()).min(1.0)
}

/// The longest of the times that are certain, the last of several: on a day without data the end of a time may be lost.
fn longest<'a>(evidence: &Evidence, times: impl Iterator<Item = &'a Held>) -> Option<Held> {
    let mut longest: Option<&Held> = None;
    for time in times {
        let is_longest = longest.is_none_or(|other| time.seconds >= other.seconds);
        if is_longest && all_lived(evidence, time) {
            longest = Some(time);
        }
    }
    longest.copied()
}

fn all_lived(evidence: &Evidence, time: &Held) -> bool {
    let until = time.from + (time.seconds * 1e6) as i64;
    let (first, last) = (
        evidence.moment(time.from).day(),
        evidence.moment(until).day(),
    );
    (first..=last).all(|day| evidence.days.lived_at(day * 1440))
}

/// Share of what people do in the home that falls into each minute's window, all entities together.
fn household(evidence: &Evidence) -> Vec<f64> {
    let mut by_minute = vec![0.0_f64; 1440];
    let mut all = 0.0;
    for series in evidence.series.iter().filter(|series| series.effect) {
        for moment in &series.moments {
            by_minute[moment.of_day() as usize] += 1.0;
            all += 1.0;
        }
    }
    let mut sum: f64 = (-HOUR..=HOUR)
        .map(|minute| by_minute[minute.rem_euclid(1440) as usize])
        .sum();
    (0..1440_i64)
        .map(|minute| {
            let share = (sum + 1.0) / (all + 1.0);
            sum += by_minute[(minute + HOUR + 1).rem_euclid(1440) as usize];
            sum -= by_minute[(minute - HOUR).rem_euclid(1440) as usize];
            share
        })
        .collect()
}

/// Several times in one night at an hour at which neither this nor the household is ever awake.
fn unusual_hour(
    evidence: &Evidence,
    index: usize,
    series: &Series,
    household: &[f64],
) -> Option<Finding> {
    let lived = evidence.days.lived_in().max(1) as f64;
    let a_day = series.moments.len() as f64 / lived;
    let moments = &series.moments;
    let mut best: Option<Finding> = None;
    for (place, first) in moments.iter().enumerate() {
        if first.at < since(evidence) {
            continue;
        }
        let burst = moments[place..]
            .iter()
            .take_while(|moment| moment.minute - first.minute <= HOUR)
            .count();
        let near = |moment: &&crate::evidence::Moment| {
            super::time_of_day::apart(moment.of_day(), first.of_day()) <= HOUR
        };
        if household[first.of_day() as usize] > ASLEEP
            || burst < MIN_BURST
            || moments.iter().filter(near).count() > burst
        {
            continue;
        }
        // The household tells what to expect of something unknown; the longer it is known, the more its own record counts.
        let unknown = KNOWN_AFTER / (KNOWN_AFTER + moments.len() as f64);
        let expected = a_day * household[first.of_day() as usize] * unknown;
        let p_value = poisson_tail(burst as u32, expected) * lived;
        if best.as_ref().is_none_or(|best| p_value < best.p_value) {
            let times = sentence::counted(burst, "time");
            let remark = format!(
                "{times}, and never at that hour on {} other days",
                evidence.days.lived_in().saturating_sub(1)
            );
            let mut finding = oddity(
                index,
                Oddity::UnusualHour,
                first.at,
                p_value.min(1.0),
                remark,
            );
            let burst = &moments[place..place + burst];
            finding.hits = burst.len() as u32;
            finding.opportunities = finding.hits;
            finding.occurrences = burst.iter().map(|moment| moment.at).collect();
            best = Some(finding);
        }
    }
    best
}
