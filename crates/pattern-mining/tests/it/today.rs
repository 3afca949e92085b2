//! What is news today: a habit that was missed, and one that is back.

use pattern_mining::Outcome;
use pattern_mining::pattern::{Kind, Oddity, Status};

use crate::home::{Chance, Home};

const LAMP: &str = "light.kitchen";
const DAYS: i64 = 60;

/// A home in which the lamp goes on around seven on some days, and other lamps at any hour on some.
fn home(habit: impl Fn(i64) -> bool, life: impl Fn(i64) -> bool) -> Outcome {
    let mut home = Home::new(DAYS);
    let mut chance = Chance::new(11);
    for day in 0..DAYS {
        let second = 420 * 60 + chance.around(300);
        if habit(day) {
            home.lamp(day, second, LAMP, &mut chance);
        }
        for lamp in ["light.hall", "light.attic", "light.bath", "light.desk"] {
            for _ in 0..3 {
                let second = (400 + chance.below(950)) * 60;
                if life(day) {
                    home.lamp(day, second, lamp, &mut chance);
                }
            }
        }
    }
    home.mine()
}

#[test]
fn a_habit_that_never_fails_and_did_not_happen_today_is_missed() {
    let outcome = home(|day| day != DAYS - 1, |_| true);
    assert_eq!(outcome.missed.len(), 1, "{:#?}", outcome.missed);
    let missed = &outcome.missed[0];
    assert_eq!(missed.entities, [LAMP]);
    assert_eq!(missed.kind, Kind::Anomaly);
    assert_eq!(missed.oddity, Some(Oddity::MissedHabit));
    assert!(
        missed.sentence.contains("59 of 59 days"),
        "{}",
        missed.sentence
    );
    // It is news, and takes nothing from the habit.
    assert!(
        outcome
            .patterns
            .iter()
            .any(|pattern| pattern.kind == Kind::TimeOfDay && pattern.entities == [LAMP])
    );
    assert!(
        outcome
            .patterns
            .iter()
            .all(|pattern| pattern.kind != Kind::Anomaly && pattern.id != missed.id)
    );
}

#[test]
fn nothing_is_missed_where_it_happened_nor_where_nobody_was_at_home_nor_where_it_often_fails() {
    let happened = home(|_| true, |_| true);
    assert_eq!(happened.missed, []);
    let away = home(|day| day != DAYS - 1, |day| day != DAYS - 1);
    assert_eq!(away.missed, []);
    let fails = home(|day| day != DAYS - 1 && day % 4 != 0, |_| true);
    assert_eq!(fails.missed, []);
    assert_eq!(fails.patterns.len(), 1);
}

#[test]
fn a_habit_that_stopped_and_is_back_is_revived() {
    let outcome = home(|day| !(25..48).contains(&day), |_| true);
    let of_lamp = |kind: Kind| {
        let mut patterns = outcome.patterns.iter();
        patterns.find(move |pattern| pattern.kind == kind && pattern.entities == [LAMP])
    };
    let habit = of_lamp(Kind::TimeOfDay).expect("the habit");
    assert_eq!(habit.status, Status::Revived, "{}", habit.sentence);
}
