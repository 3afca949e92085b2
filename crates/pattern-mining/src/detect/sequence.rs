//! Steps in order: chains of pairs, after links that only jump over a step are removed.

use std::collections::{HashMap, HashSet};

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::life;
use crate::pattern::Kind;
use crate::score::quartiles;

use super::link::{Link, Turn};
use super::pair;
use super::screen::LONGEST;

pub mod timed;

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
/// Of the times at which a trigger sets off two things, so many must have them in the same order for the two to be steps.
const IN_ORDER: f64 = 0.85;
/// Of two things that follow, the nearer one is the next step when it follows at least this part as often.
const NEARLY: f64 = 0.7;
/// Two sequences with at least so many entities in common are one, told twice, …
const COMMON: usize = 2;
/// … when this part of the times of the one are times of the other.
const SAME_TIMES: f64 = 0.5;
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

/// The turns of two links of the same trigger, those of the second while it lived, side by side.
fn at_once<'a>(one: &'a Link, other: &'a Link) -> impl Iterator<Item = (&'a Turn, &'a Turn)> {
    let mut turns = one.turns.iter().peekable();
    other.lived().filter_map(move |turn| {
        while turns.peek().is_some_and(|one| one.at.at < turn.at.at) {
            turns.next();
        }
        let same = turns.peek().filter(|one| one.at.at == turn.at.at);
        same.map(|same| (*same, turn))
    })
}

/// Whether the far end comes as well when the middle does not.
fn is_fork(one: &Link, jump: &Link) -> bool {
    let mut with = (0, 0);
    let mut without = (0, 0);
    for (same, turn) in at_once(one, jump) {
        // Late is not missing: the middle step counts however long it takes. Nor is what is so already.
        let side = match same.delay {
            Some(_) => &mut with,
            None if same.could => &mut without,
            None => continue,
        };
        side.0 += usize::from(jump.is_hit(turn));
        side.1 += 1;
    }
    let share = |(hits, trials): (usize, usize)| hits as f64 / trials.max(1) as f64;
    without.1 >= MIN_WITHOUT && share(without) >= FORK * share(with)
}

/// One step of a chain, and how it is known.
#[derive(Clone, Copy)]
struct Step<'a> {
    from: usize,
    to: usize,
    /// The pair that shows it: of its own ends, or of the chain's first and its own last.
    link: &'a Link,
}

impl<'a> Step<'a> {
    fn of(link: &'a Link) -> Self {
        Self {
            from: link.from,
            to: link.to,
            link,
        }
    }

    /// Longest time that it may take, in seconds.
    fn latest(&self) -> f64 {
        (LATER * self.link.within).min(LONGEST as f64)
    }
}

/// Chains of at least three steps. `links` are habits of their own and have no jumps any more; `weak` ones can be part of a chain only.
///
/// A step is known by its own pair; or, where what comes between is done at other times as well, by the chain's first: what the first sets
/// off in this order, and only in this order, are steps.
pub fn find(evidence: &Evidence, links: &[Link], weak: &[Link]) -> Vec<Finding> {
    let all: Vec<&Link> = links.iter().chain(weak).collect();
    let has_before = |link: &Link| links.iter().any(|other| other.to == link.from);
    let mut found: Vec<Finding> = Vec::new();
    for &start in all.iter().filter(|link| !has_before(link)) {
        let mut chain = vec![Step::of(start)];
        while chain.len() + 1 < MAX_STEPS
            && let Some(step) = next(evidence, &chain, &all)
        {
            chain.push(step);
        }
        found.extend(longest(evidence, &chain));
    }
    without_parts(found, evidence)
}

/// What comes after the last step of a chain.
fn next<'a>(evidence: &Evidence, chain: &[Step<'a>], links: &[&'a Link]) -> Option<Step<'a>> {
    let (first, last) = (chain[0].link, chain[chain.len() - 1]);
    let entity = |series: usize| evidence.series[series].entity;
    let is_new = |link: &&&Link| {
        let own = entity(link.to);
        entity(first.from) != own && chain.iter().all(|step| entity(step.to) != own)
    };
    let direct = || {
        links
            .iter()
            .filter(|link| link.from == last.to)
            .filter(is_new)
    };
    let best = direct().map(|link| link.share()).fold(0.0, f64::max);
    // What is further on follows nearly as often as what comes next.
    let nearly = direct().filter(|link| link.share() >= NEARLY * best);
    if let Some(link) = nearly.min_by(|a, b| a.delay.1.total_cmp(&b.delay.1)) {
        return Some(Step::of(link));
    }
    let of_first = links.iter().filter(|link| link.from == first.from);
    let further = of_first
        .filter(is_new)
        .filter(|link| last.link.from == first.from && comes_through(last.link, link));
    let link = further.min_by(|a, b| a.delay.1.total_cmp(&b.delay.1))?;
    Some(Step {
        from: last.to,
        to: link.to,
        link,
    })
}

/// Whether of two things that a trigger sets off the far one comes behind the near one, and hardly without it.
fn comes_through(near: &Link, far: &Link) -> bool {
    let (mut both, mut in_order) = (0, 0);
    for (same, turn) in at_once(near, far).filter(|(_, turn)| far.is_hit(turn)) {
        if let Some((near, far)) = same.delay.zip(turn.delay) {
            both += 1;
            in_order += usize::from(near < far);
        }
    }
    both >= pair::MIN_DAYS as usize
        && in_order as f64 >= IN_ORDER * both as f64
        && !is_fork(near, far)
}

/// Without sequences that are parts of longer ones, or of surer ones.
pub fn without_parts(mut found: Vec<Finding>, evidence: &Evidence) -> Vec<Finding> {
    let entities = |finding: &Finding| -> HashSet<usize> {
        let series = finding.series.iter();
        series
            .map(|&series| evidence.series[series].entity)
            .collect()
    };
    found.sort_by(|a, b| {
        let size = b.series.len().cmp(&a.series.len());
        size.then(b.strength().total_cmp(&a.strength()))
            .then(a.series.cmp(&b.series))
    });
    let mut kept: Vec<Finding> = Vec::new();
    for finding in found {
        let own = entities(&finding);
        let is_part = |other: &Finding| {
            let common = own.intersection(&entities(other)).count();
            common == own.len() || (common >= COMMON && is_same_time(&finding, other))
        };
        if !kept.iter().any(is_part) {
            kept.push(finding);
        }
    }
    kept
}

/// Whether most times of a sequence lie within times of another.
fn is_same_time(one: &Finding, other: &Finding) -> bool {
    let reach = (one.within.max(other.within) * 1e6) as i64;
    let near = one.occurrences.iter().filter(|&&at| {
        let next = other
            .occurrences
            .partition_point(|&there| there < at - reach);
        other
            .occurrences
            .get(next)
            .is_some_and(|&there| there <= at + reach)
    });
    near.count() as f64 >= SAME_TIMES * one.occurrences.len() as f64
}

/// The longest part of a chain that is gone through often enough.
fn longest(evidence: &Evidence, steps: &[Step<'_>]) -> Option<Finding> {
    let lengths = (2..=steps.len()).rev();
    let mut parts = lengths.flat_map(|length| steps.windows(length));
    parts.find_map(|part| finding(evidence, part))
}

fn finding(evidence: &Evidence, steps: &[Step<'_>]) -> Option<Finding> {
    let first = steps[0].link;
    // Of a part that begins in the middle of a chain, the first must be a pair of its own.
    if first.from != steps[0].from {
        return None;
    }
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
            if delay > step.latest() {
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
    finding.p_value = steps
        .iter()
        .map(|step| step.link.p_value)
        .fold(0.0, f64::max);
    finding.hits = hits;
    finding.opportunities = opportunities;
    finding.expected = first.expected;
    finding.occurrences = occurrences;
    finding.misses = misses;
    finding.gaps = gaps.iter_mut().map(|gap| quartiles(gap).1).collect();
    finding.member_share = std::iter::once(1.0)
        .chain(steps.iter().map(|step| step.link.share()))
        .collect();
    finding.delay = Some(quartiles(&mut totals));
    finding.within = steps.iter().map(Step::latest).sum();
    finding.status = pair::status(&life, &chances);
    Some(finding)
}
