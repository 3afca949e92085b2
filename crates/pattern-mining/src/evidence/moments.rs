//! When each entity reached each of its states, and what of that a timer did.

use std::collections::HashMap;

use super::changes::Changes;
use super::facts::Done;
use super::{Facts, Moment, timer};
use crate::calendar::{LocalClock, MINUTES_PER_DAY};
use crate::threads::both;

/// The moments that are evidence, by change.
pub(super) struct Moments<'a> {
    pub(super) of_change: Vec<Vec<Moment>>,
    changes: &'a Changes,
}

/// What was found in the moments of some entities that follow each other.
#[derive(Default)]
pub(super) struct Found {
    /// The instants of each change that a timer did.
    pub(super) timed: HashMap<u32, Vec<i64>>,
    /// How many moments each entity has left on each day; none at all where it has no moments.
    pub(super) by_day: Vec<Vec<u32>>,
}

impl<'a> Moments<'a> {
    /// The moments of what the entities did.
    pub(super) fn new(changes: &'a Changes, done: &[Done], clock: &LocalClock) -> Self {
        let mut of_change = Vec::with_capacity(changes.len());
        for (entity, (steps, _)) in done.iter().enumerate() {
            let of_entity = changes.of(entity);
            let first = of_entity.start;
            let evidence = || steps.iter().filter(|step| step.evidence);
            let mut counts = vec![0; of_entity.len()];
            for step in evidence() {
                counts[usize::from(step.state)] += 1;
            }
            of_change.extend(counts.into_iter().map(Vec::with_capacity));
            for step in evidence() {
                let minute = clock.local_minute(step.at);
                of_change[first + usize::from(step.state)].push(Moment {
                    minute,
                    at: step.at,
                });
            }
        }
        Self { of_change, changes }
    }

    /// Takes out instants of entities, in time order, in which they reached a state.
    pub(super) fn forget(&mut self, instants: impl Iterator<Item = (usize, u16, i64)>) {
        let mut by_change: HashMap<usize, Vec<i64>> = HashMap::new();
        for (entity, state, at) in instants {
            let change = self.changes.to(entity, state) as usize;
            by_change.entry(change).or_default().push(at);
        }
        for (change, instants) in by_change {
            self.of_change[change].retain(|moment| instants.binary_search(&moment.at).is_err());
        }
    }

    /// Takes out what timers did, and counts what is left on each day, `days` being the first and the last.
    pub(super) fn take_timed(&mut self, facts: &[Facts], days: (i64, i64)) -> Found {
        // Half of the moments on each of two threads.
        let all: usize = self.of_change.iter().map(Vec::len).sum();
        let mut before = 0;
        let first_half = (0..facts.len()).take_while(|&entity| {
            let of_entity = &self.of_change[self.changes.of(entity)];
            before += of_entity.iter().map(Vec::len).sum::<usize>();
            before <= all / 2
        });
        let middle = first_half.count();
        let begin = self.changes.to(middle, 0);
        let (first, second) = self.of_change.split_at_mut(begin as usize);
        let (mut found, rest) = both(
            || take_timed(&facts[..middle], 0, first, days),
            || take_timed(&facts[middle..], begin, second, days),
        );
        found.timed.extend(rest.timed);
        found.by_day.extend(rest.by_day);
        found
    }
}

/// Of some entities that follow each other, and their moments by change, the first of which is given.
fn take_timed(
    facts: &[Facts],
    first_change: u32,
    mut moments: &mut [Vec<Moment>],
    days: (i64, i64),
) -> Found {
    let mut found = Found::default();
    let mut change = first_change;
    for facts in facts {
        let (of_entity, rest) = moments.split_at_mut(facts.states.len());
        moments = rest;
        if facts.left_out.is_none() && !facts.ambient {
            for (change, moments) in (change..).zip(of_entity.iter_mut()) {
                let taken = timer::take(moments);
                if !taken.is_empty() {
                    found.timed.insert(change, taken);
                }
            }
        }
        change += of_entity.len() as u32;
        found.by_day.push(count_days(of_entity, days));
    }
    found
}

/// How many of an entity's moments lie on each day from the first to the last; none at all where there are no moments.
fn count_days(moments: &[Vec<Moment>], days: (i64, i64)) -> Vec<u32> {
    if moments.iter().all(Vec::is_empty) {
        return Vec::new();
    }
    let mut counts = vec![0; (days.1 - days.0 + 1) as usize];
    let mut day = 0;
    let mut minutes = 0..0;
    for moments in moments {
        for moment in moments {
            // Many lie on the day of the one before.
            if !minutes.contains(&moment.minute) {
                day = moment.day();
                minutes = day * MINUTES_PER_DAY..(day + 1) * MINUTES_PER_DAY;
            }
            counts[(day - days.0) as usize] += 1;
        }
    }
    counts
}
