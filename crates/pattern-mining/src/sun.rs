//! When the sun rises and sets, for habits that follow it and for "dark".
//!
//! The solar position is the low-accuracy series of the Astronomical Almanac (as in Meeus, *Astronomical Algorithms*, chapter
//! 25): good to about a minute, where people are good to ten.

use crate::pattern::SunEvent;

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
/// Altitude of the sun's centre at sunrise and sunset, in degrees: refraction and half of its disc.
const HORIZON: f64 = -0.833;
/// Latitude assumed for a time zone that names no place: most people live between 20 and 55 degrees.
const MIDDLE_LATITUDE: f64 = 40.0;
/// Principal place of each time zone, from the public-domain files zone1970.tab and zone.tab of the tz database.
const PLACES: &str = include_str!("../data/places.tsv");

/// A place on Earth, in degrees, north and east positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// North of the equator.
    pub latitude: f64,
    /// East of Greenwich.
    pub longitude: f64,
}

impl Place {
    /// The principal place of a time zone; for a zone without one, the middle of the strip of its offset.
    pub fn of_zone(name: &str, offset_seconds: i32) -> Self {
        let named = PLACES.lines().find_map(|line| {
            let mut fields = line.split('\t');
            (fields.next()? == name).then_some(())?;
            Some(Self {
                latitude: fields.next()?.parse().ok()?,
                longitude: fields.next()?.parse().ok()?,
            })
        });
        named.unwrap_or(Self {
            latitude: MIDDLE_LATITUDE,
            longitude: f64::from(offset_seconds) / 240.0,
        })
    }

    /// Minutes after midnight UTC of a day (days since 1970) at which the sun does this; none where it does not that day.
    pub fn minute_utc(self, day: i64, event: SunEvent) -> Option<f64> {
        // Days since noon of 2000-01-01, at the place's own noon.
        let noon = (day - 10_957) as f64 - self.longitude / 360.0;
        let (declination, equation) = declination_and_equation(noon);
        let latitude = self.latitude.to_radians();
        let cosine = (HORIZON.to_radians().sin() - latitude.sin() * declination.sin())
            / (latitude.cos() * declination.cos());
        if !(-1.0..=1.0).contains(&cosine) {
            return None;
        }
        let half_day = cosine.acos().to_degrees() * 4.0;
        let transit = 720.0 - 4.0 * self.longitude - equation;
        Some(match event {
            SunEvent::Sunrise => transit - half_day,
            SunEvent::Sunset => transit + half_day,
        })
    }

    /// Whether the sun is below the horizon at an instant, in microseconds since 1970.
    pub fn is_dark(self, at_micros: i64) -> bool {
        let days = at_micros as f64 / 86_400e6 - 10_957.5;
        let (declination, equation) = declination_and_equation(days);
        let minutes = (at_micros as f64 / 60e6).rem_euclid(1440.0);
        let hour_angle = (minutes + equation + 4.0 * self.longitude - 720.0) / 4.0;
        let latitude = self.latitude.to_radians();
        let sine = latitude.sin() * declination.sin()
            + latitude.cos() * declination.cos() * hour_angle.to_radians().cos();
        sine < HORIZON.to_radians().sin()
    }
}

/// Tells whether it is dark at many instants: within an hour in which it is the same at both ends, nothing is worked out.
#[derive(Debug)]
pub(crate) struct Darkness {
    place: Place,
    /// The hour of the last instant.
    hour: i64,
    /// Whether it is dark at its beginning and at its end.
    ends: [bool; 2],
}

impl Darkness {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            hour: i64::MIN,
            ends: [false; 2],
        }
    }

    /// Whether the sun is below the horizon at an instant, in microseconds since 1970.
    pub(crate) fn is_at(&mut self, at_micros: i64) -> bool {
        let hour = at_micros.div_euclid(HOUR);
        if hour != self.hour {
            self.hour = hour;
            self.ends = [hour * HOUR, (hour + 1) * HOUR].map(|end| self.place.is_dark(end));
        }
        match self.ends {
            [from, until] if from == until => from,
            _ => self.place.is_dark(at_micros),
        }
    }
}

/// The sun's declination in radians and the equation of time in minutes, at days since noon of 2000-01-01.
fn declination_and_equation(days: f64) -> (f64, f64) {
    let anomaly = (357.529 + 0.985_600_28 * days).to_radians();
    let mean = 280.459 + 0.985_647_36 * days;
    let longitude = (mean + 1.915 * anomaly.sin() + 0.020 * (2.0 * anomaly).sin()).to_radians();
    let tilt = (23.439 - 0.000_000_36 * days).to_radians();
    let ascension = (tilt.cos() * longitude.sin())
        .atan2(longitude.cos())
        .to_degrees();
    let apart = (mean - ascension + 180.0).rem_euclid(360.0) - 180.0;
    ((tilt.sin() * longitude.sin()).asin(), 4.0 * apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sunset_agrees_with_the_almanac() {
        let berlin = Place::of_zone("Europe/Berlin", 3600);
        // Day 20,259 is 2025-06-20: sunrise 04:43 and sunset 21:33 in Berlin, both in CEST.
        let local = |event| berlin.minute_utc(20_259, event).unwrap() + 120.0;
        assert!(
            (local(SunEvent::Sunset) - 1293.0).abs() < 3.0,
            "{}",
            local(SunEvent::Sunset)
        );
        assert!(
            (local(SunEvent::Sunrise) - 283.0).abs() < 3.0,
            "{}",
            local(SunEvent::Sunrise)
        );
        let midday = 20_259 * 86_400_000_000 + 11 * 3_600_000_000;
        assert!(!berlin.is_dark(midday) && berlin.is_dark(midday + 12 * 3_600_000_000));
    }

    #[test]
    fn darkness_is_the_same_hour_by_hour() {
        for latitude in [52.5, -33.9, 65.0] {
            let place = Place {
                latitude,
                longitude: 13.4,
            };
            let mut darkness = Darkness::new(place);
            // Every seven minutes of a year.
            let instants = (0..365 * 24 * 60 / 7).map(|step| step * 7 * 60_000_000);
            let differ = instants.filter(|&at| darkness.is_at(at) != place.is_dark(at));
            assert_eq!(differ.count(), 0, "at {latitude}");
        }
    }

    #[test]
    fn a_polar_night_has_no_sunset_and_an_unnamed_zone_has_a_place() {
        let north = Place {
            latitude: 75.0,
            longitude: 20.0,
        };
        assert_eq!(north.minute_utc(20_443, SunEvent::Sunset), None);
        assert!((Place::of_zone("Etc/GMT-9", 32_400).longitude - 135.0).abs() < 1e-9);
    }
}
