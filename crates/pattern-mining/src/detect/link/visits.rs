//! Which triggers are chances.

use crate::evidence::{Evidence, Facts, Moment};

use super::{LONGEST, SECOND};

/// Triggers that come within so many seconds of the one before are one visit.
const VISIT: i64 = 120;

/// The first trigger of each visit: a door that opens three times in two minutes is one chance. What a visit is does not depend on the
/// effect, so that chance is counted as it was.
pub(super) fn firsts(triggers: &[Moment]) -> Vec<Moment> {
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

/// What is so already cannot become so: the lamp is on when the door opens again.
pub(super) struct Already<'a> {
    facts: &'a Facts,
    state: Option<usize>,
}

impl<'a> Already<'a> {
    pub(super) fn new(evidence: &'a Evidence, effect: usize) -> Self {
        let facts = evidence.facts_of(effect);
        let wanted = &evidence.series[effect].state;
        Self {
            facts,
            state: facts.states.iter().position(|state| state == wanted),
        }
    }

    /// Whether the effect is in its state at a trigger, for longer than any delay, or since a visit before: `visits` are the triggers before.
    /// What only went a little before the trigger is no matter of chance: the two may be one thing that goes in any order.
    pub(super) fn is_so(&self, at: i64, visits: &[Moment]) -> bool {
        let before = self.facts.steps.until(at).checked_sub(1);
        let Some(step) = before.and_then(|place| self.facts.steps.get(place)) else {
            return false;
        };
        let follows = || {
            let begun = visits.partition_point(|visit| visit.at < step.at);
            let visit = begun.checked_sub(1).map(|last| visits[last]);
            visit.is_some_and(|visit| step.at - visit.at <= LONGEST * SECOND)
        };
        Some(usize::from(step.state)) == self.state
            && (at - step.at > LONGEST * SECOND || follows())
    }
}
