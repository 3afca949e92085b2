//! Several entities, in any order, within minutes, at a time of the day.
//!
//! Members are times of the day that lie close together. That alone is no routine: two habits at seven have nothing to do with each
//! other until the day on which the one is late is the day on which the other is. So the distance of the two on the same day is
//! compared with their distance on different days; that keeps each one's rhythm and breaks only the link.

use std::collections::BTreeMap;

use crate::calendar::MINUTES_PER_DAY;
use crate::evidence::Evidence;
use crate::finding::{ClockTime, Finding};
use crate::pattern::{Kind, Status};
use crate::score::binomial_tail;

use super::time_of_day::apart;

/// Members lie within this many minutes of each other on the clock.
const NEAR: i64 = 30;
/// On one day, members go together within this many minutes.
const TOGETHER: i64 = 12;
/// Probability by chance below which two belong together, before it is paid for the number of pairs.
const BELONG: f64 = 0.01;
/// Fewest members.
pub const MIN_MEMBERS: usize = 3;
/// Share of the members that make an occurrence.
const QUORUM: f64 = 0.6;

/// Finds routines among times of the day, which are given with their final day classes.
pub fn find(evidence: &Evidence, times: &[&Finding]) -> Vec<Finding> {
    let minutes: Vec<BTreeMap<i64, i64>> =
        times.iter().map(|time| by_day(evidence, time)).collect();
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
        if together(&minutes[one], &minutes[other]) < limit {
            let (from, to) = (group[one].max(group[other]), group[one].min(group[other]));
            group
                .iter_mut()
                .filter(|name| **name == from)
                .for_each(|name| *name = to);
        }
    }
    let mut found = Vec::new();
    for name in 0..times.len() {
        let members: Vec<usize> = (0..times.len())
            .filter(|&member| group[member] == name)
            .collect();
        let mut entities: Vec<usize> = members
            .iter()
            .map(|&member| entity(evidence, times[member]))
            .collect();
        entities.sort_unstable();
        entities.dedup();
        if entities.len() >= MIN_MEMBERS {
            found.extend(finding(evidence, times, &minutes, &members));
        }
    }
    found
}

fn entity(evidence: &Evidence, time: &Finding) -> usize {
    evidence.series[time.series[0]].entity
}

fn may_belong(evidence: &Evidence, one: &Finding, other: &Finding) -> bool {
    let (Some(here), Some(there)) = (one.clock, other.clock) else {
        return false;
    };
    let stopped = |finding: &Finding| finding.status == Status::Stopped;
    !evidence.related(entity(evidence, one), entity(evidence, other))
        && one.days == other.days
        && stopped(one) == stopped(other)
        && apart(here.minute, there.minute) <= NEAR
}

/// The minute since 1970 at which it happened, by the day that it belongs to.
fn by_day(evidence: &Evidence, time: &Finding) -> BTreeMap<i64, i64> {
    let centre = time.clock.map_or(0, |clock| clock.minute);
    time.occurrences
        .iter()
        .map(|&at| {
            let day = day_of(evidence, at, centre);
            (day, evidence.moment(at).minute - day * MINUTES_PER_DAY)
        })
        .collect()
}

/// The day whose window an instant is in, which near midnight may be the neighbour's.
fn day_of(evidence: &Evidence, at: i64, centre: i64) -> i64 {
    (evidence.moment(at).minute - centre + MINUTES_PER_DAY / 2).div_euclid(MINUTES_PER_DAY)
}

/// Probability that two go together on so many of their common days if they do as on different days.
fn together(one: &BTreeMap<i64, i64>, other: &BTreeMap<i64, i64>) -> f64 {
    let common: Vec<(i64, i64)> = one
        .iter()
        .filter_map(|(day, &minute)| Some((minute, *other.get(day)?)))
        .collect();
    if common.len() < 5 {
        return 1.0;
    }
    let near = |a: i64, b: i64| (a - b).abs() <= TOGETHER;
    let same = common.iter().filter(|&&(a, b)| near(a, b)).count();
    let mut crossed = (0_usize, 0_usize);
    for (place, &(a, _)) in common.iter().enumerate() {
        for (elsewhere, &(_, b)) in common.iter().enumerate() {
            if place != elsewhere {
                crossed.0 += usize::from(near(a, b));
                crossed.1 += 1;
            }
        }
    }
    let chance = (crossed.0 as f64 + 1.0) / (crossed.1 as f64 + 1.0);
    binomial_tail(common.len() as u32, same as u32, chance)
}

fn finding(
    evidence: &Evidence,
    times: &[&Finding],
    minutes: &[BTreeMap<i64, i64>],
    members: &[usize],
) -> Option<Finding> {
    // One state for each entity: the more regular one.
    let mut chosen: Vec<usize> = Vec::new();
    let mut by_strength = members.to_vec();
    by_strength.sort_by(|&a, &b| times[b].strength().total_cmp(&times[a].strength()));
    for member in by_strength {
        if !chosen
            .iter()
            .any(|&other| entity(evidence, times[other]) == entity(evidence, times[member]))
        {
            chosen.push(member);
        }
    }
    let mut days: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for &member in &chosen {
        for (&day, &minute) in &minutes[member] {
            days.entry(day).or_default().push(minute);
        }
    }
    let quorum = (QUORUM * chosen.len() as f64).ceil() as usize;
    let happened: Vec<(i64, i64)> = days
        .iter()
        .filter(|(_, minutes)| minutes.len() >= quorum)
        .map(|(&day, minutes)| (day, minutes.iter().sum::<i64>() / minutes.len() as i64))
        .collect();
    let strongest = times[chosen[0]];
    let clock = strongest.clock?;
    let middle = median(happened.iter().map(|&(_, minute)| minute).collect())?;
    let spread = (happened
        .iter()
        .map(|&(_, minute)| ((minute - middle) as f64).powi(2))
        .sum::<f64>()
        / happened.len() as f64)
        .sqrt();
    let mut in_order = chosen.clone();
    in_order.sort_by_key(|&member| {
        times[member]
            .clock
            .map_or(0, |clock| (clock.minute - middle + 720).rem_euclid(1440))
    });
    let mut finding = Finding::new(
        Kind::Routine,
        in_order
            .iter()
            .map(|&member| times[member].series[0])
            .collect(),
    );
    finding.p_value = chosen
        .iter()
        .map(|&member| times[member].p_value)
        .fold(0.0, f64::max);
    finding.quorum = quorum;
    finding.hits = happened.len() as u32;
    finding.expected = chosen
        .iter()
        .map(|&member| times[member].expected)
        .fold(f64::INFINITY, f64::min);
    finding.days = strongest.days;
    finding.status = strongest.status;
    finding.clock = Some(ClockTime {
        minute: middle.rem_euclid(MINUTES_PER_DAY),
        spread,
        ..clock
    });
    finding.member_share = in_order
        .iter()
        .map(|&member| {
            let there = happened
                .iter()
                .filter(|(day, _)| minutes[member].contains_key(day))
                .count();
            there as f64 / happened.len() as f64
        })
        .collect();
    let instant = |&(day, minute): &(i64, i64)| {
        evidence
            .days
            .index(day)
            .map(|index| evidence.days.micros_at(index, minute))
    };
    finding.occurrences = happened.iter().filter_map(instant).collect();
    // The days that count are those of the surest member, also where it came alone.
    let centre = strongest.clock.map_or(0, |clock| clock.minute);
    let missed = |at: &&i64| {
        let day = day_of(evidence, **at, centre);
        !happened.iter().any(|&(other, _)| other == day)
    };
    let due = strongest.misses.iter().chain(&strongest.occurrences);
    finding.misses = due.filter(missed).copied().collect();
    finding.misses.sort_unstable();
    finding.opportunities = finding.hits + finding.misses.len() as u32;
    Some(finding)
}

fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
