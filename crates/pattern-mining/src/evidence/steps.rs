//! Everything that one entity did, in nine bytes a change: the instants by themselves, so that looking for one touches nothing else.

use crate::advance;

/// A change of state of an entity, evidence or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Microseconds of UTC since 1970.
    pub at: i64,
    /// Number of the state among the entity's states; one that it does not have is unavailable.
    pub state: u16,
    /// People or devices did it by themselves.
    pub evidence: bool,
    /// An automation or a script did it.
    pub automated: bool,
}

/// The steps of an entity, in time order.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    at: Vec<i64>,
    what: Vec<u8>,
}

/// The number of the state, in the low bits; all of them are set where it has none.
const STATE: u8 = 0b0011_1111;
const IS_EVIDENCE: u8 = 0b0100_0000;
const IS_AUTOMATED: u8 = 0b1000_0000;

impl Steps {
    /// None yet, with room for so many.
    pub(super) fn with_capacity(steps: usize) -> Self {
        Self {
            at: Vec::with_capacity(steps),
            what: Vec::with_capacity(steps),
        }
    }

    /// Adds one that is not older than the last.
    pub(super) fn push(&mut self, step: Step) {
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        self.at.push(step.at);
        self.what.push(
            u8::try_from(step.state).map_or(STATE, |state| state.min(STATE))
                | flag(step.evidence, IS_EVIDENCE)
                | flag(step.automated, IS_AUTOMATED),
        );
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.at.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// How many came before an instant or at it.
    pub fn until(&self, at: i64) -> usize {
        self.at.partition_point(|&step| step <= at)
    }

    /// The same, where it is known that so many did.
    pub fn until_from(&self, passed: usize, at: i64) -> usize {
        advance::past(&self.at, passed, |&step| step <= at)
    }

    /// The step at a place.
    pub fn get(&self, place: usize) -> Option<Step> {
        Some(step(*self.at.get(place)?, *self.what.get(place)?))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Step> + Clone {
        self.at
            .iter()
            .zip(&self.what)
            .map(|(&at, &what)| step(at, what))
    }

    /// What was done at an instant is no evidence; the number of the state that was reached. An entity has one change at an instant: what
    /// follows at the same one is a repetition.
    pub(super) fn silence(&mut self, at: i64) -> Option<u16> {
        let place = self.at.partition_point(|&step| step < at);
        let what = self.what.get_mut(place)?;
        *what &= !IS_EVIDENCE;
        Some(step(at, *what).state)
    }
}

fn step(at: i64, what: u8) -> Step {
    let number = what & STATE;
    Step {
        at,
        state: if number == STATE {
            u16::MAX
        } else {
            u16::from(number)
        },
        evidence: what & IS_EVIDENCE != 0,
        automated: what & IS_AUTOMATED != 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_come_back_as_they_went_in() {
        let mut steps = Steps::default();
        let all = [
            (1, 0, true, false),
            (2, 16, false, true),
            (2, u16::MAX, false, false),
            (9, 62, true, false),
        ];
        let all = all.map(|(at, state, evidence, automated)| Step {
            at,
            state,
            evidence,
            automated,
        });
        for step in all {
            steps.push(step);
        }
        assert_eq!(steps.iter().collect::<Vec<_>>(), all);
        assert_eq!(
            [steps.until(0), steps.until(2), steps.until(100)],
            [0, 3, 4]
        );
        steps.silence(9);
        assert_eq!(steps.get(3).map(|step| step.evidence), Some(false));
        assert_eq!(steps.get(4), None);
    }
}
