//! Whether a habit of the clock is due now.

use common::instant::UtcMicros;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use pattern_mining::pattern::{DaySet, Pattern};

/// Half the window of a habit that has none of its own, in minutes.
const WINDOW_MINUTES: u16 = 15;

/// Whether a habit is one of the clock, so that it can be due.
pub(super) fn can_be_due(pattern: &Pattern) -> bool {
    pattern.time_of_day_minutes.is_some()
}

/// Whether it is due at this instant: within its window around its minute of one of its days.
pub(super) fn is_due(pattern: &Pattern, now: UtcMicros, zone: &TimeZone) -> bool {
    let Some(minute) = pattern.time_of_day_minutes else {
        return false;
    };
    let Ok(now) = Timestamp::from_microsecond(now.get()) else {
        return false;
    };
    let days = pattern.days.unwrap_or(DaySet::ALL);
    let window = f64::from(pattern.window_minutes.unwrap_or(WINDOW_MINUTES).max(1)) * 60.0;
    let today = now.to_zoned(zone.clone()).date();
    // A window may reach over midnight.
    (-1..=1).any(|offset: i64| {
        let Ok(date) = today.checked_add(offset.days()) else {
            return false;
        };
        let weekday = date.weekday().to_monday_zero_offset();
        if !days
            .weekdays()
            .any(|day| i64::from(day) == i64::from(weekday))
        {
            return false;
        }
        let (hour, minute) = ((minute / 60) as i8, (minute % 60) as i8);
        date.at(hour, minute, 0, 0)
            .to_zoned(zone.clone())
            .is_ok_and(|due| due.timestamp().duration_since(now).as_secs_f64().abs() <= window)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::habit;

    fn at(text: &str) -> UtcMicros {
        text.parse::<Timestamp>().unwrap().into()
    }

    #[test]
    fn due_within_its_window_on_its_days_on_the_wall_clock_of_the_home() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // 07:00, ten minutes to each side, Monday to Friday. 2026-11-23 is a Monday, one hour from UTC.
        let work = Pattern {
            days: Some(DaySet::WEEKDAY),
            ..habit("a", 420, 0.8)
        };
        let due = |text: &str| is_due(&work, at(text), &berlin);
        assert!(due("2026-11-23T05:50:00Z") && due("2026-11-23T06:10:00Z"));
        assert!(!due("2026-11-23T05:49:59Z") && !due("2026-11-23T06:10:01Z"));
        assert!(!due("2026-11-22T06:00:00Z"), "Sunday");
        // In summer two hours from UTC.
        assert!(due("2026-07-20T05:00:00Z") && !due("2026-07-20T06:00:00Z"));
    }

    #[test]
    fn a_window_reaches_over_midnight() {
        let late = Pattern {
            days: Some(DaySet::single(6)),
            ..habit("a", 1437, 0.8)
        };
        let due = |text: &str| is_due(&late, at(text), &TimeZone::UTC);
        assert!(due("2026-11-22T23:50:00Z") && due("2026-11-23T00:05:00Z"));
        assert!(!due("2026-11-22T00:01:00Z") && !due("2026-11-23T23:57:00Z"));
    }

    #[test]
    fn what_follows_something_else_is_never_due() {
        let follows = Pattern {
            time_of_day_minutes: None,
            ..habit("a", 420, 0.8)
        };
        assert!(!can_be_due(&follows));
        assert!(!is_due(
            &follows,
            at("2026-11-23T07:00:00Z"),
            &TimeZone::UTC
        ));
    }
}
