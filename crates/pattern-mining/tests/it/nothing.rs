//! Homes without habits. Each is mined in many copies: one report in a hundred would already be told to a hundred people.

use pattern_mining::Reason;
use pattern_mining::pattern::{Pattern, Status};

use crate::home::{Chance, Home, told};

const LAMPS: [&str; 12] = [
    "light.a", "light.b", "light.c", "light.d", "light.e", "light.f", "light.g", "light.h",
    "light.i", "light.j", "light.k", "light.l",
];

fn finds_nothing(copies: u64, plant: impl Fn(&mut Home, &mut Chance)) {
    for seed in 1..=copies {
        let mut home = Home::new(60);
        plant(&mut home, &mut Chance::new(seed));
        let outcome = home.mine();
        assert!(
            outcome.report.hypotheses > 0,
            "nothing was even tested: {:?}",
            outcome.report
        );
        assert!(
            outcome.patterns.is_empty(),
            "copy {seed}: {:#?}",
            told(&outcome)
        );
    }
}

#[test]
fn fires_not_on_rare_devices_at_random_times() {
    finds_nothing(20, |home, chance| {
        for lamp in LAMPS {
            for day in 0..home.days {
                home.lamp(day, chance.below(86_400), lamp, chance);
            }
        }
    });
}

#[test]
fn a_light_used_at_random_in_waking_hours_is_no_habit() {
    finds_nothing(20, |home, chance| {
        for (index, lamp) in LAMPS.into_iter().enumerate() {
            for day in 0..home.days {
                for _ in 0..=index / 2 {
                    home.lamp(day, 7 * 3600 + chance.below(16 * 3600), lamp, chance);
                }
            }
        }
    });
}

#[test]
fn lights_of_the_evening_that_know_nothing_of_each_other_are_no_habit() {
    finds_nothing(20, |home, chance| {
        for lamp in LAMPS {
            for day in 0..home.days {
                for _ in 0..=chance.below(3) {
                    home.lamp(day, 17 * 3600 + chance.below(6 * 3600), lamp, chance);
                }
            }
        }
    });
}

#[test]
fn a_chatty_sensor_is_no_habit() {
    finds_nothing(10, |home, chance| {
        for day in 0..home.days {
            for _ in 0..25 {
                home.lamp(
                    day,
                    6 * 3600 + chance.below(17 * 3600),
                    "binary_sensor.shelf",
                    chance,
                );
            }
        }
    });
}

#[test]
fn a_device_that_cycles_by_itself_is_no_habit() {
    for (seed, period) in [(1, 3600), (2, 2700), (3, 7200), (4, 5400)] {
        let mut home = Home::new(60);
        let mut chance = Chance::new(seed);
        let mut second = 0;
        while second < home.days * 86_400 {
            home.at(0, second, "switch.fridge", "on");
            home.at(0, second + 1200, "switch.fridge", "off");
            second += period + chance.around(120);
        }
        let outcome = home.mine();
        assert!(
            outcome.patterns.is_empty(),
            "every {period} s: {:#?}",
            told(&outcome)
        );
        let left_out = &outcome.report.left_out;
        assert!(
            left_out.get(Reason::SelfRunning) + left_out.get(Reason::Chatty) > 1000,
            "{:?}",
            outcome.report
        );
    }
}

#[test]
fn eight_events_in_one_evening_are_no_habit() {
    let mut home = Home::new(30);
    for minute in 0..8 {
        home.at(12, 19 * 3600 + minute * 300, "light.kitchen", "on");
        home.at(12, 19 * 3600 + minute * 300 + 100, "light.kitchen", "off");
    }
    assert_eq!(told(&home.mine()), [""; 0]);
}

#[test]
fn a_habit_that_has_ended_is_told_as_one_that_has() {
    let mut home = Home::new(60);
    let mut chance = Chance::new(3);
    for day in 0..35 {
        home.lamp(
            day,
            7 * 3600 + chance.around(300),
            "light.kitchen",
            &mut chance,
        );
    }
    // The people are still there.
    for day in 0..60 {
        home.lamp(day, chance.below(86_400), "light.hall", &mut chance);
    }
    let outcome = home.mine();
    assert!(outcome.report.events_kept > 60);
    let ended = |pattern: &Pattern| pattern.status == Status::Stopped;
    assert!(
        outcome.patterns.len() == 1 && outcome.patterns.iter().all(ended),
        "{:#?}",
        outcome.patterns
    );
}
