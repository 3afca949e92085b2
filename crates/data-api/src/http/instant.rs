//! Instants in query strings, as lenient as clients need.

use std::str::FromStr;

use common::instant::UtcMicros;
use serde::{Deserialize, Deserializer, de};

/// An instant of a query. Beyond ISO 8601 with an offset: a `+` that arrived as a blank because it was not encoded, and a
/// time without offset, which is taken as UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueryInstant(pub(super) UtcMicros);

impl<'de> Deserialize<'de> for QueryInstant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // The date and time take 19 characters; what follows is the fraction and the offset.
        let mended = text.split_at_checked(19).map_or_else(
            || text.clone(),
            |(time, rest)| format!("{time}{}", rest.replace(' ', "+")),
        );
        UtcMicros::from_str(&mended)
            .or_else(|error| UtcMicros::from_str(&format!("{mended}Z")).map_err(|_| error))
            .map(Self)
            .map_err(de::Error::custom)
    }
}

/// Seconds of a period such as `15m`, `1h`, `24h`, `7d`.
pub(super) fn period_seconds(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count: i64 = text[..text.len() - 1].parse().ok()?;
    (1..=100_000).contains(&count).then_some(count * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        serde_json::from_value::<QueryInstant>(serde_json::json!(text))
            .ok()
            .map(|at| at.0.get())
    }

    #[test]
    fn an_offset_that_lost_its_plus_and_a_time_without_offset_are_understood() {
        let want = read("2026-11-23T08:13:45.5+00:00");
        assert!(want.is_some());
        for text in [
            "2026-11-23T08:13:45.5 00:00",
            "2026-11-23T08:13:45.5Z",
            "2026-11-23T08:13:45.500000",
        ] {
            assert_eq!(read(text), want, "{text}");
        }
        for text in [
            "yesterday",
            "",
            "2026-13-01T00:00:00Z",
            "ääääääääääääääääääää",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn periods_have_a_unit() {
        assert_eq!(period_seconds("15m"), Some(900));
        assert_eq!(period_seconds("7d"), Some(604_800));
        for text in ["", "h", "7", "0h", "-1h", "7w", "9999999999d", "7ü"] {
            assert_eq!(period_seconds(text), None, "{text}");
        }
    }
}
