//! When things are used, and for how long.

use super::World;
use super::cast::Thing;
use crate::home::chance::Chance;

/// For how long a thing is used, in seconds: spread as people's times are.
pub(super) fn usual(thing: &Thing, chance: &mut Chance) -> f64 {
    thing.usual * chance.gauss(0.0, 0.8).exp()
}

/// The same for a thing that must be at rest again soon, in seconds: drawn again until it is short enough.
pub(super) fn usual_below(thing: &Thing, most: f64, chance: &mut Chance) -> f64 {
    let scale = (most / (3.0 * thing.usual)).min(1.0);
    loop {
        let long = usual(thing, chance) * scale;
        if long <= most {
            return long;
        }
    }
}

/// Random moments of one day on which something is used, about so many.
pub(super) fn moments(world: &World, day: usize, about: f64, chance: &mut Chance) -> Vec<i64> {
    let mut times = Vec::new();
    let mut minute = 400.0;
    loop {
        minute += -960.0 / about * (1.0 - chance.between(0.0, 1.0)).ln();
        if minute > 1_380.0 {
            return times;
        }
        if world.at_home(day) {
            times.push(world.days[day].at(minute));
        }
    }
}

pub(super) fn delayed(at: i64, delay: f64, hard: f64, chance: &mut Chance) -> i64 {
    at + (delay * chance.gauss(0.0, 0.3 + 0.2 * hard).exp() * 1e6) as i64
}
