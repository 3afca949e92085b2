//! Services that really do something when they are called.

use serde_json::{Map, Value, json};

use super::house::{By, House};
use super::wire;
use crate::home::Home;

/// The state that a service leads to; nothing for services without a simulated effect.
fn target_state(service: &str, now: &str) -> Option<&'static str> {
    Some(match service {
        "turn_off" => "off",
        "toggle" if now == "on" => "off",
        "turn_on" | "toggle" => "on",
        "lock" => "locked",
        "unlock" => "unlocked",
        "open_cover" => "open",
        "close_cover" => "closed",
        "media_play" => "playing",
        "media_pause" => "paused",
        _ => return None,
    })
}

/// Whether the home offers a service.
pub(super) fn exists(domain: &str, service: &str) -> bool {
    Home::services()
        .get(domain)
        .is_some_and(|services| services.get(service).is_some())
}

/// Calls a service on the entities of its target. Returns the context of the call.
pub(super) fn call(
    house: &House,
    domain: &str,
    service: &str,
    data: &Map<String, Value>,
    target: Option<&Value>,
) -> Value {
    let mut service_data = data.clone();
    if let Some(Value::Object(target)) = target {
        service_data.extend(target.clone());
    }
    let told = json!({"domain": domain, "service": service, "service_data": service_data});
    let context = house.fire("call_service", By::User, told);
    for entity_id in entity_ids(service_data.get("entity_id")) {
        let own = common::entity::domain_of(&entity_id) == domain || domain == "homeassistant";
        let Some(old) = house.state(&entity_id).filter(|_| own) else {
            continue;
        };
        if let Some(state) = target_state(service, &old.state) {
            let mut attributes = house.home.attributes(&entity_id, state);
            if let Some(percent) = data.get("brightness_pct").and_then(Value::as_f64) {
                attributes.insert(
                    "brightness".to_owned(),
                    json!((percent * 2.55).round() as u64),
                );
            }
            house.set_in(&entity_id, state, attributes, context);
        }
    }
    wire::context(&context)
}

/// One id, a comma list of them, or an array.
fn entity_ids(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(ids)) => ids.split(',').map(|id| id.trim().to_owned()).collect(),
        Some(Value::Array(ids)) => ids
            .iter()
            .filter_map(Value::as_str)
            .map(ToOwned::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}
