//! Things out of the ordinary, one each: left open, stuck, silent, and at night.

use serde_json::json;

use super::cast::Cast;
use super::uses::{moments, usual_below};
use super::{SECOND, World};
use crate::home::chance::Chance;

/// Plants the oddity of this number.
pub(super) fn plant(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let domains: &[&str] = [&["binary_sensor"], &["fan"], &["binary_sensor"], &["light"]][number];
    let Some(thing) = cast.take(chance, domains) else {
        return;
    };
    let odd_day = world.days.len() - 5 - chance.pick(3);
    let silent = number == 2;
    for day in 0..world.days.len() {
        if silent && (odd_day - 3..=odd_day).contains(&day) {
            continue;
        }
        for at in moments(world, day, if silent { 8.0 } else { 4.0 }, chance) {
            let long = usual_below(&thing, 4_000.0, chance);
            world.used(at, &thing, long);
        }
    }
    let evening = world.days[odd_day].at(chance.between(700.0, 800.0));
    let (kind, at) = match number {
        0 => ("left_open", evening),
        1 => ("stuck_on", evening),
        2 => ("silent", world.days[odd_day - 3].at(0.0)),
        _ => (
            "night_activity",
            world.days[odd_day].at(chance.between(150.0, 210.0)),
        ),
    };
    match number {
        0 | 1 => {
            let end = evening + [6, 30][number] * 3_600 * SECOND;
            let id = thing.id.clone();
            // Nothing else ends it before.
            world.events.retain(|event| {
                event.entity != id
                    || !(evening - 4_000 * SECOND..=end + 4_000 * SECOND).contains(&event.at)
            });
            world.change(evening - 1, &thing.id, thing.off);
            world.change(evening, &thing.id, thing.on);
            world.change(end, &thing.id, thing.off);
        }
        3 => {
            for burst in 0..4 {
                world.used(at + burst * 500 * SECOND, &thing, 240.0);
            }
        }
        _ => {}
    }
    let t = common::instant::UtcMicros::default().plus_micros(at);
    // A day that was not recorded next to it makes it unfair.
    let weak = world.missing.iter().any(|&day| day.abs_diff(odd_day) <= 4);
    world.truth.plant(
        "anomaly",
        &[&thing.id],
        json!({"kind": kind, "t": t, "status": "active", "weak": weak}),
    );
}
