//! What an entity looks like in a state: its attributes.

use serde_json::{Value, json};

use super::things::Thing;
use super::{Attributes, chance};

/// An attribute that a plan gives on top of the usual ones.
pub(super) type Extra = (&'static str, Value);

/// The attributes of a thing in a state.
pub(super) fn attributes(thing: &Thing, state: &str, extra: &[Extra]) -> Attributes {
    let mut all = fixed(thing);
    if !matches!(state, "unavailable" | "unknown") || thing.domain() == "scene" {
        usual(thing, state, &mut all);
        all.extend(
            extra
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
    }
    all
}

/// Attributes that stay even while the thing is away.
fn fixed(thing: &Thing) -> Attributes {
    let mut all = Attributes::new();
    all.insert("friendly_name".to_owned(), thing.name.into());
    if !thing.class.is_empty() {
        all.insert("device_class".to_owned(), thing.class.into());
    }
    if !thing.unit.is_empty() {
        let class = if thing.class == "energy" {
            "total_increasing"
        } else {
            "measurement"
        };
        all.insert("state_class".to_owned(), class.into());
        all.insert("unit_of_measurement".to_owned(), thing.unit.into());
    }
    let more = match thing.domain() {
        "light" => json!({"supported_color_modes": ["brightness"], "supported_features": 40}),
        "cover" => json!({"supported_features": 15}),
        "fan" => json!({"supported_features": 49}),
        "lock" => json!({"supported_features": 0}),
        "media_player" => json!({"supported_features": 152_461}),
        "climate" => json!({
            "hvac_modes": ["off", "heat"], "max_temp": 30, "min_temp": 5, "supported_features": 385,
            "target_temp_step": 0.5,
        }),
        "automation" => json!({"id": "porch_light_at_dusk"}),
        "scene" => json!({"entity_id": ["light.living_room_floor_lamp"], "id": "movie_night"}),
        "person" | "input_boolean" => json!({"editable": true}),
        _ => Value::Null,
    };
    if let Value::Object(more) = more {
        all.extend(more);
    }
    all
}

/// Attributes that follow from the state.
fn usual(thing: &Thing, state: &str, all: &mut Attributes) {
    let on = state == "on";
    let object = thing
        .entity_id
        .split_once('.')
        .map_or("", |(_, object)| object);
    let more = match thing.domain() {
        "light" => {
            let brightness = 150 + chance::hash(thing.entity_id) % 100;
            if on {
                json!({"brightness": brightness, "color_mode": "brightness"})
            } else {
                json!({"brightness": null, "color_mode": null})
            }
        }
        "cover" => json!({
            "current_position": if state == "open" { 100 } else { 0 }, "is_closed": state == "closed",
        }),
        "fan" => json!({"percentage": if on { 66 } else { 0 }, "percentage_step": 33.333_333}),
        "media_player" if state == "playing" => {
            json!({"volume_level": 0.35, "is_volume_muted": false, "media_content_type": "channel"})
        }
        "climate" => {
            json!({"temperature": 20, "current_temperature": 19.5, "hvac_action": "idle"})
        }
        "device_tracker" => json!({"source_type": "gps", "gps_accuracy": 15}),
        "person" => json!({
            "id": object, "device_trackers": [format!("device_tracker.{object}_phone")],
            "source": format!("device_tracker.{object}_phone"),
        }),
        "automation" | "script" => {
            json!({"mode": "single", "current": 0, "last_triggered": null})
        }
        _ => Value::Null,
    };
    if let Value::Object(more) = more {
        all.extend(more);
    }
}
