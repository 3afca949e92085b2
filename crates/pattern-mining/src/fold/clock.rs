//! Times of the day: which days they hold on, and which are only the way back of another or its mirror.

use common::entity::domain_of;

use super::undone;
use crate::calendar::MINUTES_PER_DAY;
use crate::detect::time_of_day::apart;
use crate::evidence::{Evidence, Facts};
use crate::finding::Finding;
use crate::pattern::{DaySet, Status};
use crate::score::is_clearly_better;

/// Windows of different day classes this near to each other, in minutes, are about the same habit.
const SAME_HABIT: i64 = 45;
/// The beginning is told rather than the way back when its bound is at least this part of the other's.
const BEGINNING: f64 = 0.7;
/// Going back to the state before within this many minutes belongs to the habit, and is no second one.
const THERE_AND_BACK: i64 = 120;
/// A habit that ended this near, in minutes, to a live one of the same entity is the same habit, which moved.
const MOVED: i64 = 120;
/// Entities whose changes lie this near to each other, in microseconds, go together: a group and its members.
const TOGETHER_MICROS: i64 = 2_000_000;
/// Part of the hits that must go together.
const TOGETHER: f64 = 0.8;

/// What is opened so long before or after somebody leaves or comes home, in microseconds, is how they do it …
const PASSAGE: i64 = 300_000_000;
/// … in this part of the times.
const PASSAGES: f64 = 0.6;

/// Largest standard deviation, in minutes, of the time at which something is opened: nobody can be spared opening it, and when people get
/// up or come home, more or less, they know themselves.
const MAX_SPREAD_OPENED: f64 = 18.0;
/// The same where the time moves: a movement finds its way through any cloud.
const MAX_SPREAD_MOVING: f64 = 13.5;

/// Chooses the days of each habit, and folds ways back and mirrors.
pub(super) fn settle(times: Vec<Finding>, evidence: &Evidence) -> Vec<Finding> {
    let mut kept = choose_days(times, evidence);
    kept.sort_by(|a, b| {
        b.strength()
            .total_cmp(&a.strength())
            .then(a.p_value.total_cmp(&b.p_value))
            .then(a.series.cmp(&b.series))
    });
    // A habit that only moved away from where it was has not ended.
    let live: Vec<(usize, i64)> = kept
        .iter()
        .filter(|time| time.status != Status::Stopped)
        .map(|time| (evidence.series[time.series[0]].entity, minute(time)))
        .collect();
    kept.retain(|time| {
        let moved = |&(entity, there): &(usize, i64)| {
            entity == evidence.series[time.series[0]].entity && apart(there, minute(time)) <= MOVED
        };
        time.status != Status::Stopped || !live.iter().any(moved)
    });
    kept.retain(|time| {
        !is_vague(time, evidence)
            && !is_passage(time, evidence)
            && !undone::is_by_the_clock(time, evidence)
    });
    let kept = same_once(kept);
    let mut told: Vec<Finding> = Vec::new();
    for time in kept {
        if told.iter().any(|other| goes_with(other, &time, evidence)) {
            continue;
        }
        match told
            .iter_mut()
            .find(|other| is_return(other, &time, evidence))
        {
            None => told.push(time),
            Some(other) if begins(&time, other, evidence) => *other = time,
            Some(_) => {}
        }
    }
    told
}

/// Whether it says of something that is opened only more or less when.
fn is_vague(time: &Finding, evidence: &Evidence) -> bool {
    let opened = domain_of(&evidence.facts_of(time.series[0]).id) == "binary_sensor";
    let most = match time.status {
        Status::Drifting => MAX_SPREAD_MOVING,
        _ => MAX_SPREAD_OPENED,
    };
    opened && time.clock.is_some_and(|clock| clock.spread > most)
}

/// Whether it is only how people leave and come home: what they open or lock when where they are changes.
fn is_passage(time: &Finding, evidence: &Evidence) -> bool {
    let passes =
        ["binary_sensor", "lock"].contains(&domain_of(&evidence.facts_of(time.series[0]).id));
    // Those whose whereabouts may be looked at.
    let looked_at = |facts: &&Facts| facts.person && facts.left_out.is_none();
    let people = || evidence.facts.iter().filter(looked_at);
    let somebody_passes = |at: i64| {
        people().any(|person| {
            let (from, until) = (at - PASSAGE, at + PASSAGE);
            person.steps.until(from - 1) < person.steps.until(until)
        })
    };
    let passages = || {
        time.occurrences
            .iter()
            .filter(|&&at| somebody_passes(at))
            .count()
    };
    passes && passages() as f64 >= PASSAGES * time.occurrences.len() as f64
}

fn minute(time: &Finding) -> i64 {
    time.clock.map_or(0, |clock| clock.minute)
}

fn class(time: &Finding) -> DaySet {
    time.days.unwrap_or(DaySet::ALL)
}

/// Of all classes in which a habit was found, the broadest that is right.
fn choose_days(times: Vec<Finding>, evidence: &Evidence) -> Vec<Finding> {
    let mut groups: Vec<Vec<Finding>> = Vec::new();
    for time in times {
        let same = |group: &&mut Vec<Finding>| {
            group[0].series == time.series
                && group
                    .iter()
                    .any(|other| apart(minute(other), minute(&time)) <= SAME_HABIT)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(time),
            None => groups.push(vec![time]),
        }
    }
    groups
        .into_iter()
        .flat_map(|group| choose(group, evidence))
        .collect()
}

fn choose(mut group: Vec<Finding>, evidence: &Evidence) -> Vec<Finding> {
    // Live before ended, then the broadest class whose other half is not clearly worse.
    if group.iter().any(|time| time.status != Status::Stopped) {
        group.retain(|time| time.status != Status::Stopped);
    }
    group.sort_by_key(|time| std::cmp::Reverse(class(time).count()));
    let mut chosen: Vec<Finding> = Vec::new();
    for time in &group {
        if chosen
            .iter()
            .any(|other| class(other).covers(class(time)) || is_part(time, other))
        {
            continue;
        }
        let narrower = group.iter().any(|other| {
            class(time) != class(other)
                && class(time).covers(class(other))
                && is_better(other, time, evidence)
        });
        if !narrower {
            chosen.push(time.clone());
        }
    }
    one_of_weekdays(chosen)
}

/// Puts habits of single weekdays together that are one of several: on Tuesdays and on Saturdays.
fn one_of_weekdays(chosen: Vec<Finding>) -> Vec<Finding> {
    let (single, mut kept): (Vec<Finding>, Vec<Finding>) = chosen
        .into_iter()
        .partition(|time| class(time).count() == 1);
    let both = |one: Finding, other: Finding| {
        let mut sum = if one.strength() >= other.strength() {
            one.clone()
        } else {
            other.clone()
        };
        let merged = |one: &[i64], other: &[i64]| {
            let mut all = [one, other].concat();
            all.sort_unstable();
            all
        };
        sum.days = Some(class(&one).with(class(&other)));
        sum.p_value = one.p_value.max(other.p_value);
        sum.hits = one.hits + other.hits;
        sum.opportunities = one.opportunities + other.opportunities;
        sum.expected = one.expected + other.expected;
        sum.occurrences = merged(&one.occurrences, &other.occurrences);
        sum.misses = merged(&one.misses, &other.misses);
        sum
    };
    kept.extend(single.into_iter().reduce(both));
    kept
}

/// Of findings of one series that rest on the same occurrences, such as one by the clock and one by the sun, the one that holds now.
fn same_once(times: Vec<Finding>) -> Vec<Finding> {
    let holds = |time: &Finding| !matches!(time.status, Status::Stopped | Status::Paused);
    let (live, over): (Vec<Finding>, Vec<Finding>) = times.into_iter().partition(holds);
    let mut kept: Vec<Finding> = Vec::new();
    for time in live.into_iter().chain(over) {
        let same = |other: &Finding| {
            other.series == time.series && (is_part(&time, other) || is_part(other, &time))
        };
        if !kept.iter().any(same) {
            kept.push(time);
        }
    }
    kept.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
    kept
}

/// Whether most of what a habit rests on is what another rests on: around midnight a Friday's is a Saturday's.
fn is_part(time: &Finding, other: &Finding) -> bool {
    let common = time
        .occurrences
        .iter()
        .filter(|at| other.occurrences.binary_search(at).is_ok())
        .count();
    2 * common >= time.occurrences.len()
}

/// Whether a habit of some days is really of fewer days.
fn is_better(narrow: &Finding, broad: &Finding, evidence: &Evidence) -> bool {
    let inside = split(broad, evidence, |day| class(narrow).contains(day));
    let outside = split(broad, evidence, |day| !class(narrow).contains(day));
    // A single weekday is paid for the number of weekdays.
    let classes = if class(narrow).count() == 1 { 7.0 } else { 1.0 };
    is_clearly_better(inside, outside, classes)
}

/// Hits and opportunities of a habit on some days.
fn split(time: &Finding, evidence: &Evidence, wanted: impl Fn(i64) -> bool) -> (u32, u32) {
    let centre = minute(time);
    let count = |instants: &[i64]| {
        let of = |at: &&i64| {
            let local = evidence.moment(**at).minute;
            wanted((local - centre + MINUTES_PER_DAY / 2).div_euclid(MINUTES_PER_DAY))
        };
        instants.iter().filter(of).count() as u32
    };
    let hits = count(&time.occurrences);
    (hits, hits + count(&time.misses))
}

/// Whether `weaker` is only the way back of `stronger`, or the way there.
fn is_return(stronger: &Finding, weaker: &Finding, evidence: &Evidence) -> bool {
    let (one, other) = (stronger.series[0], weaker.series[0]);
    one != other
        && evidence.series[one].entity == evidence.series[other].entity
        && apart(minute(stronger), minute(weaker)) <= THERE_AND_BACK
}

/// Whether `weaker` is what begins, and nearly as regular as the way back that looked stronger.
fn begins(weaker: &Finding, stronger: &Finding, evidence: &Evidence) -> bool {
    let lead = (minute(stronger) - minute(weaker)).rem_euclid(MINUTES_PER_DAY);
    let at_work = |time: &Finding| evidence.series[time.series[0]].active;
    let first = match (at_work(weaker), at_work(stronger)) {
        (true, false) => true,
        (false, true) => false,
        _ => (1..=THERE_AND_BACK).contains(&lead),
    };
    first && weaker.strength() >= BEGINNING * stronger.strength()
}

/// Whether two entities change at the same instants.
fn goes_with(stronger: &Finding, weaker: &Finding, evidence: &Evidence) -> bool {
    let entity = |time: &Finding| evidence.series[time.series[0]].entity;
    if entity(stronger) == entity(weaker) || apart(minute(stronger), minute(weaker)) > SAME_HABIT {
        return false;
    }
    if evidence.related(entity(stronger), entity(weaker)) {
        return true;
    }
    let theirs = &stronger.occurrences;
    let together = weaker.occurrences.iter().filter(|&&at| {
        let next = theirs.partition_point(|&other| other < at - TOGETHER_MICROS);
        theirs
            .get(next)
            .is_some_and(|&other| other <= at + TOGETHER_MICROS)
    });
    together.count() as f64 >= TOGETHER * weaker.occurrences.len() as f64
}
