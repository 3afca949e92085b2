use std::collections::{HashMap, HashSet};

use super::*;
use crate::home_assistant::history;

fn recorded(version: &str) -> Value {
    let path = format!(
        "{}/../../shared/fixtures/homeassistant/{version}/logbook.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn logbook(entries: &Value) -> Logbook {
    let mut logbook = Logbook::default();
    logbook.add(&entries.to_string()).unwrap();
    logbook
}

fn row(entity_id: &str, seconds: f64, changed: Option<f64>) -> NewEvent {
    let answer = json!({entity_id: [{"s": "on", "a": {}, "lu": seconds, "lc": changed}]});
    history::rows(&answer.to_string()).unwrap().0.remove(0)
}

/// People, automations triggered by states and by the clock, scripts by service and from automations, scenes, devices.
#[test]
fn contexts_of_real_versions_are_those_that_the_recorder_has() {
    for version in ["2025.4.4", "2026.11.0"] {
        let recorded = recorded(version);
        let logbook = logbook(&recorded["logbook"]["response"]["result"]);
        let (mut rows, _) = history::rows(&recorded["history"]["result"].to_string()).unwrap();
        for row in &mut rows {
            logbook.explain(row);
        }
        let truth: HashMap<(String, UtcMicros), Value> = recorded["recorded_contexts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let at = UtcMicros::from_history_seconds(row["lu"].as_f64().unwrap()).unwrap();
                (
                    (row["entity_id"].as_str().unwrap().to_owned(), at),
                    row.clone(),
                )
            })
            .collect();
        let runs: HashSet<&str> = truth
            .iter()
            .filter(|((id, _), _)| id.starts_with("automation.") || id.starts_with("script."))
            .filter_map(|(_, row)| row["id"].as_str())
            .collect();
        let (mut automated, mut by_people) = (0, 0);
        for row in &rows {
            let key = (row.entity_id.as_str().to_owned(), row.last_updated);
            let told = row.context.clone().unwrap_or_default();
            let true_id = truth[&key]["id"].as_str();
            if true_id.is_some_and(|id| runs.contains(id)) {
                assert_eq!(told.id.as_deref(), true_id, "{version}: {key:?}");
                automated += 1;
            } else {
                assert_eq!(told.id, None, "{version}: {key:?}");
                by_people += usize::from(told.user_id.is_some());
            }
            if told.user_id.is_some() {
                assert_eq!(
                    told.user_id.as_deref(),
                    truth[&key]["user_id"].as_str(),
                    "{version}: {key:?}"
                );
            }
        }
        assert!(automated >= 30, "{version}: {automated}");
        assert!(by_people >= 6, "{version}: {by_people}");
    }
}

#[test]
fn a_run_that_goes_on_keeps_its_context_and_the_next_one_has_another() {
    let run = |when: f64, context: &str| {
        json!({"when": when, "entity_id": "automation.a", "domain": "automation",
            "message": "triggered", "context_id": context})
    };
    let change = |when: f64| {
        json!({"when": when, "entity_id": "light.a", "state": "on",
            "context_event_type": "automation_triggered", "context_entity_id": "automation.a"})
    };
    let logbook = logbook(&json!([
        change(5.0),
        run(10.0, "one"),
        change(10.0),
        change(200.0),
        run(300.0, "two"),
        change(300.5),
    ]));
    let id = |entity_id, seconds, changed| {
        let mut row = row(entity_id, seconds, changed);
        logbook.explain(&mut row);
        row.context.and_then(|context| context.id)
    };
    assert_eq!(
        id("light.a", 5.0, None),
        None,
        "its run began before the logbook"
    );
    assert_eq!(id("light.a", 10.0, None).as_deref(), Some("one"));
    assert_eq!(id("light.a", 200.0, None).as_deref(), Some("one"));
    assert_eq!(id("light.a", 300.5, None).as_deref(), Some("two"));
    assert_eq!(id("automation.a", 300.6, Some(1.0)).as_deref(), Some("two"));
    assert_eq!(
        id("automation.a", 400.0, None),
        None,
        "somebody turned it off: that is no run"
    );
}

#[test]
fn rows_of_a_start_are_marked_from_the_stop_or_from_two_minutes_before() {
    let core = |when: f64, message: &str| json!({"when": when, "domain": "homeassistant", "name": "Home Assistant", "message": message});
    let logbook = logbook(&json!([
        core(1_000.0, "stopped"),
        core(9_000.0, "started"),
        core(20_000.0, "started"),
    ]));
    let startup = |seconds| {
        let mut row = row("light.a", seconds, None);
        logbook.explain(&mut row);
        row.startup == Some(true)
    };
    let marked = [
        999.0, 1_000.5, 9_000.9, 9_001.1, 19_000.0, 19_900.0, 20_000.5,
    ]
    .map(startup);
    assert_eq!(marked, [false, true, true, false, false, true, true]);
}
