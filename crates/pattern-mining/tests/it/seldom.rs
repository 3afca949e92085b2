//! Habits of few days, few conditions or few common times, and what is too vague to be told.

use pattern_mining::pattern::{Condition, DaySet, Kind, Status};

use crate::home::{minutes_off, told};
use crate::lives::{lived_in, of_kind};

const DAYS: i64 = 84;

#[test]
fn what_is_done_on_most_thursdays_to_the_minute_is_thursdays() {
    let (mut home, mut chance) = lived_in(DAYS, 31);
    for day in 0..DAYS {
        // Eight Thursdays of twelve, and now and then at another time.
        if home.weekday(day) == 3 && day / 7 % 3 != 2 {
            home.lamp(
                day,
                13 * 3600 + chance.around(150),
                "switch.iron",
                &mut chance,
            );
        }
        if chance.percent(30) {
            let second = (400 + chance.below(950)) * 60;
            home.lamp(day, second, "switch.iron", &mut chance);
        }
    }
    let outcome = home.mine();
    let times = of_kind(&outcome, Kind::TimeOfDay);
    let iron = times.iter().find(|time| time.entities == ["switch.iron"]);
    let iron = iron.unwrap_or_else(|| panic!("{:#?}", told(&outcome)));
    assert_eq!(iron.days, Some(DaySet::single(3)), "{}", iron.sentence);
    assert!(minutes_off(iron, 13 * 60) <= 5, "{}", iron.sentence);
}

#[test]
fn what_people_do_at_weekends_only_has_not_begun_with_the_last_of_them() {
    // The last days of the data are a weekend at which it never failed.
    let days = DAYS - 7;
    let (mut home, mut chance) = lived_in(days, 32);
    for day in 0..days {
        let weekend = home.weekday(day) >= 5;
        for _ in 0..3 {
            let second = (480 + chance.below(700)) * 60;
            home.at(day, second, "binary_sensor.front_door", "on");
            home.at(day, second + 9, "binary_sensor.front_door", "off");
            if weekend && (day > days - 10 || chance.percent(75)) {
                home.lamp(day, second + 15 + chance.below(20), "fan.hall", &mut chance);
            }
        }
    }
    let outcome = home.mine();
    let found = of_kind(&outcome, Kind::Conditional);
    assert_eq!(found.len(), 1, "{:#?}", told(&outcome));
    assert_eq!(found[0].entities, ["binary_sensor.front_door", "fan.hall"]);
    assert_eq!(found[0].condition, Some(Condition::Weekend));
    assert_eq!(found[0].status, Status::Active, "{}", found[0].sentence);
}

#[test]
fn bedtimes_that_no_single_lamp_shows_are_told_by_their_company() {
    let (mut home, mut chance) = lived_in(DAYS, 33);
    let lamps = [
        "light.stairs",
        "light.porch",
        "light.kitchen",
        "switch.heater",
    ];
    for day in 0..DAYS {
        for lamp in lamps {
            // All of them are used at any time of the evening as well.
            let second = (1_080 + chance.below(240)) * 60;
            home.lamp(day, second, lamp, &mut chance);
        }
        let bed = 22 * 3600 + 1_800 + chance.around(4_800);
        for lamp in lamps {
            if chance.percent(90) {
                let second = bed + chance.below(420);
                home.at(day, second, lamp, "on");
                home.at(day, second + 900 + chance.below(300), lamp, "off");
            }
        }
    }
    let outcome = home.mine();
    let routines = of_kind(&outcome, Kind::Routine);
    let whole = routines.iter().any(|routine| {
        lamps
            .iter()
            .all(|lamp| routine.entities.iter().any(|other| other == lamp))
    });
    assert!(whole, "{:#?}", told(&outcome));
}

#[test]
fn a_cupboard_that_is_opened_in_the_morning_more_or_less_is_not_told_and_one_that_is_on_time_is() {
    let (mut home, mut chance) = lived_in(DAYS, 34);
    for day in 0..DAYS {
        for (cupboard, most) in [
            ("binary_sensor.wardrobe", 2_700),
            ("binary_sensor.medicine_cupboard", 300),
        ] {
            let second = 7 * 3600 + 1_800 + chance.around(most);
            home.at(day, second, cupboard, "on");
            home.at(day, second + 20, cupboard, "off");
        }
    }
    let outcome = home.mine();
    let times = of_kind(&outcome, Kind::TimeOfDay);
    let cupboards: Vec<&str> = times.iter().map(|time| time.entities[0].as_str()).collect();
    assert_eq!(
        cupboards,
        ["binary_sensor.medicine_cupboard"],
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn of_a_long_chain_that_people_rarely_finish_the_part_is_told_that_they_do() {
    let (mut home, mut chance) = lived_in(DAYS, 35);
    let steps = [
        "light.one",
        "light.two",
        "light.three",
        "light.four",
        "light.five",
    ];
    for day in 0..DAYS {
        for step in steps {
            // Each is used by itself as well.
            if chance.percent(8) {
                let second = (400 + chance.below(950)) * 60;
                home.lamp(day, second, step, &mut chance);
            }
        }
        for _ in 0..2 {
            let mut second = (400 + chance.below(900)) * 60;
            for step in steps {
                home.lamp(day, second, step, &mut chance);
                second += 20 + chance.below(40);
                // Three of ten give up after each step.
                if chance.percent(30) {
                    break;
                }
            }
        }
    }
    let outcome = home.mine();
    let sequences = of_kind(&outcome, Kind::Sequence);
    let part = sequences.iter().any(|sequence| {
        let in_order = |part: &&[&str]| sequence.entities == *part;
        (3..=5).any(|length| steps.windows(length).any(|part| in_order(&part)))
    });
    assert!(part, "{:#?}", told(&outcome));
}
