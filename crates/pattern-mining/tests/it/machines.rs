//! What machines do beside people: what they do by themselves is no habit, and what people do because of them is.

use pattern_mining::Outcome;
use pattern_mining::pattern::{Kind, Oddity, Pattern};

use crate::home::told;
use crate::lives::lived_in;

const DAYS: i64 = 60;

fn of<'a>(outcome: &'a Outcome, entity: &str) -> Vec<&'a Pattern> {
    let patterns = outcome.patterns.iter();
    patterns
        .filter(|pattern| pattern.entities.iter().any(|other| other == entity))
        .collect()
}

#[test]
fn a_lamp_that_a_motion_sensor_drives_has_no_habits_whatever_else_goes_on_in_its_room() {
    let (mut home, mut chance) = lived_in(DAYS, 21);
    for day in 0..DAYS {
        for _ in 0..12 {
            let second = (400 + chance.below(950)) * 60;
            // Whoever goes to the cupboard is seen a little later, at any time of the day.
            let walks = second + 15 + chance.below(60);
            home.at(day, second, "binary_sensor.cupboard", "on");
            home.at(day, second + 8, "binary_sensor.cupboard", "off");
            home.at(day, walks, "binary_sensor.room_motion", "on");
            home.at(day, walks + 40, "binary_sensor.room_motion", "off");
            // The automation leaves no context, lights when it is dark, and puts the lamp off after three minutes.
            if second > 20 * 3600 {
                home.at(day, walks + 1, "light.room", "on");
                home.at(day, walks + 181, "light.room", "off");
            }
        }
    }
    let outcome = home.mine();
    assert!(
        of(&outcome, "light.room").is_empty(),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn people_do_something_when_the_washing_is_done_and_nobody_is_said_to_do_the_washing_machine() {
    let (mut home, mut chance) = lived_in(DAYS, 22);
    home.classes = vec![("binary_sensor.washer", "running")];
    for day in (0..DAYS).step_by(2) {
        let begin = 9 * 3600 + chance.around(300);
        let end = begin + 5_400 + chance.below(3_600);
        home.at(day, begin, "binary_sensor.washer", "on");
        home.at(day, end, "binary_sensor.washer", "off");
        if chance.percent(85) {
            home.lamp(
                day,
                end + 40 + chance.below(60),
                "light.laundry",
                &mut chance,
            );
        }
    }
    let outcome = home.mine();
    let found = of(&outcome, "binary_sensor.washer");
    assert_eq!(found.len(), 1, "{:#?}", told(&outcome));
    assert_eq!(found[0].kind, Kind::Pair);
    assert_eq!(found[0].entities, ["binary_sensor.washer", "light.laundry"]);
    assert_eq!(found[0].states, ["off", "on"]);
    let text = &found[0].sentence;
    assert!(text.contains("after Washer is done"), "{text}");
}

#[test]
fn a_sensor_whose_battery_is_empty_is_silent_and_one_that_is_only_steady_is_not() {
    let (mut home, mut chance) = lived_in(DAYS, 23);
    for day in 0..DAYS {
        for hour in 0..24 {
            let value = ["19.5", "20.0", "20.5", "21.0"][chance.below(4) as usize];
            if day < DAYS - 6 {
                home.at(day, hour * 3600 + 60, "sensor.attic_temperature", value);
            }
            home.at(day, hour * 3600 + 90, "sensor.hall_temperature", value);
            // Rain comes and goes for days.
            if day % 20 < 9 {
                home.at(day, hour * 3600 + 120, "sensor.rain", value);
            }
        }
        for _ in 0..20 {
            let second = (400 + chance.below(950)) * 60;
            if day < DAYS - 6 {
                home.at(day, second, "binary_sensor.porch_motion", "on");
                home.at(day, second + 30, "binary_sensor.porch_motion", "off");
            }
        }
    }
    let outcome = home.mine();
    let silent: Vec<&str> = outcome
        .patterns
        .iter()
        .filter(|pattern| pattern.oddity == Some(Oddity::Silent))
        .map(|pattern| pattern.entities[0].as_str())
        .collect();
    assert_eq!(silent.len(), 2, "{:#?}", told(&outcome));
    assert!(silent.contains(&"sensor.attic_temperature"));
    assert!(silent.contains(&"binary_sensor.porch_motion"));
    assert!(
        told(&outcome).contains(
            &"Attic temperature has been silent since 25 July (5 days, and it was heard on 54 of 55 other days)."
        ),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn a_sensor_that_nobody_described_and_that_follows_everything_sees_whoever_walks_by() {
    let (mut home, mut chance) = lived_in(DAYS, 24);
    home.classes = vec![("binary_sensor.nursery_window", "window")];
    for day in 0..DAYS {
        for thing in [
            "light.nursery",
            "switch.nursery_fan",
            "media_player.nursery",
        ] {
            for _ in 0..2 {
                let second = (400 + chance.below(950)) * 60;
                home.lamp(day, second, thing, &mut chance);
                if chance.percent(85) {
                    let seen = second + 10 + chance.below(30);
                    home.at(day, seen, "binary_sensor.0x1f2e", "on");
                    home.at(day, seen + 60, "binary_sensor.0x1f2e", "off");
                }
            }
        }
    }
    let outcome = home.mine();
    assert!(
        of(&outcome, "binary_sensor.0x1f2e").is_empty(),
        "{:#?}",
        told(&outcome)
    );
}
