//! Instants as whole microseconds since 1970-01-01T00:00:00Z, the resolution in which Home Assistant stamps state changes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in UTC, in microseconds since the Unix epoch.
///
/// JSON form: written as ISO 8601 with six decimals and `+00:00` (`2026-11-23T08:13:45.429374+00:00`), as Home Assistant does;
/// read from ISO 8601 with an offset, or from an integer number of microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UtcMicros(i64);

/// Why a text or number is not an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidInstant(String);

impl fmt::Display for InvalidInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: want ISO 8601 with an offset, such as 2026-11-23T08:13:45+00:00, or microseconds since 1970",
            self.0
        )
    }
}

impl std::error::Error for InvalidInstant {}

/// 0001-01-01 to 9999-12-30, the range that [`Timestamp`] can show.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_207_200_000_000;

impl UtcMicros {
    /// The first instant that can be shown, in the year 1.
    pub const MIN: Self = Self(*RANGE.start());
    /// The last instant that can be shown, in the year 9999.
    pub const MAX: Self = Self(*RANGE.end());

    /// The instant that is this many microseconds after the epoch, if it lies within the years 1 to 9999.
    pub fn new(micros: i64) -> Result<Self, InvalidInstant> {
        if RANGE.contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(InvalidInstant(format!(
                "{micros} is not an instant of the years 1 to 9999"
            )))
        }
    }

    /// The instant of a float of seconds, exactly as CPython's `datetime.fromtimestamp` rounds it:
    /// whole seconds split off, the fraction scaled and rounded half to even. Home Assistant derives the
    /// ISO text of a live event from the same float in the same way, so live and history agree to the microsecond.
    pub fn from_history_seconds(seconds: f64) -> Result<Self, InvalidInstant> {
        let whole = seconds.floor();
        let micros = ((seconds - whole) * 1e6).round_ties_even();
        if !whole.is_finite() || whole.abs() > 3e11 {
            return Err(InvalidInstant(format!(
                "{seconds} is not an instant of the years 1 to 9999"
            )));
        }
        Self::new(whole as i64 * 1_000_000 + micros as i64)
    }

    /// The instant of an HTTP date (`Sun, 06 Nov 1994 08:49:37 GMT`), which has whole seconds.
    pub fn from_http_date(text: &str) -> Result<Self, InvalidInstant> {
        let timestamp = jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(text)
            .map_err(|_| InvalidInstant(format!("'{}' is not an HTTP date", clipped(text))))?;
        Self::new(timestamp.as_microsecond())
    }

    /// This instant as an HTTP date; fractions of a second are left out. None where the form cannot show the year.
    pub fn to_http_date(self) -> Option<String> {
        jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&self.timestamp())
            .ok()
    }

    /// Microseconds since the epoch.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The same instant for calendar arithmetic.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX)
    }

    /// This instant moved by `micros` (negative: back), kept within the years 1 to 9999.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(
            self.0
                .saturating_add(micros)
                .clamp(*RANGE.start(), *RANGE.end()),
        )
    }

    /// This instant moved by whole seconds (negative: back).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_micros(seconds.saturating_mul(1_000_000))
    }

    /// Seconds from `earlier` to this instant; negative if it lies before.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0 - earlier.0) as f64 / 1e6
    }
}

impl From<Timestamp> for UtcMicros {
    fn from(timestamp: Timestamp) -> Self {
        Self(
            timestamp
                .as_microsecond()
                .clamp(*RANGE.start(), *RANGE.end()),
        )
    }
}

impl fmt::Display for UtcMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::tz::Offset::UTC.to_datetime(self.timestamp());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+00:00",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            self.0.rem_euclid(1_000_000)
        )
    }
}

impl FromStr for UtcMicros {
    type Err = InvalidInstant;

    fn from_str(text: &str) -> Result<Self, InvalidInstant> {
        let timestamp: Timestamp = text
            .parse()
            .map_err(|_| InvalidInstant(format!("'{}' is not an instant", clipped(text))))?;
        Self::new(timestamp.as_microsecond())
    }
}

/// At most 40 characters of a text from outside, for messages.
fn clipped(text: &str) -> String {
    text.chars().take(40).collect()
}

impl Serialize for UtcMicros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcMicros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = UtcMicros;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("ISO 8601 with an offset, or microseconds since 1970")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<UtcMicros, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, micros: i64) -> Result<UtcMicros, E> {
                UtcMicros::new(micros).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, micros: u64) -> Result<UtcMicros, E> {
                UtcMicros::new(i64::try_from(micros).unwrap_or(i64::MAX)).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for UtcMicros {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for UtcMicros {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read_and_written() {
        let at: UtcMicros = "1994-11-06T08:49:37.900000+00:00".parse().unwrap();
        let date = at.to_http_date().unwrap();
        assert_eq!(date, "Sun, 06 Nov 1994 08:49:37 GMT");
        let read = UtcMicros::from_http_date(&date).unwrap();
        assert!((at.seconds_since(read) - 0.9).abs() < 1e-9);
        assert!(UtcMicros::from_http_date("yesterday").is_err());
    }

    #[test]
    fn history_floats_round_as_cpython_does() {
        for (float, micros) in [
            (1_795_421_580.211_806_5, 1_795_421_580_211_807),
            (1_795_421_633.922_721_4, 1_795_421_633_922_721),
            (1_795_421_820.367_423_8, 1_795_421_820_367_424),
        ] {
            assert_eq!(
                UtcMicros::from_history_seconds(float).unwrap().get(),
                micros,
                "{float}"
            );
        }
    }

    #[test]
    fn reads_what_home_assistant_sends() {
        let with = "2026-11-23T08:13:45.429374+00:00"
            .parse::<UtcMicros>()
            .unwrap();
        assert_eq!(with.to_string(), "2026-11-23T08:13:45.429374+00:00");
        // Zero microseconds are left out by Home Assistant.
        let without = "2026-11-23T08:13:45+00:00".parse::<UtcMicros>().unwrap();
        assert_eq!(without.to_string(), "2026-11-23T08:13:45.000000+00:00");
        let offset = "2026-11-23T09:13:45.429374+01:00"
            .parse::<UtcMicros>()
            .unwrap();
        assert_eq!(offset, with);
        let number: UtcMicros = serde_json::from_str(&with.get().to_string()).unwrap();
        assert_eq!(number, with);
    }

    #[test]
    fn refuses_texts_without_offset_and_instants_out_of_range() {
        assert!("2026-11-23T08:13:45".parse::<UtcMicros>().is_err());
        assert!("yesterday".parse::<UtcMicros>().is_err());
        assert!(UtcMicros::new(i64::MAX).is_err());
        assert!(UtcMicros::from_history_seconds(f64::NAN).is_err());
        assert!(serde_json::from_str::<UtcMicros>("18446744073709551615").is_err());
    }

    #[test]
    fn instants_before_the_epoch_keep_their_fraction() {
        let before = UtcMicros::new(-1).unwrap();
        assert_eq!(before.to_string(), "1969-12-31T23:59:59.999999+00:00");
        assert_eq!(before.to_string().parse::<UtcMicros>().unwrap(), before);
    }
}
