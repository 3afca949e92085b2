//! Something out of the ordinary, once what is ordinary is known.

use pattern_mining::pattern::{Kind, Oddity, Pattern};

use crate::home::{Chance, Home};

const DOOR: &str = "cover.garage_door";

/// What is odd about a door that is opened for some minutes three times a day, and five days before the end for twelve hours.
fn odd(days: i64) -> Vec<Pattern> {
    let mut home = Home::new(days);
    let mut chance = Chance::new(5);
    for day in 0..days {
        for _ in 0..3 {
            let second = (420 + chance.below(240)) * 60;
            home.lamp(day, second, "light.hall", &mut chance);
        }
        for hour in [8, 12, 16] {
            let second = hour * 3600 + chance.below(1800);
            let long = if (day, hour) == (days - 5, 8) {
                12 * 3600
            } else {
                120 + chance.below(600)
            };
            if day != days - 5 || hour == 8 {
                home.at(day, second, DOOR, "open");
                home.at(day, second + long, DOOR, "closed");
            }
        }
    }
    let mut patterns = home.mine().patterns;
    patterns.retain(|pattern| pattern.kind == Kind::Anomaly);
    patterns
}

#[test]
fn a_door_left_open_is_odd_once_three_weeks_are_known() {
    let [left] = &odd(40)[..] else {
        panic!("{:#?}", odd(40));
    };
    assert_eq!(
        (left.entities[0].as_str(), left.oddity),
        (DOOR, Some(Oddity::LeftOpen))
    );
    assert_eq!(odd(21).len(), 1);
    assert_eq!(odd(20), []);
}
