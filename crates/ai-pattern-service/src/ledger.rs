//! What is new, what has changed, and what is gone: compares a run with what was known.

use common::pattern::Pattern;

/// Runs in a row without a habit after which it is gone. One bad night does not end a habit.
pub(crate) const RUNS_UNTIL_GONE: u32 = 3;
/// A habit that moved by at least this many minutes has changed.
const MOVED_MINUTES: u16 = 15;
/// A habit whose confidence moved by this much has changed.
const MOVED_CONFIDENCE: f64 = 0.1;

/// A habit as the tables have it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The habit as it was found last.
    pub pattern: Pattern,
    /// Runs in a row that did not find it.
    pub missed_runs: u32,
    /// Not found for so long that it is no longer told.
    pub gone: bool,
}

/// What a run means for one habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Never seen before.
    New,
    /// It was gone, and is back.
    Revived,
    /// It moved, changed its days, or became clearly more or less sure.
    Changed,
    /// As before.
    Same,
    /// Not found this time; perhaps next time.
    Missed,
    /// Not found for several runs.
    Gone,
}

/// One line for each habit that is found or was known; each id once.
pub(crate) fn compare<'a>(known: &'a [Known], found: &'a [Pattern]) -> Vec<(&'a Pattern, News)> {
    let of_found = found.iter().map(|pattern| {
        let before = known.iter().find(|known| known.pattern.id == pattern.id);
        let news = match before {
            None => News::New,
            Some(known) if known.gone => News::Revived,
            Some(known) if has_changed(&known.pattern, pattern) => News::Changed,
            Some(_) => News::Same,
        };
        (pattern, news)
    });
    let missing = known
        .iter()
        .filter(|known| !known.gone && !found.iter().any(|pattern| pattern.id == known.pattern.id));
    let of_missing = missing.map(|known| {
        (
            &known.pattern,
            if known.missed_runs + 1 >= RUNS_UNTIL_GONE {
                News::Gone
            } else {
                News::Missed
            },
        )
    });
    of_found.chain(of_missing).collect()
}

fn has_changed(before: &Pattern, after: &Pattern) -> bool {
    let moved = before
        .time_of_day_minutes
        .abs_diff(after.time_of_day_minutes);
    moved.min(1440 - moved) >= MOVED_MINUTES
        || before.days != after.days
        || (before.confidence - after.confidence).abs() >= MOVED_CONFIDENCE
}

/// How many lines bear this news.
pub(crate) fn count(lines: &[(&Pattern, News)], wanted: &[News]) -> u32 {
    lines
        .iter()
        .filter(|(_, news)| wanted.contains(news))
        .count() as u32
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use common::instant::UtcMicros;
    use common::pattern::{DayClass, PatternKind};

    pub(crate) fn habit(id: &str, minute: u16, confidence: f64) -> Pattern {
        Pattern {
            id: id.to_owned(),
            kind: PatternKind::TimeOfDay,
            entities: vec!["light.kitchen".parse().unwrap()],
            states: vec!["on".to_owned()],
            days: DayClass::All,
            time_of_day_minutes: minute,
            spread_minutes: 3.0,
            window_minutes: 10,
            days_seen: 20,
            opportunities: 21,
            expected_by_chance: 1.0,
            q_value: 0.001,
            confidence,
            first_seen: UtcMicros::new(1_000_000).unwrap(),
            last_seen: UtcMicros::new(2_000_000).unwrap(),
            sentence: "Kitchen turns on.".to_owned(),
        }
    }

    fn known(pattern: Pattern, missed_runs: u32, gone: bool) -> Known {
        Known {
            pattern,
            missed_runs,
            gone,
        }
    }

    fn news(known: &[Known], found: &[Pattern]) -> Vec<News> {
        compare(known, found)
            .into_iter()
            .map(|(_, news)| news)
            .collect()
    }

    #[test]
    fn tells_new_changed_and_same_apart() {
        let before = [
            known(habit("a", 420, 0.8), 0, false),
            known(habit("b", 1435, 0.8), 1, false),
        ];
        assert_eq!(
            news(&before, &[habit("a", 425, 0.75), habit("b", 4, 0.8)]),
            [News::Same, News::Same]
        );
        assert_eq!(
            news(&before, &[habit("a", 440, 0.8), habit("b", 1435, 0.6)]),
            [News::Changed, News::Changed]
        );
        assert_eq!(news(&[], &[habit("a", 420, 0.8)]), [News::New]);
    }

    #[test]
    fn a_habit_is_gone_after_three_runs_and_can_come_back() {
        let at = |missed, gone| [known(habit("a", 420, 0.8), missed, gone)];
        assert_eq!(news(&at(0, false), &[]), [News::Missed]);
        assert_eq!(news(&at(2, false), &[]), [News::Gone]);
        assert_eq!(news(&at(3, true), &[]), []);
        assert_eq!(news(&at(3, true), &[habit("a", 420, 0.8)]), [News::Revived]);
    }
}
