//! Automations of habits, read back as Home Assistant reads them.

mod hostile;
mod kinds;
mod others;

use home_assistant_automation::{Automation, NotAutomatable, automate};
use pattern_mining::pattern::Pattern;
use serde_json::{Value, json};

/// A pattern with these fields.
fn pattern(fields: Value) -> Pattern {
    let mut all = json!({
        "id": "00ab12cd34ef5678", "type": "time_of_day", "entities": ["light.kitchen"], "states": ["on"], "status": "active",
        "confidence": 0.8, "q_value": 0.004, "occurrences": 38, "opportunities": 41, "days_seen": 38, "expected_by_chance": 1.0,
        "first_seen": 1_790_208_000_000_000_i64, "last_seen": 1_795_132_800_000_000_i64,
        "sentence": "Kitchen light turns on around 06:45 on weekdays (38 of 41 days).",
        "evidence": {"occurrences": [], "misses": []}
    });
    let (all_fields, Value::Object(more)) = (all.as_object_mut().expect("fields"), fields) else {
        panic!("fields are an object")
    };
    all_fields.extend(more);
    serde_json::from_value(all).expect("a pattern")
}

fn made(fields: Value) -> Automation {
    automate(&pattern(fields)).expect("an automation")
}

fn refused(fields: Value) -> NotAutomatable {
    automate(&pattern(fields)).expect_err("none")
}

/// What YAML says.
fn read(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The same number is the same, whole or not.
fn assert_same(yaml: &Value, json: &Value) {
    match (yaml, json) {
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()), "{a:?}\n{b:?}");
            a.iter()
                .for_each(|(key, value)| assert_same(value, &b[key]));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| assert_same(a, b));
        }
        (Value::Number(a), Value::Number(b)) => assert_eq!(a.as_f64(), b.as_f64()),
        (a, b) => assert_eq!(a, b),
    }
}

/// YAML and JSON are the same automation, and the blueprint is the same with its choices left open.
fn check_forms(automation: &Automation) {
    let yaml = read(&automation.yaml());
    assert_same(&yaml, &automation.json());
    // Other readers refuse tags that they do not know: as texts, the choices are seen.
    let blueprint = read(&automation.blueprint().replace(": !input ", ": input_"));
    let inputs = &blueprint["blueprint"]["input"];
    assert_same(
        &filled(&without(&blueprint, "blueprint"), inputs),
        &without(&without(&automation.json(), "alias"), "description"),
    );
    assert_eq!(blueprint["blueprint"]["name"], automation.json()["alias"]);
}

fn without(value: &Value, key: &str) -> Value {
    let mut copy = value.clone();
    copy.as_object_mut().expect("a map").remove(key);
    copy
}

fn filled(value: &Value, inputs: &Value) -> Value {
    match value {
        Value::String(text) => match text
            .strip_prefix("input_")
            .map(|key| &inputs[key]["default"])
        {
            Some(default) if !default.is_null() => default.clone(),
            _ => value.clone(),
        },
        Value::Array(list) => list.iter().map(|value| filled(value, inputs)).collect(),
        Value::Object(map) => {
            let all = map
                .iter()
                .map(|(key, value)| (key.clone(), filled(value, inputs)));
            Value::Object(all.collect())
        }
        other => other.clone(),
    }
}
