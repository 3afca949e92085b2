//! Which triggers are chances.

use std::borrow::Cow;

use crate::advance;
use crate::evidence::{Evidence, Facts, Moment};

use super::rhythm::TimeOfDay;
use super::{LONGEST, SECOND};

/// Triggers that come within so many seconds of the one before are one visit.
const VISIT: i64 = 120;

/// The triggers of one series as chances, whatever may follow them.
#[derive(Debug)]
pub struct Visits<'a> {
    /// Position of the series.
    pub(super) series: usize,
    /// It follows whoever walks by.
    pub(super) ambient: bool,
    /// The first trigger of each visit. What follows whoever walks by comes again and again while people are in a room, whatever they
    /// do there: then every one of them.
    pub(super) firsts: Cow<'a, [Moment]>,
    /// The time of the day of those that lie on a day that counts, and early enough that all that may follow is known.
    times: Vec<Option<TimeOfDay>>,
}

impl<'a> Visits<'a> {
    /// The visits of a series.
    pub fn new(evidence: &'a Evidence, series: usize) -> Self {
        let ambient = evidence.facts_of(series).ambient;
        let triggers = &evidence.series[series].moments;
        let firsts = if ambient {
            Cow::Borrowed(&triggers[..])
        } else {
            Cow::Owned(firsts(triggers))
        };
        let last = evidence.span.1;
        let counts = |trigger: &Moment| {
            evidence.days.lived_at(trigger.minute) && trigger.at + LONGEST * SECOND <= last
        };
        Self {
            series,
            ambient,
            times: firsts
                .iter()
                .map(|first| counts(first).then(|| TimeOfDay::of(*first)))
                .collect(),
            firsts,
        }
    }

    /// Those that count, with their place among all.
    pub(super) fn that_count(&self) -> impl Iterator<Item = (usize, Moment, TimeOfDay)> {
        let all = self.firsts.iter().zip(&self.times).enumerate();
        all.filter_map(|(place, (&first, &time))| Some((place, first, time?)))
    }
}

/// The first trigger of each visit: a door that opens three times in two minutes is one chance. What a visit is does not depend on the
/// effect, so that chance is counted as it was.
fn firsts(triggers: &[Moment]) -> Vec<Moment> {
    let mut firsts: Vec<Moment> = Vec::with_capacity(triggers.len());
    let mut before: Option<Moment> = None;
    for &trigger in triggers {
        let goes_on = before.is_some_and(|before| trigger.at - before.at <= VISIT * SECOND)
            && firsts
                .last()
                .is_some_and(|first| trigger.at - first.at <= LONGEST * SECOND);
        if !goes_on {
            firsts.push(trigger);
        }
        before = Some(trigger);
    }
    firsts
}

/// How many of a series' moments have passed, asked for later and later instants.
#[derive(Clone, Copy)]
pub(super) struct Passed<'a> {
    moments: &'a [Moment],
    passed: usize,
}

impl<'a> Passed<'a> {
    pub(super) fn new(moments: &'a [Moment]) -> Self {
        Self { moments, passed: 0 }
    }

    /// How many came before an instant or at it.
    pub(super) fn until(&mut self, at: i64) -> usize {
        self.passed = advance::past(self.moments, self.passed, |moment| moment.at <= at);
        self.passed
    }
}

/// What is so already cannot become so: the lamp is on when the door opens again.
pub(super) struct Already<'a> {
    facts: &'a Facts,
    state: Option<u16>,
    /// Steps that have passed.
    passed: usize,
}

impl<'a> Already<'a> {
    pub(super) fn new(evidence: &'a Evidence, effect: usize) -> Self {
        let facts = evidence.facts_of(effect);
        Self {
            facts,
            state: facts.state(&evidence.series[effect].state),
            passed: 0,
        }
    }

    /// Whether the effect is in its state at a trigger, for longer than any delay, or since a visit before: `visits` are the triggers before.
    /// What only went a little before the trigger is no matter of chance: the two may be one thing that goes in any order.
    /// To be asked for later and later triggers.
    pub(super) fn is_so(&mut self, at: i64, visits: &[Moment]) -> bool {
        let steps = &self.facts.steps;
        self.passed = steps.until_from(self.passed, at);
        let before = self.passed.checked_sub(1);
        let Some(step) = before.and_then(|place| steps.get(place)) else {
            return false;
        };
        let follows = || {
            let visit = visits.iter().rev().find(|visit| visit.at < step.at);
            visit.is_some_and(|visit| step.at - visit.at <= LONGEST * SECOND)
        };
        Some(step.state) == self.state && (at - step.at > LONGEST * SECOND || follows())
    }
}
