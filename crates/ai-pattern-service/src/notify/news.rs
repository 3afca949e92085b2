//! What is told of an analysis.

use pattern_mining::pattern::{Kind, Pattern};

use super::message::{
    AnalysisComplete, LegacyAnalysisComplete, PatternEventType, RunStatus, SERVICE, moment,
    of_habit, of_oddity,
};
use super::topics::Topic;
use crate::ledger::{Feedback, Known, News};
use crate::store::{NewMessage, RunRecord};

/// What is told of what a run means for habits: the surest first.
pub(crate) fn of_habits(lines: &[(&Pattern, News)], known: &[Known]) -> Vec<NewMessage> {
    let mut lines: Vec<_> = lines.to_vec();
    lines.sort_by(|(a, _), (b, _)| b.confidence.total_cmp(&a.confidence));
    let mut messages = Vec::new();
    for (pattern, news) in lines {
        let before = known.iter().find(|known| known.pattern.id == pattern.id);
        if before.is_some_and(|known| known.feedback == Some(Feedback::Dismiss)) {
            continue;
        }
        let is_untold = before.is_none_or(|known| !known.told);
        let event = match news {
            News::New | News::Revived => Some(PatternEventType::Found),
            News::Changed | News::Same if is_untold => Some(PatternEventType::Found),
            News::Changed => Some(PatternEventType::Changed),
            News::Gone => Some(PatternEventType::Gone),
            News::Missed if before.is_some_and(|known| known.missed_runs == 0) => {
                Some(PatternEventType::Missed)
            }
            News::Same | News::Missed | News::Past => None,
        };
        messages.extend(event.map(|event| of_habit(event, pattern)));
        if matches!(news, News::New | News::Revived) && pattern.kind == Kind::Anomaly {
            messages.extend(of_oddity(pattern));
        }
    }
    messages
}

/// That habits were found of which nobody was told.
pub(crate) fn of_untold(habits: &[Pattern]) -> Vec<NewMessage> {
    habits
        .iter()
        .map(|habit| of_habit(PatternEventType::Found, habit))
        .collect()
}

/// That a run is over. `seconds` is how long it took; 0 when there was nothing to look at.
pub(crate) fn of_run(record: &RunRecord, seconds: f64) -> [NewMessage; 2] {
    let is_complete = record.errors.is_empty();
    let complete = AnalysisComplete {
        service: SERVICE.to_owned(),
        timestamp: record.ended_at,
        status: if is_complete {
            RunStatus::Completed
        } else {
            RunStatus::Failed
        },
        patterns_detected: record.patterns_found,
        synergies_detected: record.synergies_found(),
        duration_seconds: seconds,
        errors: record.errors.clone(),
    };
    let legacy = LegacyAnalysisComplete {
        event: "pattern_analysis_complete".to_owned(),
        timestamp: record.ended_at,
        patterns_detected: record.patterns_found,
        synergies_detected: record.synergies_found(),
        processing_time_sec: seconds,
        success: is_complete,
    };
    [
        moment(&Topic::AnalysisComplete, &complete),
        moment(&Topic::LegacyAnalysisComplete, &legacy),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::tests::{habit, known};

    fn told(known: &[Known], lines: &[(&Pattern, News)]) -> Vec<(String, Option<String>)> {
        of_habits(lines, known)
            .into_iter()
            .map(|message| {
                let payload: serde_json::Value = serde_json::from_str(&message.payload).unwrap();
                let text = |key: &str| payload[key].as_str().unwrap().to_owned();
                (
                    format!("{} {}", text("event_type"), text("id")),
                    message.pattern_id,
                )
            })
            .collect()
    }

    #[test]
    fn each_news_is_told_once_and_only_what_is_found_marks_a_habit() {
        let (a, b) = (habit("a", 420, 0.7), habit("b", 900, 0.9));
        let mut before = [known(a.clone(), 0, false), known(b.clone(), 1, false)];
        let plain = |text: &str| vec![(text.to_owned(), None)];
        assert_eq!(
            told(&[], &[(&a, News::New), (&b, News::New)]),
            [
                ("found b".to_owned(), Some("b".to_owned())),
                ("found a".to_owned(), Some("a".to_owned()))
            ]
        );
        assert_eq!(told(&before, &[(&a, News::Same)]), []);
        assert_eq!(told(&before, &[(&a, News::Changed)]), plain("changed a"));
        assert_eq!(told(&before, &[(&a, News::Missed)]), plain("missed a"));
        assert_eq!(
            told(&before, &[(&b, News::Missed)]),
            [],
            "told the first time"
        );
        assert_eq!(told(&before, &[(&b, News::Gone)]), plain("gone b"));
        before[0].told = false;
        assert_eq!(
            told(&before, &[(&a, News::Changed)]),
            [("found a".to_owned(), Some("a".to_owned()))],
            "nobody knows it yet"
        );
        before[0].feedback = Some(Feedback::Dismiss);
        assert_eq!(told(&before, &[(&a, News::Same)]), []);
    }
}
