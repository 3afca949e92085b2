//! The services that the home's integrations offer, as `get_services` tells them.

use serde_json::{Map, Value, json};

/// Domain, services, whether they take a target.
const SERVICES: &[(&str, &[&str])] = &[
    (
        "homeassistant",
        &["turn_on", "turn_off", "toggle", "update_entity", "restart"],
    ),
    ("light", &["turn_on", "turn_off", "toggle"]),
    ("switch", &["turn_on", "turn_off", "toggle"]),
    ("fan", &["turn_on", "turn_off", "toggle", "set_percentage"]),
    (
        "cover",
        &[
            "open_cover",
            "close_cover",
            "stop_cover",
            "set_cover_position",
        ],
    ),
    (
        "climate",
        &["set_temperature", "set_hvac_mode", "turn_on", "turn_off"],
    ),
    (
        "media_player",
        &[
            "turn_on",
            "turn_off",
            "media_play",
            "media_pause",
            "volume_set",
        ],
    ),
    ("lock", &["lock", "unlock"]),
    ("scene", &["turn_on", "reload"]),
    ("script", &["turn_on", "turn_off", "good_night"]),
    ("automation", &["trigger", "turn_on", "turn_off", "reload"]),
    ("input_boolean", &["turn_on", "turn_off", "toggle"]),
    (
        "notify",
        &["mobile_app_alex_phone", "mobile_app_robin_phone"],
    ),
    ("persistent_notification", &["create", "dismiss"]),
];

/// Every service, described.
pub(super) fn map() -> Value {
    let domains = SERVICES.iter().map(|(domain, services)| {
        let services: Map<String, Value> = services
            .iter()
            .map(|service| ((*service).to_owned(), describe(domain, service)))
            .collect();
        ((*domain).to_owned(), Value::Object(services))
    });
    Value::Object(domains.collect())
}

fn describe(domain: &str, service: &str) -> Value {
    let fields = fields(domain, service);
    match (domain, service) {
        ("notify" | "persistent_notification", _) | (_, "reload" | "restart" | "good_night") => {
            json!({"fields": fields})
        }
        ("homeassistant", _) => json!({"fields": fields, "target": {"entity": [{}]}}),
        _ => json!({"fields": fields, "target": {"entity": [{"domain": [domain]}]}}),
    }
}

fn fields(domain: &str, service: &str) -> Value {
    let number = |low: f64, high: f64, unit: &str| json!({"selector": {"number": {"min": low, "max": high, "unit_of_measurement": unit}}});
    match (domain, service) {
        ("light", "turn_on" | "toggle") => json!({
            "brightness_pct": number(0.0, 100.0, "%"), "transition": number(0.0, 300.0, "seconds"),
        }),
        ("light", "turn_off") => json!({"transition": number(0.0, 300.0, "seconds")}),
        ("fan", "set_percentage") => json!({"percentage": number(0.0, 100.0, "%")}),
        ("cover", "set_cover_position") => json!({"position": number(0.0, 100.0, "%")}),
        ("climate", "set_temperature") => json!({"temperature": number(5.0, 30.0, "°C")}),
        ("climate", "set_hvac_mode") => {
            json!({"hvac_mode": {"selector": {"select": {"options": ["off", "heat"]}}}})
        }
        ("media_player", "volume_set") => json!({"volume_level": number(0.0, 1.0, "")}),
        ("notify" | "persistent_notification", "dismiss") => {
            json!({"notification_id": {"required": true, "selector": {"text": {}}}})
        }
        ("notify" | "persistent_notification", _) => json!({
            "message": {"required": true, "selector": {"text": {}}}, "title": {"selector": {"text": {}}},
        }),
        _ => json!({}),
    }
}
