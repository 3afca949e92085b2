//! Several entities, in any order, within minutes, at a time of the day.
//!
//! It begins with times of the day that lie close together. That alone is no routine: two habits at seven have nothing to do with each
//! other until the day on which the one is late is the day on which the other is. So how often the two are near on the same day is
//! compared with how often they would be on different days; that keeps each one's rhythm and breaks only the link. What keeps company
//! with the routine then may join it, also where its own time of the day shows nothing: people go to bed at ten or at half past eleven,
//! and do the same things then. Where no member shows a time of its own, it begins with pairs that go together in any order.

use std::collections::{BTreeMap, HashMap};

use common::entity::domain_of;

use crate::calendar::MINUTES_PER_DAY;
use crate::evidence::Evidence;
use crate::finding::{ClockTime, Finding};
use crate::pattern::{DaySet, Kind, Status};

use super::time_of_day::apart;
use company::{Around, Centre, Company, Day};
pub(crate) use gather::{gather, keeps_company};

mod company;
mod gather;

/// Members lie within this many minutes of each other on the clock.
const NEAR: i64 = 45;
/// Probability by chance below which two belong together, before it is paid for the number of pairs.
const BELONG: f64 = 0.01;
/// Fewest members.
pub const MIN_MEMBERS: usize = 3;
/// Share of the members that make an occurrence.
const QUORUM: f64 = 0.6;
/// Smallest share of the days on which a routine that begins with one time of the day must have happened.
const MIN_SHARE: f64 = 0.5;
/// Smallest share of a routine's days on which something takes part that joins it.
const JOINS: f64 = 0.6;

/// Finds routines among times of the day, which are given with their final day classes.
pub fn find(evidence: &Evidence, times: &[&Finding]) -> Vec<Finding> {
    let around: Vec<Around> = times
        .iter()
        .map(|time| Around::new(evidence, time.series[0], Centre::of(time)))
        .collect();
    let mut candidates = Vec::new();
    for one in 0..times.len() {
        for other in one + 1..times.len() {
            if may_belong(evidence, times[one], times[other]) {
                candidates.push((one, other));
            }
        }
    }
    let limit = BELONG / candidates.len().max(1) as f64;
    let mut group: Vec<usize> = (0..times.len()).collect();
    for &(one, other) in &candidates {
        if company::by_chance(&around[one], &around[other]).0 < limit {
            let (from, to) = (group[one].max(group[other]), group[one].min(group[other]));
            group
                .iter_mut()
                .filter(|name| **name == from)
                .for_each(|name| *name = to);
        }
    }
    let mut found = Vec::new();
    for name in 0..times.len() {
        let members: Vec<&Finding> = (0..times.len())
            .filter(|&member| group[member] == name)
            .map(|member| times[member])
            .collect();
        if !members.is_empty() {
            // One alone can be the only member that is done at no other time.
            found.extend(finding(evidence, &members));
        }
    }
    found
}

fn entity(evidence: &Evidence, series: usize) -> usize {
    evidence.series[series].entity
}

/// Whether it is something that could be done for people: that the wardrobe, the drawer and the window are opened after getting up is true,
/// and of no use.
fn can_be_spared(evidence: &Evidence, series: usize) -> bool {
    domain_of(&evidence.facts_of(series).id) != "binary_sensor"
}

fn minute(time: &Finding) -> i64 {
    time.clock.map_or(0, |clock| clock.minute)
}

fn may_belong(evidence: &Evidence, one: &Finding, other: &Finding) -> bool {
    let stopped = |finding: &Finding| finding.status == Status::Stopped;
    let class = |finding: &Finding| finding.days.unwrap_or(DaySet::ALL);
    let (here, there) = (class(one), class(other));
    one.clock.is_some()
        && other.clock.is_some()
        && can_be_spared(evidence, one.series[0])
        && can_be_spared(evidence, other.series[0])
        && !evidence.related(
            entity(evidence, one.series[0]),
            entity(evidence, other.series[0]),
        )
        && (here.covers(there) || there.covers(here))
        && stopped(one) == stopped(other)
        && apart(minute(one), minute(other)) <= NEAR
}

/// The routine of times that keep company.
fn finding(evidence: &Evidence, times: &[&Finding]) -> Option<Finding> {
    // One state for each entity: the more regular one.
    let mut by_strength = times.to_vec();
    by_strength.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
    let strongest = by_strength[0];
    let centre = Centre::of(strongest);
    let mut members: Vec<usize> = Vec::new();
    for time in &by_strength {
        join(evidence, &mut members, time.series[0]);
    }
    let alone = members.len() == 1;
    let may_begin = can_be_spared(evidence, members[0]) && strongest.status != Status::Stopped;
    if alone && !may_begin {
        return None;
    }
    complete(evidence, &mut members, centre, |_| true);
    if members.len() < MIN_MEMBERS {
        return None;
    }
    let together = Together::new(evidence, members, centre)?;
    let of_members = || {
        times
            .iter()
            .filter(|time| together.members.contains(&time.series[0]))
    };
    // The days that count are those of the surest member, also where it came alone.
    let due = strongest.occurrences.iter().chain(&strongest.misses);
    let due: BTreeMap<i64, i64> = due
        .map(|&at| (company::day_of(evidence, at, centre.minute), at))
        .collect();
    let mut finding = together.finding(evidence, &due);
    finding.p_value = of_members().map(|time| time.p_value).fold(0.0, f64::max);
    finding.expected = of_members()
        .map(|time| time.expected)
        .fold(f64::INFINITY, f64::min);
    finding.days = strongest.days;
    finding.status = strongest.status;
    finding.clock = Some(ClockTime {
        minute: together.middle.rem_euclid(MINUTES_PER_DAY),
        spread: together.spread,
        ..strongest.clock?
    });
    let least = if alone { MIN_SHARE } else { 0.0 };
    (finding.hits > 0 && finding.share() >= least).then_some(finding)
}

/// Lets everything join that keeps company with the members on most of their days.
fn complete(
    evidence: &Evidence,
    members: &mut Vec<usize>,
    centre: Centre,
    may_join: impl Fn(usize) -> bool,
) {
    let company = Company::of(evidence, members, centre, members.len().min(2));
    for series in joining(evidence, &company, centre) {
        if may_join(series) {
            join(evidence, members, series);
        }
    }
}

/// Members and the days on which enough of them went together.
struct Together {
    /// In the order in which they usually come.
    members: Vec<usize>,
    quorum: usize,
    happened: BTreeMap<i64, Day>,
    /// Median of their time as it would be on the last day, in minutes from midnight.
    middle: i64,
    /// Its standard deviation, in minutes.
    spread: f64,
}

impl Together {
    /// None where they never did.
    fn new(evidence: &Evidence, mut members: Vec<usize>, centre: Centre) -> Option<Self> {
        let quorum = (QUORUM * members.len() as f64).ceil() as usize;
        let happened = Company::of(evidence, &members, centre, quorum).days;
        // As they would be on the last day.
        let minutes: Vec<i64> = happened
            .iter()
            .map(|(&day, there)| there.minute - centre.ahead(evidence, day))
            .collect();
        let middle = median(minutes.clone())?;
        let square = |minute: &i64| ((minute - middle) as f64).powi(2);
        let variance = minutes.iter().map(square).sum::<f64>() / minutes.len() as f64;
        let usual = |member: &usize| {
            let places = happened.values().filter_map(|day| {
                let place = day.there.iter().position(|other| other == member)?;
                Some(place as i64)
            });
            median(places.collect()).unwrap_or(0)
        };
        members.sort_by_key(usual);
        Some(Self {
            members,
            quorum,
            happened,
            middle,
            spread: variance.sqrt(),
        })
    }

    /// What happened of what was due: the days that count, each with the instant at which it would be missed.
    fn finding(&self, evidence: &Evidence, due: &BTreeMap<i64, i64>) -> Finding {
        let instant = |(&day, there): (&i64, &Day)| {
            let index = evidence
                .days
                .index(day)
                .filter(|_| due.contains_key(&day))?;
            Some(evidence.days.micros_at(index, there.minute))
        };
        let share = |member: &usize| {
            let there = self.happened.values();
            let there = there.filter(|day| day.there.contains(member));
            there.count() as f64 / self.happened.len() as f64
        };
        let mut finding = Finding::new(Kind::Routine, self.members.clone());
        finding.quorum = self.quorum;
        finding.member_share = self.members.iter().map(share).collect();
        finding.occurrences = self.happened.iter().filter_map(instant).collect();
        let missed = due
            .iter()
            .filter(|(day, _)| !self.happened.contains_key(day));
        finding.misses = missed.map(|(_, &at)| at).collect();
        finding.hits = finding.occurrences.len() as u32;
        finding.opportunities = finding.hits + finding.misses.len() as u32;
        finding
    }
}

/// Adds a series, unless its entity, or what is one thing with it, takes part already.
fn join(evidence: &Evidence, members: &mut Vec<usize>, series: usize) {
    let own = entity(evidence, series);
    let known = |&other: &usize| evidence.related(entity(evidence, other), own);
    if !members.iter().any(known) {
        members.push(series);
    }
}

/// What is near on most of the days, and on other days' times is not: the surest first.
fn joining(evidence: &Evidence, company: &Company, centre: Centre) -> Vec<usize> {
    let mut near: HashMap<usize, usize> = HashMap::new();
    for series in company.near(evidence) {
        *near.entry(series).or_default() += 1;
    }
    let least = (JOINS * company.days.len() as f64).max(5.0);
    let mut candidates: Vec<usize> = near
        .into_iter()
        .filter(|&(series, days)| {
            days as f64 >= least
                && evidence.series[series].effect
                && can_be_spared(evidence, series)
        })
        .map(|(series, _)| series)
        .collect();
    candidates.sort_unstable();
    let limit = BELONG / evidence.series.len().max(1) as f64;
    let core = company.as_around();
    let mut joining: Vec<(f64, usize)> = candidates
        .into_iter()
        .map(|series| {
            let around = Around::new(evidence, series, centre);
            (company::by_chance(&core, &around).0, series)
        })
        .filter(|&(p_value, _)| p_value < limit)
        .collect();
    joining.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    joining.into_iter().map(|(_, series)| series).collect()
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
