//! Holds what is published against the contract in `shared/contracts/mqtt`.

use serde_json::Value;
use test_support::Message;

const SCHEMAS: [(&str, &str); 9] = [
    (
        "analysis-complete",
        include_str!("../../../../shared/contracts/mqtt/analysis-complete.schema.json"),
    ),
    (
        "legacy-analysis-complete",
        include_str!("../../../../shared/contracts/mqtt/legacy-analysis-complete.schema.json"),
    ),
    (
        "summary",
        include_str!("../../../../shared/contracts/mqtt/summary.schema.json"),
    ),
    (
        "pattern-event",
        include_str!("../../../../shared/contracts/mqtt/pattern-event.schema.json"),
    ),
    (
        "pattern-state",
        include_str!("../../../../shared/contracts/mqtt/pattern-state.schema.json"),
    ),
    (
        "anomaly-event",
        include_str!("../../../../shared/contracts/mqtt/anomaly-event.schema.json"),
    ),
    (
        "discovery-device",
        include_str!("../../../../shared/contracts/mqtt/discovery-device.schema.json"),
    ),
    (
        "discovery-component",
        include_str!("../../../../shared/contracts/mqtt/discovery-component.schema.json"),
    ),
    (
        "feedback",
        include_str!("../../../../shared/contracts/mqtt/feedback.schema.json"),
    ),
];

/// Refuses a message that is not what the contract says of its topic.
pub(crate) fn check(topic: &str, payload: &str) {
    let words: &[&str] = match topic {
        "homeiq/ai-pattern-service/status" | "homeassistant/status" => &["online", "offline"],
        "homeiq/ha_link" | "homeiq/data_api_link" | "homeiq/notify" | "homeiq/notify/set" => {
            &["ON", "OFF"]
        }
        "homeiq/cmd/analyse" => &["", "PRESS", "{}"],
        _ if topic.ends_with("/expected") => &["", "ON", "OFF"],
        _ if topic.ends_with("/feedback") && !payload.starts_with('{') => {
            &["accept", "dismiss", "later"]
        }
        _ => &[],
    };
    if !words.is_empty() {
        assert!(words.contains(&payload), "{topic}: {payload}");
        return;
    }
    let name = match topic {
        "homeiq/ai-automation/analysis/pattern/complete" => "analysis-complete",
        "ha-ai/pattern-analysis/complete" => "legacy-analysis-complete",
        "homeiq/patterns/state" => "summary",
        "homeiq/patterns/event" => "pattern-event",
        "homeiq/anomaly/event" => "anomaly-event",
        "homeassistant/device/homeiq/config" => "discovery-device",
        _ if topic.starts_with("homeassistant/") => "discovery-component",
        _ if topic.ends_with("/feedback") => "feedback",
        _ if topic.starts_with("homeiq/patterns/") => "pattern-state",
        _ => panic!("the contract has no topic {topic}"),
    };
    // Only states can be cleared.
    if payload.is_empty() && !topic.ends_with("/event") && !topic.ends_with("/complete") {
        return;
    }
    let (_, schema) = SCHEMAS
        .iter()
        .find(|(other, _)| *other == name)
        .expect("a schema");
    let payload: Value =
        serde_json::from_str(payload).unwrap_or_else(|error| panic!("{topic}: {error}: {payload}"));
    fits(
        &payload,
        &serde_json::from_str(schema).expect("JSON"),
        topic,
    );
}

pub(crate) fn check_all(messages: &[Message]) {
    for message in messages {
        check(&message.topic, &message.payload);
    }
}

/// The part of JSON Schema that our schemas use. Stricter than it: what is not described is not sent.
fn fits(payload: &Value, schema: &Value, at: &str) {
    let is = |kind: &str| match kind {
        "null" => payload.is_null(),
        "object" => payload.is_object(),
        "array" => payload.is_array(),
        "string" => payload.is_string(),
        "boolean" => payload.is_boolean(),
        "integer" => payload.is_u64() || payload.is_i64(),
        "number" => payload.is_number(),
        other => panic!("{at}: the test does not know the type {other}"),
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    assert!(
        kinds.is_empty() || kinds.iter().any(|kind| is(kind)),
        "{at}: {payload} is not of type {kinds:?}"
    );
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(
            allowed.contains(payload),
            "{at}: {payload} is not one of {allowed:?}"
        );
    }
    if let Some(only) = schema.get("const") {
        assert_eq!(payload, only, "{at}");
    }
    for (bound, is_within) in [
        ("minimum", payload.as_f64() >= schema["minimum"].as_f64()),
        ("maximum", payload.as_f64() <= schema["maximum"].as_f64()),
    ] {
        let is_bound = schema.get(bound).is_some() && payload.is_number();
        assert!(
            !is_bound || is_within,
            "{at}: {payload} is beyond the {bound}"
        );
    }
    if let Some(date) = schema["format"].as_str().and(payload.as_str()) {
        assert!(
            date.parse::<jiff::Timestamp>().is_ok() && date.ends_with("+00:00"),
            "{at}: {date} is no instant of UTC"
        );
    }
    if let Some(properties) = schema["properties"].as_object() {
        let sent = payload.as_object().expect("an object");
        for required in schema["required"].as_array().into_iter().flatten() {
            let key = required.as_str().expect("a key");
            assert!(
                sent.contains_key(key),
                "{at}: {key} is missing in {payload}"
            );
        }
        for (key, value) in sent {
            let more = &schema["additionalProperties"];
            let schema = properties.get(key).or(more.is_object().then_some(more));
            let schema = schema.unwrap_or_else(|| panic!("{at}: {key} is not described"));
            fits(value, schema, &format!("{at}.{key}"));
        }
    }
    for item in payload.as_array().into_iter().flatten() {
        fits(item, &schema["items"], &format!("{at}[]"));
    }
}

#[test]
fn the_examples_of_the_document_are_what_the_contract_says() {
    let document = include_str!("../../../../docs/MQTT.md");
    let examples = document.split("```text\n").nth(1).expect("examples");
    let examples = examples.split("```").next().expect("an end");
    let mut count = 0;
    for line in examples.lines() {
        let (topic, payload) = line.split_once(' ').expect("topic and payload");
        check(topic, payload);
        count += 1;
    }
    assert_eq!(count, 17);
}

#[test]
fn the_check_finds_what_is_wrong() {
    for (topic, payload) in [
        ("homeiq/notify", "on"),
        ("homeiq/patterns/event", ""),
        ("homeiq/patterns/event", r#"{"event_type":"found"}"#),
        (
            "homeiq/patterns/a/feedback",
            r#"{"action":"later","days":0}"#,
        ),
        (
            "homeiq/patterns/a/feedback",
            r#"{"action":"later","hours":1}"#,
        ),
        ("homeiq/elsewhere", "1"),
    ] {
        let refused = std::panic::catch_unwind(|| check(topic, payload)).is_err();
        assert!(refused, "{topic} {payload}");
    }
}
