//! A then B, but only if C: splits pairs that are more than chance and less than a habit.
//!
//! The triggers are put in a table of two by two, C or not against followed or not, and Fisher's exact test asks whether C matters.
//! Everything that could be C is paid for. Then the contrast must be clear: a condition that only helps is not told.

use crate::evidence::{Evidence, Moment};
use crate::finding::Finding;
use crate::pattern::{Condition, DaySet, Kind};
use crate::score::{fisher_greater, wilson_lower};
use crate::sun::Darkness;
use crate::threads::both;

use super::link::{Link, Turn};
use super::pair;
pub use candidates::Conditions;
use gap::{all_along, explains_the_gap};
use table::{Measured, Table, TriggerTable};

mod candidates;
mod gap;
mod table;

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
/// The state of some other thing explains a habit better than the sun or the day of the week only when it is more convincing by this
/// factor: what is on in the evening goes with the dark.
const STRANGE: f64 = 1e3;
/// A pair that is tried in its life and all along pays for both.
const BOTH: f64 = 2.0;
/// Numeric thresholds that are tried: parts of the values at the triggers.
const QUANTILES: [f64; 5] = [0.2, 0.35, 0.5, 0.65, 0.8];

/// A state is a condition once it has been held for so long, in microseconds: what has just been reached is a trigger of its own.
const HELD: i64 = super::screen::LONGEST * 1_000_000;

/// The conditions under which pairs hold, in the order of the pairs; most have none.
pub fn split(evidence: &Evidence, links: &[Link], conditions: &Conditions) -> Vec<Finding> {
    let mut pairs: Vec<&Link> = links.iter().filter(|link| is_worth_it(link)).collect();
    let parts = pairs.len();
    // What seems to have begun or ended may be waiting for its condition.
    let all_along: Vec<Option<Link>> = links.iter().map(all_along).collect();
    pairs.extend(all_along.iter().flatten());
    let mut by_part = best(evidence, &pairs, conditions);
    let mut by_whole = by_part.split_off(parts).into_iter();
    let mut by_part = by_part.into_iter();
    let mut found = Vec::new();
    for (link, whole) in links.iter().zip(&all_along) {
        let lives = is_worth_it(link)
            .then(|| by_part.next())
            .flatten()
            .flatten();
        let waits = whole.as_ref().and_then(|whole| {
            let (p_value, which) = by_whole.next()??;
            // Of what other things do, something always began or ended with it.
            let is_natural = !matches!(which, Which::State(..));
            (is_natural && explains_the_gap(evidence, link, which)).then_some((
                whole,
                BOTH * p_value,
                which,
            ))
        });
        let told = waits.or(lives.map(|(p_value, which)| (link, p_value, which)));
        found.extend(told.map(|(link, p_value, which)| finding(evidence, link, p_value, which)));
    }
    found
}

/// The best condition of each pair.
fn best(
    evidence: &Evidence,
    pairs: &[&Link],
    conditions: &Conditions,
) -> Vec<Option<(f64, Which)>> {
    let search = Search {
        evidence,
        conditions,
        table: TriggerTable::new(pairs),
        pairs,
    };
    let (by_state, (by_calendar, by_number)) = both(
        || search.by_state(),
        || (search.by_calendar(), search.by_number()),
    );
    by_calendar.or(by_state, STRANGE).or(by_number, 1.0).of_pair
}

/// The best condition so far of each pair.
struct Best {
    /// How many are tried.
    tried: f64,
    of_pair: Vec<Option<(f64, Which)>>,
}

impl Best {
    fn consider(&mut self, place: usize, which: Which, table: Table) {
        if is_clear(table) {
            let p_value = fisher_greater(table.0, table.1) * self.tried;
            keep_better(&mut self.of_pair[place], Some((p_value, which)));
        }
    }

    /// The better of both for each pair; this one unless the other is more convincing by a factor.
    fn or(mut self, other: Self, factor: f64) -> Self {
        for (mine, other) in self.of_pair.iter_mut().zip(other.of_pair) {
            let is_enough = |(p_value, _): &(f64, Which)| {
                mine.is_none_or(|(least, _)| *p_value * factor <= least)
            };
            keep_better(mine, other.filter(is_enough));
        }
        self
    }
}

fn keep_better(best: &mut Option<(f64, Which)>, other: Option<(f64, Which)>) {
    let is_better = |(p_value, _)| best.is_none_or(|(least, _)| p_value < least);
    if other.is_some_and(is_better) {
        *best = other;
    }
}

/// What is looked through for conditions.
struct Search<'a> {
    evidence: &'a Evidence,
    conditions: &'a Conditions,
    table: TriggerTable,
    pairs: &'a [&'a Link],
}

impl Search<'_> {
    /// None yet.
    fn best(&self) -> Best {
        Best {
            tried: self.conditions.len() as f64,
            of_pair: vec![None; self.pairs.len()],
        }
    }

    /// By dark or light, weekday or weekend.
    fn by_calendar(&self) -> Best {
        let (mut best, table) = (self.best(), &self.table);
        let mut darkness = Darkness::new(self.evidence.place);
        let dark = table.bits(|at| darkness.is_at(at.at));
        let weekday = table.bits(|at| DaySet::WEEKDAY.contains(at.day()));
        for place in 0..self.pairs.len() {
            let by_sun = table.count(place, &dark);
            let by_day = table.count(place, &weekday);
            best.consider(place, Which::Dark(false), (by_sun.1, by_sun.0));
            best.consider(place, Which::Weekday(false), (by_day.1, by_day.0));
            best.consider(place, Which::Dark(true), by_sun);
            best.consider(place, Which::Weekday(true), by_day);
        }
        best
    }

    /// By the states of other things.
    fn by_state(&self) -> Best {
        let (mut best, evidence) = (self.best(), self.evidence);
        let states = &self.conditions.states;
        for of_entity in states.chunk_by(|one, other| one.0 == other.0) {
            if evidence.stop.is_said() {
                break;
            }
            let entity = of_entity[0].0;
            let steps = &evidence.facts[entity].steps;
            let held = self.table.held(steps, of_entity.len());
            let related = |series: usize| evidence.related(entity, evidence.series[series].entity);
            for (place, link) in self.pairs.iter().enumerate() {
                if related(link.from) || related(link.to) {
                    continue;
                }
                for (&(_, state), held) in of_entity.iter().zip(&held) {
                    let table = self.table.count(place, held);
                    best.consider(place, Which::State(entity, state), table);
                }
            }
        }
        best
    }

    /// By thresholds of measurements.
    fn by_number(&self) -> Best {
        let mut best = self.best();
        for &entity in &self.conditions.numbers {
            if self.evidence.stop.is_said() {
                break;
            }
            let values = self.table.values(&self.evidence.facts[entity].samples);
            for (place, link) in self.pairs.iter().enumerate() {
                // The power of a plug says only that what is in it is on.
                let effect = self.evidence.series[link.to].entity;
                if self.evidence.related(entity, effect) {
                    continue;
                }
                each_threshold(&self.table, place, &values, |threshold, above, table| {
                    best.consider(place, Which::Number(entity, threshold, above), table);
                });
            }
        }
        best
    }
}

fn is_worth_it(link: &Link) -> bool {
    link.p_value <= WORTH_A_LOOK
        && link.share() <= NEARLY_ALWAYS
        && !link.is_timer()
        && link.lived().count() >= 2 * MIN_SIDE as usize
}

/// A condition, in the miner's own words.
#[derive(Debug, Clone, Copy)]
enum Which {
    Dark(bool),
    Weekday(bool),
    State(usize, u16),
    Number(usize, f32, bool),
}

impl Which {
    fn holds(self, evidence: &Evidence, at: Moment) -> bool {
        match self {
            Self::Dark(dark) => evidence.place.is_dark(at.at) == dark,
            Self::Weekday(weekday) => DaySet::WEEKDAY.contains(at.day()) == weekday,
            Self::State(entity, state) => {
                evidence.facts[entity].has_held(at.at, HELD) == Some(state)
            }
            Self::Number(entity, threshold, above) => evidence.facts[entity]
                .value_at(at.at)
                .is_some_and(|value| (value > threshold) == above),
        }
    }

    fn told(self, evidence: &Evidence) -> Condition {
        match self {
            Self::Dark(true) => Condition::Dark,
            Self::Dark(false) => Condition::Light,
            Self::Weekday(true) => Condition::Weekday,
            Self::Weekday(false) => Condition::Weekend,
            Self::State(entity, state) => {
                let facts = &evidence.facts[entity];
                Condition::State {
                    entity: facts.id.clone(),
                    state: facts.states[usize::from(state)].clone(),
                }
            }
            Self::Number(entity, threshold, above) => {
                // By its shortest digits: 28.8, not 28.799999237.
                let limit = threshold.to_string().parse::<f64>().ok();
                Condition::Numeric {
                    entity: evidence.facts[entity].id.clone(),
                    above: limit.filter(|_| above),
                    below: limit.filter(|_| !above),
                }
            }
        }
    }
}

/// Shows every threshold that is tried for a pair, with its table above and below it.
fn each_threshold(
    table: &TriggerTable,
    place: usize,
    values: &Measured,
    mut consider: impl FnMut(f32, bool, Table),
) {
    let measured = table.measured(place, values);
    if measured.is_empty() || measured.len() < table.lived(place) / 2 {
        return;
    }
    let mut hits_below = vec![0];
    let mut hits = 0;
    hits_below.extend(measured.iter().map(|&(_, hit)| {
        hits += u32::from(hit);
        hits
    }));
    for quantile in QUANTILES {
        let value = measured[(quantile * (measured.len() - 1) as f64) as usize].0;
        let below = measured.partition_point(|&(other, _)| other <= value);
        let Some(&(next, _)) = measured.get(below) else {
            continue;
        };
        let threshold = between(value, next);
        let (low, all) = (below as u32, measured.len() as u32);
        let above = (hits - hits_below[below], all - low);
        consider(threshold, true, table.table(place, above));
        consider(
            threshold,
            false,
            table.table(place, (hits_below[below], low)),
        );
    }
}

/// The number of fewest decimals between two measurements: that a lamp goes on below 30 says more than that it does at 28.7 and lower.
fn between(low: f32, high: f32) -> f32 {
    let middle = f32::midpoint(low, high);
    let rounded = (-2..4).map(|decimals| {
        let parts = 10_f32.powi(decimals);
        (middle * parts).round() / parts
    });
    let mut fitting = rounded.filter(|&value| low < value && value < high);
    fitting.next().unwrap_or(middle)
}

fn is_clear(((hits, trials), (other_hits, other_trials)): Table) -> bool {
    let share = |hits: u32, trials: u32| f64::from(hits) / f64::from(trials.max(1));
    trials >= MIN_SIDE
        && other_trials >= MIN_SIDE
        && share(hits, trials) >= HOLDS
        && wilson_lower(trials, hits) >= pair::MIN_SHARE_LOWER
        && share(other_hits, other_trials) <= HOLDS_NOT
}

fn finding(evidence: &Evidence, link: &Link, p_value: f64, which: Which) -> Finding {
    let mut finding = pair::finding(link);
    finding.kind = Kind::Conditional;
    finding.p_value = link.p_value.max(p_value.min(1.0));
    let lived = link.lived().filter(|turn| turn.could);
    let (hit, missed): (Vec<&Turn>, Vec<&Turn>) = lived
        .filter(|turn| which.holds(evidence, turn.at))
        .partition(|turn| link.is_hit(turn));
    finding.hits = hit.len() as u32;
    finding.opportunities = (hit.len() + missed.len()) as u32;
    finding.occurrences = hit.iter().map(|turn| turn.at.at).collect();
    finding.misses = missed.iter().map(|turn| turn.at.at).collect();
    finding.expected =
        link.expected * f64::from(finding.opportunities) / f64::from(link.opportunities.max(1));
    finding.days = match which {
        Which::Weekday(true) => Some(DaySet::WEEKDAY),
        Which::Weekday(false) => Some(DaySet::WEEKEND),
        _ => None,
    };
    finding.condition = Some(which.told(evidence));
    finding
}
