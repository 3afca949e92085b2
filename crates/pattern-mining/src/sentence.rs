//! A habit in plain words.

use common::entity::domain_of;
use common::pattern::DayClass;

/// What a sentence needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The entity, `domain.object_id`.
    pub entity_id: &'a str,
    /// Its name for people, where it is known.
    pub name: Option<&'a str>,
    /// The state that it reaches.
    pub state: &'a str,
    /// The minute of the day.
    pub minute: i64,
    /// The days.
    pub days: DayClass,
    /// Days on which it happened.
    pub seen: u32,
    /// Days on which it could have.
    pub of: u32,
}

/// Such as: Kitchen light turns on around 06:45 on weekdays (19 of 21 days).
pub fn time_of_day(words: &Words<'_>) -> String {
    let name = words
        .name
        .map_or_else(|| spoken(words.entity_id), str::to_owned);
    let days = match words.days {
        DayClass::All => "every day",
        DayClass::Weekday => "on weekdays",
        DayClass::Weekend => "at weekends",
    };
    format!(
        "{name} {} around {:02}:{:02} {days} ({} of {} days).",
        verb(words.entity_id, words.state),
        words.minute / 60,
        words.minute % 60,
        words.seen,
        words.of
    )
}

/// `light.kitchen_lamp` is spoken "Kitchen lamp".
fn spoken(entity_id: &str) -> String {
    let object = entity_id
        .split_once('.')
        .map_or(entity_id, |(_, object)| object)
        .replace('_', " ");
    let mut letters = object.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn verb(entity_id: &str, state: &str) -> String {
    let fixed = match (domain_of(entity_id), state) {
        ("binary_sensor", "on") => "is triggered",
        ("binary_sensor", "off") => "is quiet again",
        (_, "on") => "turns on",
        (_, "off") => "turns off",
        (_, "open") => "opens",
        (_, "opening") => "starts opening",
        (_, "closed") => "closes",
        (_, "closing") => "starts closing",
        (_, "locked") => "is locked",
        (_, "unlocked") => "is unlocked",
        (_, "playing") => "starts playing",
        (_, "paused") => "is paused",
        (_, "idle") => "becomes idle",
        (_, "cleaning") => "starts cleaning",
        (_, "docked") => "returns to its dock",
        (_, "heat") => "starts heating",
        (_, "cool") => "starts cooling",
        (_, other) => return format!("changes to {}", other.replace('_', " ")),
    };
    fixed.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_sentence() {
        let words = Words {
            entity_id: "light.kitchen_lamp",
            name: Some("Kitchen light"),
            state: "on",
            minute: 405,
            days: DayClass::Weekday,
            seen: 19,
            of: 21,
        };
        assert_eq!(
            time_of_day(&words),
            "Kitchen light turns on around 06:45 on weekdays (19 of 21 days)."
        );
        let unnamed = Words {
            name: None,
            days: DayClass::All,
            minute: 5,
            state: "eco_mode",
            ..words
        };
        assert_eq!(
            time_of_day(&unnamed),
            "Kitchen lamp changes to eco mode around 00:05 every day (19 of 21 days)."
        );
    }
}
