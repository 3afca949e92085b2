//! One local day: its date, its wall clock, its daylight.

use common::instant::UtcMicros;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

/// A calendar day in the home's time zone.
#[derive(Debug, Clone)]
pub(crate) struct Day {
    pub(crate) date: Date,
    zone: TimeZone,
}

impl Day {
    pub(crate) fn new(date: Date, zone: &TimeZone) -> Self {
        Self {
            date,
            zone: zone.clone(),
        }
    }

    /// The day that holds `at`.
    pub(crate) fn holding(at: UtcMicros, zone: &TimeZone) -> Self {
        Self::new(zone.to_datetime(at.timestamp()).date(), zone)
    }

    /// The day that many days later (negative: earlier).
    pub(crate) fn plus(&self, days: i64) -> Self {
        Self::new(self.date.saturating_add(days.days()), &self.zone)
    }

    /// Days since a fixed one; the name of this day for seeded chance.
    pub(crate) fn number(&self) -> i64 {
        let epoch = jiff::civil::date(2000, 1, 1);
        i64::from((self.date - epoch).get_days())
    }

    pub(crate) fn is_weekend(&self) -> bool {
        self.date.weekday().to_monday_zero_offset() >= 5
    }

    /// The instant of a minute of the wall clock. Minutes past 1440 lie in the next day; where the clock is put forward, a
    /// minute that does not exist becomes the one an hour later.
    pub(crate) fn at(&self, minute: f64) -> i64 {
        let micros = (minute * 60e6) as i64;
        let wall = self
            .date
            .at(0, 0, 0, 0)
            .saturating_add(Span::new().microseconds(micros));
        match self.zone.to_ambiguous_timestamp(wall).compatible() {
            Ok(instant) => instant.as_microsecond(),
            Err(_) => i64::MAX,
        }
    }

    /// Minutes of sunrise and sunset on the wall clock, about right for 51 degrees north.
    pub(crate) fn daylight(&self) -> (f64, f64) {
        let year_angle =
            std::f64::consts::TAU * (f64::from(self.date.day_of_year()) + 10.0) / 365.25;
        let declination = (-23.44_f64).to_radians() * year_angle.cos();
        let half = (-51.0_f64.to_radians().tan() * declination.tan())
            .clamp(-1.0, 1.0)
            .acos();
        let half_minutes = half.to_degrees() * 4.0;
        let noon = UtcMicros::new(self.at(720.0))
            .unwrap_or_default()
            .timestamp();
        let summer = if self.zone.to_offset_info(noon).dst().is_dst() {
            60.0
        } else {
            0.0
        };
        (760.0 + summer - half_minutes, 760.0 + summer + half_minutes)
    }
}
