//! Entity, device, area, floor and label registries and configuration entries in Home Assistant's shapes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::chance;
use super::rooms::{AREAS, FLOORS, LABELS};
use super::things::{DEVICES, Device, HUB, THINGS, Thing};

/// When everything was set up, in seconds; long before any life begins.
const SET_UP: f64 = 1_717_236_000.25;

/// 32 hexadecimal digits that stand for a name in this home.
fn hex(seed: u64, name: &str) -> String {
    let name = chance::hash(name);
    format!(
        "{:016x}{:016x}",
        chance::mix(&[seed, name, 1]),
        chance::mix(&[seed, name, 2])
    )
}

fn entry(seed: u64, platform: &str) -> String {
    hex(seed, platform)
        .to_uppercase()
        .replace(['I', 'L', 'O', 'U'], "0")[..26]
        .to_owned()
}

pub(super) fn entities(seed: u64) -> Value {
    THINGS.iter().map(|thing| entity(seed, thing)).collect()
}

fn entity(seed: u64, thing: &Thing) -> Value {
    let device = thing.device();
    let platform = device.map_or(own_platform(thing.domain()), |device| device.platform);
    let category = (thing.class == "battery").then_some("diagnostic");
    // The lamp that hangs in another area than its device says is part of every real home.
    let own_area = (thing.entity_id == "light.porch").then_some("hallway");
    let labels: &[&str] = if thing.class == "power" {
        &["energy"]
    } else {
        &[]
    };
    json!({
        "area_id": own_area, "categories": {},
        "config_entry_id": device.map(|device| entry(seed, device.platform)),
        "config_subentry_id": null, "created_at": SET_UP,
        "device_id": device.map(|device| hex(seed, device.key)),
        "disabled_by": null, "entity_category": category, "entity_id": thing.entity_id,
        "hidden_by": null, "icon": null, "id": hex(seed, thing.entity_id), "labels": labels,
        "modified_at": SET_UP, "name": null, "next_name_part": null, "options": {}, "original_name": thing.name,
        "platform": platform, "translation_key": null, "unique_id": unique(thing),
    })
}

fn unique(thing: &Thing) -> String {
    thing.entity_id.replace('.', "_")
}

/// The integration of an entity without a device.
fn own_platform(domain: &'static str) -> &'static str {
    if domain == "scene" {
        "homeassistant"
    } else {
        domain
    }
}

pub(super) fn devices(seed: u64) -> Value {
    DEVICES
        .iter()
        .enumerate()
        .map(|(number, spec)| device(seed, number, spec))
        .collect()
}

fn device(seed: u64, number: usize, device: &Device) -> Value {
    let id = hex(seed, device.key);
    let entry = entry(seed, device.platform);
    let via = (device.platform == "zha" && device.key != HUB).then(|| hex(seed, HUB));
    let area = (!device.area.is_empty()).then_some(device.area);
    let by_user = (device.key == "floor_lamp").then_some("The big lamp");
    let identifier = format!("{}-{number:03}", device.platform);
    json!({
        "area_id": area, "config_entries": [entry],
        "config_entries_subentries": {entry.as_str(): [null]}, "config_entry_id": entry,
        "config_subentry_id": null, "configuration_url": null, "connections": [],
        "created_at": SET_UP, "disabled_by": null, "entry_type": null, "hw_version": null,
        "id": id, "identifiers": [[device.platform, identifier]], "labels": [],
        "manufacturer": device.manufacturer, "model": device.model, "model_id": null,
        "modified_at": SET_UP, "name": device.name, "name_by_user": by_user, "next_name_part": null,
        "parent_device_id": null, "primary_config_entry": entry, "serial_number": null,
        "sw_version": format!("1.{}.0", number % 7), "via_device_id": via,
    })
}

/// One for each integration that has devices.
pub(super) fn config_entries(seed: u64) -> Value {
    let platforms: BTreeSet<&str> = DEVICES.iter().map(|device| device.platform).collect();
    platforms
        .into_iter()
        .map(|platform| {
            json!({
                "created_at": SET_UP, "disabled_by": null, "domain": platform,
                "entry_id": entry(seed, platform), "error_reason_translation_key": null,
                "error_reason_translation_placeholders": null, "modified_at": SET_UP,
                "num_subentries": 0, "pref_disable_new_entities": false,
                "pref_disable_polling": false, "reason": null, "source": "user", "state": "loaded",
                "supported_subentry_types": {}, "supports_options": true,
                "supports_reconfigure": false, "supports_remove_device": true,
                "supports_unload": true, "title": platform.to_uppercase(),
            })
        })
        .collect()
}

pub(super) fn areas() -> Value {
    AREAS
        .iter()
        .map(|area| {
            let measures = |class: &str| {
                THINGS
                    .iter()
                    .find(|thing| {
                        thing.class == class && thing.device().is_some_and(|at| at.area == area.id)
                    })
                    .map(|thing| thing.entity_id)
            };
            json!({
                "aliases": [], "area_id": area.id, "created_at": SET_UP, "floor_id": area.floor,
                "humidity_entity_id": measures("humidity"), "icon": area.icon, "labels": [],
                "modified_at": SET_UP, "name": area.name, "picture": null,
                "temperature_entity_id": measures("temperature"),
            })
        })
        .collect()
}

pub(super) fn floors() -> Value {
    FLOORS
        .iter()
        .map(|floor| {
            json!({
                "aliases": [], "created_at": SET_UP, "floor_id": floor.id, "icon": null,
                "level": floor.level, "modified_at": SET_UP, "name": floor.name,
            })
        })
        .collect()
}

pub(super) fn labels() -> Value {
    LABELS
        .iter()
        .map(|(id, name, color)| {
            json!({
                "color": color, "created_at": SET_UP, "description": null, "icon": null,
                "label_id": id, "modified_at": SET_UP, "name": name,
            })
        })
        .collect()
}
