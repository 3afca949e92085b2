//! Which findings another one explains.

use std::collections::{HashMap, HashSet};

use common::entity::domain_of;

use crate::detect::link::Link;
use crate::detect::time_of_day::apart;
use crate::evidence::Evidence;
use crate::finding::Finding;

/// A habit between things at work is told rather than one between things that rest, unless it is weaker than this part of it.
const AT_WORK: f64 = 0.85;
/// A link is explained by another trigger of the same effect when without that trigger it holds less than this often …
const WITHOUT: f64 = 0.3;
/// … which takes at least so many times without.
const MIN_WITHOUT: usize = 4;
/// A rival holds alone when without the other trigger it holds at least this part as often as it does.
const ALONE: f64 = 0.7;
/// Two triggers whose effects are the same in this part of the times are one habit.
const SAME_EFFECTS: f64 = 0.9;
/// Another trigger this near, in seconds, counts as there.
const NEAR_SECONDS: i64 = 900;
/// Share of a habit's occurrences that another pattern must account for.
const EXPLAINED: f64 = 0.6;
/// A time of the day within this many minutes of a routine with the same entity is its member's.
const MEMBER_MINUTES: i64 = 60;

/// Of all links between two entities, the one to tell.
pub(super) fn one_link_each(mut links: Vec<Link>, evidence: &Evidence) -> Vec<Link> {
    let ends = own_ends(&links, evidence);
    links.retain(|link| !ends.contains(&(link.from, link.to)));
    let mut best: HashMap<(usize, usize), Link> = HashMap::new();
    for link in links {
        let (from, to) = super::link_ends(&link, evidence);
        let key = (from.min(to), from.max(to));
        match best.get(&key) {
            Some(other) if worth(other, evidence) >= worth(&link, evidence) => {}
            _ => drop(best.insert(key, link)),
        }
    }
    let mut links: Vec<Link> = best.into_values().collect();
    links.sort_unstable_by_key(|link| (link.from, link.to));
    links
}

/// Links whose effect is only that the trigger's own trigger comes to its end: the kettle goes off three minutes after the lamp that
/// went on because of it.
fn own_ends(links: &[Link], evidence: &Evidence) -> HashSet<(usize, usize)> {
    let entity = |series: usize| evidence.series[series].entity;
    let begins: Vec<&Link> = links
        .iter()
        .filter(|link| evidence.series[link.from].active)
        .collect();
    let is_end = |link: &&Link| {
        !evidence.series[link.to].active
            && begins.iter().any(|begin| {
                begin.to == link.from
                    && entity(begin.from) == entity(link.to)
                    && 2 * begin.hits >= link.hits
            })
    };
    let ends = links.iter().filter(is_end);
    ends.map(|link| (link.from, link.to)).collect()
}

fn worth(link: &Link, evidence: &Evidence) -> f64 {
    let at_work = |series: usize| {
        if evidence.series[series].active {
            1.0
        } else {
            AT_WORK
        }
    };
    let ordered = if link.is_ordered() { 1.0 } else { AT_WORK };
    let alive = if link.life.ended { AT_WORK } else { 1.0 };
    link.above_chance() * at_work(link.from) * at_work(link.to) * ordered * alive
}

/// Of all conditional habits between two entities, the one to tell.
pub(super) fn one_each(findings: Vec<Finding>, evidence: &Evidence) -> Vec<Finding> {
    let mut best: HashMap<(usize, usize), Finding> = HashMap::new();
    for finding in findings {
        let (from, to) = super::ends(&finding, evidence);
        let key = (from.min(to), from.max(to));
        let worth = |finding: &Finding| {
            let work = finding
                .series
                .iter()
                .filter(|&&series| evidence.series[series].active)
                .count();
            finding.share() * AT_WORK.powi(2 - work as i32)
        };
        match best.get(&key) {
            Some(other) if worth(other) >= worth(&finding) => {}
            _ => drop(best.insert(key, finding)),
        }
    }
    let mut findings: Vec<Finding> = best.into_values().collect();
    findings.sort_by(|a, b| a.series.cmp(&b.series));
    findings
}

/// Drops links that hold only because another trigger of the same effect is near.
pub(super) fn drop_explained(links: &mut Vec<Link>, evidence: &Evidence) {
    let mut explained = HashSet::new();
    for (place, link) in links.iter().enumerate() {
        let other_triggers = links.iter().enumerate().filter(|(other, rival)| {
            *other != place && rival.to == link.to && !explained.contains(other)
        });
        for (_, rival) in other_triggers {
            if is_explained(link, rival, evidence) && !is_explained(rival, link, evidence) {
                explained.insert(place);
                break;
            }
        }
    }
    let mut place = 0;
    links.retain(|_| {
        place += 1;
        !explained.contains(&(place - 1))
    });
}

/// Of links that the same effects follow, whichever of the two triggers one takes, keeps the one that comes right before: the cellar door
/// opens, then its sensor sees somebody, then the light goes on.
pub(super) fn keep_nearest(links: &mut Vec<Link>, evidence: &Evidence) {
    let mut told: Vec<(Link, Vec<i64>)> = Vec::new();
    let mut by_delay = std::mem::take(links);
    // A person is told rather than the phone that says so.
    let is_phone = |link: &Link| domain_of(&evidence.facts_of(link.from).id) == "device_tracker";
    by_delay.sort_by(|a, b| {
        let delay = a.delay.1.total_cmp(&b.delay.1);
        is_phone(a)
            .cmp(&is_phone(b))
            .then(delay)
            .then(a.from.cmp(&b.from))
    });
    for link in by_delay {
        let own = effects(&link, evidence);
        let is_same = |other: &(Link, Vec<i64>)| {
            let common = own.iter().filter(|at| other.1.binary_search(at).is_ok());
            let most = own.len().max(other.1.len());
            other.0.to == link.to && common.count() as f64 >= SAME_EFFECTS * most as f64
        };
        if !told.iter().any(is_same) {
            told.push((link, own));
        }
    }
    links.extend(told.into_iter().map(|(link, _)| link));
    links.sort_unstable_by_key(|link| (link.from, link.to));
}

/// The effects that followed, in microseconds.
fn effects(link: &Link, evidence: &Evidence) -> Vec<i64> {
    after(&link.followed(), link.to, evidence)
}

/// What came of a series after each of these instants.
fn after(triggers: &[i64], series: usize, evidence: &Evidence) -> Vec<i64> {
    let moments = &evidence.series[series].moments;
    let next = |at: &i64| moments.get(moments.partition_point(|effect| effect.at <= *at));
    let mut effects: Vec<i64> = triggers
        .iter()
        .filter_map(next)
        .map(|effect| effect.at)
        .collect();
    effects.dedup();
    effects
}

/// Drops conditional habits that hold only because the trigger of a pair with the same effect is near.
pub(super) fn drop_explained_conditionals(
    conditionals: &mut Vec<Finding>,
    links: &[Link],
    evidence: &Evidence,
) {
    conditionals.retain(|finding| {
        let hit = finding.occurrences.iter().map(|&at| (at, true));
        let missed = finding.misses.iter().map(|&at| (at, false));
        let turns: Vec<(i64, bool)> = hit.chain(missed).collect();
        let of_effect = |rival: &&Link| {
            rival.to == finding.series[1]
                && !evidence.related(
                    evidence.series[rival.from].entity,
                    evidence.series[finding.series[0]].entity,
                )
        };
        let effects = after(&finding.occurrences, finding.series[1], evidence);
        !links.iter().filter(of_effect).any(|rival| {
            let theirs = self::effects(rival, evidence);
            let common = effects.iter().filter(|at| theirs.binary_search(at).is_ok());
            if common.count() as f64 >= SAME_EFFECTS * effects.len() as f64 {
                // It holds without a condition for the other trigger.
                return true;
            }
            let left = without(&turns, rival.from, evidence);
            holds_not(&left)
                || (left.1 < MIN_WITHOUT && holds_alone(rival, finding.series[0], evidence))
        })
    });
}

/// Of turns and whether they were followed, how many were, and how many there are, when another series is not near.
fn without(turns: &[(i64, bool)], other: usize, evidence: &Evidence) -> (usize, usize) {
    let others = &evidence.series[other].moments;
    let reach = NEAR_SECONDS * 1_000_000;
    let near = |at: i64| {
        let next = others.partition_point(|other| other.at < at - reach);
        others.get(next).is_some_and(|other| other.at <= at + reach)
    };
    let left: Vec<&(i64, bool)> = turns.iter().filter(|(at, _)| !near(*at)).collect();
    (left.iter().filter(|(_, hit)| *hit).count(), left.len())
}

fn turns(link: &Link) -> Vec<(i64, bool)> {
    let lived = link.lived();
    lived.map(|turn| (turn.at.at, link.is_hit(turn))).collect()
}

fn holds_not(&(hits, turns): &(usize, usize)) -> bool {
    turns >= MIN_WITHOUT && (hits as f64) < WITHOUT * turns as f64
}

/// Whether a link does not need another trigger.
fn holds_alone(link: &Link, other: usize, evidence: &Evidence) -> bool {
    let (hits, turns) = without(&turns(link), other, evidence);
    turns >= MIN_WITHOUT && hits as f64 >= ALONE * link.share() * turns as f64
}

/// Whether a link holds only because the rival's trigger is near: without it, it does not; or it never comes without it, while the rival
/// holds alone. Who comes home opens the door, and the lamp follows the door whoever opens it.
fn is_explained(link: &Link, rival: &Link, evidence: &Evidence) -> bool {
    let left = without(&turns(link), rival.from, evidence);
    holds_not(&left) || (left.1 < MIN_WITHOUT && holds_alone(rival, link.from, evidence))
}

/// Times of the day that no pair, sequence or routine accounts for.
pub(super) fn unexplained_times(
    times: Vec<Finding>,
    pairs: &[Finding],
    sequences: &[Finding],
    routines: &[Finding],
    evidence: &Evidence,
) -> Vec<Finding> {
    let entity = |series: usize| evidence.series[series].entity;
    let free = |time: &Finding| {
        let own = entity(time.series[0]);
        let minute = time.clock.map_or(0, |clock| clock.minute);
        let by_routine = routines.iter().any(|routine| {
            routine.series.iter().any(|&series| entity(series) == own)
                && routine
                    .clock
                    .is_none_or(|clock| apart(clock.minute, minute) <= MEMBER_MINUTES)
        });
        let by_sequence = sequences.iter().any(|sequence| {
            sequence.series.iter().any(|&series| entity(series) == own)
                && accounts_for(sequence, time, sequence.within)
        });
        let by_pair = pairs
            .iter()
            .any(|pair| entity(pair.series[1]) == own && accounts_for(pair, time, pair.within));
        !(by_routine || by_sequence || by_pair)
    };
    times.into_iter().filter(free).collect()
}

/// Whether most occurrences of a time of the day come within a delay after those of another pattern, or are the very same.
fn accounts_for(pattern: &Finding, time: &Finding, within: f64) -> bool {
    let reach = (within * 1e6) as i64;
    let explained = time.occurrences.iter().filter(|&&at| {
        let next = pattern
            .occurrences
            .partition_point(|&other| other < at - reach);
        pattern
            .occurrences
            .get(next)
            .is_some_and(|&other| other <= at)
    });
    explained.count() as f64 >= EXPLAINED * time.occurrences.len() as f64
}
