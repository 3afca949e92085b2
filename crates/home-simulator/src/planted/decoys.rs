//! What looks like a habit and is none, and the life around it all.

use serde_json::json;

use super::cast::{Cast, Thing};
use super::{Event, SECOND, World};
use crate::home::chance::Chance;

/// Seconds after which an automation acts.
const REACTION: (f64, f64) = (0.1, 0.9);

/// Plants every kind of decoy.
pub(super) fn plant(world: &mut World, cast: &mut Cast, chance: &mut Chance) {
    for room in cast.rooms.clone() {
        motion(world, cast, chance, &room);
    }
    for number in 0..4 {
        automation(world, cast, chance, number);
    }
    busy(world, cast, chance);
    self_running(world, cast, chance);
    mirrors(world, cast, chance);
    polled(world, cast, chance);
}

/// A moment of the waking day, in minutes.
fn waking(chance: &mut Chance) -> f64 {
    chance.between(390.0, 1_390.0)
}

fn motion(world: &mut World, cast: &mut Cast, chance: &mut Chance, room: &str) {
    let id = format!("binary_sensor.{room}_motion");
    let a_day = 8.0 + chance.between(0.0, 30.0);
    for day in 0..world.days.len() {
        let times = if world.at_home(day) { a_day } else { 1.0 };
        for _ in 0..times as usize {
            let at = world.days[day].at(waking(chance));
            world.change(at, &id, "on");
            world.change(at + (chance.between(30.0, 90.0) * 1e6) as i64, &id, "off");
        }
    }
    cast.others.push(json!({"entity_id": id, "area": room, "device_id": format!("device_{room}_eye"), "device_class": "motion"}));
    world.truth.decoy("ambient_motion", &[&id]);
}

/// An automation does something, with its row, and with its context unless that is lost.
fn acts(
    world: &mut World,
    chance: &mut Chance,
    automation: &str,
    thing: &Thing,
    at: i64,
    cause: Option<u64>,
    long: f64,
) {
    let lost = chance.happens(0.1 * world.wanted.hardness);
    world.contexts += 1;
    let run = world.contexts;
    let row = Event {
        at: at - 40_000,
        entity: automation.to_owned(),
        state: "on".to_owned(),
        context: run,
        parent: cause,
    };
    world.events.push(row);
    for (at, state) in [(at, thing.on), (at + (long * 1e6) as i64, thing.off)] {
        world.contexts += 1;
        let own = world.contexts;
        world.events.push(Event {
            at,
            entity: thing.id.clone(),
            state: state.to_owned(),
            context: if lost { own } else { run },
            parent: cause.filter(|_| !lost),
        });
    }
}

fn automation(world: &mut World, cast: &mut Cast, chance: &mut Chance, number: usize) {
    let Some(thing) = cast.take(chance, &["light", "switch", "fan"]) else {
        return;
    };
    let name = format!("automation.rule_{number}");
    if number < 2 {
        // At a fixed time, which has no cause that a parent could name.
        let minute = chance.between(360.0, 1_320.0).floor();
        for day in 0..world.days.len() {
            let at = world.days[day].at(minute) + 200_000;
            acts(world, chance, &name, &thing, at, None, 3_600.0);
        }
        world.truth.decoy("timed_automation", &[&thing.id]);
        return;
    }
    let Some(trigger) = cast.take(chance, &["binary_sensor", "media_player"]) else {
        return;
    };
    for day in 0..world.days.len() {
        for _ in 0..4 {
            let at = world.days[day].at(waking(chance));
            world.used(at, &trigger, 120.0);
            let cause = world.contexts - 1;
            let then = at + (chance.between(REACTION.0, REACTION.1) * 1e6) as i64;
            acts(world, chance, &name, &thing, then, Some(cause), 300.0);
        }
    }
    world
        .truth
        .decoy("automation_effect", &[&trigger.id, &thing.id]);
}

/// Devices that are used all the time, and have nothing to do with each other.
fn busy(world: &mut World, cast: &mut Cast, chance: &mut Chance) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        let Some(thing) = cast.take(chance, &["light", "media_player", "switch"]) else {
            continue;
        };
        let a_day = chance.between(6.0, 18.0) as usize;
        for day in 0..world.days.len() {
            if !world.at_home(day) {
                continue;
            }
            // In the evening more than in the morning, and some days more than others.
            let today = (a_day as f64 * chance.gauss(0.0, 0.4).exp()) as usize;
            for _ in 0..today {
                let minute = if chance.happens(0.6) {
                    chance.gauss(1_180.0, 80.0)
                } else {
                    waking(chance)
                };
                let at = world.days[day].at(minute);
                let long = 400.0 * chance.gauss(0.0, 0.8).exp();
                world.used(at, &thing, long);
            }
        }
        ids.push(thing.id);
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    world.truth.decoy("busy", &ids);
}

fn self_running(world: &mut World, cast: &mut Cast, chance: &mut Chance) {
    for (id, on, off) in [
        ("switch.freezer", 1_000.0, 2_000.0),
        ("switch.circulation_pump", 600.0, 3_000.0),
        ("climate.boiler", 1_500.0, 2_400.0),
    ] {
        let (from, until) = (
            world.days[0].at(0.0),
            world.days[world.days.len() - 1].plus(1).at(0.0),
        );
        let states = if id.starts_with("climate") {
            ("heat", "off")
        } else {
            ("on", "off")
        };
        let mut at = from;
        while at < until {
            world.change(at, id, states.0);
            at += (on * chance.between(0.85, 1.15) * 1e6) as i64;
            world.change(at, id, states.1);
            at += (off * chance.between(0.85, 1.15) * 1e6) as i64;
        }
        cast.others
            .push(json!({"entity_id": id, "area": "cellar", "device_id": format!("device_{id}")}));
        world.truth.decoy("self_running", &[id]);
    }
}

/// A group that shows what its members do, an indicator, and a power sensor.
fn mirrors(world: &mut World, cast: &mut Cast, chance: &mut Chance) {
    let lights: Vec<Thing> = cast
        .things
        .iter()
        .filter(|thing| thing.id.starts_with("light."))
        .cloned()
        .collect();
    for room in cast.rooms.clone().iter().take(3) {
        let members: Vec<&Thing> = lights.iter().filter(|thing| thing.room == *room).collect();
        if members.len() < 2 {
            continue;
        }
        let id = format!("light.{room}_all");
        let ids: Vec<String> = members.iter().map(|thing| thing.id.clone()).collect();
        let copies: Vec<(i64, String)> = world
            .events
            .iter()
            .filter(|event| ids.contains(&event.entity))
            .map(|event| (event.at, event.state.clone()))
            .collect();
        for (at, state) in copies {
            let late = (chance.between(0.01, 0.3) * 1e6) as i64;
            world.change(at + late, &id, &state);
        }
        cast.others
            .push(json!({"entity_id": id, "area": room, "members": ids}));
        world.truth.decoy("group", &[&id]);
    }
    let shadowed: Vec<Thing> = cast
        .things
        .iter()
        .filter(|thing| thing.id.starts_with("switch."))
        .take(5)
        .cloned()
        .collect();
    for thing in shadowed {
        let id = format!("{}_indicator", thing.id);
        let copies: Vec<(i64, String)> = world
            .events
            .iter()
            .filter(|event| event.entity == thing.id)
            .map(|event| (event.at, event.state.clone()))
            .collect();
        for (at, state) in copies {
            let late = (chance.between(0.05, 0.6) * 1e6) as i64;
            world.change(at + late, &id, &state);
        }
        cast.others
            .push(json!({"entity_id": id, "area": thing.room, "device_id": thing.device}));
        world.truth.decoy("same_device", &[&thing.id, &id]);
    }
}

/// Sensors that are asked on a common beat.
fn polled(world: &mut World, cast: &mut Cast, chance: &mut Chance) {
    for room in cast.rooms.clone().iter().take(6) {
        let id = format!("sensor.{room}_temperature");
        let mut value = 20.0;
        for day in 0..world.days.len() {
            for step in 0..96_i64 {
                value = (value + chance.gauss(0.0, 0.1)).clamp(15.0, 26.0);
                let at = world.days[day].at(0.0)
                    + step * 900 * SECOND
                    + (chance.between(0.0, 0.1) * 1e6) as i64;
                world.change(at, &id, &format!("{value:.1}"));
            }
        }
        cast.others.push(json!({"entity_id": id, "area": room, "device_id": format!("device_{room}_thermometer"), "device_class": "temperature"}));
    }
}

/// Everything without a part is used now and then, in waking hours.
pub(super) fn idle_life(world: &mut World, cast: &Cast, chance: &mut Chance) {
    for thing in cast.extras() {
        let a_day = chance.between(0.1, 2.5);
        for day in 0..world.days.len() {
            let mut left = if world.at_home(day) { a_day } else { 0.0 };
            while left > 0.0 {
                if chance.happens(left.min(1.0)) {
                    let at = world.days[day].at(waking(chance));
                    let long = (thing.usual * chance.gauss(0.0, 0.8).exp()).min(30_000.0);
                    world.used(at, &thing, long);
                }
                left -= 1.0;
            }
        }
    }
    for person in ["person.kim", "person.robin"] {
        for day in 0..world.days.len() {
            if world.at_home(day) {
                let (leaves, returns) = (chance.gauss(520.0, 40.0), chance.gauss(1_040.0, 60.0));
                let (leaves, returns) = (world.days[day].at(leaves), world.days[day].at(returns));
                world.change(leaves, person, "not_home");
                world.change(returns, person, "home");
            }
        }
    }
}

/// Restarts, in which everything is lost and comes back as it was, and single devices that drop out.
pub(super) fn outages(world: &mut World, chance: &mut Chance) {
    world.events.sort_by_key(|event| event.at);
    let mut entities: Vec<String> = world
        .events
        .iter()
        .map(|event| event.entity.clone())
        .collect();
    entities.sort_unstable();
    entities.dedup();
    entities.retain(|id| !id.starts_with("automation.") && !id.starts_with("sensor."));
    let mut cuts: Vec<(i64, i64, String)> = Vec::new();
    for _ in 0..2 {
        let day = 2 + chance.pick(world.days.len() - 4);
        let at = world.days[day].at(chance.between(0.0, 1_440.0));
        cuts.extend(entities.iter().map(|id| (at, at + 50 * SECOND, id.clone())));
    }
    for id in &entities {
        if chance.happens(0.2) {
            let day = chance.pick(world.days.len());
            let at = world.days[day].at(chance.between(0.0, 1_440.0));
            cuts.push((at, at + 900 * SECOND, id.clone()));
        }
    }
    let mut by_entity: std::collections::HashMap<&str, Vec<(i64, &str)>> =
        std::collections::HashMap::new();
    for event in &world.events {
        by_entity
            .entry(&event.entity)
            .or_default()
            .push((event.at, &event.state));
    }
    let mut lost = Vec::new();
    for (from, until, id) in cuts {
        let states = &by_entity[id.as_str()];
        let next = states.partition_point(|&(at, _)| at <= until);
        let Some(&(_, state)) = states[..next].last() else {
            continue;
        };
        lost.push((from, id.clone(), "unavailable".to_owned()));
        lost.push((until, id, state.to_owned()));
    }
    for (at, id, state) in lost {
        world.change(at, &id, &state);
    }
}
