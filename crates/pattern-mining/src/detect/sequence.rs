//! Steps in order: chains of pairs, after links that only jump over a step are removed.

use std::collections::HashMap;

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::life;
use crate::pattern::Kind;
use crate::score::quartiles;

use super::link::Link;
use super::pair;
use super::screen::LONGEST;

/// Most steps.
pub const MAX_STEPS: usize = 5;
/// Smallest share of the first step's times that must go through to the last.
const MIN_THROUGH: f64 = 0.35;
/// A step may take so many times as long as within which it shows best as a pair: that the others go on as well speaks for it too.
const LATER: f64 = 2.0;
/// Triggers without the middle step that are needed to tell a fork from a chain.
const MIN_WITHOUT: usize = 4;
/// In a fork the last step comes as well without the middle one: at least this part as often.
const FORK: f64 = 0.5;
/// The delays of two steps add up to that of the jump within this factor.
const ADDS_UP: f64 = 2.0;

/// Which links are only jumps over, or forks beside, others: positions to drop.
pub fn jumps(links: &[Link]) -> Vec<usize> {
    let by_ends: HashMap<(usize, usize), usize> = links
        .iter()
        .enumerate()
        .map(|(place, link)| ((link.from, link.to), place))
        .collect();
    let mut drop = Vec::new();
    for (first, one) in links.iter().enumerate() {
        for (second, two) in links.iter().enumerate() {
            if one.to != two.from || first == second {
                continue;
            }
            let Some(&jump) = by_ends.get(&(one.from, two.to)) else {
                continue;
            };
            if is_fork(one, &links[jump]) {
                drop.push(second);
            } else if adds_up(one, two, &links[jump]) {
                drop.push(jump);
            }
        }
    }
    drop.sort_unstable();
    drop.dedup();
    drop
}

fn adds_up(one: &Link, two: &Link, jump: &Link) -> bool {
    let sum = one.delay.1 + two.delay.1;
    sum <= jump.delay.1 * ADDS_UP && jump.delay.1 <= sum * ADDS_UP
}

/// Whether the far end comes as well when the middle does not.
fn is_fork(one: &Link, jump: &Link) -> bool {
    let mut with = (0, 0);
    let mut without = (0, 0);
    let mut turns = one.turns.iter().peekable();
    for turn in jump.lived() {
        while turns.peek().is_some_and(|other| other.at.at < turn.at.at) {
            turns.next();
        }
        let Some(same) = turns.peek().filter(|other| other.at.at == turn.at.at) else {
            continue;
        };
        // Late is not missing: the middle step counts however long it takes.
        let side = if same.delay.is_some() {
            &mut with
        } else {
            &mut without
        };
        side.0 += usize::from(jump.is_hit(turn));
        side.1 += 1;
    }
    let share = |(hits, trials): (usize, usize)| hits as f64 / trials.max(1) as f64;
    without.1 >= MIN_WITHOUT && share(without) >= FORK * share(with)
}

/// Chains of at least three steps; `links` have no jumps any more.
pub fn find(evidence: &Evidence, links: &[Link]) -> Vec<Finding> {
    let best = |candidates: Vec<&Link>| -> Option<usize> {
        let link = candidates
            .into_iter()
            .max_by(|a, b| a.share().total_cmp(&b.share()))?;
        links.iter().position(|other| std::ptr::eq(other, link))
    };
    let next = |link: &Link| best(links.iter().filter(|other| other.from == link.to).collect());
    let has_before = |link: &Link| links.iter().any(|other| other.to == link.from);
    let mut found = Vec::new();
    for (place, start) in links.iter().enumerate() {
        if has_before(start) {
            continue;
        }
        let mut chain = vec![place];
        while let Some(following) = next(&links[chain[chain.len() - 1]]) {
            let known = |series: usize| {
                let entity = evidence.series[series].entity;
                chain
                    .iter()
                    .any(|&step| evidence.series[links[step].from].entity == entity)
            };
            if chain.len() + 1 >= MAX_STEPS || known(links[following].to) {
                break;
            }
            chain.push(following);
        }
        let steps: Vec<&Link> = chain.iter().map(|&step| &links[step]).collect();
        found.extend(longest(evidence, &steps));
    }
    found
}

/// The longest part of a chain that is gone through often enough.
fn longest(evidence: &Evidence, steps: &[&Link]) -> Option<Finding> {
    let lengths = (2..=steps.len()).rev();
    let mut parts = lengths.flat_map(|length| steps.windows(length));
    parts.find_map(|part| finding(evidence, part))
}

/// Longest time that a step may take, in seconds.
fn latest(step: &Link) -> f64 {
    (LATER * step.within).min(LONGEST as f64)
}

fn finding(evidence: &Evidence, steps: &[&Link]) -> Option<Finding> {
    let first = steps[0];
    let mut gaps: Vec<Vec<f64>> = vec![Vec::new(); steps.len()];
    let mut occurrences = Vec::new();
    let mut misses = Vec::new();
    let mut totals = Vec::new();
    let mut chances = first.turns.clone();
    chances.retain(|turn| turn.open);
    let mut row = Vec::with_capacity(chances.len());
    for turn in &chances {
        let mut at = turn.at.at;
        let mut times = Vec::with_capacity(steps.len());
        for step in steps {
            let effects = &evidence.series[step.to].moments;
            let place = effects.partition_point(|effect| effect.at <= at);
            let Some(effect) = effects.get(place) else {
                break;
            };
            let delay = (effect.at - at) as f64 / 1e6;
            if delay > latest(step) {
                break;
            }
            times.push(delay);
            at = effect.at;
        }
        row.push(times.len() == steps.len());
        if times.len() == steps.len() {
            occurrences.push(turn.at.at);
            totals.push(times.iter().sum());
            for (gap, time) in gaps.iter_mut().zip(times) {
                gap.push(time);
            }
        } else {
            misses.push(turn.at.at);
        }
    }
    let life = life::of_row(&row);
    let lived = &chances[life.part.clone()];
    let (from, until) = (lived.first()?.at.at, lived.last()?.at.at);
    occurrences.retain(|at| (from..=until).contains(at));
    misses.retain(|at| (from..=until).contains(at));
    let (hits, opportunities) = (occurrences.len() as u32, lived.len() as u32);
    if f64::from(hits) < MIN_THROUGH * f64::from(opportunities) {
        return None;
    }
    let mut series = vec![first.from];
    series.extend(steps.iter().map(|step| step.to));
    let mut finding = Finding::new(Kind::Sequence, series);
    finding.p_value = steps.iter().map(|step| step.p_value).fold(0.0, f64::max);
    finding.hits = hits;
    finding.opportunities = opportunities;
    finding.expected = first.expected;
    finding.occurrences = occurrences;
    finding.misses = misses;
    finding.gaps = gaps.iter_mut().map(|gap| quartiles(gap).1).collect();
    finding.member_share = std::iter::once(1.0)
        .chain(steps.iter().map(|step| step.share()))
        .collect();
    finding.delay = Some(quartiles(&mut totals));
    finding.within = steps.iter().map(|step| latest(step)).sum();
    finding.status = pair::status(&life, &chances);
    Some(finding)
}
