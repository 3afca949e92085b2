//! The habits that are planted.

use serde_json::{Value, json};

use super::cast::{Cast, Thing};
use super::uses::{delayed, moments, usual, usual_below};
use super::{SECOND, World, oddity, scene};
use crate::home::chance::Chance;

/// What people act on.
const ACTED: [&str; 6] = ["light", "switch", "media_player", "climate", "fan", "cover"];
/// What sets people off.
const SETS_OFF: [&str; 4] = ["binary_sensor", "binary_sensor", "switch", "light"];
/// Typical delays, in seconds.
const DELAYS: [f64; 6] = [6.0, 12.0, 25.0, 40.0, 75.0, 120.0];

/// The part of the record in which a habit lives.
#[derive(Clone, Copy)]
enum Life {
    Whole,
    From(usize),
    Until(usize),
}

impl Life {
    fn has(self, day: usize) -> bool {
        match self {
            Self::Whole => true,
            Self::From(first) => day >= first,
            Self::Until(last) => day <= last,
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::Whole => "active",
            Self::From(_) => "started",
            Self::Until(_) => "stopped",
        }
    }

    /// Of several habits of a kind, one begins and one ends in the middle.
    fn of(number: usize, days: i64, chance: &mut Chance) -> Self {
        let days = days as usize;
        match number {
            0 => Self::From(days * 2 / 5 + chance.pick(5)),
            1 => Self::Until(days / 2 + chance.pick(5)),
            _ => Self::Whole,
        }
    }
}

/// Plants habits of every kind.
pub(super) fn plant(world: &mut World, cast: &mut Cast, chance: &mut Chance) {
    for number in 0..8 {
        time_of_day(world, cast, chance, number);
    }
    for number in 0..7 {
        pair(world, cast, chance, number);
    }
    for number in 0..4 {
        conditional(world, cast, chance, number);
    }
    for number in 0..3 {
        sequence(world, cast, chance, number);
    }
    for number in 0..2 {
        routine(world, cast, chance, number);
    }
    for number in 0..3 {
        duration(world, cast, chance, number);
    }
    for number in 0..4 {
        oddity::plant(world, cast, chance, number);
    }
    conditional(world, cast, chance, 4);
    for number in 0..2 {
        scene::plant(world, cast, chance, number);
    }
}

fn is_of(world: &World, day: usize, class: &str) -> bool {
    match class {
        "weekday" => !world.days[day].is_weekend(),
        "weekend" => world.days[day].is_weekend(),
        _ => true,
    }
}

fn time_of_day(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let hard = world.wanted.hardness;
    let Some(thing) = cast.take(
        chance,
        &[
            "light",
            "switch",
            "media_player",
            "climate",
            "fan",
            "binary_sensor",
        ],
    ) else {
        return;
    };
    let class = [
        "all", "all", "weekday", "all", "weekend", "weekday", "all", "all",
    ][number];
    let sigma = chance.between(3.0, 9.0 + 14.0 * hard);
    let minute = chance.between(390.0, 1350.0);
    let probability = chance.between(0.9, 0.98) - 0.2 * hard;
    let drift = if number == 3 {
        chance.between(40.0, 65.0) * if chance.happens(0.5) { 1.0 } else { -1.0 }
    } else {
        0.0
    };
    let sun = (number == 5).then(|| chance.between(-40.0, 40.0));
    let life = if (3..=5).contains(&number) {
        Life::Whole
    } else {
        Life::of(number, world.wanted.days, chance)
    };
    let last = world.days.len() - 1;
    let centre = |day: usize, world: &World| match sun {
        Some(offset) => world.days[day].daylight().1 + offset,
        None => minute + drift * (day as f64 / last as f64 - 0.5),
    };
    let mut times = 0;
    for day in 0..world.days.len() {
        if life.has(day)
            && world.at_home(day)
            && is_of(world, day, class)
            && chance.happens(probability)
        {
            let at = world.days[day].at(chance.gauss(centre(day, world), sigma));
            let long = usual(&thing, chance);
            world.used(at, &thing, long);
            times += 1;
        }
    }
    let now = centre(last, world);
    let about = json!({
        "state": thing.on, "days": class, "minute": now, "minute_at_end": now, "sigma_min": sigma,
        "status": if drift == 0.0 { life.status() } else { "drift" }, "occurrences": times, "weak": times < 9,
    });
    world.truth.plant("time_of_day", &[&thing.id], about);
}

/// The thing's own life beside its part.
fn otherwise(world: &mut World, thing: &Thing, a_day: f64, chance: &mut Chance) {
    for day in 0..world.days.len() {
        for at in moments(world, day, a_day, chance) {
            let long = usual(thing, chance);
            world.used(at, thing, long);
        }
    }
}

fn pair(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let hard = world.wanted.hardness;
    let (Some(trigger), Some(effect)) = (cast.take(chance, &SETS_OFF), cast.take(chance, &ACTED))
    else {
        return;
    };
    let life = Life::of(number, world.wanted.days, chance);
    let delay = DELAYS[chance.pick(DELAYS.len())];
    let probability = chance.between(0.8, 0.95) - 0.25 * hard;
    let a_day = chance.between(1.2, 4.0);
    let mut times = 0;
    for day in 0..world.days.len() {
        for at in moments(world, day, a_day, chance) {
            let long = usual_below(&trigger, 900.0, chance);
            world.used(at, &trigger, long);
            if life.has(day) && chance.happens(probability) {
                let then = delayed(at, delay, hard, chance);
                let long = usual_below(&effect, 3_000.0, chance);
                world.used(then, &effect, long);
                times += 1;
            }
        }
    }
    otherwise(world, &effect, 0.4, chance);
    let about = json!({"states": [trigger.on, effect.on], "delay_s": delay, "status": life.status(), "occurrences": times, "weak": times < 12});
    world.truth.plant("pair", &[&trigger.id, &effect.id], about);
}

fn conditional(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let hard = world.wanted.hardness;
    let (Some(trigger), Some(effect)) = (
        cast.take(chance, &["binary_sensor"]),
        cast.take(chance, &ACTED),
    ) else {
        return;
    };
    let judge = match number {
        2 => cast.take(chance, &["climate", "switch"]),
        _ => None,
    };
    let delay = DELAYS[chance.pick(4)];
    let probability = chance.between(0.85, 0.97) - 0.2 * hard;
    let mut spans: Vec<(i64, i64)> = Vec::new();
    if let Some(judge) = &judge {
        for day in 0..world.days.len() {
            if world.at_home(day) && chance.happens(0.7) {
                let from = world.days[day].at(chance.between(420.0, 900.0));
                let long = chance.between(3.0, 7.0) * 3_600.0;
                world.used(from, judge, long);
                spans.push((from, from + (long * 1e6) as i64));
            }
        }
    }
    let lux = (number == 3).then(|| format!("sensor.{}_brightness", trigger.room));
    let mut times = 0;
    for day in 0..world.days.len() {
        let (rise, set) = world.days[day].daylight();
        let (rise, set) = (world.days[day].at(rise), world.days[day].at(set));
        // A dull or a bright day: the sensor and the habit go by it.
        let bright_from = chance.between(500.0, 800.0);
        let (from, until) = (
            world.days[day].at(bright_from),
            world.days[day].at(bright_from + 300.0),
        );
        if let Some(lux) = &lux {
            for step in 0..96_i64 {
                let at = world.days[day].at(0.0) + step * 900 * SECOND;
                let level = if (from..until).contains(&at) {
                    700.0
                } else {
                    90.0
                };
                let value = format!("{:.0}", (level * chance.gauss(0.0, 0.2).exp()).max(1.0));
                world.change(at, lux, &value);
            }
        }
        for at in moments(world, day, 3.0, chance) {
            let holds = match number {
                0 => at < rise || at > set,
                1 => !world.days[day].is_weekend(),
                2 => spans.iter().any(|span| (span.0..span.1).contains(&at)),
                3 => (from..until).contains(&at),
                _ => (rise..=set).contains(&at),
            };
            let long = usual_below(&trigger, 300.0, chance);
            world.used(at, &trigger, long);
            if chance.happens(if holds { probability } else { 0.03 }) {
                let then = delayed(at, delay, hard, chance);
                let long = usual_below(&effect, 2_000.0, chance);
                world.used(then, &effect, long);
                times += 1;
            }
        }
    }
    let condition: Value = match (number, &judge, &lux) {
        (0, ..) => json!({"kind": "dark"}),
        (1, ..) => json!({"kind": "weekday"}),
        (2, Some(judge), _) => json!({"kind": "state", "entity": judge.id, "state": judge.on}),
        (4, ..) => json!({"kind": "light"}),
        (3, _, Some(lux)) => json!({"kind": "numeric", "entity": lux, "above": 250.0}),
        _ => return,
    };
    if let Some(lux) = &lux {
        cast.others.push(json!({"entity_id": lux, "area": trigger.room, "device_id": "device_brightness", "device_class": "illuminance"}));
    }
    let days = if number == 1 { "weekday" } else { "all" };
    let about = json!({"states": [trigger.on, effect.on], "delay_s": delay, "condition": condition, "days": days, "status": "active", "occurrences": times, "weak": times < 12});
    world
        .truth
        .plant("conditional", &[&trigger.id, &effect.id], about);
}

fn sequence(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let hard = world.wanted.hardness;
    let count = 3 + chance.pick(2);
    let mut steps: Vec<Thing> = Vec::new();
    for place in 0..count {
        let domains: &[&str] = if place == 0 { &SETS_OFF } else { &ACTED };
        steps.extend(cast.take(chance, domains));
    }
    if steps.len() < 3 {
        return;
    }
    let gaps: Vec<f64> = (1..steps.len())
        .map(|_| DELAYS[chance.pick(DELAYS.len())])
        .collect();
    let goes_on = chance.between(0.93, 0.98) - 0.08 * hard;
    let anchor = (number == 0).then(|| chance.between(420.0, 1_300.0));
    let life = if number == 1 {
        Life::Until(world.days.len() / 2 + 3)
    } else {
        Life::Whole
    };
    let mut times = 0;
    for day in 0..world.days.len() {
        if !life.has(day) {
            continue;
        }
        let starts = match anchor {
            Some(minute) if world.at_home(day) => {
                vec![world.days[day].at(chance.gauss(minute, 12.0))]
            }
            Some(_) => Vec::new(),
            None => moments(world, day, 1.6, chance),
        };
        for start in starts {
            let mut at = start;
            times += 1;
            for (place, step) in steps.iter().enumerate() {
                if place > 0 {
                    if !chance.happens(goes_on) {
                        break;
                    }
                    at = delayed(at, gaps[place - 1], hard, chance);
                }
                let long = usual_below(step, 2_400.0, chance);
                world.used(at, step, long);
            }
        }
    }
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    let about = json!({"gaps_s": gaps, "status": life.status(), "minute": anchor, "occurrences": times, "weak": times < 15});
    world.truth.plant("sequence", &ids, about);
}

fn routine(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let hard = world.wanted.hardness;
    let mut members: Vec<Thing> = Vec::new();
    for _ in 0..4 + chance.pick(2) {
        members.extend(cast.take(chance, &ACTED));
    }
    let class = ["all", "weekday"][number];
    let minute = [
        chance.between(1_270.0, 1_370.0),
        chance.between(380.0, 460.0),
    ][number];
    let sigma = chance.between(11.0, 15.0 + 4.0 * hard);
    let probability = 0.95 - 0.15 * hard;
    let mut times = 0;
    for day in 0..world.days.len() {
        if !(world.at_home(day) && is_of(world, day, class) && chance.happens(probability)) {
            continue;
        }
        let start = chance.gauss(minute, sigma);
        times += 1;
        for member in &members {
            if chance.happens(0.93) {
                let at = world.days[day].at(start + chance.between(-4.0, 4.0));
                let long = usual(member, chance);
                world.used(at, member, long);
            }
        }
    }
    let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    let about = json!({"minute": minute, "sigma_min": sigma, "days": class, "status": "active", "occurrences": times, "weak": times < 12});
    world.truth.plant("routine", &ids, about);
}

fn duration(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let Some(thing) = cast.take(chance, &["switch", "fan", "light", "climate"]) else {
        return;
    };
    let minutes = [8.0, 25.0, 50.0][number] * chance.between(0.8, 1.25);
    let spread = chance.between(0.05, 0.08 + 0.03 * world.wanted.hardness);
    let mut times = 0;
    for day in 0..world.days.len() {
        for at in moments(world, day, 2.0, chance) {
            let long = if chance.happens(0.93) {
                minutes * 60.0 * chance.gauss(1.0, spread)
            } else {
                usual(&thing, chance)
            };
            world.used(at, &thing, long);
            times += 1;
        }
    }
    let about = json!({"minutes": minutes, "cv": spread, "status": "active", "occurrences": times, "weak": times < 15});
    world.truth.plant("duration", &[&thing.id], about);
}
