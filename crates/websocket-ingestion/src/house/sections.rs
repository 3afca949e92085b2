//! The sections of the status, as clients read them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::ws::Utf8Bytes;
use common::instant::UtcMicros;
use serde_json::{Value, json};

use super::rooms::{Kind, Rooms, Seen};

/// Where a light is that no registry places, and the class of a sensor that has none.
const UNKNOWN: &str = "unknown";

/// The status of the house at one moment: each section as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View([Section; Kind::ALL.len()]);

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    name: &'static str,
    data: String,
    /// The message about it to clients.
    delta: Utf8Bytes,
}

impl Section {
    fn new(name: &'static str, data: &Value) -> Self {
        let data = data.to_string();
        let delta = format!(r#"{{"type":"delta","section":"{name}","data":{data}}}"#).into();
        Self { name, data, delta }
    }
}

impl View {
    /// The view of what is known; sections that nothing touched are taken from the view before.
    pub(super) fn of(
        rooms: &mut Rooms,
        before: Option<&Self>,
        unit: &str,
        area: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        Self(Kind::ALL.map(|kind| {
            let is_touched = rooms.take_touched(kind);
            match before {
                Some(before) if !is_touched => before.0[kind as usize].clone(),
                Some(_) | None => section(rooms, kind, unit, area),
            }
        }))
    }

    /// The whole of it, as `/api/status/house` answers it; with a type, as `/ws/status` sends it.
    pub(crate) fn whole(&self, kind: Option<&str>, is_connected: bool, now: UtcMicros) -> String {
        let mut text = String::from("{");
        if let Some(kind) = kind {
            // Writing to a string cannot fail.
            write!(text, r#""type":"{kind}","#).ok();
        }
        for section in &self.0 {
            write!(text, r#""{}":{},"#, section.name, section.data).ok();
        }
        write!(text, r#""connected":{is_connected},"timestamp":"{now}"}}"#).ok();
        text
    }

    /// Messages about the sections that are others than they were.
    pub(crate) fn deltas_since(&self, before: &Self) -> Vec<Utf8Bytes> {
        let pairs = self.0.iter().zip(&before.0);
        pairs
            .filter(|(now, then)| now.data != then.data)
            .map(|(now, _)| now.delta.clone())
            .collect()
    }
}

fn section(
    rooms: &Rooms,
    kind: Kind,
    unit: &str,
    area: &dyn Fn(&str) -> Option<String>,
) -> Section {
    let entities = rooms.of(kind).iter();
    let on = || -> Vec<&str> {
        let on = rooms.of(kind).iter().filter(|(_, seen)| seen.is_on());
        on.map(|(entity_id, _)| entity_id.as_str()).collect()
    };
    match kind {
        Kind::Climate => {
            let all = entities.map(|(entity_id, seen)| {
                let shown = &seen.shown;
                let unit = shown.unit.as_deref().unwrap_or(unit);
                let unit = unit.trim_start_matches('°');
                json!({"entity_id": entity_id, "friendly_name": shown.name.as_deref().unwrap_or_default(),
                    "current_temperature": shown.current_temperature, "target_temperature": shown.target_temperature,
                    "hvac_mode": seen.state, "unit": unit})
            });
            Section::new("climate", &all.collect())
        }
        Kind::Person => {
            let all = entities.map(|(entity_id, seen)| {
                json!({"name": name(entity_id.as_str(), seen), "state": seen.state, "entity_id": entity_id})
            });
            Section::new("presence", &all.collect())
        }
        Kind::Light => {
            let mut areas: BTreeMap<String, (u32, u32)> = BTreeMap::new();
            for (entity_id, seen) in entities {
                let area = area(entity_id.as_str()).unwrap_or_else(|| UNKNOWN.to_owned());
                let (on, off) = areas.entry(area).or_default();
                *(if seen.is_on() { on } else { off }) += 1;
            }
            let all = areas
                .iter()
                .map(|(area, (on, off))| json!({"area": area, "on_count": on, "off_count": off}));
            Section::new("lights_by_area", &all.collect())
        }
        Kind::BinarySensor => {
            let mut classes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
            for (entity_id, seen) in entities {
                let class = seen.shown.class.as_deref().unwrap_or(UNKNOWN);
                let sensor = json!({"name": name(entity_id.as_str(), seen), "state": word(class, &seen.state),
                    "device_class": seen.shown.class, "entity_id": entity_id});
                classes.entry(class).or_default().push(sensor);
            }
            Section::new("sensors", &json!(classes))
        }
        Kind::Switch => Section::new("switches_on", &json!(on())),
        Kind::Automation => Section::new("active_automations", &json!(on())),
    }
}

fn name<'a>(entity_id: &'a str, seen: &'a Seen) -> &'a str {
    seen.shown.name.as_deref().unwrap_or(entity_id)
}

/// What on and off mean of a sensor of this class.
fn word<'a>(class: &str, state: &'a str) -> &'a str {
    let (on, off) = match class {
        "door" | "window" | "garage_door" | "opening" => ("open", "closed"),
        "motion" | "occupancy" => ("detected", "clear"),
        "lock" => ("unlocked", "locked"),
        _ => return state,
    };
    match state {
        "on" => on,
        "off" => off,
        other => other,
    }
}
