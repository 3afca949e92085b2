//! Home Assistant's history: rows of its recorder as state changes.

use std::fmt;

use common::api::events::{NewEvent, Origin};
use common::entity::EntityId;
use common::instant::UtcMicros;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
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

/// The rows of an answer, oldest first, and how many could not be used.
pub(crate) fn rows(answer: &str) -> Result<(Vec<NewEvent>, usize), serde_json::Error> {
    let mut events = Vec::new();
    let unusable = read(answer, &mut |event| events.push(event))?;
    events.sort_by_key(|event| event.last_updated);
    Ok((events, unusable))
}

/// Hands on the rows of an answer one by one, those of an entity in the order of time; never all of them are in memory. Returns
/// how many could not be used.
pub(crate) fn read(
    answer: &str,
    each: &mut dyn FnMut(NewEvent),
) -> Result<usize, serde_json::Error> {
    let mut unusable = 0;
    let entities = Entities {
        each,
        unusable: &mut unusable,
    };
    serde_json::Deserializer::from_str(answer).deserialize_map(entities)?;
    Ok(unusable)
}

/// `{entity_id: [row, …], …}`
struct Entities<'a> {
    each: &'a mut dyn FnMut(NewEvent),
    unusable: &'a mut usize,
}

impl<'de> Visitor<'de> for Entities<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows by entity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(entity_id) = map.next_key::<String>()? {
            map.next_value_seed(Rows {
                entity_id: entity_id.parse().ok(),
                each: &mut *self.each,
                unusable: &mut *self.unusable,
            })?;
        }
        Ok(())
    }
}

/// The rows of one entity; none of one whose id cannot be read.
struct Rows<'a> {
    entity_id: Option<EntityId>,
    each: &'a mut dyn FnMut(NewEvent),
    unusable: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(row) = list.next_element::<Row>()? {
            match self.entity_id.as_ref().and_then(|id| event(id, row)) {
                Some(event) => (self.each)(event),
                None => *self.unusable += 1,
            }
        }
        Ok(())
    }
}

/// A row of REST's history, with instants as text.
#[derive(Debug, Deserialize)]
struct RestRow {
    #[serde(default)]
    entity_id: Option<String>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    attributes: Option<Box<RawValue>>,
    #[serde(default)]
    last_changed: Option<UtcMicros>,
    #[serde(default)]
    last_updated: Option<UtcMicros>,
}

/// The rows of an answer over REST to a question from `start` on, and how many could not be used.
pub(crate) fn rest_rows(
    answer: &str,
    start: UtcMicros,
) -> Result<(Vec<NewEvent>, usize), serde_json::Error> {
    let by_entity: Vec<Vec<RestRow>> = serde_json::from_str(answer)?;
    let mut unusable = 0;
    let mut events = Vec::new();
    for row in by_entity.into_iter().flatten() {
        let entity_id = row.entity_id.and_then(|id| id.parse::<EntityId>().ok());
        let (Some(entity_id), Some(last_updated)) = (entity_id, row.last_updated) else {
            unusable += 1;
            continue;
        };
        // How things stood at the start is told by versions that do not know that nobody asked for it.
        if last_updated <= start {
            continue;
        }
        // A removal is an empty state without attributes here; what has attributes is an empty state.
        let bare = row.attributes.as_ref().is_none_or(|all| all.get() == "{}");
        let state = row.state.filter(|state| !state.is_empty() || !bare);
        events.push(NewEvent {
            attributes: row.attributes.filter(|_| state.is_some()),
            state,
            last_changed: row.last_changed,
            ..event_at(entity_id, last_updated)
        });
    }
    events.sort_by_key(|event| event.last_updated);
    Ok((events, unusable))
}

/// A row of which nothing but its identity is known.
fn event_at(entity_id: EntityId, last_updated: UtcMicros) -> NewEvent {
    NewEvent {
        entity_id,
        state: None,
        attributes: None,
        last_changed: None,
        last_updated,
        context: None,
        origin: Origin::Backfill,
        startup: None,
        device_id: None,
        area_id: None,
    }
}

fn event(entity_id: &EntityId, row: Row) -> Option<NewEvent> {
    // A removal is a row without state; an empty text is a state like any other.
    let state = row.s;
    let last_updated = UtcMicros::from_history_seconds(row.lu).ok()?;
    Some(NewEvent {
        attributes: row.a.filter(|_| state.is_some()),
        state,
        last_changed: row
            .lc
            .map(UtcMicros::from_history_seconds)
            .transpose()
            .ok()?,
        ..event_at(entity_id.clone(), last_updated)
    })
}

/// The command that asks how `entity_ids` stood at an instant: nothing, where the history begins later.
pub(crate) fn standing(entity_ids: &[String], at: UtcMicros) -> Value {
    json!({
        "type": "history/history_during_period",
        "start_time": at,
        "end_time": at.plus_micros(1),
        "entity_ids": entity_ids,
        "significant_changes_only": false,
        "include_start_time_state": true,
        "no_attributes": true,
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

    /// Both ways of asking a real Home Assistant bring the same rows.
    #[test]
    fn rest_brings_the_rows_of_the_websocket() {
        for version in ["2024.3.3", "2025.4.4", "2026.11.0"] {
            let read = |file: &str| {
                let path = format!(
                    "{}/../../shared/fixtures/homeassistant/{version}/{file}",
                    env!("CARGO_MANIFEST_DIR")
                );
                serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()
            };
            let key = |row: &NewEvent| {
                let attributes = row.attributes.as_ref().map(|text| {
                    serde_json::from_str::<Value>(text.get())
                        .unwrap()
                        .to_string()
                });
                let changed = row.last_changed.unwrap_or(row.last_updated);
                let id = row.entity_id.to_string();
                (id, row.last_updated, changed, row.state.clone(), attributes)
            };
            let over_rest = read("rest_history_period.json")["all changes"]["body"].to_string();
            let (over_rest, unusable) = rest_rows(&over_rest, UtcMicros::default()).unwrap();
            assert_eq!(unusable, 0, "{version}");
            let over_rest: std::collections::BTreeSet<_> = over_rest.iter().map(key).collect();
            let recorded = read("history_during_period.json");
            let whole = recorded
                .as_object()
                .unwrap()
                .values()
                .find(|shape| {
                    shape["request"]["significant_changes_only"] == false
                        && shape["request"]["no_attributes"] != true
                })
                .unwrap();
            let (rows, _) = rows(&whole["response"]["result"].to_string()).unwrap();
            let rows: std::collections::BTreeSet<_> = rows
                .iter()
                .map(key)
                .filter(|row| over_rest.iter().any(|other| other.0 == row.0))
                .collect();
            assert!(rows.len() >= 10, "{version}: {}", rows.len());
            assert_eq!(rows, over_rest, "{version}");
        }
    }
}
