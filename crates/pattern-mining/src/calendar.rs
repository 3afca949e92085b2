//! The home's local days: which minute of which day an instant is, what kind of day it was, and which minutes never existed.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::days::DaySet;

/// Minutes of a local day, ignoring the two days a year that are longer or shorter.
pub const MINUTES_PER_DAY: i64 = 1440;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Below this median of changes a day, an empty day says nothing: a quiet home cannot be told from a missing day.
const BUSY_ENOUGH: usize = 20;
/// So many days in a row without any change, before there are changes again, are no quiet life: there was no home yet, or nothing that
/// wrote it down. One change with a wrong clock, years before the others, would otherwise make hundreds of days on which nothing happened.
const GAP_DAYS: usize = 14;
/// A day with less than this part of the median day's changes was missing, or the people were away.
const QUIET_PART: usize = 5;

/// Turns instants into local minutes. Knows the changes of the clocks within a span beforehand, so that an instant in it costs an addition.
#[derive(Debug, Clone)]
pub struct LocalClock {
    time_zone: TimeZone,
    /// From which second on which offset holds, in seconds, in order.
    offsets: Vec<(i64, i64)>,
    /// The second behind the span.
    until: i64,
}

impl LocalClock {
    /// A clock of this time zone, for instants between two others, in microseconds. Any other instant is answered too, less quickly.
    pub fn new(time_zone: TimeZone, from_micros: i64, until_micros: i64) -> Self {
        let at = |micros: i64| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
        let (from, until) = (at(from_micros), at(until_micros));
        let offset = i64::from(time_zone.to_offset(from).seconds());
        let mut offsets = vec![(from.as_second(), offset)];
        let changes = time_zone.following(from);
        offsets.extend(
            changes
                .take_while(|change| change.timestamp() <= until)
                .map(|change| {
                    let offset = i64::from(change.offset().seconds());
                    (change.timestamp().as_second(), offset)
                }),
        );
        Self {
            time_zone,
            offsets,
            until: until.as_second(),
        }
    }

    /// Local minutes since 1970-01-01T00:00 of the wall clock.
    pub fn local_minute(&self, at_micros: i64) -> i64 {
        let second = at_micros.div_euclid(MICROS_PER_SECOND);
        let known = self.offsets.iter().rev().find(|(from, _)| *from <= second);
        let offset = match known {
            Some(&(_, offset)) if second < self.until => offset,
            _ => self.look_up(second),
        };
        (second + offset).div_euclid(60)
    }

    fn look_up(&self, second: i64) -> i64 {
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
        i64::from(self.time_zone.to_offset(at).seconds())
    }

    /// Local minutes that the clocks skipped between two instants, as half-open ranges.
    fn gaps(&self, from_micros: i64, until_micros: i64) -> Vec<(i64, i64)> {
        let at = |micros: i64| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut gaps = Vec::new();
        let mut before = i64::from(self.time_zone.to_offset(at(from_micros)).seconds());
        for change in self.time_zone.following(at(from_micros)) {
            if change.timestamp() > at(until_micros) {
                break;
            }
            let after = i64::from(change.offset().seconds());
            if after > before {
                let second = change.timestamp().as_second();
                gaps.push((
                    (second + before).div_euclid(60),
                    (second + after).div_euclid(60),
                ));
            }
            before = after;
        }
        gaps
    }
}

/// For each day, whether it lies in no long stretch of days without any change.
fn without_long_gaps(changes_by_day: &[usize]) -> Vec<bool> {
    let mut there = Vec::with_capacity(changes_by_day.len());
    for run in changes_by_day.chunk_by(|&one, &next| (one == 0) == (next == 0)) {
        let behind = there.len() + run.len();
        let lasts = behind == changes_by_day.len();
        there.resize(behind, run[0] > 0 || run.len() < GAP_DAYS || lasts);
    }
    there
}

/// The local days that a set of changes covers.
#[derive(Debug, Clone)]
pub struct Days {
    first_day: i64,
    first_minute: i64,
    last_minute: i64,
    lived_in: Vec<bool>,
    gaps: Vec<(i64, i64)>,
    time_zone: TimeZone,
}

impl Days {
    /// Days between the first and the last change. `changes_by_day` counts what people and devices did, from the first day on.
    pub fn new(
        clock: &LocalClock,
        first_micros: i64,
        last_micros: i64,
        changes_by_day: &[usize],
    ) -> Self {
        let gaps = clock.gaps(first_micros, last_micros);
        let first_minute = clock.local_minute(first_micros);
        let last_minute = clock.local_minute(last_micros);
        let there = without_long_gaps(changes_by_day);
        let mut sorted: Vec<usize> = changes_by_day
            .iter()
            .zip(&there)
            .filter_map(|(&changes, &there)| there.then_some(changes))
            .collect();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        let is_lived = |changes: usize| median < BUSY_ENOUGH || changes * QUIET_PART >= median;
        let lived_in = changes_by_day
            .iter()
            .zip(&there)
            .map(|(&changes, &there)| there && is_lived(changes))
            .collect();
        Self {
            first_day: first_minute.div_euclid(MINUTES_PER_DAY),
            first_minute,
            last_minute,
            lived_in,
            gaps,
            time_zone: clock.time_zone.clone(),
        }
    }

    /// Nobody was at home on the day at this position.
    pub fn leave_out(&mut self, index: usize) {
        self.lived_in[index] = false;
    }

    /// How many days there are, lived in or not.
    pub fn len(&self) -> usize {
        self.lived_in.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lived_in.is_empty()
    }

    /// How many of them count.
    pub fn lived_in(&self) -> usize {
        self.lived_in.iter().filter(|&&lived| lived).count()
    }

    /// The local day (days since 1970) at a position.
    pub fn day_at(&self, index: usize) -> i64 {
        self.first_day + index as i64
    }

    /// Whether something at this local minute (since 1970) fell on a day that counts.
    pub fn lived_at(&self, local_minute: i64) -> bool {
        self.index(local_minute.div_euclid(MINUTES_PER_DAY))
            .is_some_and(|index| self.lived_in[index])
    }

    /// The instant, in microseconds, of a minute of the wall clock of the day at a position.
    pub fn micros_at(&self, index: usize, minute: i64) -> i64 {
        let local = (self.first_day + index as i64) * MINUTES_PER_DAY + minute;
        let as_utc = Timestamp::from_second(local * 60).unwrap_or(Timestamp::UNIX_EPOCH);
        let offset = self.time_zone.to_offset(as_utc).seconds();
        let guess = as_utc.as_second() - i64::from(offset);
        let at_guess = Timestamp::from_second(guess).unwrap_or(as_utc);
        (local * 60 - i64::from(self.time_zone.to_offset(at_guess).seconds())) * MICROS_PER_SECOND
    }

    /// The local minutes (since 1970) of the first and the last change.
    pub fn span(&self) -> (i64, i64) {
        (self.first_minute, self.last_minute)
    }

    /// Position of a local day (days since 1970) in this range.
    pub fn index(&self, day: i64) -> Option<usize> {
        usize::try_from(day - self.first_day)
            .ok()
            .filter(|&index| index < self.lived_in.len())
    }

    /// The day at this position has data, the people were there, and it is of the class.
    pub fn counts(&self, index: usize, class: DaySet) -> bool {
        self.lived_in[index] && class.contains(self.first_day + index as i64)
    }

    /// Whether something could have been seen at this minute (which may lie before 0 or after 1439) of that day.
    pub fn could_happen(&self, index: usize, class: DaySet, minute: i64) -> bool {
        self.counts(index, class) && self.was(index, minute)
    }

    /// There was such a minute (which may lie before 0 or after 1439) of that day, and the data know of it.
    pub fn was(&self, index: usize, minute: i64) -> bool {
        let local = (self.first_day + index as i64) * MINUTES_PER_DAY + minute;
        (self.first_minute..=self.last_minute).contains(&local)
            && !self
                .gaps
                .iter()
                .any(|&(from, until)| (from..until).contains(&local))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn berlin() -> LocalClock {
        let (first, last) = (
            micros("2026-01-15T00:00:00Z"),
            micros("2026-12-01T00:00:00Z"),
        );
        LocalClock::new(TimeZone::get("Europe/Berlin").unwrap(), first, last)
    }

    #[test]
    fn local_minutes_agree_with_the_calendar_across_both_changes_of_the_clocks() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let clock = berlin();
        let start = micros("2026-01-01T00:00:00Z");
        for step in 0..17_520 {
            // Half hours of a year, twice through the seam.
            let at = start + step * 1_800 * MICROS_PER_SECOND;
            let zoned = Timestamp::from_microsecond(at)
                .unwrap()
                .to_zoned(zone.clone());
            let minute = clock.local_minute(at).rem_euclid(MINUTES_PER_DAY);
            assert_eq!(
                minute,
                i64::from(zoned.hour()) * 60 + i64::from(zoned.minute()),
                "{zoned}"
            );
        }
    }

    #[test]
    fn a_minute_that_the_clocks_skip_is_no_opportunity() {
        let clock = berlin();
        let (first, last) = (
            micros("2026-03-28T00:00:00+01:00"),
            micros("2026-03-30T23:00:00+02:00"),
        );
        let days = Days::new(&clock, first, last, &[1, 1, 1]);
        assert!(days.could_happen(0, DaySet::ALL, 150));
        assert!(
            !days.could_happen(1, DaySet::ALL, 150),
            "02:30 does not exist on 2026-03-29"
        );
        assert!(days.could_happen(1, DaySet::ALL, 180));
        assert!(days.could_happen(2, DaySet::ALL, 150));
    }

    #[test]
    fn a_minute_that_comes_twice_is_one_minute_of_one_day() {
        let clock = berlin();
        let first = clock.local_minute(micros("2026-10-25T02:30:00+02:00"));
        let second = clock.local_minute(micros("2026-10-25T02:30:00+01:00"));
        assert_eq!(first, second);
    }

    #[test]
    fn days_without_data_and_days_away_do_not_count() {
        let clock = berlin();
        let (first, last) = (
            micros("2026-06-01T00:00:00+02:00"),
            micros("2026-06-05T23:59:00+02:00"),
        );
        let days = Days::new(&clock, first, last, &[100, 0, 90, 10, 110]);
        let counted: Vec<bool> = (0..5).map(|day| days.counts(day, DaySet::ALL)).collect();
        assert_eq!(counted, [true, false, true, false, true]);
    }

    #[test]
    fn a_long_gap_is_not_lived_in_even_where_little_happens() {
        let clock = berlin();
        let first = micros("2026-06-01T00:00:00+02:00");
        let lived = |changes_by_day: &[usize]| {
            let last = first + changes_by_day.len() as i64 * 86_400_000_000 - 1;
            Days::new(&clock, first, last, changes_by_day).lived_in()
        };
        let mut stray = vec![0; 60];
        stray[0] = 1;
        stray[50..].fill(2);
        assert_eq!(lived(&stray), 11);
        // The others are as busy as ever, and the gap does not make every day of theirs look busy.
        stray[50..].fill(100);
        stray[55] = 3;
        assert_eq!(lived(&stray), 9);
        // A fortnight's holiday less a day is part of a quiet life, and so is a silence that lasts: habits may have ended.
        assert_eq!(lived(&[[1].as_slice(), &[0; 13], &[1]].concat()), 15);
        assert_eq!(lived(&[[1; 20], [0; 20]].concat()), 40);
    }

    #[test]
    fn in_a_home_with_few_changes_an_empty_day_counts() {
        let clock = berlin();
        let (first, last) = (
            micros("2026-06-01T00:00:00+02:00"),
            micros("2026-06-03T23:59:00+02:00"),
        );
        assert_eq!(Days::new(&clock, first, last, &[1, 0, 1]).lived_in(), 3);
    }
}
