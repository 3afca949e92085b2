//! A then B, but only if C: splits pairs that are more than chance and less than a habit.
//!
//! The triggers are put in a table of two by two, C or not against followed or not, and Fisher's exact test asks whether C matters.
//! Everything that could be C is paid for. Then the contrast must be clear: a condition that only helps is not told.

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::pattern::{Condition, DaySet, Kind};
use crate::score::{fisher_greater, wilson_lower};

use super::link::{Link, Turn};
use super::pair;

/// Smallest share of the triggers followed while the condition holds …
const HOLDS: f64 = 0.6;
/// … and the largest while it does not.
const HOLDS_NOT: f64 = 0.25;
/// Fewest triggers on each side.
const MIN_SIDE: u32 = 6;
/// Pairs above this probability by chance do not pass the run's cut whatever their condition.
const WORTH_A_LOOK: f64 = 1e-3;
/// Pairs that hold more often than this have no room for a condition.
const NEARLY_ALWAYS: f64 = 0.9;
/// Numeric thresholds that are tried: parts of the values at the triggers.
const QUANTILES: [f64; 5] = [0.2, 0.35, 0.5, 0.65, 0.8];
/// An entity whose state is a condition changes at most this often a day.
const MAX_CHANGES_A_DAY: usize = 12;

/// A state is a condition once it has been held for so long, in microseconds: what has just been reached is a trigger of its own.
const HELD: i64 = super::screen::LONGEST * 1_000_000;

/// Triggers followed and triggers, while it holds and while it does not.
type Table = ((u32, u32), (u32, u32));

/// What could be a condition in this home.
#[derive(Debug)]
pub struct Conditions {
    /// Entity and number of its state.
    states: Vec<(usize, u16)>,
    /// Entities that measure.
    numbers: Vec<usize>,
}

impl Conditions {
    /// Looks for entities that hold a state long enough to be a condition, and for measurements.
    pub fn new(evidence: &Evidence) -> Self {
        let days = evidence.days.len().max(1);
        let mut states = Vec::new();
        let mut numbers = Vec::new();
        for (index, facts) in evidence.facts.iter().enumerate() {
            if !facts.members.is_empty() {
                continue;
            }
            let changes = facts.steps.len();
            if (4..=MAX_CHANGES_A_DAY * days).contains(&changes) && !facts.ambient {
                let known = (0..facts.states.len().min(6)).map(|state| (index, state as u16));
                states.extend(known);
            }
            if facts.samples.len() >= 2 * days {
                numbers.push(index);
            }
        }
        Self { states, numbers }
    }

    /// How many are tried for a pair.
    pub fn len(&self) -> usize {
        4 + self.states.len() + 2 * QUANTILES.len() * self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The condition under which a pair holds, where there is one.
pub fn split(evidence: &Evidence, link: &Link, conditions: &Conditions) -> Option<Finding> {
    let turns = link.lived();
    let worth = link.p_value <= WORTH_A_LOOK && link.share() <= NEARLY_ALWAYS;
    if !worth || link.is_timer() || turns.len() < 2 * MIN_SIDE as usize {
        return None;
    }
    let mut best: Option<(f64, Condition, Vec<bool>)> = None;
    let mut consider = |holds: Vec<bool>, condition: &dyn Fn() -> Condition| {
        let table = table(link, turns, &holds);
        if is_clear(table) {
            let p_value = fisher_greater(table.0, table.1) * conditions.len() as f64;
            if best.as_ref().is_none_or(|(least, ..)| p_value < *least) {
                best = Some((p_value, condition(), holds));
            }
        }
    };
    let dark: Vec<bool> = turns
        .iter()
        .map(|turn| evidence.place.is_dark(turn.at.at))
        .collect();
    let weekday: Vec<bool> = turns
        .iter()
        .map(|turn| DaySet::WEEKDAY.contains(turn.at.day()))
        .collect();
    let opposite = |holds: &[bool]| holds.iter().map(|holds| !holds).collect();
    consider(opposite(&dark), &|| Condition::Light);
    consider(opposite(&weekday), &|| Condition::Weekend);
    consider(dark, &|| Condition::Dark);
    consider(weekday, &|| Condition::Weekday);
    let ends = (
        evidence.series[link.from].entity,
        evidence.series[link.to].entity,
    );
    for of_entity in conditions.states.chunk_by(|one, other| one.0 == other.0) {
        let entity = of_entity[0].0;
        if evidence.related(entity, ends.0) || evidence.related(entity, ends.1) {
            continue;
        }
        let facts = &evidence.facts[entity];
        let held: Vec<Option<u16>> = turns
            .iter()
            .map(|turn| facts.has_held(turn.at.at, HELD))
            .collect();
        for &(_, state) in of_entity {
            let holds = held.iter().map(|held| *held == Some(state)).collect();
            consider(holds, &|| Condition::State {
                entity: facts.id.clone(),
                state: facts.states[usize::from(state)].clone(),
            });
        }
    }
    for &entity in &conditions.numbers {
        by_number(evidence, entity, turns, &mut consider);
    }
    let (p_value, condition, holds) = best?;
    Some(finding(link, p_value, condition, &holds))
}

fn by_number(
    evidence: &Evidence,
    entity: usize,
    turns: &[Turn],
    consider: &mut impl FnMut(Vec<bool>, &dyn Fn() -> Condition),
) {
    let facts = &evidence.facts[entity];
    let values: Vec<Option<f32>> = turns
        .iter()
        .map(|turn| facts.value_at(turn.at.at))
        .collect();
    let mut sorted: Vec<f32> = values.iter().flatten().copied().collect();
    if sorted.len() < turns.len() / 2 {
        return;
    }
    sorted.sort_unstable_by(f32::total_cmp);
    for quantile in QUANTILES {
        let threshold = sorted[(quantile * (sorted.len() - 1) as f64) as usize];
        let side = |above: bool| {
            values
                .iter()
                .map(|value| value.is_some_and(|value| (value > threshold) == above))
                .collect::<Vec<bool>>()
        };
        let limit = f64::from(threshold);
        consider(side(true), &|| Condition::Numeric {
            entity: facts.id.clone(),
            above: Some(limit),
            below: None,
        });
        consider(side(false), &|| Condition::Numeric {
            entity: facts.id.clone(),
            above: None,
            below: Some(limit),
        });
    }
}

fn table(link: &Link, turns: &[Turn], holds: &[bool]) -> Table {
    let mut table = ((0, 0), (0, 0));
    for (turn, &holds) in turns.iter().zip(holds) {
        let side = if holds { &mut table.0 } else { &mut table.1 };
        side.0 += u32::from(link.is_hit(turn));
        side.1 += 1;
    }
    table
}

fn is_clear(((hits, trials), (other_hits, other_trials)): Table) -> bool {
    let share = |hits: u32, trials: u32| f64::from(hits) / f64::from(trials.max(1));
    trials >= MIN_SIDE
        && other_trials >= MIN_SIDE
        && share(hits, trials) >= HOLDS
        && wilson_lower(trials, hits) >= pair::MIN_SHARE_LOWER
        && share(other_hits, other_trials) <= HOLDS_NOT
}

fn finding(link: &Link, p_value: f64, condition: Condition, holds: &[bool]) -> Finding {
    let mut finding = pair::finding(link);
    finding.kind = Kind::Conditional;
    finding.p_value = link.p_value.max(p_value.min(1.0));
    let due = || link.lived().iter().zip(holds).filter(|(_, holds)| **holds);
    let at = |hit: bool| {
        due()
            .filter(|(turn, _)| link.is_hit(turn) == hit)
            .map(|(turn, _)| turn.at.at)
            .collect::<Vec<i64>>()
    };
    finding.occurrences = at(true);
    finding.misses = at(false);
    finding.hits = finding.occurrences.len() as u32;
    finding.opportunities = due().count() as u32;
    finding.expected =
        link.expected * f64::from(finding.opportunities) / f64::from(link.opportunities.max(1));
    finding.days = match condition {
        Condition::Weekday => Some(DaySet::WEEKDAY),
        Condition::Weekend => Some(DaySet::WEEKEND),
        _ => None,
    };
    finding.condition = Some(condition);
    finding
}
