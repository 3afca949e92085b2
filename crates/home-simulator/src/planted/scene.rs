//! Scenes: somebody sets several lights within seconds, in any order, at any hour.

use serde_json::json;

use super::World;
use super::cast::{Cast, Thing};
use super::uses::{moments, usual};
use crate::home::chance::Chance;

/// Seconds within which the members go together.
const WITHIN: f64 = 6.0;

pub(super) fn plant(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let hard = world.wanted.hardness;
    let mut members: Vec<Thing> = Vec::new();
    for _ in 0..3 + number {
        members.extend(cast.take(chance, &["light"]));
    }
    if members.len() < 3 {
        return;
    }
    let takes_part = chance.between(0.93, 0.99) - 0.08 * hard;
    let mut times = 0;
    for day in 0..world.days.len() {
        for start in moments(world, day, 1.4, chance) {
            times += 1;
            for member in &members {
                if chance.happens(takes_part) {
                    let at = start + (chance.between(0.0, WITHIN) * 1e6) as i64;
                    let long = usual(member, chance);
                    world.used(at, member, long);
                }
            }
        }
    }
    let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    let about =
        json!({"scene": true, "status": "active", "occurrences": times, "weak": times < 15});
    world.truth.plant("routine", &ids, about);
}
