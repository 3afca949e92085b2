//! What Home Assistant is to show: one device and its parts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::message::{SERVICE, json as text};
use super::settings::{Discovery, HomeSettings};
use super::topics::Topic;
use crate::store::{NewMessage, StoredPattern};

/// Longest name of a sensor of a habit, in characters.
const MAX_NAME: usize = 120;

/// One part of the device.
struct Part {
    /// Its name in topics and ids.
    name: String,
    /// The kind of entity.
    platform: &'static str,
    /// Its settings, beyond those of every part.
    keys: Map<String, Value>,
}

fn part(name: &str, platform: &'static str, keys: Value) -> Part {
    let Value::Object(keys) = keys else {
        return part(name, platform, json!({}));
    };
    Part {
        name: name.to_owned(),
        platform,
        keys,
    }
}

/// The parts that are shown.
fn parts(settings: &HomeSettings, expected: &[&StoredPattern]) -> Vec<Part> {
    let summary = Topic::Summary.to_string();
    let of_summary = |name: &str, key: &str, more: Value| {
        let mut keys = json!({"stat_t": summary, "val_tpl": format!("{{{{ value_json.{key} }}}}")});
        if let (Some(keys), Value::Object(more)) = (keys.as_object_mut(), more) {
            keys.extend(more);
        }
        part(name, "sensor", keys)
    };
    let link = |name: &str, shown: &str, topic: &Topic| {
        part(
            name,
            "binary_sensor",
            json!({"name": shown, "dev_cla": "connectivity", "ent_cat": "diagnostic", "stat_t": topic.to_string()}),
        )
    };
    let mut parts = vec![
        of_summary(
            "patterns",
            "count",
            json!({"name": "Patterns", "ic": "mdi:chart-timeline-variant", "stat_cla": "measurement",
                "unit_of_meas": "patterns", "json_attr_t": summary}),
        ),
        of_summary(
            "last_analysis",
            "last_analysis",
            json!({"name": "Last analysis", "dev_cla": "timestamp", "ent_cat": "diagnostic"}),
        ),
        of_summary(
            "events_stored",
            "events_stored",
            json!({"name": "Events stored", "ic": "mdi:database-plus", "stat_cla": "measurement",
                "unit_of_meas": "events", "ent_cat": "diagnostic"}),
        ),
        of_summary(
            "database_size",
            "database_bytes",
            json!({"name": "Database size", "dev_cla": "data_size", "unit_of_meas": "B",
                "stat_cla": "measurement", "ent_cat": "diagnostic"}),
        ),
        link("data_api_link", "Data API", &Topic::DataApiLink),
        part(
            "pattern_event",
            "event",
            json!({"name": "Pattern", "ic": "mdi:lightbulb-on-outline", "stat_t": Topic::PatternEvent.to_string(),
                "evt_typ": ["found", "changed", "gone", "missed"]}),
        ),
        part(
            "anomaly_event",
            "event",
            json!({"name": "Anomaly", "ic": "mdi:alert-circle-outline", "stat_t": Topic::AnomalyEvent.to_string(),
                "evt_typ": ["left_open", "stuck_on", "silent", "unusual_hour", "missed_habit"]}),
        ),
        part(
            "analyse",
            "button",
            json!({"name": "Analyse now", "ic": "mdi:magnify-scan", "cmd_t": Topic::Analyse.to_string()}),
        ),
        part(
            "notifications",
            "switch",
            json!({"name": "Notifications", "ic": "mdi:bell-outline", "ent_cat": "config",
                "stat_t": Topic::Notify.to_string(), "cmd_t": Topic::SetNotify.to_string()}),
        ),
    ];
    if settings.ingestion.is_some() {
        parts.push(link("ha_link", "HA link", &Topic::HomeAssistantLink));
    }
    for habit in expected {
        let id = &habit.pattern.id;
        let name: String = habit.pattern.sentence.chars().take(MAX_NAME).collect();
        parts.push(part(
            &format!("expected_{id}"),
            "binary_sensor",
            json!({"name": format!("Expected now: {}", name.trim_end_matches('.')), "ic": "mdi:clock-check-outline",
                "stat_t": Topic::Expected(id.clone()).to_string(), "json_attr_t": Topic::Pattern(id.clone()).to_string()}),
        ));
    }
    parts
}

/// The messages by topic that make Home Assistant show it. `expected` are the accepted habits that have a sensor.
pub(super) fn messages(
    settings: &HomeSettings,
    expected: &[&StoredPattern],
) -> BTreeMap<String, String> {
    let prefix = &settings.prefix;
    let parts = parts(settings, expected);
    let shared = json!({
        "dev": {"ids": ["homeiq"], "name": "HomeIQ", "mf": "HomeIQ", "mdl": "pattern service",
            "sw": env!("CARGO_PKG_VERSION")},
        "o": {"name": "homeiq", "sw": env!("CARGO_PKG_VERSION")},
        "avty": [{"t": Topic::Status(SERVICE.to_owned()).to_string()}],
        "qos": 1,
    });
    let unique_id = |part: &Part| json!(format!("homeiq_{}", part.name));
    match settings.discovery {
        Discovery::Off => BTreeMap::new(),
        Discovery::Device => {
            let mut config = shared;
            config["cmps"] = Value::Object(Map::new());
            for mut part in parts {
                let unique_id = unique_id(&part);
                part.keys.insert("p".to_owned(), json!(part.platform));
                part.keys.insert("uniq_id".to_owned(), unique_id);
                config["cmps"][part.name] = Value::Object(part.keys);
            }
            let topic = Topic::DeviceConfig(prefix.clone());
            BTreeMap::from([(topic.to_string(), text(&config))])
        }
        Discovery::Component => parts
            .into_iter()
            .map(|part| {
                let (platform, name) = (part.platform.to_owned(), part.name.clone());
                let mut config = shared.clone();
                config["uniq_id"] = unique_id(&part);
                if let Some(keys) = config.as_object_mut() {
                    keys.extend(part.keys);
                }
                let topic = Topic::ComponentConfig(prefix.clone(), platform, name);
                (topic.to_string(), text(&config))
            })
            .collect(),
    }
}

/// What makes Home Assistant forget parts that are no longer among the wanted ones: the same configuration once more, with nothing but
/// the kind of entity where there was a part. It is not kept by the broker; what is kept is the wanted one.
pub(super) fn removals(
    before: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
    settings: &HomeSettings,
) -> Option<NewMessage> {
    let topic = Topic::DeviceConfig(settings.prefix.clone()).to_string();
    let read = |messages: &BTreeMap<String, String>| {
        let payload = messages.get(&topic)?;
        serde_json::from_str::<Value>(payload).ok()
    };
    let (before, mut config) = (read(before)?, read(wanted)?);
    let names = |config: &Value| -> BTreeSet<String> {
        let parts = config["cmps"].as_object();
        parts
            .map(|parts| parts.keys().cloned().collect())
            .unwrap_or_default()
    };
    let gone: Vec<String> = names(&before)
        .difference(&names(&config))
        .cloned()
        .collect();
    if gone.is_empty() {
        return None;
    }
    for name in gone {
        config["cmps"][&name] = json!({"p": before["cmps"][&name]["p"]});
    }
    Some(NewMessage {
        topic,
        payload: text(&config),
        pattern_id: None,
        expires: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(discovery: Discovery) -> HomeSettings {
        HomeSettings {
            discovery,
            prefix: "homeassistant".to_owned(),
            expected_now: false,
            ingestion: "http://127.0.0.1:1".parse().ok(),
        }
    }

    fn parsed(payload: &str) -> Value {
        serde_json::from_str(payload).unwrap()
    }

    #[test]
    fn one_message_for_the_device_or_one_for_each_part_with_the_same_ids() {
        let device = messages(&settings(Discovery::Device), &[]);
        assert_eq!(
            device.keys().collect::<Vec<_>>(),
            ["homeassistant/device/homeiq/config"]
        );
        let config = parsed(&device["homeassistant/device/homeiq/config"]);
        let parts = config["cmps"].as_object().unwrap();
        let single = messages(&settings(Discovery::Component), &[]);
        assert_eq!(parts.len(), single.len());
        for (name, part) in parts {
            let platform = part["p"].as_str().unwrap();
            let topic = format!("homeassistant/{platform}/homeiq/{name}/config");
            let alone = parsed(&single[&topic]);
            assert_eq!(alone["uniq_id"], part["uniq_id"]);
            assert_eq!(alone["name"], part["name"]);
            assert_eq!(alone["dev"], config["dev"]);
            assert_eq!(alone["avty"][0]["t"], "homeiq/ai-pattern-service/status");
        }
        assert!(messages(&settings(Discovery::Off), &[]).is_empty());
    }

    #[test]
    fn what_is_no_longer_shown_is_taken_back_once() {
        let with = settings(Discovery::Device);
        let without = HomeSettings {
            ingestion: None,
            ..with.clone()
        };
        let (before, after) = (messages(&with, &[]), messages(&without, &[]));
        assert_eq!(removals(&before, &before, &with), None);
        assert_eq!(removals(&BTreeMap::new(), &after, &with), None);
        let removal = removals(&before, &after, &without).unwrap();
        let config = parsed(&removal.payload);
        assert_eq!(config["cmps"]["ha_link"], json!({"p": "binary_sensor"}));
        assert_eq!(config["cmps"]["patterns"]["p"], "sensor");
        assert!(!removal.expires, "it is as good after a week");
        let kept = parsed(after.values().next().unwrap());
        assert!(kept["cmps"].get("ha_link").is_none());
    }
}
