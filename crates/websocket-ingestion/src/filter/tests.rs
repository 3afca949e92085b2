//! Rules against events.

use super::*;
use common::api::events::Origin;
use common::instant::UtcMicros;
use serde_json::value::RawValue;

fn event(entity_id: &str, area: Option<&str>, class: Option<&str>) -> NewEvent {
    NewEvent {
        entity_id: entity_id.parse().unwrap(),
        state: Some("on".to_owned()),
        attributes: class.map(|class| {
            RawValue::from_string(json!({"device_class": class}).to_string()).unwrap()
        }),
        last_changed: None,
        last_updated: UtcMicros::default(),
        context: None,
        origin: Origin::Live,
        startup: None,
        device_id: None,
        area_id: area.map(str::to_owned),
    }
}

fn filter(rules: &Value) -> Filter {
    Filter::new(FilterSource::Text(rules.to_string())).unwrap()
}

#[test]
fn globs_are_anchored_and_case_sensitive() {
    for (pattern, text, want) in [
        ("sensor.*_battery", "sensor.door_battery", true),
        ("sensor.*_battery", "sensor.door_battery_level", false),
        ("sensor.?", "sensor.a", true),
        ("sensor.?", "sensor.ab", false),
        ("*", "light.x", true),
        ("*a*b*c", "light.a_b_b_c", true),
        ("Sensor.*", "sensor.a", false),
        ("", "light.x", false),
    ] {
        assert_eq!(
            glob(pattern.as_bytes(), text.as_bytes()),
            want,
            "{pattern} {text}"
        );
    }
    // A pattern that makes backtracking matchers explode.
    assert!(!glob("*a".repeat(30).as_bytes(), "a".repeat(29).as_bytes()));
}

#[test]
fn old_configurations_keep_their_meaning_and_every_key_works() {
    let rules = json!({"mode": "exclude",
        "patterns": [{"entity_id": "sensor.*_battery"}, {"domain": "update"}, {"area_id": "garage"}, {"device_class": "battery"}],
        "exceptions": [{"entity_id": "sensor.important_battery"}, {"domain": "lock"}, {"device_class": "smoke"}, {"area_id": "safe"}]});
    let filter = filter(&rules);
    for (event, kept) in [
        (event("sensor.door_battery", None, None), false),
        (event("sensor.important_battery", None, None), true),
        (event("update.core", None, None), false),
        (event("light.garage", Some("garage"), None), false),
        (event("lock.garage", Some("garage"), None), true),
        (
            event("binary_sensor.alarm", Some("garage"), Some("smoke")),
            true,
        ),
        (event("sensor.phone", None, Some("battery")), false),
        (event("sensor.phone", Some("safe"), Some("battery")), true),
        (event("light.hall", Some("hall"), None), true),
    ] {
        assert_eq!(filter.keeps(&event), kept, "{}", event.entity_id);
    }
    let stats = filter.stats(1.0)["statistics"].clone();
    assert_eq!(
        (
            &stats["filtered_count"],
            &stats["passed_count"],
            &stats["exception_count"]
        ),
        (&json!(4), &json!(5), &json!(4))
    );
}

#[test]
fn include_keeps_only_what_matches_and_all_asks_for_every_key() {
    let filter = filter(
        &json!({"mode": "include", "patterns": [{"domain": "light", "area_id": "hall", "match": "all"}]}),
    );
    assert!(filter.keeps(&event("light.a", Some("hall"), None)));
    assert!(!filter.keeps(&event("light.a", Some("attic"), None)));
    assert!(!filter.keeps(&event("switch.a", Some("hall"), None)));
}

#[test]
fn without_rules_everything_is_kept_and_bad_rules_change_nothing() {
    assert!(Filter::default().keeps(&event("light.a", None, None)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filter.json");
    let filter = Filter::new(FilterSource::File(path.clone())).unwrap();
    assert_eq!(filter.stats(0.0)["enabled"], false);
    std::fs::write(&path, r#"{"patterns": [{"domain": "light"}]}"#).unwrap();
    filter.reload().unwrap();
    assert!(!filter.keeps(&event("light.a", None, None)));
    for broken in [
        "{",
        r#"{"patterns": [{}]}"#,
        r#"{"paterns": []}"#,
        r#"{"patterns": [{"domian": "light"}]}"#,
    ] {
        std::fs::write(&path, broken).unwrap();
        assert!(
            filter.reload().unwrap_err().contains("filter.json"),
            "{broken}"
        );
        assert!(
            !filter.keeps(&event("light.a", None, None)),
            "the rules before stay in force"
        );
    }
}
