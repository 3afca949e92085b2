//! Steps in order at a time of the day, of things that are used at other times as well, so that most of what they do is followed by nothing.
//!
//! Each of them shows a time of the day. What makes steps of them is that on the day on which the first is late the next is late too, and
//! close behind: how often it follows is compared with how often it would have, had the first come at the time of another day.

use common::entity::domain_of;

use crate::detect::time_of_day::apart;
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::pattern::{DaySet, Kind, Status};
use crate::score::{binomial_tail, quartiles};

use super::MAX_STEPS;

/// Delays that are tried, in seconds.
const DELAYS: [i64; 3] = [60, 180, 600];
/// Steps lie within this many minutes of each other on the clock.
const NEAR: i64 = 45;
/// Probability by chance below which one is a step behind the other, before it is paid for everything that was tried.
const FOLLOWS: f64 = 0.01;
/// Share of the first one's days on which the next follows.
const MIN_SHARE: f64 = 0.6;
/// Of the days on which the two lie within the delay, so many may have them the other way round.
const REVERSED: f64 = 0.2;
/// Days before and after a day whose times it is compared with.
const OTHER_DAYS: usize = 10;
/// Fewest days on which all steps were gone through …
const MIN_DAYS: usize = 5;
/// … and their smallest share of the days on which they could have been.
const MIN_THROUGH: f64 = 0.45;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// One time of the day a step behind another.
#[derive(Debug, Clone, Copy)]
struct Edge {
    from: usize,
    to: usize,
    /// Longest delay, in seconds.
    within: i64,
    /// Median delay, in seconds.
    delay: f64,
    /// Share of the first one's days.
    share: f64,
}

/// Sequences among times of the day, which are given with their final day classes; with the positions of the times that are their steps.
pub fn find(evidence: &Evidence, times: &[&Finding]) -> Vec<(Finding, Vec<usize>)> {
    let places = || 0..times.len();
    let candidates: Vec<(usize, usize)> = places()
        .flat_map(|one| places().map(move |other| (one, other)))
        .filter(|&(one, other)| may_follow(evidence, times[one], times[other]))
        .collect();
    let limit = FOLLOWS / (candidates.len() * DELAYS.len()).max(1) as f64;
    let edges: Vec<Edge> = candidates
        .into_iter()
        .filter_map(|(from, to)| {
            let edge_within = |within| follows(evidence, times, (from, to), within, limit);
            DELAYS.into_iter().find_map(edge_within)
        })
        .collect();
    let mut found: Vec<(Finding, Vec<usize>)> = Vec::new();
    let begins = |place: &usize| !edges.iter().any(|edge| edge.to == *place);
    for start in places().filter(begins) {
        let chain = chain(start, &edges, times, evidence);
        if chain.len() >= 2
            && let Some(finding) = finding(evidence, times, &chain)
        {
            let steps = chain.iter().map(|edge| edge.to);
            found.push((finding, std::iter::once(start).chain(steps).collect()));
        }
    }
    found
}

fn may_follow(evidence: &Evidence, one: &Finding, other: &Finding) -> bool {
    let entity = |finding: &Finding| evidence.series[finding.series[0]].entity;
    let class = |finding: &Finding| finding.days.unwrap_or(DaySet::ALL);
    let ended = |finding: &Finding| finding.status == Status::Stopped;
    let minute = |finding: &Finding| finding.clock.map_or(0, |clock| clock.minute);
    !evidence.related(entity(one), entity(other))
        && (class(one).covers(class(other)) || class(other).covers(class(one)))
        && ended(one) == ended(other)
        && apart(minute(one), minute(other)) <= NEAR
}

/// The delay until the next moment of a series after an instant, within so many seconds.
fn next(evidence: &Evidence, series: usize, at: i64, within: i64) -> Option<i64> {
    let moments = &evidence.series[series].moments;
    let next = moments.get(moments.partition_point(|moment| moment.at <= at))?;
    let delay = next.at - at;
    (delay <= within * SECOND).then_some(delay)
}

/// Whether the one comes before an instant, within so many seconds.
fn came_before(evidence: &Evidence, series: usize, at: i64, within: i64) -> bool {
    let moments = &evidence.series[series].moments;
    let before = moments.partition_point(|moment| moment.at < at);
    before > 0 && at - moments[before - 1].at <= within * SECOND
}

fn follows(
    evidence: &Evidence,
    times: &[&Finding],
    (from, to): (usize, usize),
    within: i64,
    limit: f64,
) -> Option<Edge> {
    let effect = times[to].series[0];
    let (days, mut delays) = (&times[from].occurrences, Vec::new());
    let (mut reversed, mut elsewhere) = (0, (0_usize, 0_usize));
    for &at in days {
        delays.extend(next(evidence, effect, at, within).map(|delay| delay as f64 / 1e6));
        reversed += usize::from(came_before(evidence, effect, at, within));
        for other in same_time(evidence, at) {
            elsewhere.0 += usize::from(next(evidence, effect, other, within).is_some());
            elsewhere.1 += 1;
        }
    }
    let hits = delays.len();
    let chance = (elsewhere.0 as f64 + 1.0) / (elsewhere.1 as f64 + 1.0);
    let share = hits as f64 / days.len().max(1) as f64;
    let follows = hits >= MIN_DAYS
        && share >= MIN_SHARE
        && reversed as f64 <= REVERSED * (hits + reversed) as f64
        && binomial_tail(days.len() as u32, hits as u32, chance) < limit;
    follows.then(|| Edge {
        from,
        to,
        within,
        delay: quartiles(&mut delays).1,
        share,
    })
}

/// The same time of other days of the same kind, before and after.
fn same_time(evidence: &Evidence, at: i64) -> Vec<i64> {
    let (moment, days) = (evidence.moment(at), &evidence.days);
    let Some(index) = days.index(moment.day()) else {
        return Vec::new();
    };
    let is_like = |&other: &usize| {
        let weekend = |index: usize| DaySet::WEEKEND.contains(days.day_at(index));
        other != index && weekend(other) == weekend(index) && days.counts(other, DaySet::ALL)
    };
    let others = index.saturating_sub(OTHER_DAYS)..(index + OTHER_DAYS + 1).min(days.len());
    let of_minute = at.rem_euclid(MINUTE);
    others
        .filter(is_like)
        .map(|other| days.micros_at(other, moment.of_day()) + of_minute)
        .collect()
}

/// The steps from one on: each time the one that comes next.
fn chain(start: usize, edges: &[Edge], times: &[&Finding], evidence: &Evidence) -> Vec<Edge> {
    let entity = |place: usize| evidence.series[times[place].series[0]].entity;
    let mut chain: Vec<Edge> = Vec::new();
    let mut last = start;
    while chain.len() + 1 < MAX_STEPS {
        let is_new = |place: usize| {
            entity(place) != entity(start)
                && chain.iter().all(|edge| entity(edge.to) != entity(place))
        };
        let further = edges
            .iter()
            .filter(|edge| edge.from == last && is_new(edge.to));
        let Some(&edge) = further.min_by(|a, b| a.delay.total_cmp(&b.delay)) else {
            break;
        };
        chain.push(edge);
        last = edge.to;
    }
    // What comes last must be something that could be done for people.
    let can_be_spared =
        |edge: &Edge| domain_of(&evidence.facts_of(times[edge.to].series[0]).id) != "binary_sensor";
    while chain.last().is_some_and(|edge| !can_be_spared(edge)) {
        chain.pop();
    }
    chain
}

fn finding(evidence: &Evidence, times: &[&Finding], chain: &[Edge]) -> Option<Finding> {
    let first = times[chain[0].from];
    let mut gaps: Vec<Vec<f64>> = vec![Vec::new(); chain.len()];
    let mut totals = Vec::new();
    let (mut occurrences, mut misses) = (Vec::new(), first.misses.clone());
    for &begin in &first.occurrences {
        let mut at = begin;
        let mut delays = Vec::with_capacity(chain.len());
        for edge in chain {
            // A step may take longer than within which it shows best.
            let longest = (2 * edge.within).min(DELAYS[DELAYS.len() - 1]);
            let Some(delay) = next(evidence, times[edge.to].series[0], at, longest) else {
                break;
            };
            delays.push(delay as f64 / 1e6);
            at += delay;
        }
        if delays.len() == chain.len() {
            occurrences.push(begin);
            totals.push(delays.iter().sum());
            gaps.iter_mut()
                .zip(delays)
                .for_each(|(gap, delay)| gap.push(delay));
        } else {
            misses.push(begin);
        }
    }
    misses.sort_unstable();
    let all = occurrences.len() + misses.len();
    if occurrences.len() < MIN_DAYS || (occurrences.len() as f64) < MIN_THROUGH * all as f64 {
        return None;
    }
    let steps = || std::iter::once(chain[0].from).chain(chain.iter().map(|edge| edge.to));
    let mut finding = Finding::new(
        Kind::Sequence,
        steps().map(|place| times[place].series[0]).collect(),
    );
    finding.p_value = steps()
        .map(|place| times[place].p_value)
        .fold(0.0, f64::max);
    finding.hits = occurrences.len() as u32;
    finding.opportunities = all as u32;
    finding.expected = first.expected;
    finding.occurrences = occurrences;
    finding.misses = misses;
    finding.gaps = gaps.iter_mut().map(|gap| quartiles(gap).1).collect();
    let shares = chain.iter().map(|edge| edge.share);
    finding.member_share = std::iter::once(1.0).chain(shares).collect();
    finding.delay = Some(quartiles(&mut totals));
    finding.within = chain.iter().map(|edge| 2.0 * edge.within as f64).sum();
    finding.days = first.days;
    finding.clock = first.clock;
    finding.status = first.status;
    Some(finding)
}
