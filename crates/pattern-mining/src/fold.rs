//! One habit, one pattern: folds what another pattern explains.

use std::collections::HashSet;

use crate::detect::link::Link;
use crate::detect::{pair, routine, scene, sequence};
use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::life;
use crate::pattern::{DaySet, Kind, Oddity, Status};

mod clock;
mod explain;
mod seen;
mod undone;

/// Triggers since a conditional habit happened last, hardly any under its condition, that show that it only waits.
const GOES_ON: usize = 3;

/// What passed the run's cut.
#[derive(Debug, Default)]
pub struct Significant {
    /// Times of the day.
    pub times: Vec<Finding>,
    /// Links strong enough to be habits as they are.
    pub links: Vec<Link>,
    /// Links between things that go together in any order, too weak to be habits one by one.
    pub together: Vec<Link>,
    /// Links that can be steps of a sequence, too weak to be habits.
    pub weak: Vec<Link>,
    /// Conditional habits.
    pub conditionals: Vec<Finding>,
    /// Typical times held.
    pub durations: Vec<Finding>,
    /// Oddities.
    pub anomalies: Vec<Finding>,
}

/// The patterns to tell: each habit once, in its most useful form.
pub fn fold(mut significant: Significant, evidence: &Evidence) -> Vec<Finding> {
    keep_what_is_done(&mut significant, evidence);
    let times = clock::settle(significant.times, evidence);
    let mut conditionals = explain::one_each(significant.conditionals, evidence);
    let links = explain::one_link_each(significant.links, evidence);
    let conditional: HashSet<(usize, usize)> = conditionals
        .iter()
        .map(|finding| unordered(ends(finding, evidence)))
        .collect();
    let mut links: Vec<Link> = links
        .into_iter()
        .filter(|link| !conditional.contains(&unordered(link_ends(link, evidence))))
        .collect();
    let jumps = sequence::jumps(&links);
    let mut place = 0;
    links.retain(|_| {
        place += 1;
        jumps.binary_search(&(place - 1)).is_err()
    });
    explain::drop_explained(&mut links, evidence);
    explain::drop_explained_conditionals(&mut conditionals, &links, evidence);
    let weak = explain::one_link_each(significant.weak, evidence);
    let sequences = sequence::find(evidence, &links, &weak);
    let (mut sequences, in_steps) = with_timed(sequences, &times, evidence);
    let places = times.iter().zip(0..);
    let free = places.filter(|(_, place)| !in_steps.contains(place));
    let free: Vec<&Finding> = free.map(|(time, _)| time).collect();
    let mut routines = routine::find(evidence, &free);
    let close: Vec<&Link> = links.iter().chain(&significant.together).collect();
    routines.extend(scene::find(evidence, &close));
    let taken: HashSet<usize> = sequences
        .iter()
        .chain(&routines)
        .flat_map(|finding| entities(finding, evidence))
        .collect();
    routines.extend(routine::gather(evidence, &close, &taken));
    keep_larger(&mut sequences, &mut routines, evidence);
    let groups: Vec<HashSet<usize>> = sequences
        .iter()
        .chain(&routines)
        .map(|finding| entities(finding, evidence))
        .collect();
    let in_group = |one: usize, other: usize| {
        groups
            .iter()
            .any(|group| group.contains(&one) && group.contains(&other))
    };
    links.retain(|link| {
        let (from, to) = link_ends(link, evidence);
        !in_group(from, to) && link.is_ordered()
    });
    explain::keep_nearest(&mut links, evidence);
    conditionals.retain(|finding| {
        let (from, to) = ends(finding, evidence);
        !in_group(from, to)
    });
    let mut told: Vec<Finding> = links.iter().map(pair::finding).collect();
    for finding in sequences
        .iter_mut()
        .chain(&mut conditionals)
        .chain(&mut told)
    {
        hear_silence(finding, evidence);
    }
    for routine in &mut routines {
        if routine.scene {
            hear_silence(routine, evidence);
        }
    }
    told.extend(conditionals);
    let free = explain::unexplained_times(times, &told, &sequences, &routines, evidence);
    told.extend(free);
    told.extend(sequences);
    told.extend(routines);
    let mut durations = significant.durations;
    for finding in &mut durations {
        hear_silence(finding, evidence);
    }
    told.extend(durations);
    // A habit that has ended explains the silence of what it moved.
    let ended: HashSet<usize> = told
        .iter()
        .filter(|finding| finding.status == Status::Stopped)
        .flat_map(|finding| entities(finding, evidence))
        .collect();
    let anomalies = one_silence_each(significant.anomalies, evidence);
    told.extend(
        anomalies.into_iter().filter(|odd| {
            !is_silence(odd) || !ended.contains(&evidence.series[odd.series[0]].entity)
        }),
    );
    told
}

/// Drops what follows something else and is not what somebody did because of it: what sees people go by, and what is only put back.
fn keep_what_is_done(significant: &mut Significant, evidence: &Evidence) {
    let links = significant.links.iter().chain(&significant.weak);
    let seen = seen::who_walks_by(links, evidence);
    let is_done = |triggers: &[i64], effect: usize| {
        !seen.contains(&evidence.series[effect].entity)
            && !undone::is_after(triggers, effect, evidence)
    };
    for links in [&mut significant.links, &mut significant.weak] {
        links.retain(|link| is_done(&link.followed(), link.to));
    }
    significant
        .conditionals
        .retain(|finding| is_done(&finding.occurrences, finding.series[1]));
}

/// The sequences with those among times of the day, each told once, and the places of the times that are steps of these.
fn with_timed(
    mut sequences: Vec<Finding>,
    times: &[Finding],
    evidence: &Evidence,
) -> (Vec<Finding>, HashSet<usize>) {
    let all: Vec<&Finding> = times.iter().collect();
    let timed = sequence::timed::find(evidence, &all);
    sequences.extend(timed.iter().map(|(finding, _)| finding.clone()));
    let kept = sequence::without_parts(sequences, evidence);
    let is_kept = |timed: &Finding| {
        let mut own = kept.iter().filter(|kept| kept.clock.is_some());
        own.any(|kept| kept.series == timed.series)
    };
    let steps = timed.iter().filter(|(finding, _)| is_kept(finding));
    let in_steps = steps.flat_map(|(_, steps)| steps.clone()).collect();
    (kept, in_steps)
}

fn is_silence(odd: &Finding) -> bool {
    odd.oddity.is_some_and(|(kind, _)| kind == Oddity::Silent)
}

/// Of all that fell silent of one device, the surest: its battery is empty once.
fn one_silence_each(mut anomalies: Vec<Finding>, evidence: &Evidence) -> Vec<Finding> {
    anomalies.sort_by(|a, b| a.p_value.total_cmp(&b.p_value));
    let mut told = HashSet::new();
    anomalies.retain(|odd| {
        let device = evidence.facts_of(odd.series[0]).device;
        !is_silence(odd) || device.is_none_or(|device| told.insert(device))
    });
    anomalies
}

/// Marks what has ended although nothing was missed, because what sets it off has ended.
fn hear_silence(finding: &mut Finding, evidence: &Evidence) {
    let class = finding.days.unwrap_or(DaySet::ALL);
    let days = &evidence.days;
    let lived: Vec<i64> = (0..days.len())
        .filter(|&day| days.counts(day, class))
        .map(|day| days.day_at(day))
        .collect();
    let happened: Vec<i64> = finding
        .occurrences
        .iter()
        .map(|&at| evidence.moment(at).day())
        .collect();
    if finding.status == Status::Stopped || waits_for_its_condition(finding, evidence) {
        return;
    }
    if let Some(status) = life::by_silence(&happened, &lived) {
        finding.status = status;
    } else if finding.status == Status::Active
        && let Some(status) = life::came_back(&happened, &lived)
    {
        finding.status = status;
    }
}

/// Whether what sets it off goes on, only not under its condition: a fan for hot days has not ended in autumn.
fn waits_for_its_condition(finding: &Finding, evidence: &Evidence) -> bool {
    let last = finding.occurrences.last().copied().unwrap_or(0);
    let triggers = &evidence.series[finding.series[0]].moments;
    let goes_on = triggers.len() - triggers.partition_point(|moment| moment.at <= last);
    let missed = finding.misses.iter().filter(|&&at| at > last).count();
    // A limit that was learned is never quite the one that people have: a miss or two lie between the two.
    let by_chance = (1.0 - finding.share()).powi(missed as i32);
    finding.kind == Kind::Conditional && goes_on >= GOES_ON && by_chance > life::SILENCE
}

fn ends(finding: &Finding, evidence: &Evidence) -> (usize, usize) {
    let entity = |place: usize| evidence.series[finding.series[place]].entity;
    (entity(0), entity(1))
}

fn unordered((one, other): (usize, usize)) -> (usize, usize) {
    (one.min(other), one.max(other))
}

fn link_ends(link: &Link, evidence: &Evidence) -> (usize, usize) {
    (
        evidence.series[link.from].entity,
        evidence.series[link.to].entity,
    )
}

fn entities(finding: &Finding, evidence: &Evidence) -> HashSet<usize> {
    finding
        .series
        .iter()
        .map(|&series| evidence.series[series].entity)
        .collect()
}

/// Where a sequence and a routine have most of their entities in common, the larger one is told; the sequence where they are alike.
fn keep_larger(sequences: &mut Vec<Finding>, routines: &mut Vec<Finding>, evidence: &Evidence) {
    let alike = |one: &Finding, other: &Finding| {
        let (one, other) = (entities(one, evidence), entities(other, evidence));
        2 * one.intersection(&other).count() >= one.len().min(other.len())
    };
    routines.retain(|routine| {
        !sequences.iter().any(|sequence| {
            alike(sequence, routine) && routine.series.len() <= sequence.series.len()
        })
    });
    sequences.retain(|sequence| !routines.iter().any(|routine| alike(sequence, routine)));
}
