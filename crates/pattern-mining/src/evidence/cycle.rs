//! Machines that run in cycles: a burner, a pump, a compressor that rests at night.

use super::Facts;
use crate::noise;
use crate::score::quartiles;

/// Cycles a day, on average.
const MIN_CYCLES_A_DAY: usize = 5;
/// Shortest cycle, in microseconds.
const SHORTEST: f64 = 60e6;
/// Half of all cycles are about as long as each other: the quarter points of their length lie within this factor. What people switch on
/// and off that often they hold for times that spread over a factor of three.
const EVEN: f64 = 1.5;

/// Whether a thing goes on and off many times a day, each time for about as long.
pub(super) fn runs(facts: &Facts, days: usize) -> bool {
    let works = |state: u16| {
        let state = facts.states.get(usize::from(state));
        state.is_some_and(|state| noise::is_active(state))
    };
    let next = facts.steps.iter().skip(1);
    let mut lengths: Vec<f64> = facts
        .steps
        .iter()
        .zip(next)
        .filter(|(step, next)| works(step.state) && next.state != step.state)
        // What an automation does is no machine's own, and a door that is pulled shut is always open for as long.
        .filter(|(step, next)| step.evidence && next.evidence)
        .map(|(step, next)| (next.at - step.at) as f64)
        .filter(|&length| length >= SHORTEST)
        .collect();
    if lengths.len() < MIN_CYCLES_A_DAY * days.max(1) {
        return false;
    }
    let (low, _, high) = quartiles(&mut lengths);
    high <= EVEN * low
}
