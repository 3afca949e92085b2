//! What a habit is when its thing is on already, its people are away, its machine runs by itself, or its time has come to an end.

use pattern_mining::Outcome;
use pattern_mining::pattern::{Kind, Pattern, Status};

use crate::home::{Chance, Home, told};

const DAYS: i64 = 60;

/// People who live here: lamps at any waking hour.
fn life(home: &mut Home, days: std::ops::Range<i64>, chance: &mut Chance) {
    for day in days {
        for lamp in ["light.hall", "light.attic", "light.desk"] {
            for _ in 0..3 {
                let second = (400 + chance.below(950)) * 60;
                home.lamp(day, second, lamp, chance);
            }
        }
    }
}

/// A home in which people have lived for so many days.
pub(crate) fn lived_in(days: i64, seed: u64) -> (Home, Chance) {
    let (mut home, mut chance) = (Home::new(days), Chance::new(seed));
    life(&mut home, 0..days, &mut chance);
    (home, chance)
}

pub(crate) fn of_kind(outcome: &Outcome, kind: Kind) -> Vec<&Pattern> {
    let patterns = outcome.patterns.iter();
    patterns.filter(|pattern| pattern.kind == kind).collect()
}

#[test]
fn a_door_that_opens_again_while_the_lamp_is_on_is_no_miss() {
    let (mut home, mut chance) = lived_in(DAYS, 5);
    for day in 0..DAYS {
        for _ in 0..2 {
            let mut second = (420 + chance.below(900)) * 60;
            home.at(day, second + 8 + chance.below(12), "light.counter", "on");
            home.at(
                day,
                second + 1_800 + chance.below(300),
                "light.counter",
                "off",
            );
            // Up to four times in ten minutes.
            for _ in 0..=chance.below(4) {
                home.at(day, second, "binary_sensor.fridge_door", "on");
                home.at(day, second + 7, "binary_sensor.fridge_door", "off");
                second += 60 + chance.below(140);
            }
        }
    }
    let outcome = home.mine();
    let pairs = of_kind(&outcome, Kind::Pair);
    let wanted = ["binary_sensor.fridge_door", "light.counter"];
    let found = pairs.iter().find(|pair| pair.entities == wanted);
    let found = found.unwrap_or_else(|| panic!("{:#?}", told(&outcome)));
    assert!(
        found.occurrences * 10 >= found.opportunities * 9,
        "{}",
        found.sentence
    );
}

#[test]
fn the_kettle_that_goes_off_by_itself_does_not_follow_the_lamp_that_it_set_off() {
    let (mut home, mut chance) = lived_in(DAYS, 6);
    for day in 0..DAYS {
        for _ in 0..2 {
            let second = (420 + chance.below(900)) * 60;
            home.at(day, second, "switch.kettle", "on");
            home.at(day, second + 185 + chance.below(20), "switch.kettle", "off");
            if chance.percent(75) {
                home.lamp(
                    day,
                    second + 10 + chance.below(10),
                    "light.shelf",
                    &mut chance,
                );
            }
        }
    }
    let outcome = home.mine();
    let pairs = of_kind(&outcome, Kind::Pair);
    assert_eq!(pairs.len(), 1, "{:#?}", told(&outcome));
    assert_eq!(pairs[0].entities, ["switch.kettle", "light.shelf"]);
    assert_eq!(pairs[0].states, ["on", "on"]);
}

#[test]
fn a_habit_pauses_while_nobody_is_at_home_and_has_not_ended() {
    let mut home = Home::new(DAYS);
    let mut chance = Chance::new(7);
    for day in 0..DAYS {
        // What runs by itself does so in an empty house, too, and makes the days look lived in.
        for _ in 0..12 {
            home.lamp(day, chance.below(86_400), "switch.aquarium", &mut chance);
        }
    }
    life(&mut home, 0..48, &mut chance);
    for day in 0..48 {
        home.at(day, 18 * 3600, "person.ada", "home");
        home.at(day, 8 * 3600 + chance.around(600), "person.ada", "not_home");
        home.lamp(
            day,
            7 * 3600 + chance.around(300),
            "light.kitchen",
            &mut chance,
        );
    }
    home.at(48, 8 * 3600, "person.ada", "not_home");
    let outcome = home.mine();
    let kitchen = outcome
        .patterns
        .iter()
        .find(|pattern| pattern.entities == ["light.kitchen"]);
    let kitchen = kitchen.unwrap_or_else(|| panic!("{:#?}", told(&outcome)));
    assert_eq!(kitchen.status, Status::Active, "{}", kitchen.sentence);
}

#[test]
fn what_goes_on_at_the_same_second_every_day_is_a_timer() {
    let (mut home, mut chance) = lived_in(DAYS, 8);
    for day in 0..DAYS {
        // Off at any second, so that the log tells seconds.
        home.at(day, 21 * 3600 + 3 + day % 3, "light.porch", "on");
        home.at(day, 22 * 3600 + chance.below(3_000), "light.porch", "off");
    }
    let outcome = home.mine();
    let porch =
        |pattern: &&Pattern| pattern.entities == ["light.porch"] && pattern.states == ["on"];
    assert!(
        !outcome.patterns.iter().any(|pattern| porch(&pattern)),
        "{:#?}",
        told(&outcome)
    );
    assert_eq!(
        outcome.report.left_out.get(pattern_mining::Reason::Timer),
        DAYS as u64
    );
}

#[test]
fn a_machine_that_runs_by_day_in_even_cycles_is_left_out() {
    let (mut home, mut chance) = lived_in(DAYS, 9);
    for day in 0..DAYS {
        for cycle in 0..9 {
            let second = (6 * 60 + 10 + cycle * 110 + chance.below(20)) * 60;
            home.at(day, second, "switch.circulation", "on");
            home.at(
                day,
                second + 1_200 + chance.below(200),
                "switch.circulation",
                "off",
            );
        }
    }
    let outcome = home.mine();
    assert!(outcome.patterns.is_empty(), "{:#?}", told(&outcome));
    let left_out = outcome
        .report
        .left_out
        .get(pattern_mining::Reason::SelfRunning);
    assert_eq!(left_out, 2 * 9 * DAYS as u64);
}

#[test]
fn a_time_held_that_has_changed_is_told_as_it_is_now_and_one_that_ended_as_ended() {
    let fan = |usual: std::ops::Range<i64>| {
        let mut home = Home::new(90);
        let mut chance = Chance::new(10);
        life(&mut home, 0..90, &mut chance);
        for day in 0..90 {
            for _ in 0..2 {
                let second = (420 + chance.below(900)) * 60;
                let minutes = if usual.contains(&day) {
                    14 * 60 + chance.below(120)
                } else {
                    60 + chance.below(7_000)
                };
                home.at(day, second, "fan.bath", "on");
                home.at(day, second + minutes, "fan.bath", "off");
            }
        }
        home.mine()
    };
    let began = fan(60..90);
    let durations = of_kind(&began, Kind::Duration);
    assert_eq!(durations.len(), 1, "{:#?}", told(&began));
    assert!(durations[0].sentence.contains("about 15 minutes"));
    let ended = fan(0..75);
    let durations = of_kind(&ended, Kind::Duration);
    assert_eq!(durations.len(), 1, "{:#?}", told(&ended));
    assert_eq!(durations[0].status, Status::Stopped);
}

#[test]
fn people_go_to_bed_at_different_hours_and_do_the_same_things_then() {
    let (mut home, mut chance) = lived_in(DAYS, 12);
    let things = [
        ("light.bedroom", "on"),
        ("cover.bedroom", "closed"),
        ("media_player.radio", "playing"),
        ("switch.charger", "on"),
    ];
    for day in 0..DAYS {
        // Half past ten, give or take an hour and a quarter; more often near the middle.
        let bed = 22 * 3600 + 1_800 + i64::midpoint(chance.around(4_500), chance.around(4_500));
        for (entity, state) in things {
            if chance.percent(92) {
                let second = bed + chance.below(480);
                home.at(day, second, entity, state);
                let back = if state == "closed" { "open" } else { "off" };
                home.at(day, second + 8 * 3600 + chance.below(3_600), entity, back);
            }
        }
    }
    let outcome = home.mine();
    let routines = of_kind(&outcome, Kind::Routine);
    let whole = routines.iter().any(|routine| {
        let takes_part = |entity: &str| routine.entities.iter().any(|other| other == entity);
        things.iter().all(|(entity, _)| takes_part(entity))
    });
    assert!(whole, "{:#?}", told(&outcome));
}
