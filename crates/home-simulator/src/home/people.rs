//! Two people's day: what they do out of habit, what they do at random, and what their things do because of it.

use serde_json::json;

use super::chance::{self, Chance};
use super::habits::{COMMON_SD, DESK, HABITS, HALLWAY, Habit, ODD_DAYS};
use super::plan::{Cause, Plan};

/// How this day goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Usual,
    /// Nobody is home, and no habit is kept.
    Away,
    /// Everything happens this many minutes later.
    Late(f64),
}

/// Minutes in which someone is up.
const WAKING: (f64, f64) = (6.6 * 60.0, 23.2 * 60.0);

/// Plans everything that people cause on the plan's day.
pub(super) fn plan(plan: &mut Plan<'_>, chance: &mut Chance) {
    let mood = if chance.happens(ODD_DAYS) {
        if chance.happens(0.5) {
            Mood::Away
        } else {
            Mood::Late(chance.between(55.0, 110.0))
        }
    } else {
        Mood::Usual
    };
    let (morning, evening) = (chance.gauss(0.0, COMMON_SD), chance.gauss(0.0, COMMON_SD));
    let weekend = plan.day.is_weekend();
    for (number, habit) in HABITS.iter().enumerate() {
        // A stream for each habit, so that a change to one leaves the others as they were.
        let mut own = habit_chance(plan, number);
        let common = if habit.minute < 12 * 60 {
            morning
        } else {
            evening
        };
        let minute = own.gauss(f64::from(habit.minute) + common, habit.sd);
        let kept = !own.happens(habit.misses);
        let late = match mood {
            Mood::Away => continue,
            Mood::Late(by) => by,
            Mood::Usual => 0.0,
        };
        // What must happen at some time of the day happens later instead; the rest is left out.
        let later = if kept { 0.0 } else { own.between(50.0, 150.0) };
        if habit.days.holds(weekend) && (kept || must_happen(habit)) {
            keep(plan, &mut own, habit, minute + late + later);
        }
    }
    if mood == Mood::Away {
        away_day(plan, chance);
        return;
    }
    errands(plan, chance, weekend);
    at_random(plan, chance, weekend);
}

/// Whether the day's other habits rely on it: who did not leave cannot come home.
fn must_happen(habit: &Habit) -> bool {
    ["person.", "cover.", "lock."]
        .iter()
        .any(|domain| habit.entity_id.starts_with(domain))
}

fn habit_chance(plan: &Plan<'_>, number: usize) -> Chance {
    let name = chance::hash(HABITS[number].entity_id) ^ u64::from(HABITS[number].minute);
    Chance::new(&[plan.home.seed, plan.day.number() as u64, 2, name])
}

/// One habit, on a day on which it is kept.
fn keep(plan: &mut Plan<'_>, chance: &mut Chance, habit: &Habit, minute: f64) {
    match (habit.entity_id, habit.state) {
        ("person.alex", "home") => return arrives(plan, chance, 0, minute),
        ("person.alex", _) => return leaves(plan, chance, 0, minute),
        _ => {}
    }
    // A third of it by phone, the rest at the wall.
    let cause = if chance.happens(0.3) {
        Cause::App(u64::from(chance.happens(0.5)))
    } else {
        Cause::Device
    };
    plan.set_by(minute, habit.entity_id, habit.state, Vec::new(), cause);
    if let Some((state, after, sd)) = habit.then {
        plan.set(
            minute + chance.gauss(f64::from(after), sd).max(2.0),
            habit.entity_id,
            state,
        );
    }
    if habit.entity_id == DESK.trigger.0 && chance.happens(DESK.kept) {
        let delay = chance.between(DESK.delay_seconds.0, DESK.delay_seconds.1);
        plan.set(
            minute + Plan::seconds(delay),
            DESK.follower.0,
            DESK.follower.1,
        );
        plan.set(minute + chance.gauss(480.0, 25.0), DESK.follower.0, "off");
    }
    if habit.entity_id.starts_with("light.") && chance.happens(0.15) {
        let dimmed = vec![("brightness", json!(60 + chance.pick(60)))];
        let when = minute + chance.between(2.0, 9.0);
        plan.set_by(when, habit.entity_id, habit.state, dimmed, Cause::App(0));
    }
}

const PEOPLE: [(&str, &str); 2] = [
    ("person.alex", "device_tracker.alex_phone"),
    ("person.robin", "device_tracker.robin_phone"),
];

fn leaves(plan: &mut Plan<'_>, chance: &mut Chance, who: usize, minute: f64) {
    motion(plan, chance, "binary_sensor.hallway_motion", minute - 1.2);
    plan.set(minute - 0.8, "lock.front_door", "unlocked");
    front_door(plan, chance, minute - 0.6);
    moves(plan, chance, who, minute, "not_home");
}

fn arrives(plan: &mut Plan<'_>, chance: &mut Chance, who: usize, minute: f64) {
    moves(plan, chance, who, minute, "home");
    plan.set(minute + 0.6, "lock.front_door", "unlocked");
    front_door(plan, chance, minute + 0.8);
    hallway(plan, chance, minute + 1.0);
}

/// The phone knows first, the person follows.
fn moves(plan: &mut Plan<'_>, chance: &mut Chance, who: usize, minute: f64, state: &str) {
    let (person, phone) = PEOPLE[who];
    plan.set(
        minute - Plan::seconds(chance.between(0.5, 4.0)),
        phone,
        state,
    );
    plan.set(minute, person, state);
}

fn front_door(plan: &mut Plan<'_>, chance: &mut Chance, minute: f64) {
    plan.set(minute, "binary_sensor.front_door", "on");
    let shut = minute + Plan::seconds(chance.between(5.0, 25.0));
    plan.set(shut, "binary_sensor.front_door", "off");
}

fn motion(plan: &mut Plan<'_>, chance: &mut Chance, sensor: &str, minute: f64) {
    plan.set(minute, sensor, "on");
    plan.set(
        minute + Plan::seconds(chance.between(55.0, 140.0)),
        sensor,
        "off",
    );
}

/// Someone walks through the hallway, and puts the light on if it is dark.
fn hallway(plan: &mut Plan<'_>, chance: &mut Chance, minute: f64) {
    motion(plan, chance, HALLWAY.trigger.0, minute);
    let (rise, set) = plan.day.daylight();
    let dark = minute < rise + 20.0 || minute > set - 20.0;
    if dark && chance.happens(HALLWAY.kept) {
        let delay = chance.between(HALLWAY.delay_seconds.0, HALLWAY.delay_seconds.1);
        let on = minute + Plan::seconds(delay);
        plan.set(on, HALLWAY.follower.0, HALLWAY.follower.1);
        plan.set(on + chance.between(2.0, 5.0), HALLWAY.follower.0, "off");
    }
}

fn away_day(plan: &mut Plan<'_>, chance: &mut Chance) {
    let out = chance.between(440.0, 560.0);
    leaves(plan, chance, 0, out);
    moves(plan, chance, 1, out + 0.1, "not_home");
    plan.set(out + 0.5, "lock.front_door", "locked");
    let back = chance.between(1230.0, 1330.0);
    arrives(plan, chance, 0, back);
    moves(plan, chance, 1, back + 0.1, "home");
    plan.set(back + 40.0, "lock.front_door", "locked");
}

/// Shopping and walks, at no fixed time.
fn errands(plan: &mut Plan<'_>, chance: &mut Chance, weekend: bool) {
    if chance.happens(if weekend { 0.8 } else { 0.4 }) {
        let out = chance.between(640.0, 930.0);
        leaves(plan, chance, 1, out);
        let back = out + chance.between(25.0, 110.0);
        arrives(plan, chance, 1, back);
    }
}

/// What has no habit in it: motion, the toilet, the laundry, a window, a film.
fn at_random(plan: &mut Plan<'_>, chance: &mut Chance, weekend: bool) {
    let busy = if weekend { 1.3 } else { 1.0 };
    plan.set(chance.between(520.0, 700.0), "lock.front_door", "unlocked");
    for (sensor, times) in [
        ("binary_sensor.kitchen_motion", 16.0),
        ("binary_sensor.living_room_motion", 18.0),
        ("binary_sensor.bathroom_motion", 9.0),
        ("binary_sensor.office_motion", 8.0),
    ] {
        for _ in 0..(times * busy * chance.between(0.7, 1.3)) as usize {
            let when = chance.between(WAKING.0, WAKING.1);
            motion(plan, chance, sensor, when);
        }
    }
    for _ in 0..(13.0 * busy) as usize {
        let when = chance.between(WAKING.0, WAKING.1);
        hallway(plan, chance, when);
    }
    // The decoy: used often, at any time, and for no reason that a log could show.
    for _ in 0..9 + chance.pick(7) {
        let when = chance.between(WAKING.0, WAKING.1);
        plan.set(when, "light.toilet", "on");
        plan.set(when + chance.between(2.0, 9.0), "light.toilet", "off");
    }
    for (light, times, minutes) in [
        ("light.living_room_ceiling", 3, 25.0),
        ("light.laundry", 2, 12.0),
        ("light.bedroom_ceiling", 2, 10.0),
    ] {
        for _ in 0..chance.pick(times + 1) {
            let when = chance.between(480.0, 1340.0);
            plan.set(when, light, "on");
            plan.set(when + minutes * chance.between(0.4, 1.8), light, "off");
        }
    }
    if chance.happens(0.35) {
        let when = chance.between(560.0, 1150.0);
        plan.set(when, "switch.washing_machine", "on");
        plan.set(
            when + chance.between(95.0, 130.0),
            "switch.washing_machine",
            "off",
        );
    }
    if chance.happens(0.8) {
        let when = chance.between(470.0, 1000.0);
        plan.set(when, "binary_sensor.bedroom_window", "on");
        plan.set(
            when + chance.between(8.0, 60.0),
            "binary_sensor.bedroom_window",
            "off",
        );
    }
    if chance.happens(0.06) {
        let when = chance.between(700.0, 1200.0);
        plan.set_by(
            when,
            "input_boolean.guest_mode",
            "on",
            Vec::new(),
            Cause::App(1),
        );
        let over = when + chance.between(90.0, 200.0);
        plan.set_by(
            over,
            "input_boolean.guest_mode",
            "off",
            Vec::new(),
            Cause::App(1),
        );
    }
}
