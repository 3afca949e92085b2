//! One line of the file form of state changes: `{"t", "entity_id", "state", "area"?, "context"?}`, or a line of data-api's export.
//!
//! Read without a copy of what need not be kept: a home of ten years has a hundred million of these lines.

use std::borrow::Cow;
use std::ops::Deref;

use common::entity::EntityId;
use common::instant::{InvalidInstant, UtcMicros};
use serde::Deserialize;

use crate::timeline::{Change, EntityKey, Timeline};

/// In which order the lines of a file of this form come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    Time,
    /// Entity after entity, as data-api exports them: nothing is settled before the last line.
    Entity,
}

/// A text that is copied only where it has escapes; an `Option<Cow<str>>` would be copied always.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default, alias = "timestamp")]
    t: Option<Text<'a>>,
    /// Of data-api's export.
    #[serde(borrow, default)]
    last_updated: Option<Text<'a>>,
    #[serde(borrow)]
    entity_id: Text<'a>,
    #[serde(borrow, default)]
    state: Option<Text<'a>>,
    #[serde(borrow, default)]
    area: Option<Text<'a>>,
    #[serde(borrow, default)]
    context: Option<Context<'a>>,
    #[serde(borrow, default)]
    context_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    context_parent_id: Option<Text<'a>>,
    #[serde(default)]
    startup: bool,
}

#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    parent_id: Option<Text<'a>>,
}

/// Puts one line into the timeline; the order that its form comes in.
///
/// # Errors
/// What is wrong with the line, in words.
pub fn take(bytes: &[u8], timeline: &mut Timeline) -> Result<Order, String> {
    let line: Line<'_> = serde_json::from_slice(bytes).map_err(|error| {
        // Of a text of one line, the column says it all.
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        format!("{what} at character {}", error.column())
    })?;
    let (at, order) = match (&line.t, &line.last_updated) {
        (Some(t), _) => (instant(t)?, Order::Time),
        (None, Some(t)) => (instant(t)?, Order::Entity),
        (None, None) => return Err("it has no instant: want \"t\"".to_owned()),
    };
    let entity = key(&line.entity_id, timeline)?;
    if let Some(area) = &line.area {
        timeline.set_area(entity, area);
    }
    let context = line.context.as_ref();
    timeline.push(&Change {
        entity,
        at,
        state: line.state.as_deref(),
        previous: None,
        startup: line.startup,
        context_id: context
            .and_then(|context| context.id.as_deref())
            .or(line.context_id.as_deref()),
        context_parent_id: context
            .and_then(|context| context.parent_id.as_deref())
            .or(line.context_parent_id.as_deref()),
    });
    Ok(order)
}

fn key(id: &str, timeline: &mut Timeline) -> Result<EntityKey, String> {
    if let Some(key) = timeline.known(id) {
        return Ok(key);
    }
    let id: EntityId = id.parse().map_err(|error| format!("{error}"))?;
    Ok(timeline.entity(&id))
}

/// The instant of a text: the usual form is read digit by digit, every other one by the library.
fn instant(text: &str) -> Result<UtcMicros, String> {
    match usual_form(text.as_bytes()) {
        Some(micros) => UtcMicros::new(micros).map_err(|error| error.to_string()),
        None => text
            .parse()
            .map_err(|error: InvalidInstant| error.to_string()),
    }
}

/// `2026-11-23T08:13:45`, with or without up to six decimals, then `Z` or `+00:00`.
fn usual_form(text: &[u8]) -> Option<i64> {
    let number = |from: usize, until: usize| {
        text.get(from..until)?
            .iter()
            .try_fold(0_i64, |number, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| number * 10 + i64::from(digit - b'0'))
            })
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !marks
        .iter()
        .all(|&(place, mark)| text.get(place) == Some(&mark))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let sane = year >= 1
        && (1..=12).contains(&month)
        && (1..=28).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !sane {
        // The ends of months and leap seconds are the library's business.
        return None;
    }
    let mut rest = &text[19..];
    let mut micros = 0;
    if let Some(decimals) = rest.strip_prefix(b".") {
        let digits = decimals
            .iter()
            .take_while(|digit| digit.is_ascii_digit())
            .count();
        if !(1..=6).contains(&digits) {
            return None;
        }
        micros = number(20, 20 + digits)? * 10_i64.pow(6 - digits as u32);
        rest = &decimals[digits..];
    }
    let offset = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|digit| digit.is_ascii_digit()) =>
        {
            let of = |tens: &u8, ones: &u8| i64::from(tens - b'0') * 10 + i64::from(ones - b'0');
            let minutes = of(h1, h2) * 60 + of(m1, m2);
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    Some(
        ((days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) - offset * 60)
            * 1_000_000
            + micros,
    )
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_agrees_with_the_library() {
        for text in [
            "2026-11-23T08:13:45.429374+00:00",
            "2024-02-28T23:59:59.5-05:00",
            "2008-02-25T00:20:14+01:00",
            "1970-01-01T00:00:00Z",
            "2000-03-01T00:00:00.000001+05:30",
        ] {
            let slow: UtcMicros = text.parse().unwrap();
            assert_eq!(usual_form(text.as_bytes()), Some(slow.get()), "{text}");
        }
    }

    #[test]
    fn everything_else_is_left_to_the_library() {
        for text in [
            "2026-01-31T08:00:00Z",
            "2026-11-23T08:13:60Z",
            "2026-11-23 08:13:45Z",
            "yesterday",
            "",
            "2026-13-01T00:00:00Z",
        ] {
            assert_eq!(usual_form(text.as_bytes()), None, "{text}");
        }
        assert!(instant("2026-01-31T08:00:00Z").is_ok());
        assert!(instant("yesterday").is_err());
    }
}
