//! When something is due: a cron line on the home's wall clock.

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;

use crate::instant::UtcMicros;

/// A cron line of five fields.
#[derive(Debug, Clone)]
pub struct Schedule(Box<Cron>);

impl FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(text).map_err(|error| {
            let reason = error.to_string();
            format!(
                "{}; want five fields of cron, such as '0 3 * * *' for 03:00 every day",
                reason.trim_end_matches('.')
            )
        })?;
        Ok(Self(Box::new(cron)))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.pattern.to_string())
    }
}

impl Schedule {
    /// The next time after `now`; none where the line describes a day that never comes.
    pub fn next_after(&self, now: UtcMicros, zone: &TimeZone) -> Option<UtcMicros> {
        let local = now.timestamp().to_zoned(zone.clone());
        self.0
            .find_next_occurrence(&local, false)
            .ok()
            .map(|next| next.timestamp().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(line: &str, zone: &str, now: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let next = line
            .parse::<Schedule>()
            .unwrap()
            .next_after(now.parse().unwrap(), &zone);
        next.map_or_else(
            || "never".to_owned(),
            |next| next.timestamp().to_zoned(zone).to_string(),
        )
    }

    #[test]
    fn runs_at_the_hour_of_the_home_not_of_the_server() {
        let at = next("0 3 * * *", "America/Los_Angeles", "2026-11-23T12:00:00Z");
        assert_eq!(at, "2026-11-24T03:00:00-08:00[America/Los_Angeles]");
        assert_eq!(
            next("0 3 * * *", "UTC", "2026-11-23T03:00:00Z"),
            "2026-11-24T03:00:00+00:00[UTC]"
        );
    }

    #[test]
    fn an_hour_that_the_clocks_skip_is_made_up_for_and_one_that_comes_twice_is_used_once() {
        let skipped = next("30 2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z");
        assert!(skipped.starts_with("2026-03-29T03:"), "{skipped}");
        let zone = "Europe/Berlin";
        let first = next("30 2 * * *", zone, "2026-10-24T23:00:00Z");
        assert_eq!(first, "2026-10-25T02:30:00+02:00[Europe/Berlin]");
        let second = next("30 2 * * *", zone, "2026-10-25T00:30:00Z");
        assert_eq!(second, "2026-10-26T02:30:00+01:00[Europe/Berlin]");
    }

    #[test]
    fn refuses_lines_that_are_no_cron() {
        for line in ["", "at night", "0 3 * *", "0 0 3 * * *", "61 3 * * *"] {
            assert!(line.parse::<Schedule>().is_err(), "{line:?}");
        }
        assert_eq!(
            "0 3 * * *".parse::<Schedule>().unwrap().to_string(),
            "0 3 * * *"
        );
    }
}
