//! Steps in order of things that are used at other times as well, and one habit of two triggers.

use pattern_mining::Outcome;
use pattern_mining::pattern::{DaySet, Kind, Pattern};

use crate::home::{Chance, Home, minutes_off, told};
use crate::lives::{lived_in, of_kind};

const DAYS: i64 = 84;
const STEPS: [&str; 3] = ["switch.purifier", "light.study", "media_player.radio"];

/// Each is used by itself so many times a day.
fn used_anyway(home: &mut Home, times: i64, chance: &mut Chance) {
    for day in 0..home.days {
        for step in STEPS {
            for _ in 0..times {
                let second = (400 + chance.below(950)) * 60;
                home.lamp(day, second, step, chance);
            }
        }
    }
}

/// Each a little after the one before.
fn go_through(home: &mut Home, day: i64, mut second: i64, chance: &mut Chance) {
    for step in STEPS {
        home.lamp(day, second, step, chance);
        second += 20 + chance.below(40);
    }
}

/// The only thing that is told of these, which is of a kind.
fn only<'a>(outcome: &'a Outcome, kind: Kind, entities: &[&str]) -> &'a Pattern {
    let told_of: Vec<&Pattern> = outcome
        .patterns
        .iter()
        .filter(|pattern| {
            pattern
                .entities
                .iter()
                .any(|id| entities.contains(&id.as_str()))
        })
        .collect();
    assert!(
        told_of.len() == 1 && told_of[0].kind == kind && told_of[0].entities == entities,
        "{:#?}",
        told(outcome)
    );
    told_of[0]
}

#[test]
fn a_step_that_is_done_at_other_times_as_well_is_known_by_the_first_one() {
    let (mut home, mut chance) = lived_in(DAYS, 41);
    for day in 0..DAYS {
        // The middle step is mostly done for itself, so that the last one rarely follows it.
        for _ in 0..4 {
            let second = (400 + chance.below(950)) * 60;
            home.lamp(day, second, STEPS[1], &mut chance);
        }
        if chance.percent(70) {
            let second = (420 + chance.below(800)) * 60;
            go_through(&mut home, day, second, &mut chance);
        }
    }
    let outcome = home.mine();
    let found = only(&outcome, Kind::Sequence, &STEPS);
    assert!(found.occurrences >= 45, "{}", found.sentence);
}

#[test]
fn steps_of_the_weekend_are_told_with_their_time_however_much_each_is_used() {
    let (mut home, mut chance) = lived_in(DAYS, 42);
    used_anyway(&mut home, 2, &mut chance);
    for day in 0..DAYS {
        if home.weekday(day) >= 5 && chance.percent(92) {
            let second = 10 * 3600 + 1_800 + chance.around(700);
            go_through(&mut home, day, second, &mut chance);
        }
    }
    let outcome = home.mine();
    let found = only(&outcome, Kind::Sequence, &STEPS);
    assert_eq!(found.days, Some(DaySet::WEEKEND), "{}", found.sentence);
    assert!(minutes_off(found, 630) <= 15, "{}", found.sentence);
    assert!(
        found.sentence.contains("then Radio turns on, around 10:")
            && found.sentence.contains("at weekends ("),
        "{}",
        found.sentence
    );
    // Days without the first step are missed, and set nothing off.
    let replay = found.backtest.expect("two dozen times can be replayed");
    assert!(replay.unwanted <= 2, "{replay:?}");
}

#[test]
fn things_that_are_done_around_the_same_minute_are_no_steps() {
    let (mut home, mut chance) = lived_in(DAYS, 43);
    used_anyway(&mut home, 1, &mut chance);
    for day in 0..DAYS {
        // Three people, each on time and with nothing to do with the others.
        for (step, minute) in STEPS.iter().zip([420, 422, 424]) {
            let second = minute * 60 + chance.around(300);
            home.lamp(day, second, step, &mut chance);
        }
    }
    let outcome = home.mine();
    assert!(
        of_kind(&outcome, Kind::Sequence).is_empty(),
        "{:#?}",
        told(&outcome)
    );
    assert_eq!(
        of_kind(&outcome, Kind::TimeOfDay).len(),
        3,
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn members_of_a_routine_that_keep_their_minute_are_told_by_how_close_they_come() {
    let (mut home, mut chance) = lived_in(DAYS, 44);
    used_anyway(&mut home, 1, &mut chance);
    for day in 0..DAYS {
        if home.weekday(day) >= 5 {
            continue;
        }
        let start = 6 * 3600 + 2_400 + chance.around(900);
        for step in STEPS {
            if chance.percent(92) {
                home.lamp(day, start + chance.around(150), step, &mut chance);
            }
        }
    }
    let outcome = home.mine();
    let routines = of_kind(&outcome, Kind::Routine);
    assert_eq!(routines.len(), 1, "{:#?}", told(&outcome));
    assert_eq!(routines[0].entities.len(), 3, "{}", routines[0].sentence);
    assert!(
        of_kind(&outcome, Kind::TimeOfDay).is_empty(),
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn of_two_triggers_of_the_same_times_the_nearer_one_is_told() {
    let (mut home, mut chance) = lived_in(DAYS, 45);
    home.classes = vec![("binary_sensor.cellar", "motion")];
    for day in 0..DAYS {
        for _ in 0..2 {
            let second = (420 + chance.below(900)) * 60;
            home.at(day, second, "binary_sensor.cellar_door", "on");
            home.at(day, second + 9, "binary_sensor.cellar_door", "off");
            home.at(day, second + 3, "binary_sensor.cellar", "on");
            home.at(day, second + 90, "binary_sensor.cellar", "off");
            if chance.percent(90) {
                home.lamp(
                    day,
                    second + 10 + chance.below(12),
                    "light.cellar",
                    &mut chance,
                );
            }
        }
    }
    let outcome = home.mine();
    only(
        &outcome,
        Kind::Pair,
        &["binary_sensor.cellar", "light.cellar"],
    );
}

#[test]
fn tuesdays_and_saturdays_are_one_habit() {
    let (mut home, mut chance) = lived_in(DAYS, 46);
    used_anyway(&mut home, 1, &mut chance);
    for day in 0..DAYS {
        if [1, 5].contains(&home.weekday(day)) && chance.percent(95) {
            let second = 19 * 3600 + chance.around(240);
            home.lamp(day, second, STEPS[0], &mut chance);
        }
    }
    let outcome = home.mine();
    let found = only(&outcome, Kind::TimeOfDay, &STEPS[..1]);
    assert_eq!(found.days, Some(DaySet::single(1).with(DaySet::single(5))));
    assert!(
        found.sentence.contains("on Tuesdays and Saturdays"),
        "{}",
        found.sentence
    );
}

#[test]
fn one_member_that_is_done_at_no_other_time_brings_its_company() {
    let (mut home, mut chance) = lived_in(DAYS, 47);
    for day in 0..DAYS {
        for step in [STEPS[1], STEPS[2]] {
            for _ in 0..5 {
                let second = (340 + chance.below(1_000)) * 60;
                home.lamp(day, second, step, &mut chance);
            }
        }
        let start = 6 * 3600 + 2_400 + chance.around(2_400);
        for step in STEPS {
            if chance.percent(88) {
                home.lamp(day, start + chance.around(240), step, &mut chance);
            }
        }
    }
    let outcome = home.mine();
    let routines = of_kind(&outcome, Kind::Routine);
    assert_eq!(routines.len(), 1, "{:#?}", told(&outcome));
    assert_eq!(routines[0].entities.len(), 3, "{}", routines[0].sentence);
}

#[test]
fn a_lamp_follows_the_person_and_not_the_phone_that_says_so_later() {
    let (mut home, mut chance) = lived_in(DAYS, 48);
    home.people = true;
    for day in 0..DAYS {
        let leaves = 7 * 3600 + chance.below(7_200);
        let comes = 16 * 3600 + chance.below(18_000);
        for (entity, lag) in [("person.kim", 0), ("device_tracker.phone", 40)] {
            home.at(day, leaves + lag, entity, "not_home");
            home.at(day, comes + lag, entity, "home");
        }
        if chance.percent(92) {
            home.lamp(
                day,
                comes + 70 + chance.below(60),
                "light.porch",
                &mut chance,
            );
        }
    }
    let outcome = home.mine();
    only(&outcome, Kind::Pair, &["person.kim", "light.porch"]);
}

#[test]
fn a_long_chain_of_things_that_are_used_otherwise_is_told_once_and_whole() {
    let (mut home, mut chance) = lived_in(DAYS, 49);
    let steps = [
        "binary_sensor.office_cabinet",
        "light.office_lamp",
        "light.office_strip",
        "light.kids_room",
        "switch.laundry",
    ];
    for day in 0..DAYS {
        for step in steps {
            if chance.percent(60) {
                let second = (400 + chance.below(950)) * 60;
                home.lamp(day, second, step, &mut chance);
            }
        }
        if chance.percent(70) {
            let mut second = (420 + chance.below(800)) * 60;
            for step in steps {
                home.lamp(day, second, step, &mut chance);
                second += 15 + chance.below(30);
            }
        }
    }
    let outcome = home.mine();
    let sequences = of_kind(&outcome, Kind::Sequence);
    assert_eq!(sequences.len(), 1, "{:#?}", told(&outcome));
    assert_eq!(sequences[0].entities, steps, "{:#?}", told(&outcome));
}
