//! Rows of the truth: a habit each, or what follows from the way people live.

use pattern_mining::pattern::{Kind, Pattern};
use serde_json::Value;

/// An implied time of the day is right within so many minutes.
const IMPLIED_MINUTES: f64 = 30.0;

/// Minutes between two times of the day, the shorter way around the clock.
pub(super) fn apart(one: f64, other: f64) -> f64 {
    let off = (one - other).abs() % 1440.0;
    off.min(1440.0 - off)
}

/// Whether a report says what follows from the way people live: such a pair, a chain of such pairs and of planted ones, or a time of
/// the day at which that thing changes.
pub(super) fn is_implied(planted: &[Value], implied: &Value, report: &Pattern) -> bool {
    let rows: Vec<&Value> = implied.as_array().into_iter().flatten().collect();
    let is_pair = |ids: &[String]| {
        let mut pairs = rows.iter().filter(|row| row["type"] == "pair");
        pairs.any(|row| entities(row) == ids)
    };
    let is_planted = |ids: &[String]| {
        let mut pairs = planted
            .iter()
            .filter(|habit| habit["type"] == "pair" || habit["type"] == "conditional");
        pairs.any(|habit| ids.iter().all(|id| entities(habit).contains(&id.as_str())))
    };
    match report.kind {
        Kind::Pair | Kind::Conditional => is_pair(&report.entities),
        Kind::Sequence => {
            let mut steps = report.entities.windows(2);
            // Without anything implied, the homes are those in which nothing is chained.
            !rows.is_empty() && steps.all(|step| is_pair(step) || is_planted(step))
        }
        Kind::TimeOfDay => rows.iter().any(|row| {
            let times = report.time_of_day_minutes.zip(row["minute"].as_f64());
            entities(row) == report.entities
                && times
                    .is_some_and(|(told, minute)| apart(f64::from(told), minute) <= IMPLIED_MINUTES)
        }),
        Kind::Routine | Kind::Duration | Kind::Anomaly => false,
    }
}

pub(super) fn is_scene(habit: &Value) -> bool {
    habit["scene"] == true
}

pub(super) fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

pub(super) fn entities(value: &Value) -> Vec<&str> {
    value["entities"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}
