//! Sensors that talk all day, and devices that run by themselves.

use super::chance::{self, Chance};
use super::plan::{Act, Plan, Planned};

/// A sensor that walks at random around a daily rhythm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chatty {
    /// Its entity.
    pub entity_id: &'static str,
    /// Minutes between two measurements.
    pub every_minutes: f64,
    /// Size of a usual step.
    pub step: f64,
    /// Decimals that it shows.
    pub decimals: usize,
    /// Least and greatest value.
    pub range: (f64, f64),
    base: f64,
    /// How far the rhythm swings, and the minute of its peak.
    swing: f64,
    peak: f64,
}

const fn chatty(
    entity_id: &'static str,
    every_minutes: f64,
    (base, swing, peak): (f64, f64, f64),
    (step, decimals): (f64, usize),
    range: (f64, f64),
) -> Chatty {
    Chatty {
        entity_id,
        every_minutes,
        step,
        decimals,
        range,
        base,
        swing,
        peak,
    }
}

const AFTERNOON: f64 = 15.5 * 60.0;
const EVENING: f64 = 20.0 * 60.0;
const NIGHT: f64 = 3.5 * 60.0;

#[rustfmt::skip] // A table: one row, one line.
pub(super) const CHATTY: &[Chatty] = &[
    chatty("sensor.house_power", 3.0, (330.0, 160.0, EVENING), (45.0, 0), (90.0, 5200.0)),
    chatty("sensor.kitchen_temperature", 13.0, (20.5, 0.9, EVENING), (0.12, 1), (14.0, 29.0)),
    chatty("sensor.living_room_temperature", 13.0, (20.8, 0.8, EVENING), (0.1, 1), (14.0, 29.0)),
    chatty("sensor.bedroom_temperature", 15.0, (18.3, 0.6, NIGHT), (0.1, 1), (12.0, 27.0)),
    chatty("sensor.bathroom_temperature", 14.0, (21.0, 0.7, 450.0), (0.15, 1), (15.0, 28.0)),
    chatty("sensor.office_temperature", 15.0, (20.0, 1.0, AFTERNOON), (0.1, 1), (14.0, 28.0)),
    chatty("sensor.garden_temperature", 10.0, (8.5, 3.5, AFTERNOON), (0.2, 1), (-18.0, 36.0)),
    chatty("sensor.kitchen_humidity", 13.0, (47.0, 4.0, EVENING), (0.6, 1), (25.0, 90.0)),
    chatty("sensor.living_room_humidity", 14.0, (45.0, 2.5, EVENING), (0.4, 1), (25.0, 80.0)),
    chatty("sensor.bedroom_humidity", 15.0, (50.0, 4.0, NIGHT), (0.4, 1), (25.0, 80.0)),
    chatty("sensor.bathroom_humidity", 11.0, (55.0, 9.0, 440.0), (1.1, 1), (25.0, 99.0)),
    chatty("sensor.garden_humidity", 15.0, (78.0, 10.0, NIGHT), (0.8, 1), (20.0, 100.0)),
    chatty("sensor.living_room_co2", 8.0, (640.0, 170.0, EVENING), (22.0, 0), (400.0, 2600.0)),
];

/// A plug that measures: switch, sensor, watts while on, watts while off.
const METERED: &[(&str, &str, f64, f64)] = &[
    (
        "switch.coffee_maker",
        "sensor.coffee_maker_power",
        1180.0,
        0.0,
    ),
    ("switch.fridge", "sensor.fridge_power", 74.0, 1.1),
    ("media_player.living_room_tv", "sensor.tv_power", 96.0, 0.4),
    (
        "switch.office_computer",
        "sensor.office_computer_power",
        138.0,
        2.3,
    ),
    (
        "switch.washing_machine",
        "sensor.washing_machine_power",
        420.0,
        0.9,
    ),
];

/// Plans everything that measures and runs by itself on the plan's day.
pub(super) fn plan(plan: &mut Plan<'_>) {
    let (seed, number) = (plan.home.seed, plan.day.number() as u64);
    for sensor in CHATTY {
        let mut own = Chance::new(&[seed, number, 3, chance::hash(sensor.entity_id)]);
        walk(plan, &mut own, sensor);
    }
    let mut chance = Chance::new(&[seed, number, 4]);
    fridge(plan, &mut chance);
    light_outside(plan, &mut chance);
    heating(plan, &mut chance);
    energy(plan, &mut chance);
    if chance.happens(0.15) {
        let level = 95 - plan.day.number().rem_euclid(360) / 6;
        plan.set(
            chance.between(0.0, 1440.0),
            "sensor.front_door_battery",
            level.to_string(),
        );
    }
}

fn walk(plan: &mut Plan<'_>, chance: &mut Chance, sensor: &Chatty) {
    let mut minute = chance.between(0.0, sensor.every_minutes);
    let mut drift = chance.gauss(0.0, sensor.step);
    while minute < 1440.0 {
        drift = drift * 0.96 + chance.gauss(0.0, sensor.step);
        let phase = (minute - sensor.peak) / 1440.0 * std::f64::consts::TAU;
        let value = sensor.base + sensor.swing * phase.cos() + drift;
        let value = value.clamp(sensor.range.0, sensor.range.1);
        plan.set(
            minute,
            sensor.entity_id,
            format!("{value:.*}", sensor.decimals),
        );
        minute += sensor.every_minutes * chance.between(0.75, 1.25);
    }
}

/// Cycles by its own thermostat, as busily at night as by day.
fn fridge(plan: &mut Plan<'_>, chance: &mut Chance) {
    let mut minute = chance.between(0.0, 30.0);
    while minute < 1440.0 {
        plan.set(minute, "switch.fridge", "on");
        minute += chance.gauss(15.0, 2.0);
        plan.set(minute, "switch.fridge", "off");
        minute += chance.gauss(29.0, 4.0);
    }
}

fn light_outside(plan: &mut Plan<'_>, chance: &mut Chance) {
    let (rise, set) = plan.day.daylight();
    let mut clouds = chance.between(0.3, 0.9);
    let mut minute = rise - 25.0;
    while minute < set + 30.0 {
        clouds = (clouds + chance.gauss(0.0, 0.07)).clamp(0.08, 1.0);
        let height = (std::f64::consts::PI * (minute - rise) / (set - rise))
            .sin()
            .max(0.0);
        let lux = height.powf(1.3) * 52_000.0 * clouds;
        plan.set(minute, "sensor.garden_illuminance", format!("{lux:.0}"));
        minute += chance.between(4.0, 7.0);
    }
    plan.set(rise, "sun.sun", "above_horizon");
    plan.set(set, "sun.sun", "below_horizon");
}

/// The valves follow their own programme: their state stays `heat`, their attributes move.
fn heating(plan: &mut Plan<'_>, chance: &mut Chance) {
    for (valve, warm, cool) in [
        ("climate.living_room", 21.0, 18.0),
        ("climate.bedroom", 18.5, 17.0),
    ] {
        let mut minute = chance.between(5.0, 25.0);
        while minute < 1440.0 {
            let target = if (360.0..1350.0).contains(&minute) {
                warm
            } else {
                cool
            };
            let tenths = ((target + chance.gauss(-0.2, 0.4)) * 10.0_f64).round() / 10.0;
            let action = if tenths < target { "heating" } else { "idle" };
            let extra = vec![
                ("temperature", target.into()),
                ("current_temperature", tenths.into()),
                ("hvac_action", action.into()),
            ];
            plan.set_by(minute, valve, "heat", extra, super::plan::Cause::Device);
            minute += chance.between(22.0, 38.0);
        }
    }
}

/// A meter that only counts up, from day to day as well.
fn energy(plan: &mut Plan<'_>, chance: &mut Chance) {
    let before = plan.day.number() as f64 * 9.4;
    let mut minute = chance.between(1.0, 8.0);
    while minute < 1440.0 {
        let total = before + 9.4 * minute / 1440.0;
        plan.set(minute, "sensor.house_energy", format!("{total:.2}"));
        minute += chance.between(8.0, 12.0);
    }
}

/// Readings of the metered plugs, from what their switches are going to do.
pub(super) fn meter(plan: &mut Plan<'_>) {
    let mut chance = Chance::new(&[plan.home.seed, plan.day.number() as u64, 5]);
    for &(switch, sensor, busy, idle) in METERED {
        let (switch, sensor) = (plan.home.thing(switch), plan.home.thing(sensor));
        let mut turns: Vec<(i64, bool)> = plan
            .planned
            .iter()
            .filter(|planned| planned.thing == switch)
            .filter_map(|planned| match &planned.act {
                Act::Set(state, _) => Some((planned.at, state != "off")),
                Act::Lost(_) | Act::Back => None,
            })
            .collect();
        turns.sort_unstable();
        for (number, &(from, on)) in turns.iter().enumerate() {
            let until = turns
                .get(number + 1)
                .map_or(from + 60_000_000, |next| next.0);
            let mut at = from + 700_000;
            while at < until {
                let watts = if on {
                    busy * chance.between(0.9, 1.1)
                } else {
                    idle
                };
                let act = Act::Set(format!("{watts:.1}"), Vec::new());
                let cause = super::plan::Cause::Device;
                plan.planned.push(Planned {
                    at,
                    thing: sensor,
                    act,
                    cause,
                });
                if !on {
                    break;
                }
                at += (chance.between(3.0, 6.5) * 60e6) as i64;
            }
        }
    }
}
