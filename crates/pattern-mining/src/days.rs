//! Sets of weekdays.

use serde::{Deserialize, Serialize};

/// A set of weekdays; bit 0 is Monday.
///
/// JSON form: `"all"`, `"weekday"`, `"weekend"`, or the list of its days with Monday as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct DaySet(u8);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(Word),
    List(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    All,
    Weekday,
    Weekend,
}

impl DaySet {
    /// Every day.
    pub const ALL: Self = Self(0b111_1111);
    /// Monday to Friday.
    pub const WEEKDAY: Self = Self(0b001_1111);
    /// Saturday and Sunday.
    pub const WEEKEND: Self = Self(0b110_0000);

    /// One weekday, Monday is 0.
    pub const fn single(weekday: u8) -> Self {
        Self(1 << (weekday % 7))
    }

    /// Whether a local day (days since 1970) belongs to it.
    pub const fn contains(self, day: i64) -> bool {
        self.0 & (1 << weekday(day)) != 0
    }

    /// Whether every day of `other` is one of these.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The days of either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// How many weekdays.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Its weekdays, Monday is 0.
    pub fn weekdays(self) -> impl Iterator<Item = u8> {
        (0..7).filter(move |day| self.0 & (1 << day) != 0)
    }

    /// A word for hashes and tables: `all`, `weekday`, `weekend`, or the digits of its days.
    pub fn word(self) -> String {
        match self {
            Self::ALL => "all".to_owned(),
            Self::WEEKDAY => "weekday".to_owned(),
            Self::WEEKEND => "weekend".to_owned(),
            other => other.weekdays().map(|day| char::from(b'0' + day)).collect(),
        }
    }
}

/// The weekday of a local day (days since 1970), Monday is 0. 1970-01-01 was a Thursday.
pub const fn weekday(day: i64) -> u8 {
    (day + 3).rem_euclid(7) as u8
}

impl From<Written> for DaySet {
    fn from(written: Written) -> Self {
        match written {
            Written::Word(Word::All) => Self::ALL,
            Written::Word(Word::Weekday) => Self::WEEKDAY,
            Written::Word(Word::Weekend) => Self::WEEKEND,
            Written::List(days) => {
                Self(days.into_iter().fold(0, |set, day| set | (1 << (day % 7))))
            }
        }
    }
}

impl From<DaySet> for Written {
    fn from(set: DaySet) -> Self {
        match set {
            DaySet::ALL => Self::Word(Word::All),
            DaySet::WEEKDAY => Self::Word(Word::Weekday),
            DaySet::WEEKEND => Self::Word(Word::Weekend),
            other => Self::List(other.weekdays().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_as_words_or_lists() {
        let written = |set: DaySet| serde_json::to_string(&set).unwrap();
        assert_eq!(written(DaySet::WEEKDAY), "\"weekday\"");
        assert_eq!(written(DaySet::single(2)), "[2]");
        let read: DaySet = serde_json::from_str("[5,6]").unwrap();
        assert_eq!(read, DaySet::WEEKEND);
    }

    #[test]
    fn saturday_and_sunday_are_the_weekend() {
        // Day 20,780 is 2026-11-23, a Monday.
        let weekend: Vec<bool> = (20_780..20_787)
            .map(|day| DaySet::WEEKEND.contains(day))
            .collect();
        assert_eq!(weekend, [false, false, false, false, false, true, true]);
    }
}
