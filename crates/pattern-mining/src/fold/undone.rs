//! What people only put back after an automation: the lamp that comes on at a quarter past ten by itself goes off by hand soon after, every
//! evening. Without the automation there would be no such habit.

use crate::evidence::{Evidence, Facts, Step};
use crate::finding::Finding;

/// What is put back within so many microseconds is put back because of what was done.
const SOON: i64 = 3_600_000_000;
/// What goes together with a trigger is seen this long before it, at the most, in microseconds.
const BEFORE: i64 = 5_000_000;
/// Share of a habit's times that must be putting back.
const PUT_BACK: f64 = 0.6;
/// Share of what the automation does that must lie before the habit's times: a lamp that a sensor puts on all evening is put off by hand at
/// bedtime, and that is a habit.
const ITS_TIMES: f64 = 0.5;

/// Whether a time of the day is that of an automation, after which people put things back.
pub(super) fn is_by_the_clock(time: &Finding, evidence: &Evidence) -> bool {
    let series = time.series[0];
    let done: Vec<i64> = time
        .occurrences
        .iter()
        .filter_map(|&at| put_back(evidence, series, at))
        .collect();
    let (Some(&first), Some(&last)) = (done.first(), done.last()) else {
        return false;
    };
    if (done.len() as f64) < PUT_BACK * time.occurrences.len() as f64 {
        return false;
    }
    let facts = evidence.facts_of(series);
    let all = facts.steps.iter().filter(|step| {
        !step.evidence && facts.is_known(step.state) && (first..=last).contains(&step.at)
    });
    done.len() as f64 >= ITS_TIMES * all.count() as f64
}

/// Whether what comes after triggers only puts back what was done when they came: by an automation that they set off as well, or by
/// whoever was there. How long a thing is on is another habit.
pub(super) fn is_after(triggers: &[i64], effect: usize, evidence: &Evidence) -> bool {
    let (effects, facts) = (&evidence.series[effect].moments, evidence.facts_of(effect));
    let is_put_back = |trigger: i64| {
        let next = effects.partition_point(|effect| effect.at <= trigger);
        let follows = effects.get(next);
        let done = follows.and_then(|follows| step_before(facts, follows.at));
        done.is_some_and(|done| facts.is_known(done.state) && done.at >= trigger - BEFORE)
    };
    let done = triggers.iter().filter(|&&trigger| is_put_back(trigger));
    done.count() as f64 >= PUT_BACK * triggers.len() as f64
}

/// When that was done which the change of a series at an instant puts back: by something else than people, not long before.
fn put_back(evidence: &Evidence, series: usize, at: i64) -> Option<i64> {
    let facts = evidence.facts_of(series);
    let done = step_before(facts, at)?;
    let by_itself = !done.evidence && facts.is_known(done.state);
    (by_itself && at - done.at <= SOON).then_some(done.at)
}

fn step_before(facts: &Facts, at: i64) -> Option<Step> {
    facts.steps.get(facts.steps.until(at - 1).checked_sub(1)?)
}
