//! The days of a record: where on earth they are, their wall clock, and when it is dark.

use common::instant::UtcMicros;
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use crate::home::calendar::Day;
use crate::home::chance::Chance;

/// Minutes of a day.
pub(super) const DAY: f64 = 1_440.0;
/// The first date on which a record may begin.
const EARLIEST: Date = date(2024, 1, 1);
/// Days within which records begin.
const BEGINNINGS: usize = 600;
/// Part of the homes that get a change of the clocks, where their zone has one.
const CLOCKS_CHANGE: f64 = 0.45;
/// Days before the end of a record after which a change of the clocks tells nothing.
const AFTER_CHANGE: i64 = 12;
/// Degrees below the horizon at which the sun's upper rim sets.
const RIM: f64 = -0.83;

/// Zone, degrees north, degrees east.
const PLACES: [(&str, f64, f64); 15] = [
    ("Europe/Berlin", 52.5, 13.4),
    ("Europe/London", 51.5, -0.1),
    ("Europe/Madrid", 40.4, -3.7),
    ("Europe/Stockholm", 59.3, 18.0),
    ("Europe/Amsterdam", 52.4, 4.9),
    ("America/New_York", 40.7, -74.0),
    ("America/Los_Angeles", 34.0, -118.2),
    ("America/Chicago", 41.9, -87.6),
    ("America/Denver", 39.7, -105.0),
    ("America/Sao_Paulo", -23.5, -46.6),
    ("Australia/Sydney", -33.9, 151.2),
    ("Australia/Brisbane", -27.5, 153.0),
    ("Asia/Tokyo", 35.7, 139.7),
    ("Asia/Kolkata", 19.1, 72.9),
    ("Pacific/Auckland", -36.8, 174.8),
];

/// Days on which something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// Every day.
    All,
    /// Monday to Friday.
    Weekday,
    /// Saturday and Sunday.
    Weekend,
}

impl Days {
    /// Whether a day of this number (Monday is 0) is one of them.
    pub(super) fn has(self, weekday: i8) -> bool {
        match self {
            Self::All => true,
            Self::Weekday => weekday < 5,
            Self::Weekend => weekday >= 5,
        }
    }

    /// Whether there are days that are of both.
    pub(super) fn meets(self, other: Self) -> bool {
        self == other || self == Self::All || other == Self::All
    }

    /// The name in the truth.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Weekday => "weekday",
            Self::Weekend => "weekend",
        }
    }
}

/// The days of a record. Moments are minutes of the wall clock since the first midnight.
#[derive(Debug)]
pub(super) struct Calendar {
    /// IANA name of the zone.
    pub(super) zone_name: &'static str,
    /// Days that are recorded.
    pub(super) days: i64,
    zone: TimeZone,
    first: Day,
    /// Sunrise and sunset of each day, in minutes of that day.
    daylight: Vec<(f64, f64)>,
}

impl Calendar {
    /// A place and a season.
    pub(super) fn new(days: i64, chance: &mut Chance) -> Self {
        let &(name, north, east) = chance.one_of(&PLACES);
        let zone = TimeZone::get(name).unwrap_or(TimeZone::UTC);
        let wants_change = chance.happens(CLOCKS_CHANGE);
        let mut first = Day::new(EARLIEST, &zone);
        // Seasons are tried until one fits; some zones have none that does.
        for _ in 0..60 {
            first = Day::new(EARLIEST, &zone).plus(chance.pick(BEGINNINGS) as i64);
            let early = offset_hours(&first.plus(AFTER_CHANGE), &zone);
            let late = offset_hours(&first.plus(days - AFTER_CHANGE), &zone);
            if !wants_change || (early - late).abs() > 0.0 {
                break;
            }
        }
        let daylight = (0..=days)
            .map(|day| daylight(&first.plus(day), &zone, north, east))
            .collect();
        Self {
            zone_name: name,
            days,
            zone,
            first,
            daylight,
        }
    }

    /// The instant of a moment, in microseconds.
    pub(super) fn at(&self, minute: f64) -> i64 {
        let day = (minute / DAY).floor();
        self.first.plus(day as i64).at(minute - day * DAY)
    }

    /// The moment of an instant.
    pub(super) fn minute(&self, at: i64) -> f64 {
        let instant = UtcMicros::default().plus_micros(at).timestamp();
        let wall = self.zone.to_datetime(instant);
        let days = (wall.date() - self.first.date).get_days();
        f64::from(days) * DAY
            + f64::from(wall.hour()) * 60.0
            + f64::from(wall.minute())
            + f64::from(wall.second()) / 60.0
    }

    /// The day of an instant.
    pub(super) fn day(&self, at: i64) -> i64 {
        (self.minute(at) / DAY).floor() as i64
    }

    /// The date of a day.
    pub(super) fn date(&self, day: i64) -> Date {
        self.first.date.saturating_add(day.days())
    }

    /// The weekday of a day; Monday is 0.
    pub(super) fn weekday(&self, day: i64) -> i8 {
        self.date(day).weekday().to_monday_zero_offset()
    }

    /// Sunrise and sunset of a day, in minutes of that day.
    pub(super) fn daylight(&self, day: i64) -> (f64, f64) {
        self.daylight[day.clamp(0, self.days) as usize]
    }

    /// Whether the sun is down.
    pub(super) fn is_dark(&self, at: i64) -> bool {
        let minute = self.minute(at);
        let day = (minute / DAY).floor();
        let (rise, set) = self.daylight(day as i64);
        !(rise..=set).contains(&(minute - day * DAY))
    }
}

fn offset_hours(day: &Day, zone: &TimeZone) -> f64 {
    let noon = UtcMicros::default().plus_micros(day.at(DAY / 2.0));
    f64::from(zone.to_offset(noon.timestamp()).seconds()) / 3_600.0
}

/// Sunrise and sunset, by the usual approximation; right to some minutes.
fn daylight(day: &Day, zone: &TimeZone, north: f64, east: f64) -> (f64, f64) {
    let of_year = f64::from(day.date.day_of_year());
    let tilt = (-23.44 * (std::f64::consts::TAU * (of_year + 10.0) / 365.0).cos()).to_radians();
    let north = north.to_radians();
    let cosine = (RIM.to_radians().sin() - north.sin() * tilt.sin()) / (north.cos() * tilt.cos());
    let half = cosine.clamp(-1.0, 1.0).acos().to_degrees() * 4.0;
    let turn = std::f64::consts::TAU * (of_year - 81.0) / 365.0;
    let equation = 9.87 * (2.0 * turn).sin() - 7.53 * turn.cos() - 1.5 * turn.sin();
    let noon = DAY / 2.0 - 4.0 * east + 60.0 * offset_hours(day, zone) - equation;
    (noon - half, noon + half)
}

/// Minutes between two times of the day, the shorter way around the clock.
pub(super) fn apart(one: f64, other: f64) -> f64 {
    let off = (one - other).rem_euclid(DAY);
    off.min(DAY - off)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_with(zone: &str, changes: bool) -> Calendar {
        (0..400)
            .map(|seed| Calendar::new(60, &mut Chance::new(&[seed])))
            .find(|calendar| {
                let offset = |day| offset_hours(&calendar.first.plus(day), &calendar.zone);
                calendar.zone_name == zone && ((offset(0) - offset(59)).abs() > 0.0) == changes
            })
            .expect("a season of that place")
    }

    #[test]
    fn a_minute_of_the_wall_clock_is_the_same_before_and_after_the_clocks_change() {
        let calendar = first_with("Europe/Berlin", true);
        let days: Vec<i64> = (0..60)
            .map(|day| calendar.at(f64::from(day) * DAY + 420.0))
            .collect();
        for (day, &at) in days.iter().enumerate() {
            let minute = day as f64 * DAY + 420.0;
            assert!((calendar.minute(at) - minute).abs() < 0.02, "day {day}");
        }
        let odd = |pair: &&[i64]| pair[1] - pair[0] != 86_400_000_000;
        assert_eq!(days.windows(2).filter(odd).count(), 1);
    }

    #[test]
    fn the_sun_sets_when_it_does() {
        let calendar = first_with("Asia/Tokyo", false);
        let sets = calendar.daylight(0).1;
        // In Tokyo between half past four and seven, all the year.
        assert!((985.0..1_145.0).contains(&sets), "{sets}");
    }
}
