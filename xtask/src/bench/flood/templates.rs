//! `state_changed` messages as Home Assistant writes them, made once and stamped for each event.

use common::instant::UtcMicros;
use serde_json::{Value, json};

/// Entities of the home.
pub(crate) const ENTITIES: usize = 500;
/// Attribute sets that a light goes through.
const BRIGHTNESSES: usize = 16;
/// What is replaced in a template; as long as what replaces it.
const INSTANT: &str = "@instant@@@@@@@@@@@@@@@@@@@@@@@@";
const CONTEXT: &str = "@context@@@@@@@@@@@@@@@@@@";
const STATE: &str = "@stat";
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// One message with places to fill in.
#[derive(Debug)]
struct Template {
    text: Vec<u8>,
    instants: Vec<usize>,
    contexts: Vec<usize>,
    states: Vec<usize>,
}

/// The messages of all entities, in turn.
#[derive(Debug)]
pub(crate) struct Templates {
    /// By entity, then by variant of its attributes.
    entities: Vec<Vec<Template>>,
    states: Vec<Value>,
}

impl Templates {
    /// Messages of a subscription with this id.
    pub(crate) fn new(subscription: u64) -> Self {
        let mut entities = Vec::new();
        let mut states = Vec::new();
        for n in 0..ENTITIES {
            let (entity_id, variants) = entity(n);
            states.push(json!({"entity_id": entity_id, "state": "20.00", "attributes": variants[0],
                "last_changed": "2026-01-01T00:00:00.000001+00:00", "last_updated": "2026-01-01T00:00:00.000001+00:00"}));
            entities.push(
                variants
                    .iter()
                    .map(|attributes| Template::new(&entity_id, attributes, subscription))
                    .collect(),
            );
        }
        Self { entities, states }
    }

    /// The answer to `get_states`.
    pub(crate) fn states(&self) -> &[Value] {
        &self.states
    }

    /// Adds the message of event number `n`, which happened at this instant, to a frame.
    pub(crate) fn write(&self, n: u64, at: UtcMicros, to: &mut Vec<u8>) {
        let variants = &self.entities[n as usize % ENTITIES];
        let round = n as usize / ENTITIES;
        let template = &variants[round % variants.len()];
        let start = to.len();
        to.extend_from_slice(&template.text);
        let mut fill = |places: &[usize], with: &[u8]| {
            for place in places {
                to[start + place..start + place + with.len()].copy_from_slice(with);
            }
        };
        fill(&template.instants, at.to_string().as_bytes());
        fill(&template.contexts, &context(at, n));
        // A thousand states, as sensors have them.
        let state = format!("{:05.2}", 10.0 + (n % 7919 % 1000) as f64 / 50.0);
        fill(&template.states, state.as_bytes());
    }
}

impl Template {
    fn new(entity_id: &str, attributes: &Value, subscription: u64) -> Self {
        let state = |state: &str, instant: &str, context: &str| {
            json!({"entity_id": entity_id, "state": state, "attributes": attributes, "last_changed": instant,
                "last_reported": instant, "last_updated": instant,
                "context": {"id": context, "parent_id": null, "user_id": null}})
        };
        let (before, old) = (
            "2026-11-23T08:13:45.429374+00:00",
            "01KAR0ZJ5N3V5B2Q8X4T7W9YCD",
        );
        let message = json!({"type": "event", "event": {"event_type": "state_changed",
            "data": {"entity_id": entity_id, "old_state": state("19.50", before, old), "new_state": state(STATE, INSTANT, CONTEXT)},
            "origin": "LOCAL", "time_fired": INSTANT, "context": {"id": CONTEXT, "parent_id": null, "user_id": null}},
            "id": subscription});
        let text = message.to_string();
        let places = |what: &str| text.match_indices(what).map(|(at, _)| at).collect();
        Self {
            instants: places(INSTANT),
            contexts: places(CONTEXT),
            states: places(STATE),
            text: text.clone().into_bytes(),
        }
    }
}

/// Id and attribute sets of an entity: two sensors of three, the rest lights and contacts.
fn entity(n: usize) -> (String, Vec<Value>) {
    match n % 6 {
        4 => (
            format!("light.flood_room_{n:03}_ceiling"),
            (0..BRIGHTNESSES)
                .map(|k| {
                    json!({"min_color_temp_kelvin": 2000, "max_color_temp_kelvin": 6535, "supported_color_modes": ["color_temp"],
                        "color_mode": "color_temp", "brightness": 10 + k * 15, "color_temp_kelvin": 2700,
                        "friendly_name": format!("Flood room {n} ceiling"), "supported_features": 40})
                })
                .collect(),
        ),
        5 => (
            format!("binary_sensor.flood_window_{n:03}_contact"),
            vec![json!({"device_class": "window", "battery_level": 87, "battery_low": false, "tamper": false, "linkquality": 120,
                "voltage": 3005, "device_model": "door and window contact", "friendly_name": format!("Flood window {n} contact")})],
        ),
        _ => (
            format!("sensor.flood_meter_{n:03}_power"),
            vec![json!({"state_class": "measurement", "unit_of_measurement": "W", "device_class": "power", "icon": "mdi:flash",
                "friendly_name": format!("Flood meter {n} power"), "attribution": "Measured by the meter in the cabinet"})],
        ),
    }
}

/// A ULID of this instant and number.
fn context(at: UtcMicros, n: u64) -> [u8; 26] {
    let bits = u128::from(at.get().unsigned_abs() / 1000) << 80
        | u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15) & ((1 << 80) - 1);
    std::array::from_fn(|i| CROCKFORD[(bits >> (125 - 5 * i)) as usize & 31])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_home_assistant_would_send() {
        let templates = Templates::new(7);
        let mut frame = Vec::new();
        templates.write(
            4,
            UtcMicros::new(1_795_421_580_211_807).unwrap(),
            &mut frame,
        );
        let message: Value = serde_json::from_slice(&frame).unwrap();
        let new = &message["event"]["data"]["new_state"];
        assert_eq!(new["last_updated"], "2026-11-23T08:13:00.211807+00:00");
        assert_eq!(message["event"]["time_fired"], new["last_updated"]);
        assert_eq!(new["context"]["id"].as_str().map(str::len), Some(26));
        let length = frame.len();
        assert!(!String::from_utf8(frame).unwrap().contains('@'));
        assert!((900..1500).contains(&length), "{length}");
    }
}
