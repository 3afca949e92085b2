//! Home Assistant's history: rows of its recorder as state changes.

use std::collections::HashMap;

use common::api::events::{NewEvent, Origin};
use common::entity::EntityId;
use common::instant::UtcMicros;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A row of `history/history_during_period`: `s`tate, `a`ttributes, `l`ast `u`pdated and `l`ast `c`hanged in seconds.
#[derive(Debug, Deserialize)]
struct Row {
    #[serde(default)]
    s: Option<String>,
    #[serde(default)]
    a: Option<Box<RawValue>>,
    lu: f64,
    #[serde(default)]
    lc: Option<f64>,
}

/// The command that asks for every recorded change of `entity_ids` from `start` to `end`.
pub(crate) fn command(entity_ids: &[String], start: UtcMicros, end: UtcMicros) -> Value {
    json!({
        "type": "history/history_during_period",
        "start_time": start,
        "end_time": end,
        "entity_ids": entity_ids,
        // The defaults leave out changes of attributes and add a row at start_time that never happened.
        "significant_changes_only": false,
        "include_start_time_state": false,
        "minimal_response": false,
        "no_attributes": false,
    })
}

/// The rows of an answer, and how many could not be used.
pub(crate) fn rows(answer: &str) -> Result<(Vec<NewEvent>, usize), serde_json::Error> {
    let by_entity: HashMap<String, Vec<Row>> = serde_json::from_str(answer)?;
    let mut unusable = 0;
    let mut events = Vec::new();
    for (entity_id, rows) in by_entity {
        let Ok(entity_id) = entity_id.parse::<EntityId>() else {
            unusable += rows.len();
            continue;
        };
        for row in rows {
            match event(&entity_id, row) {
                Some(event) => events.push(event),
                None => unusable += 1,
            }
        }
    }
    events.sort_by_key(|event| event.last_updated);
    Ok((events, unusable))
}

fn event(entity_id: &EntityId, row: Row) -> Option<NewEvent> {
    Some(NewEvent {
        entity_id: entity_id.clone(),
        attributes: row.a.filter(|_| row.s.is_some()),
        // A removal is a row without state; an empty text is a state like any other.
        state: row.s,
        last_changed: row
            .lc
            .map(UtcMicros::from_history_seconds)
            .transpose()
            .ok()?,
        last_updated: UtcMicros::from_history_seconds(row.lu).ok()?,
        context: None,
        origin: Origin::Backfill,
        startup: None,
        device_id: None,
        area_id: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home_assistant::frame::messages;
    use crate::normalize;
    use std::collections::BTreeMap;

    #[test]
    fn an_empty_state_is_no_removal() {
        let told =
            r#"{"sensor.a": [{"s": "", "a": {}, "lu": 1.5}, {"s": null, "a": {}, "lu": 2.5}]}"#;
        let (rows, unusable) = rows(told).unwrap();
        let states: Vec<_> = rows.iter().map(|row| row.state.as_deref()).collect();
        assert_eq!((states, unusable), (vec![Some(""), None], 0));
    }

    /// History and live stream of the same run must name the same rows, to the microsecond.
    #[test]
    fn history_and_live_events_of_real_versions_have_the_same_identity() {
        for version in ["2024.3.3", "2025.4.4", "2026.11.0"] {
            let read = |file: &str| {
                let path = format!(
                    "{}/../../shared/fixtures/homeassistant/{version}/{file}",
                    env!("CARGO_MANIFEST_DIR")
                );
                serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()
            };
            let mut live = BTreeMap::new();
            for case in read("state_changed.json").as_array().unwrap() {
                let text = case["message"].to_string();
                let event = messages(&text).pop().unwrap().unwrap().event.unwrap();
                let change = normalize::state_change(event, false).unwrap();
                live.insert(
                    (change.entity_id.to_string(), change.last_updated),
                    change.state,
                );
            }
            let recorded = read("history_during_period.json");
            let mut compared = 0;
            for shape in recorded.as_object().unwrap().values() {
                if shape["request"]["significant_changes_only"] != false
                    || shape["request"]["no_attributes"] == true
                {
                    continue;
                }
                let (rows, unusable) = rows(&shape["response"]["result"].to_string()).unwrap();
                assert_eq!(unusable, 0, "{version}");
                for row in rows {
                    if let Some(state) = live.get(&(row.entity_id.to_string(), row.last_updated)) {
                        assert_eq!(state, &row.state, "{version}: {}", row.entity_id);
                        compared += 1;
                    }
                }
            }
            assert!(compared >= 5, "{version}: only {compared} rows are in both");
        }
    }
}
