//! Habits that were planted, and must be found with the right minute and the right days.

use jiff::civil::date;
use pattern_mining::Outcome;
use pattern_mining::pattern::{DaySet, Pattern};

use crate::home::{Chance, Home, minutes_off, told};

const LAMP: &str = "light.kitchen";

/// The lamp goes on around these minutes, with jitter, and not every time.
fn plant(
    home: &mut Home,
    minutes: &[i64],
    jitter: i64,
    missed_percent: i64,
    on: impl Fn(i64) -> bool,
    chance: &mut Chance,
) {
    for day in 0..home.days {
        for &minute in minutes {
            if on(home.weekday(day)) && !chance.percent(missed_percent) {
                home.lamp(day, minute * 60 + chance.around(jitter * 60), LAMP, chance);
            }
        }
    }
}

/// Exactly these habits, each within a quarter of an hour.
fn assert_found<'a>(
    outcome: &'a Outcome,
    minutes: &[i64],
    days: DaySet,
    what: &str,
) -> Vec<&'a Pattern> {
    assert_eq!(
        outcome.patterns.len(),
        minutes.len(),
        "{what}: {:#?}",
        told(outcome)
    );
    let near = |minute: i64| {
        let found = outcome
            .patterns
            .iter()
            .find(|pattern| minutes_off(pattern, minute) <= 15);
        let found = found.unwrap_or_else(|| {
            panic!("{what}: nothing near minute {minute}: {:#?}", told(outcome))
        });
        assert_eq!(
            (found.days, found.states[0].as_str()),
            (Some(days), "on"),
            "{what}: {}",
            found.sentence
        );
        found
    };
    minutes.iter().map(|&minute| near(minute)).collect()
}

#[test]
fn reports_every_one_of_one_two_and_three_daily_habits() {
    for (seed, minutes) in [(1, &[420][..]), (2, &[420, 1320]), (3, &[420, 720, 1320])] {
        let mut home = Home::new(30);
        plant(&mut home, minutes, 6, 10, |_| true, &mut Chance::new(seed));
        assert_found(&home.mine(), minutes, DaySet::ALL, "habits of every day");
    }
}

#[test]
fn reports_both_of_two_daily_habits_even_within_two_weeks() {
    let mut home = Home::new(14);
    plant(
        &mut home,
        &[420, 1320],
        5,
        10,
        |_| true,
        &mut Chance::new(14),
    );
    let outcome = home.mine();
    let found = assert_found(&outcome, &[420, 1320], DaySet::ALL, "two weeks");
    assert!(
        found[0].q_value <= 0.05 && found[0].expected_by_chance < 3.0,
        "{:#?}",
        found[0]
    );
}

#[test]
fn jitter_and_missed_days_do_not_hide_a_habit() {
    for jitter in [0, 5, 10, 15, 20] {
        for missed in [0, 10, 20, 30] {
            for seed in 0..5 {
                let mut home = Home::new(60);
                plant(
                    &mut home,
                    &[1125],
                    jitter,
                    missed,
                    |_| true,
                    &mut Chance::new(100 + seed),
                );
                assert_found(
                    &home.mine(),
                    &[1125],
                    DaySet::ALL,
                    &format!("jitter {jitter}, missed {missed} %, seed {seed}"),
                );
            }
        }
    }
}

#[test]
fn a_habit_of_weekdays_is_told_as_one() {
    for seed in 0..10 {
        let mut home = Home::new(30);
        plant(
            &mut home,
            &[405],
            8,
            15,
            |weekday| weekday < 5,
            &mut Chance::new(seed),
        );
        let outcome = home.mine();
        let found = assert_found(&outcome, &[405], DaySet::WEEKDAY, "weekdays");
        assert_eq!(found[0].opportunities, 22, "{}", found[0].sentence);
    }
}

#[test]
fn a_habit_of_weekends_is_told_as_one() {
    let mut home = Home::new(60);
    plant(
        &mut home,
        &[570],
        8,
        10,
        |weekday| weekday >= 5,
        &mut Chance::new(6),
    );
    assert_found(&home.mine(), &[570], DaySet::WEEKEND, "weekends");
}

#[test]
fn weekdays_and_weekends_at_different_hours_are_two_habits() {
    let mut home = Home::new(60);
    let mut chance = Chance::new(8);
    plant(&mut home, &[405], 8, 10, |weekday| weekday < 5, &mut chance);
    plant(
        &mut home,
        &[540],
        8,
        10,
        |weekday| weekday >= 5,
        &mut chance,
    );
    let outcome = home.mine();
    let mut days: Vec<_> = outcome
        .patterns
        .iter()
        .map(|pattern| {
            (
                pattern.days,
                pattern.time_of_day_minutes.map(|minute| minute / 60),
            )
        })
        .collect();
    days.sort_unstable();
    assert_eq!(
        days,
        [
            (Some(DaySet::WEEKDAY), Some(6)),
            (Some(DaySet::WEEKEND), Some(9))
        ],
        "{:#?}",
        told(&outcome)
    );
}

#[test]
fn midnight_habits_are_not_averaged_to_noon() {
    for seed in 0..10 {
        let mut home = Home::new(30);
        plant(&mut home, &[1439], 9, 10, |_| true, &mut Chance::new(seed));
        assert_found(&home.mine(), &[1439], DaySet::ALL, "midnight");
    }
}

#[test]
fn a_habit_of_weekdays_across_midnight_keeps_to_its_weekdays() {
    let mut home = Home::new(60);
    plant(
        &mut home,
        &[1435],
        12,
        10,
        |weekday| weekday < 5,
        &mut Chance::new(5),
    );
    assert_found(
        &home.mine(),
        &[1435],
        DaySet::WEEKDAY,
        "weekdays at midnight",
    );
}

#[test]
fn a_habit_stays_at_its_wall_clock_minute_when_the_clocks_change() {
    for first in [date(2026, 3, 9), date(2026, 10, 5)] {
        for minute in [420, 150] {
            let mut home = Home::from(first, 42);
            plant(&mut home, &[minute], 4, 10, |_| true, &mut Chance::new(7));
            let outcome = home.mine();
            let found = assert_found(&outcome, &[minute], DaySet::ALL, "change of clocks");
            assert!(
                found[0].window_minutes <= Some(20),
                "an hour of spread came in: {:#?}",
                found[0]
            );
        }
    }
}

#[test]
fn a_habit_shows_among_the_chatter_of_its_own_entity() {
    let mut home = Home::new(60);
    let mut chance = Chance::new(9);
    plant(&mut home, &[420], 5, 10, |_| true, &mut chance);
    for day in 0..home.days {
        for _ in 0..4 {
            home.lamp(day, 8 * 3600 + chance.below(14 * 3600), LAMP, &mut chance);
        }
    }
    assert_found(&home.mine(), &[420], DaySet::ALL, "chatter");
}

#[test]
fn confidence_can_fall() {
    let confidence = |missed| {
        let mut home = Home::new(60);
        plant(&mut home, &[420], 5, missed, |_| true, &mut Chance::new(10));
        let outcome = home.mine();
        assert_found(
            &outcome,
            &[420],
            DaySet::ALL,
            &format!("missed {missed} %: {:?}", outcome.report),
        )[0]
        .confidence
    };
    assert!(confidence(5) > confidence(30) + 0.1);
}

#[test]
fn the_name_of_a_habit_survives_a_drift_across_the_hour_and_is_given_once() {
    let at = |minutes: &[i64], known: &[Pattern]| {
        let mut home = Home::new(30);
        plant(&mut home, minutes, 3, 5, |_| true, &mut Chance::new(11));
        home.mine_knowing(known).patterns
    };
    let first = at(&[418], &[]);
    assert_eq!(
        first[0].id,
        at(&[418], &[])[0].id,
        "the same home gives the same name"
    );
    let drifted = at(&[440], &first);
    assert_eq!(drifted[0].id, first[0].id);
    assert_ne!(
        at(&[440], &[])[0].id,
        first[0].id,
        "without memory it would have had another name"
    );
    let two = at(&[418, 1100], &first);
    assert_eq!(
        two.iter()
            .filter(|pattern| pattern.id == first[0].id)
            .count(),
        1
    );
    assert_ne!(two[0].id, two[1].id);
}

#[test]
fn days_on_which_nothing_was_recorded_are_not_held_against_a_habit() {
    let mut home = Home::new(40);
    let mut chance = Chance::new(12);
    plant(&mut home, &[420], 5, 0, |_| true, &mut chance);
    for day in 0..home.days {
        for hour in 8..22 {
            home.lamp(
                day,
                hour * 3600 + chance.below(3600),
                "light.hall",
                &mut chance,
            );
            home.lamp(
                day,
                hour * 3600 + chance.below(3600),
                "light.bath",
                &mut chance,
            );
        }
    }
    // Ten days are missing, as if the recorder had been down.
    let zone = home.zone.clone();
    home.changes.retain(|&(at, ..)| {
        let day = jiff::Timestamp::from_microsecond(at)
            .unwrap()
            .to_zoned(zone.clone())
            .date();
        !(date(2026, 6, 11)..date(2026, 6, 21)).contains(&day)
    });
    let outcome = home.mine();
    let found = outcome
        .patterns
        .iter()
        .find(|pattern| pattern.entities[0].as_str() == LAMP)
        .expect("the habit");
    assert_eq!(
        (found.occurrences, found.opportunities),
        (30, 30),
        "{}",
        found.sentence
    );
}
