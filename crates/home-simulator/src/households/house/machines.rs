//! What measures, mirrors and works by itself.

use super::{Cycle, House, LARGE, Measured, Reading, Role};
use crate::home::chance::Chance;

/// Name, domain, minutes at work, minutes at rest.
const SELF_RUNNING: [(&str, &str, f64, f64); 4] = [
    ("fridge", "switch", 18.0, 35.0),
    ("freezer", "switch", 25.0, 60.0),
    ("pump", "climate", 40.0, 70.0),
    ("boiler", "switch", 30.0, 150.0),
];
/// Seconds for which motion sensors hold, by maker.
const HOLDS: [f64; 5] = [15.0, 30.0, 60.0, 90.0, 120.0];
/// A closet's sensor holds at least as long, in seconds: one who stands still is not left in the dark.
const CLOSET_HOLDS: f64 = 90.0;

/// Installs everything of it.
pub(super) fn install(house: &mut House, chance: &mut Chance) {
    motions(house, chance);
    readings(house, chance);
    machines(house, chance);
    plugs(house, chance);
    groups(house, chance);
    indicators(house, chance);
    sky(house, chance);
}

fn motions(house: &mut House, chance: &mut Chance) {
    let part = *chance.one_of(&[1.0, 0.9, 0.6, 0.15]);
    for room in house.rooms.clone() {
        if chance.happens(part) {
            let motion = house.add("binary_sensor", Some(room), "motion", Role::Motion, chance);
            house.classify(motion, "motion", chance);
            house.motions.insert(room, motion);
        }
    }
    for &motion in house.motions.values() {
        house.things[motion].minutes = chance.one_of(&HOLDS) / 60.0;
    }
    for closet in &house.closets {
        let motion = &mut house.things[closet.motion];
        motion.minutes = motion.minutes.max(CLOSET_HOLDS / 60.0);
    }
}

fn reading(
    house: &mut House,
    room: Option<&'static str>,
    name: &'static str,
    every: f64,
    chance: &mut Chance,
) -> usize {
    let (of, class) = match name {
        "brightness" => (Measured::Brightness, "illuminance"),
        "humidity" => (Measured::Humidity, "humidity"),
        _ => (Measured::Temperature, "temperature"),
    };
    let thing = house.add("sensor", room, name, Role::Reading, chance);
    house.classify(thing, class, chance);
    let polled = chance.happens(0.3);
    house.readings.push(Reading {
        thing,
        of,
        every,
        polled,
    });
    thing
}

fn readings(house: &mut House, chance: &mut Chance) {
    // Large homes have slower sensors, so that no log is all temperatures.
    let every = chance.between(10.0, 40.0) * (1.0 + house.size / 120.0);
    let density = chance.between(0.6, 1.3);
    for room in house.rooms.clone() {
        if chance.happens(density * 0.7) {
            let first = reading(house, Some(room), "temperature", every, chance);
            if chance.happens(0.6) {
                let second = reading(house, Some(room), "humidity", every, chance);
                house.on_device_of(first, second);
            }
        }
        let motion = house.motions.get(room).copied();
        if let Some(motion) = motion.filter(|_| chance.happens(0.5)) {
            let bright = reading(house, Some(room), "brightness", every, chance);
            house.on_device_of(motion, bright);
        }
    }
    house.outside = house.add("sensor", None, "outside", Role::Reading, chance);
    house.classify(house.outside, "temperature", chance);
}

fn machines(house: &mut House, chance: &mut Chance) {
    for (name, domain, works, rests) in SELF_RUNNING {
        if chance.happens(0.55) {
            let room = *chance.one_of(&house.rooms.clone());
            let thing = house.add(domain, Some(room), name, Role::SelfRunning, chance);
            house.cycles.push(Cycle {
                thing,
                works: works * chance.between(0.7, 1.3),
                rests: rests * chance.between(0.7, 1.3),
            });
        }
    }
    for name in ["washer", "dishwasher"] {
        if chance.happens(0.7) {
            let thing = house.add("switch", Some("kitchen"), name, Role::Machine, chance);
            house.things[thing].a_day = chance.between(0.3, 0.8);
            house.things[thing].minutes = chance.between(60.0, 120.0);
            metered(house, thing, 1_200.0, chance);
        }
    }
}

/// Lets a sensor measure what a thing takes.
fn metered(house: &mut House, thing: usize, watts: f64, chance: &mut Chance) {
    let name = house.things[thing].id.replacen("switch.", "sensor.", 1);
    let room = house.things[thing].room;
    let meter = house.add_named(&format!("{name}_power"), room, Role::Power, chance);
    house.classify(meter, "power", chance);
    house.things[thing].watts = watts;
    house.shadow(thing, meter);
}

fn plugs(house: &mut House, chance: &mut Chance) {
    for thing in 0..house.things.len() {
        let plug = house.things[thing].role == Role::Used && house.things[thing].is_of(&["switch"]);
        if plug && chance.happens(0.6) {
            let watts = chance.between(20.0, 2_000.0);
            metered(house, thing, watts, chance);
        }
    }
}

fn lights(house: &House) -> Vec<usize> {
    (0..house.things.len())
        .filter(|&thing| {
            house.things[thing].role == Role::Used && house.things[thing].is_of(&["light"])
        })
        .collect()
}

fn groups(house: &mut House, chance: &mut Chance) {
    for room in house.rooms.clone() {
        let members: Vec<usize> = lights(house)
            .into_iter()
            .filter(|&light| house.things[light].room == Some(room))
            .collect();
        if members.len() < 2 || !chance.happens(0.3) {
            continue;
        }
        let id = format!(
            "light.{}_{}",
            house.naming.word(room),
            house.naming.word("all")
        );
        let group = house.add_named(&id, Some(room), Role::Group, chance);
        for &member in &members {
            house.things[member].shadows.push(group);
        }
        house.things[group].members = members;
    }
}

fn indicators(house: &mut House, chance: &mut Chance) {
    if house.size < LARGE {
        return;
    }
    for light in lights(house) {
        if chance.happens(0.12) {
            let name = house.things[light].id.replacen("light.", "switch.", 1);
            let room = house.things[light].room;
            let word = house.naming.word("indicator");
            let id = format!("{name}_{word}");
            let indicator = house.add_named(&id, room, Role::Indicator, chance);
            house.shadow(light, indicator);
        }
    }
}

fn sky(house: &mut House, chance: &mut Chance) {
    if chance.happens(0.8) {
        house.sun = Some(house.add_named("sun.sun", None, Role::Sky, chance));
    }
    if chance.happens(0.7) {
        house.weather = Some(house.add_named("weather.home", None, Role::Sky, chance));
    }
}
