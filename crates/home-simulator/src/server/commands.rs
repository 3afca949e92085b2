//! The WebSocket commands, one answer each.

use common::instant::UtcMicros;
use serde_json::{Map, Value, json};

use super::history::{self, Query};
use super::house::{House, Registry};
use super::{HA_VERSION, logbook, services};
use crate::home::Home;

/// A command's fields.
pub(super) type Fields = Map<String, Value>;

/// Why a command is refused: code and message.
pub(super) type Refusal = (&'static str, String);

/// Code of a refusal that the client never hears of.
pub(super) const NO_ANSWER: &str = "";

/// What is loaded.
const COMPONENTS: [&str; 21] = [
    "api",
    "automation",
    "climate",
    "config",
    "cover",
    "fan",
    "history",
    "light",
    "lock",
    "logbook",
    "media_player",
    "mobile_app",
    "person",
    "recorder",
    "scene",
    "script",
    "sensor",
    "sun",
    "switch",
    "websocket_api",
    "zha",
];

/// Fields that a command takes besides `id` and `type`; nothing for an unknown command.
fn known_fields(command: &str) -> Option<&'static [&'static str]> {
    Some(match command {
        "ping"
        | "get_states"
        | "get_config"
        | "get_services"
        | "auth/current_user"
        | "config/entity_registry/list"
        | "config/device_registry/list"
        | "config/area_registry/list"
        | "config/floor_registry/list"
        | "config/label_registry/list"
        | "recorder/info" => &[],
        "logbook/get_events" => &[
            "start_time",
            "end_time",
            "entity_ids",
            "device_ids",
            "context_id",
        ],
        "config_entries/get" => &["type_filter", "domain"],
        "supported_features" => &["features"],
        "subscribe_events" => &["event_type"],
        "unsubscribe_events" => &["subscription"],
        "config/entity_registry/get" => &["entity_id"],
        "history/history_during_period" => &[
            "start_time",
            "end_time",
            "entity_ids",
            "include_start_time_state",
            "significant_changes_only",
            "minimal_response",
            "no_attributes",
        ],
        "call_service" => &[
            "domain",
            "service",
            "service_data",
            "target",
            "return_response",
        ],
        _ => return None,
    })
}

/// Answers a command of a client: JSON of the result.
pub(super) fn answer(
    house: &House,
    client: u64,
    id: u64,
    fields: &Fields,
) -> Result<String, Refusal> {
    let command = fields
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let known = known_fields(command)
        .filter(|_| !house.refuses(command))
        .ok_or_else(|| ("unknown_command", "Unknown command.".to_owned()))?;
    if let Some(extra) = fields
        .keys()
        .find(|key| !matches!(key.as_str(), "id" | "type") && !known.contains(&key.as_str()))
    {
        return Err(invalid(format!("extra keys not allowed @ data['{extra}']")));
    }
    match command {
        "subscribe_events" => subscribe(house, client, id, fields),
        "unsubscribe_events" => {
            let subscription = fields
                .get("subscription")
                .and_then(Value::as_u64)
                .unwrap_or(0);
            match house.with_client(client, |client| client.unsubscribe(subscription)) {
                Some(true) => Ok("null".to_owned()),
                _ => Err(("not_found", "Subscription not found.".to_owned())),
            }
        }
        "get_states" => Ok(house.states()),
        "get_config" => Ok(config(house).to_string()),
        "get_services" => Ok(Home::services().to_string()),
        "auth/current_user" => Ok(current_user(house).to_string()),
        "config/entity_registry/list" => Ok(house.registry(Registry::Entities).to_string()),
        "config/device_registry/list" => Ok(house.registry(Registry::Devices).to_string()),
        "config/area_registry/list" => Ok(house.registry(Registry::Areas).to_string()),
        "config_entries/get" => Ok(config_entries(house, fields).to_string()),
        "config/floor_registry/list" => Ok(house.registry(Registry::Floors).to_string()),
        "config/label_registry/list" => Ok(house.registry(Registry::Labels).to_string()),
        "config/entity_registry/get" => entity(house, fields),
        "history/history_during_period" => history_during_period(house, fields),
        "logbook/get_events" => logbook_events(house, fields),
        "recorder/info" => Ok(recorder_info(house).to_string()),
        "call_service" => call_service(house, fields),
        // `supported_features` is the connection's own; it is only answered here.
        _ => Ok("null".to_owned()),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    ("invalid_format", message.into())
}

fn subscribe(house: &House, client: u64, id: u64, fields: &Fields) -> Result<String, Refusal> {
    let event_type = match fields.get("event_type") {
        None => None,
        Some(Value::String(event_type)) => Some(event_type.clone()),
        Some(other) => {
            return Err(invalid(format!(
                "expected str at 'event_type'. Got {other}"
            )));
        }
    };
    if event_type.as_deref() == Some("state_reported") {
        let message = "Event filter is required for event state_reported";
        return Err(("home_assistant_error", message.to_owned()));
    }
    match house.with_client(client, |client| client.subscribe(id, event_type)) {
        Some(true) => Ok("null".to_owned()),
        _ => Err(("home_assistant_error", "Too many subscriptions".to_owned())),
    }
}

/// Answer to `get_config` and to `GET /api/config`.
pub(super) fn config(house: &House) -> Value {
    let components: Vec<&str> = COMPONENTS
        .into_iter()
        .filter(|component| !house.refuses(component))
        .collect();
    json!({
        "allowlist_external_dirs": [], "allowlist_external_urls": [],
        "components": components,
        "config_dir": "/config", "config_source": "storage", "country": "NL", "currency": "EUR",
        "debug": false, "elevation": 4, "external_url": null, "internal_url": null,
        "language": "en", "latitude": 51.0, "location_name": "Simulated home", "longitude": 5.0,
        "radius": 100, "recovery_mode": false, "safe_mode": false, "state": house.core_state(),
        "time_zone": house.home.zone_name(),
        "unit_system": {
            "accumulated_precipitation": "mm", "area": "m²", "length": "km", "mass": "g",
            "pressure": "Pa", "temperature": "°C", "volume": "L", "wind_speed": "m/s",
        },
        "version": HA_VERSION, "whitelist_external_dirs": [],
    })
}

fn current_user(house: &House) -> Value {
    json!({
        "id": format!("{:032x}", house.home.user(0)), "name": "Alex", "is_admin": true,
        "is_owner": true, "credentials": [], "mfa_modules": [],
    })
}

fn config_entries(house: &House, fields: &Fields) -> Value {
    let wanted = fields.get("domain");
    let all = house.home.config_entries();
    let entries = all.as_array().into_iter().flatten();
    entries
        .filter(|entry| wanted.is_none_or(|domain| *domain == entry["domain"]))
        .cloned()
        .collect()
}

fn entity(house: &House, fields: &Fields) -> Result<String, Refusal> {
    let wanted = fields
        .get("entity_id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut all = house.registry(Registry::Entities);
    let found = all
        .as_array_mut()
        .and_then(|all| all.iter_mut().find(|entity| entity["entity_id"] == wanted))
        .ok_or_else(|| ("not_found", "Entity not found".to_owned()))?;
    let class = house
        .state(wanted)
        .and_then(|state| state.attributes.get("device_class").cloned())
        .unwrap_or_default();
    found["aliases"] = json!([]);
    found["capabilities"] = Value::Null;
    found["device_class"] = Value::Null;
    found["original_device_class"] = class;
    found["original_icon"] = Value::Null;
    Ok(found.to_string())
}

/// An instant among the fields; `Err(())` where it cannot be read.
fn instant(fields: &Fields, name: &str) -> Result<Option<UtcMicros>, ()> {
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    let read = value.as_str().and_then(|text| text.parse().ok());
    read.map(Some).ok_or(())
}

fn start_time(fields: &Fields) -> Result<UtcMicros, Refusal> {
    instant(fields, "start_time")
        .map_err(|()| ("invalid_start_time", "Invalid start_time".to_owned()))?
        .ok_or_else(|| invalid("required key not provided @ data['start_time']"))
}

fn end_time(fields: &Fields) -> Result<Option<UtcMicros>, Refusal> {
    instant(fields, "end_time").map_err(|()| ("invalid_end_time", "Invalid end_time".to_owned()))
}

fn logbook_events(house: &House, fields: &Fields) -> Result<String, Refusal> {
    let start = start_time(fields)?;
    let end = end_time(fields)?.unwrap_or_else(|| house.clock.now());
    let only: Option<Vec<String>> = match fields.get("entity_ids") {
        None => None,
        Some(Value::Array(ids)) => Some(
            ids.iter()
                .filter_map(Value::as_str)
                .map(ToOwned::to_owned)
                .collect(),
        ),
        Some(other) => {
            return Err(invalid(format!(
                "expected a list @ data['entity_ids']. Got {other}"
            )));
        }
    };
    if start > house.clock.now() {
        return Ok("[]".to_owned());
    }
    Ok(Value::from(logbook::entries(house, (start, end), only.as_deref())).to_string())
}

fn recorder_info(house: &House) -> Value {
    json!({
        "backlog": house.backlog(), "db_in_default_location": true, "max_backlog": 65_000,
        "migration_in_progress": false, "migration_is_live": false, "recording": true,
        "thread_running": true,
    })
}

fn history_during_period(house: &House, fields: &Fields) -> Result<String, Refusal> {
    let start = start_time(fields)?;
    let end = end_time(fields)?.unwrap_or_else(|| start.plus_seconds(86_400));
    let Some(Value::Array(ids)) = fields.get("entity_ids") else {
        return Err(invalid("required key not provided @ data['entity_ids']"));
    };
    let entity_ids: Vec<String> = ids
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_lowercase)
        .collect();
    let valid = |id: &String| id.parse::<common::entity::EntityId>().is_ok();
    if entity_ids.len() != ids.len() || !entity_ids.iter().all(valid) {
        return Err(("invalid_entity_ids", "Invalid entity_ids".to_owned()));
    }
    let switch = |name: &str, default| match fields.get(name) {
        None => Ok(default),
        Some(Value::Bool(on)) => Ok(*on),
        Some(other) => Err(invalid(format!(
            "expected bool for dictionary value @ data['{name}']. Got {other}"
        ))),
    };
    if start > house.clock.now() {
        return Ok("{}".to_owned());
    }
    let query = Query {
        start,
        end,
        entity_ids,
        include_start_time_state: switch("include_start_time_state", true)?,
        significant_changes_only: switch("significant_changes_only", true)?,
        minimal_response: switch("minimal_response", false)?,
        no_attributes: switch("no_attributes", false)?,
    };
    let rows = history::rows(house, &query);
    if rows.values().map(Vec::len).sum::<usize>() > house.max_answer_rows() {
        return Err((NO_ANSWER, String::new()));
    }
    serde_json::to_string(&rows).map_err(|error| ("unknown_error", error.to_string()))
}

fn call_service(house: &House, fields: &Fields) -> Result<String, Refusal> {
    let name = |key: &str| {
        fields
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| invalid(format!("required key not provided @ data['{key}']")))
    };
    let (domain, service) = (name("domain")?, name("service")?);
    if !services::exists(domain, service) {
        return Err((
            "not_found",
            format!("Service {domain}.{service} not found."),
        ));
    }
    let empty = Map::new();
    let data = match fields.get("service_data") {
        Some(Value::Object(data)) => data,
        None | Some(Value::Null) => &empty,
        Some(other) => {
            return Err(invalid(format!(
                "expected a dictionary @ data['service_data']. Got {other}"
            )));
        }
    };
    let context = services::call(house, domain, service, data, fields.get("target"));
    Ok(json!({"context": context, "response": null}).to_string())
}
