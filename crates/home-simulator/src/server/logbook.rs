//! The logbook: changes with what caused them, as Home Assistant's logbook integration tells them.
//!
//! Like the real one it names the context of a run only in the entry of the automation itself; the changes that the run made say
//! which automation it was. Measurements, changes of attributes and the first state of an entity are not in it.

use std::collections::HashMap;
use std::sync::Arc;

use common::entity::domain_of;
use common::instant::UtcMicros;
use serde_json::{Value, json};

use super::history::seconds;
use super::house::House;
use crate::home::StateChange;

/// Domains whose rows tell of runs.
const RUNNERS: [&str; 2] = ["automation", "script"];

/// The entries between two instants, oldest first.
pub(super) fn entries(
    house: &House,
    (start, end): (UtcMicros, UtcMicros),
    only: Option<&[String]>,
) -> Vec<Value> {
    let ids: Vec<Arc<str>> = house.recorded_ids();
    let (mut runs, mut changes) = (HashMap::new(), Vec::new());
    for id in &ids {
        let (mut before, rows) = house.rows(id, start, end);
        for row in rows {
            if RUNNERS.contains(&domain_of(id)) && has_begun(before.as_ref(), &row) {
                runs.entry(row.context.id()).or_insert_with(|| row.clone());
            }
            let moved = before
                .replace(row.clone())
                .is_some_and(|old| old.state != row.state);
            if moved && !is_measured(&row) {
                changes.push(row);
            }
        }
    }
    let is_wanted = |id: &str| only.is_none_or(|only| only.iter().any(|wanted| wanted == id));
    let mut told: Vec<(UtcMicros, Value)> = runs
        .values()
        .filter(|run| is_wanted(&run.entity_id))
        .map(|run| (run.last_updated, run_entry(run)))
        .collect();
    told.extend(
        changes
            .iter()
            .filter(|change| is_wanted(&change.entity_id))
            .map(|change| (change.last_updated, change_entry(change, &runs))),
    );
    if only.is_none() {
        told.extend(
            house
                .core_marks(start, end)
                .into_iter()
                .map(|(at, message)| {
                    let entry = json!({
                        "name": "Home Assistant", "message": message, "icon": "mdi:home-assistant",
                        "domain": "homeassistant", "when": seconds(at),
                    });
                    (at, entry)
                }),
        );
    }
    told.sort_by_key(|(at, _)| *at);
    told.into_iter().map(|(_, entry)| entry).collect()
}

/// Whether this row of an automation is the beginning of a run.
fn has_begun(before: Option<&StateChange>, row: &StateChange) -> bool {
    let triggered = |row: &StateChange| row.attributes.get("last_triggered").cloned();
    triggered(row).is_some_and(|at| !at.is_null())
        && before.is_none_or(|before| triggered(before) != triggered(row))
}

fn is_measured(row: &StateChange) -> bool {
    let has = |name| row.attributes.contains_key(name);
    has("unit_of_measurement") || has("state_class") || domain_of(&row.entity_id) == "counter"
}

fn name(row: &StateChange) -> &str {
    row.attributes
        .get("friendly_name")
        .and_then(Value::as_str)
        .unwrap_or(&row.entity_id)
}

fn run_entry(run: &StateChange) -> Value {
    json!({
        "name": name(run), "message": "triggered by time", "source": "time",
        "entity_id": &*run.entity_id, "context_id": run.context.id(),
        "domain": domain_of(&run.entity_id), "when": seconds(run.last_updated),
    })
}

fn change_entry(change: &StateChange, runs: &HashMap<String, StateChange>) -> Value {
    let mut entry = json!({
        "state": &*change.state, "entity_id": &*change.entity_id, "when": seconds(change.last_updated),
    });
    if let Some(run) = runs.get(&change.context.id()) {
        entry["context_event_type"] = json!("automation_triggered");
        entry["context_domain"] = json!(domain_of(&run.entity_id));
        entry["context_name"] = json!(name(run));
        entry["context_message"] = json!("triggered by time");
        entry["context_source"] = json!("time");
        entry["context_entity_id"] = json!(&*run.entity_id);
    } else if let Some(user) = change.context.user_id() {
        let service = match &*change.state {
            "on" => "turn_on",
            "off" => "turn_off",
            _ => "toggle",
        };
        entry["context_user_id"] = json!(user);
        entry["context_domain"] = json!(domain_of(&change.entity_id));
        entry["context_service"] = json!(service);
        entry["context_event_type"] = json!("call_service");
    }
    entry
}
