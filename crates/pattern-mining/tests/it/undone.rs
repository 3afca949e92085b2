//! What people put back after an automation, and what a machine does at once: no habits of theirs.

use pattern_mining::pattern::{Kind, Oddity};

use crate::home::told;
use crate::lives::{lived_in, of_kind};

const DAYS: i64 = 60;

#[test]
fn what_an_automation_does_at_its_time_is_put_back_by_hand_and_that_is_no_habit() {
    let (mut home, mut chance) = lived_in(DAYS, 51);
    for day in 0..DAYS {
        home.automation(day, 22 * 3600 + 900, "light.terrace", "on");
        home.at(
            day,
            22 * 3600 + 1_200 + chance.below(1_500),
            "light.terrace",
            "off",
        );
    }
    let outcome = home.mine();
    assert!(
        of_kind(&outcome, Kind::TimeOfDay).is_empty(),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn a_lamp_that_automations_put_on_all_evening_and_people_off_at_bedtime_has_a_bedtime() {
    let (mut home, mut chance) = lived_in(DAYS, 52);
    for day in 0..DAYS {
        for minute in (1_080..1_335).step_by(40) {
            let second = minute * 60 + chance.below(900);
            home.automation(day, second, "light.hall", "on");
            if minute < 1_320 {
                home.automation(day, second + 300 + chance.below(600), "light.hall", "off");
            }
        }
        home.at(
            day,
            22 * 3600 + 2_700 + chance.around(300),
            "light.hall",
            "off",
        );
    }
    let outcome = home.mine();
    let times = of_kind(&outcome, Kind::TimeOfDay);
    assert!(
        times
            .iter()
            .any(|time| time.entities == ["light.hall"] && time.states == ["off"]),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn what_an_automation_puts_on_after_a_trigger_and_people_off_again_does_not_follow_the_trigger() {
    let (mut home, mut chance) = lived_in(DAYS, 53);
    for day in 0..DAYS {
        for _ in 0..2 {
            let second = (420 + chance.below(850)) * 60;
            home.lamp(day, second, "media_player.tv", &mut chance);
            home.automation(day, second + 2, "light.shelf", "on");
            home.at(day, second + 120 + chance.below(240), "light.shelf", "off");
        }
    }
    let outcome = home.mine();
    assert!(
        of_kind(&outcome, Kind::Pair).is_empty(),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn nobody_is_so_quick() {
    let (mut home, mut chance) = lived_in(DAYS, 54);
    home.changes.reserve(1_000);
    for day in 0..DAYS {
        for _ in 0..2 {
            let second = (420 + chance.below(850)) * 60;
            home.lamp(day, second, "switch.amplifier", &mut chance);
            home.at(day, second + 1, "switch.subwoofer", "on");
            home.at(
                day,
                second + 400 + chance.below(900),
                "switch.subwoofer",
                "off",
            );
        }
    }
    let outcome = home.mine();
    assert!(
        of_kind(&outcome, Kind::Pair).is_empty(),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn a_window_that_was_never_open_for_two_hours_and_is_for_a_night_was_left_open() {
    let (mut home, mut chance) = lived_in(DAYS, 55);
    for day in 0..DAYS {
        for hour in [8, 13, 18] {
            // Between two minutes and an hour and a half, all alike: a broad past with a clear end.
            let second = hour * 3600 + chance.below(3_600);
            let long = 120 + chance.below(5_280);
            let left = day == DAYS - 9 && hour == 18;
            home.at(day, second, "binary_sensor.bath_window", "on");
            let end = if left { 12 * 3600 } else { long };
            home.at(day, second + end, "binary_sensor.bath_window", "off");
        }
    }
    let outcome = home.mine();
    let odd = of_kind(&outcome, Kind::Anomaly);
    assert!(
        odd.iter().any(|odd| odd.oddity == Some(Oddity::LeftOpen)
            && odd.entities == ["binary_sensor.bath_window"]),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn whoever_comes_home_opens_the_door_and_nobody_need_be_told() {
    let (mut home, mut chance) = lived_in(DAYS, 56);
    for day in 0..DAYS {
        let second = (700 + chance.below(600)) * 60;
        home.at(day, second, "lock.front_door", "unlocked");
        home.at(
            day,
            second + 8 + chance.below(8),
            "binary_sensor.entrance_door",
            "on",
        );
        home.at(day, second + 30, "binary_sensor.entrance_door", "off");
        home.at(
            day,
            second + 60 + chance.below(60),
            "lock.front_door",
            "locked",
        );
    }
    let outcome = home.mine();
    let opens = |id: &String| id == "binary_sensor.entrance_door";
    assert!(
        !outcome.patterns.iter().any(|pattern| pattern.kind == Kind::Pair && pattern.entities.last().is_some_and(opens)),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn the_front_door_opens_when_people_leave_and_that_is_how_they_leave() {
    for people in [true, false] {
        let (mut home, mut chance) = lived_in(DAYS, 57);
        home.people = people;
        for day in 0..DAYS {
            let leaves = 7 * 3600 + 3_000 + chance.around(400);
            home.at(day, leaves, "binary_sensor.street_door", "on");
            home.at(day, leaves + 20, "binary_sensor.street_door", "off");
            home.at(day, leaves + 90, "person.kim", "not_home");
            let comes = 17 * 3600 + chance.below(7_200);
            home.at(day, comes, "person.kim", "home");
        }
        let outcome = home.mine();
        let times = of_kind(&outcome, Kind::TimeOfDay);
        let opens = times
            .iter()
            .any(|time| time.entities == ["binary_sensor.street_door"]);
        assert_eq!(opens, !people, "{:#?}", told(&outcome));
    }
}
