//! What is new, what has changed, and what is gone: compares a run with what was known.

use common::instant::UtcMicros;
use pattern_mining::pattern::{Kind, Pattern, Status};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Runs in a row without a habit after which it is gone. One bad night does not end a habit.
pub(crate) const RUNS_UNTIL_GONE: u32 = 3;
/// Days that "later" lasts unless it is said otherwise, and at most.
pub(crate) const LATER_DAYS: (i64, i64) = (30, 3650);
/// A habit that moved by at least this many minutes has changed.
const MOVED_MINUTES: u16 = 15;
/// A habit whose confidence moved by this much has changed.
const MOVED_CONFIDENCE: f64 = 0.1;

/// What people said of a habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// It is right, or wanted.
    Accept,
    /// It is not to be shown again, nor what differs from it only trivially.
    Dismiss,
    /// Not now.
    Later,
}

impl Feedback {
    /// The word used in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Dismiss => "dismiss",
            Self::Later => "later",
        }
    }

    /// The feedback of a word, also of those of the replaced service (`reject`, `ignore`).
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "accept" => Some(Self::Accept),
            "dismiss" | "reject" => Some(Self::Dismiss),
            "later" | "ignore" => Some(Self::Later),
            _ => None,
        }
    }
}

/// A habit as the tables have it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The habit as it was found last, without its evidence.
    pub pattern: Pattern,
    /// Runs in a row that did not find it.
    pub missed_runs: u32,
    /// Ended, or not found for so long that it is no longer told.
    pub gone: bool,
    /// What people said of it last.
    pub feedback: Option<Feedback>,
    /// Until when it is not to be shown.
    pub later_until: Option<UtcMicros>,
    /// Whether a broker acknowledged the message that it was found.
    pub told: bool,
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
    /// It had ended before, as the run says as well.
    Past,
    /// Not found this time; perhaps next time.
    Missed,
    /// It has ended, or was not found for several runs.
    Gone,
}

/// One line for each habit that is found or was known; each id once. What was refused stays as it is.
pub(crate) fn compare<'a>(known: &'a [Known], found: &'a [Pattern]) -> Vec<(&'a Pattern, News)> {
    let of_found = found.iter().map(|pattern| {
        let before = known.iter().find(|known| known.pattern.id == pattern.id);
        let has_ended = pattern.status == Status::Stopped;
        let news = match before {
            None if has_ended => News::Past,
            None => News::New,
            Some(known) if known.gone && has_ended => News::Past,
            Some(known) if known.gone => News::Revived,
            Some(_) if has_ended => News::Gone,
            Some(known) if has_changed(&known.pattern, pattern) => News::Changed,
            Some(_) => News::Same,
        };
        (pattern, news)
    });
    let missing = known.iter().filter(|known| {
        !known.gone
            && known.feedback != Some(Feedback::Dismiss)
            && !found.iter().any(|pattern| pattern.id == known.pattern.id)
    });
    let of_missing = missing.map(|known| {
        // An oddity is over as soon as it is no longer there.
        let is_gone =
            known.pattern.kind == Kind::Anomaly || known.missed_runs + 1 >= RUNS_UNTIL_GONE;
        (
            &known.pattern,
            if is_gone { News::Gone } else { News::Missed },
        )
    });
    of_found.chain(of_missing).collect()
}

fn has_changed(before: &Pattern, after: &Pattern) -> bool {
    let moved = match (before.time_of_day_minutes, after.time_of_day_minutes) {
        (Some(before), Some(after)) => {
            let moved = before.abs_diff(after);
            moved.min(1440 - moved)
        }
        _ => 0,
    };
    moved >= MOVED_MINUTES
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
    use pattern_mining::pattern::DaySet;
    use serde_json::json;

    pub(crate) fn habit(id: &str, minute: u16, confidence: f64) -> Pattern {
        serde_json::from_value(json!({
            "id": id, "type": "time_of_day", "entities": ["light.kitchen"], "states": ["on"], "status": "active",
            "confidence": confidence, "q_value": 0.001, "occurrences": 20, "opportunities": 21, "days_seen": 20,
            "expected_by_chance": 1.0, "time_of_day_minutes": minute, "spread_minutes": 3.0, "window_minutes": 10,
            "days": DaySet::ALL, "first_seen": 1_000_000, "last_seen": 2_000_000, "sentence": "Kitchen turns on.",
            "evidence": {"occurrences": [], "misses": []}
        }))
        .expect("a habit")
    }

    pub(crate) fn known(pattern: Pattern, missed_runs: u32, gone: bool) -> Known {
        Known {
            pattern,
            missed_runs,
            gone,
            feedback: None,
            later_until: None,
            told: true,
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

    #[test]
    fn what_ended_is_gone_at_once_and_an_oddity_with_it() {
        let alive = [known(habit("a", 420, 0.8), 0, false)];
        let ended = Pattern {
            status: Status::Stopped,
            ..habit("a", 420, 0.8)
        };
        assert_eq!(news(&alive, std::slice::from_ref(&ended)), [News::Gone]);
        assert_eq!(news(&[], std::slice::from_ref(&ended)), [News::Past]);
        let odd = Pattern {
            kind: Kind::Anomaly,
            ..habit("a", 420, 0.8)
        };
        assert_eq!(news(&[known(odd, 0, false)], &[]), [News::Gone]);
        let refused = Known {
            feedback: Some(Feedback::Dismiss),
            ..known(habit("a", 420, 0.8), 0, false)
        };
        assert_eq!(news(&[refused], &[]), []);
    }
}
