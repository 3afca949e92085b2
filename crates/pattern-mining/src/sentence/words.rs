//! The words of a sentence: what a thing does and is, times and days.

use common::entity::domain_of;

use crate::pattern::{DaySet, SunEvent, SunOffset};

const WEEKDAYS: [&str; 7] = [
    "Mondays",
    "Tuesdays",
    "Wednesdays",
    "Thursdays",
    "Fridays",
    "Saturdays",
    "Sundays",
];

/// A state in the words of its kind of thing: the `on` of a door is open.
fn state_of<'a>(id: &str, class: Option<&str>, state: &'a str) -> &'a str {
    let class = class.unwrap_or_default();
    match (domain_of(id), class, state) {
        ("binary_sensor", "door" | "garage_door" | "window" | "opening", "on") => "open",
        ("binary_sensor", "door" | "garage_door" | "window" | "opening", "off") => "closed",
        ("binary_sensor", "lock", "on") => "unlocked",
        ("binary_sensor", "lock", "off") => "locked",
        ("binary_sensor", "occupancy" | "presence", "on") => "occupied",
        ("binary_sensor", "occupancy" | "presence", "off") => "empty",
        ("binary_sensor", "running", "on") => "running",
        ("binary_sensor", "running", "off") => "done",
        ("binary_sensor", _, "on") => "triggered",
        ("binary_sensor", _, "off") => "quiet",
        _ => state,
    }
}

/// What an entity does when it reaches a state, to be told of it or denied: turn on, open, be locked.
pub(super) fn verb(id: &str, class: Option<&str>, state: &str) -> String {
    let fixed = match (domain_of(id), state_of(id, class, state)) {
        ("climate" | "water_heater", "off") => "stop heating",
        ("person" | "device_tracker", "home") => "come home",
        ("person" | "device_tracker", "not_home") => "leave home",
        (_, "on") => "turn on",
        (_, "off") => "turn off",
        (_, "open") => "open",
        (_, "opening") => "start opening",
        (_, "closed") => "close",
        (_, "closing") => "start closing",
        (_, "locked") => "be locked",
        (_, "unlocked") => "be unlocked",
        (_, "occupied") => "be occupied",
        (_, "empty") => "be empty again",
        (_, "running") => "start running",
        (_, "done") => "be done",
        (_, "triggered") => "be triggered",
        (_, "quiet") => "be quiet again",
        (_, "playing") => "start playing",
        (_, "paused") => "be paused",
        (_, "idle") => "become idle",
        (_, "cleaning") => "start cleaning",
        (_, "docked") => "return to its dock",
        (_, "heat") => "start heating",
        (_, "cool") => "start cooling",
        (_, other) => return format!("change to {}", other.replace('_', " ")),
    };
    fixed.to_owned()
}

/// What an entity is while it is in a state: on, open, at home.
pub(super) fn being(id: &str, class: Option<&str>, state: &str) -> String {
    match (domain_of(id), state_of(id, class, state)) {
        ("person" | "device_tracker", "home") => "at home".to_owned(),
        ("person" | "device_tracker", "not_home") => "away".to_owned(),
        (_, "heat") => "heating".to_owned(),
        (_, "cool") => "cooling".to_owned(),
        (_, other) => other.replace('_', " "),
    }
}

/// "turn on" becomes "turns on", "be locked" becomes "is locked".
pub(super) fn does(verb: &str) -> String {
    match verb.split_once(' ') {
        Some(("be", rest)) => format!("is {rest}"),
        Some((first, rest)) => format!("{first}s {rest}"),
        None => format!("{verb}s"),
    }
}

/// "turn on" becomes "did not turn on", "be locked" becomes "was not locked".
pub(super) fn did_not(verb: &str) -> String {
    verb.strip_prefix("be ").map_or_else(
        || format!("did not {verb}"),
        |rest| format!("was not {rest}"),
    )
}

/// `light.kitchen_lamp` is spoken "Kitchen lamp".
pub(super) fn spoken(entity_id: &str) -> String {
    let object = entity_id
        .split_once('.')
        .map_or(entity_id, |(_, object)| object)
        .replace('_', " ");
    let mut letters = object.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

pub(super) fn days(set: Option<DaySet>) -> String {
    match set.unwrap_or(DaySet::ALL) {
        DaySet::ALL => "every day".to_owned(),
        DaySet::WEEKDAY => "on weekdays".to_owned(),
        DaySet::WEEKEND => "at weekends".to_owned(),
        other => {
            let names: Vec<&str> = other
                .weekdays()
                .map(|day| WEEKDAYS[usize::from(day)])
                .collect();
            format!("on {}", names.join(" and "))
        }
    }
}

pub(super) fn clock(minute_of_day: i64) -> String {
    format!("{:02}:{:02}", minute_of_day / 60, minute_of_day % 60)
}

/// A local day, in days since 1970: 5 March.
pub(super) fn date(day: i64) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch
        .saturating_add(jiff::Span::new().days(day.clamp(-700_000, 2_900_000)))
        .strftime("%-d %B")
        .to_string()
}

pub(super) fn sun(sun: SunOffset) -> String {
    let event = match sun.event {
        SunEvent::Sunrise => "sunrise",
        SunEvent::Sunset => "sunset",
    };
    let side = if sun.minutes < 0 { "before" } else { "after" };
    let minutes = sun.minutes.unsigned_abs();
    if minutes == 0 {
        return format!(", at {event},");
    }
    format!(", {} {side} {event},", counted(minutes.into(), "minute"))
}

/// How a time of the day moves, in minutes a week.
pub(super) fn drift(weekly: f64) -> String {
    let side = if weekly < 0.0 { "earlier" } else { "later" };
    let minutes = counted(weekly.abs().round() as u64, "minute");
    format!(", {minutes} {side} every week")
}

/// A time for people: 45 seconds, 12 minutes, 3 hours.
pub(super) fn span(seconds: f64) -> String {
    in_units(seconds, f64::round)
}

/// The same for a limit, which is never told too small.
pub(super) fn at_most(seconds: f64) -> String {
    in_units(seconds, f64::ceil)
}

fn in_units(seconds: f64, rounded: impl Fn(f64) -> f64) -> String {
    let (count, unit) = if seconds < 100.0 {
        (seconds, "second")
    } else if seconds < 100.0 * 60.0 {
        (seconds / 60.0, "minute")
    } else if seconds < 48.0 * 3600.0 {
        (seconds / 3600.0, "hour")
    } else {
        (seconds / 86_400.0, "day")
    };
    counted(rounded(count).max(0.0) as u64, unit)
}

/// 1 minute, 2 minutes.
pub(super) fn counted(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thing_does_is_told_and_denied() {
        let told = |id: &str, class: Option<&str>, state: &str| {
            let verb = verb(id, class, state);
            (does(&verb), did_not(&verb))
        };
        let pair = |does: &str, did_not: &str| (does.to_owned(), did_not.to_owned());
        assert_eq!(
            told("light.kitchen", None, "on"),
            pair("turns on", "did not turn on")
        );
        assert_eq!(
            told("binary_sensor.front", Some("door"), "on"),
            pair("opens", "did not open")
        );
        assert_eq!(
            told("lock.front", None, "locked"),
            pair("is locked", "was not locked")
        );
        assert_eq!(
            told("vacuum.robby", None, "docked"),
            pair("returns to its dock", "did not return to its dock")
        );
        assert_eq!(
            told("person.ben", None, "home"),
            pair("comes home", "did not come home")
        );
        assert_eq!(
            told("select.mode", None, "deep_sleep"),
            pair("changes to deep sleep", "did not change to deep sleep")
        );
    }

    #[test]
    fn times_and_days_are_spoken() {
        assert_eq!(spoken("light.kitchen_lamp"), "Kitchen lamp");
        assert_eq!(span(1.0), "1 second");
        assert_eq!(span(5_400.0), "90 minutes");
        // 3 hours and 16 minutes: less than that would be untrue of "never more than".
        assert_eq!(at_most(11_760.0), "4 hours");
        assert_eq!(days(Some(DaySet::single(2))), "on Wednesdays");
        assert_eq!(clock(7 * 60 + 5), "07:05");
        assert_eq!(date(20_780), "23 November");
        assert_eq!(drift(-8.0), ", 8 minutes earlier every week");
        let at = |minutes| SunOffset {
            event: SunEvent::Sunset,
            minutes,
        };
        assert_eq!(sun(at(-1)), ", 1 minute before sunset,");
        assert_eq!(sun(at(0)), ", at sunset,");
    }
}
