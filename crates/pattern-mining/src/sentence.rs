//! A pattern in plain words.

use common::entity::domain_of;

use crate::evidence::Evidence;
use crate::finding::Finding;
use crate::pattern::{Condition, DaySet, Kind, Oddity, Pattern, SunEvent};

const WEEKDAYS: [&str; 7] = [
    "Mondays",
    "Tuesdays",
    "Wednesdays",
    "Thursdays",
    "Fridays",
    "Saturdays",
    "Sundays",
];

/// Such as: Kitchen light turns on around 06:45 on weekdays (19 of 21 days).
pub fn sentence(pattern: &Pattern, finding: &Finding, evidence: &Evidence) -> String {
    let does = |place: usize| {
        let facts = evidence.facts_of(finding.series[place]);
        let name = facts.name.clone().unwrap_or_else(|| spoken(&facts.id));
        format!("{name} {}", verb(&facts.id, &pattern.states[place]))
    };
    let counted = format!(
        "({} of {} times)",
        pattern.occurrences, pattern.opportunities
    );
    let after = span(pattern.delay_s.unwrap_or(0.0));
    let clock = pattern.time_of_day_minutes.unwrap_or(0);
    let at = format!("around {:02}:{:02}", clock / 60, clock % 60);
    let text = match pattern.kind {
        Kind::TimeOfDay => format!(
            "{} {}{} {} ({} of {} days)",
            does(0),
            at,
            sun(pattern),
            days(pattern.days),
            pattern.occurrences,
            pattern.opportunities
        ),
        Kind::Pair => format!(
            "{} about {after} after {} {counted}",
            does(1),
            lower(&does(0))
        ),
        Kind::Conditional => format!(
            "{} about {after} after {}, but only {} {counted}",
            does(1),
            lower(&does(0)),
            pattern
                .condition
                .as_ref()
                .map(condition)
                .unwrap_or_default()
        ),
        Kind::Sequence => {
            let steps: Vec<String> = (0..finding.series.len()).map(does).collect();
            format!("{} {counted}", steps.join(", then "))
        }
        Kind::Routine => {
            let members: Vec<String> = (0..finding.series.len()).map(does).collect();
            let when = if finding.scene {
                "within seconds".to_owned()
            } else {
                format!("{at} {}", days(pattern.days))
            };
            format!("Together {when}: {} {counted}", members.join("; "))
        }
        Kind::Duration => format!(
            "{} and stays so for about {} {counted}",
            does(0),
            span(pattern.minutes.unwrap_or(0.0) * 60.0)
        ),
        Kind::Anomaly => odd(pattern, finding, &does(0)),
    };
    format!("{text}.")
}

fn odd(pattern: &Pattern, finding: &Finding, does: &str) -> String {
    let what = match pattern.oddity {
        Some(Oddity::LeftOpen) => "and is left so",
        Some(Oddity::StuckOn) => "and stays so far longer than ever",
        Some(Oddity::Silent) => "no more",
        Some(Oddity::UnusualHour) => "at an unusual hour",
        Some(Oddity::MissedHabit) | None => "not, for once",
    };
    format!("{does} {what} ({})", finding.remark)
}

fn sun(pattern: &Pattern) -> String {
    let Some(sun) = pattern.sun else {
        return String::new();
    };
    let event = match sun.event {
        SunEvent::Sunrise => "sunrise",
        SunEvent::Sunset => "sunset",
    };
    let side = if sun.minutes < 0 { "before" } else { "after" };
    format!(", {} minutes {side} {event},", sun.minutes.abs())
}

fn days(set: Option<DaySet>) -> String {
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

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Dark => "when it is dark".to_owned(),
        Condition::Light => "by daylight".to_owned(),
        Condition::Weekday => "on weekdays".to_owned(),
        Condition::Weekend => "at weekends".to_owned(),
        Condition::State { entity, state } => format!(
            "while {} is {}",
            lower(&spoken(entity)),
            state.replace('_', " ")
        ),
        Condition::Numeric {
            entity,
            above,
            below,
        } => {
            let name = lower(&spoken(entity));
            match (above, below) {
                (Some(above), _) => format!("while {name} is above {above:.1}"),
                (None, Some(below)) => format!("while {name} is below {below:.1}"),
                (None, None) => format!("while {name} is known"),
            }
        }
    }
}

fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// A time for people: 45 seconds, 12 minutes, 3 hours.
pub fn span(seconds: f64) -> String {
    let (count, unit) = if seconds < 100.0 {
        (seconds, "second")
    } else if seconds < 100.0 * 60.0 {
        (seconds / 60.0, "minute")
    } else if seconds < 48.0 * 3600.0 {
        (seconds / 3600.0, "hour")
    } else {
        (seconds / 86_400.0, "day")
    };
    let count = count.round();
    format!(
        "{count} {unit}{}",
        if (count - 1.0).abs() < 0.5 { "" } else { "s" }
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
    fn states_and_spans_are_spoken() {
        assert_eq!(verb("light.kitchen", "on"), "turns on");
        assert_eq!(spoken("light.kitchen_lamp"), "Kitchen lamp");
        assert_eq!(span(1.0), "1 second");
        assert_eq!(span(5_400.0), "90 minutes");
        assert_eq!(days(Some(DaySet::single(2))), "on Wednesdays");
        let bright = Condition::Numeric {
            entity: "sensor.hall_lux".to_owned(),
            above: Some(30.0),
            below: None,
        };
        assert_eq!(condition(&bright), "while hall lux is above 30.0");
    }
}
