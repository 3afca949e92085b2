//! How devices and entities belong together, and the registry under its other names.

use serde_json::{Value, json};

use crate::home::{Home, answer};
use crate::registry::upsert;

/// A bridge with two lamps behind it, one of them with two entities.
async fn home() -> Home {
    let home = Home::new().await;
    upsert(&home, "devices", &json!([
        {"id": "bridge", "name": "Bridge", "manufacturer": "Signify", "model": "B1", "config_entry_id": "ce1"},
        {"id": "lamp", "name": "Lamp", "via_device_id": "bridge", "area_id": "kitchen", "sw_version": "1.2", "config_entry_id": "ce1",
            "identifiers": [["hue", "1"]]},
        {"id": "other", "name": "Other", "via_device_id": "bridge"},
    ])).await;
    upsert(&home, "entities", &json!([
        {"entity_id": "light.lamp", "device_id": "lamp", "platform": "hue", "config_entry_id": "ce1", "unique_id": "u1",
            "aliases": ["Big Lamp", "Leuchte"], "labels": ["a", "b"]},
        {"entity_id": "sensor.lamp_battery", "device_id": "lamp", "platform": "hue", "config_entry_id": "ce1", "device_class": "battery",
            "entity_category": "diagnostic", "labels": ["a"]},
        {"entity_id": "light.own_area", "device_id": "lamp", "area_id": "hall", "config_entry_id": "ce2"},
        {"entity_id": "sensor.free", "area_id": "kitchen"},
    ])).await;
    home
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|row| row["entity_id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_device_is_shown_between_its_bridge_and_its_children() {
    let home = home().await;
    let lamp = home.json("/api/devices/lamp/hierarchy").await;
    assert_eq!(
        lamp,
        json!({"success": true, "device_id": "lamp",
            "device": {"device_id": "lamp", "name": "Lamp", "manufacturer": "Unknown", "model": "Unknown", "via_device": "bridge", "config_entry_id": "ce1"},
            "parent_device": {"device_id": "bridge", "name": "Bridge", "manufacturer": "Signify", "model": "B1", "via_device": null, "config_entry_id": "ce1"},
            "child_devices": []})
    );
    let bridge = home.json("/api/devices/bridge/hierarchy").await;
    let children: Vec<_> = bridge["child_devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|child| child["device_id"].as_str().unwrap())
        .collect();
    assert_eq!(children, ["lamp", "other"]);
    let unknown = answer(home.get("/api/devices/none/hierarchy")).await;
    assert_eq!(
        unknown,
        (
            200,
            json!({"success": true, "device_id": "none", "device": null, "parent_device": null, "child_devices": []})
        )
    );
}

#[tokio::test]
async fn entities_are_found_by_device_area_and_configuration_entry() {
    let home = home().await;
    let of_lamp = home.json("/api/entities/by-device/lamp").await;
    assert_eq!(
        (
            &of_lamp["success"],
            &of_lamp["device_id"],
            &of_lamp["count"]
        ),
        (&json!(true), &json!("lamp"), &json!(3))
    );
    let entry = &of_lamp["entities"][0];
    assert_eq!(
        (
            &entry["entity_id"],
            &entry["unique_id"],
            &entry["sw_version"],
            &entry["via_device"]
        ),
        (
            &json!("light.lamp"),
            &json!("u1"),
            &json!("1.2"),
            &json!("bridge")
        )
    );
    assert_eq!(
        entry["related_entities"],
        json!(["light.own_area", "sensor.lamp_battery"])
    );
    assert_eq!(
        (&entry["capabilities"], &of_lamp["entities"][1]["unique_id"]),
        (&json!({}), &json!(""))
    );
    let of_entry = home.json("/api/entities/by-config-entry/ce1").await;
    assert_eq!(
        (ids(&of_entry["entities"]), &of_entry["config_entry_id"]),
        (vec!["light.lamp", "sensor.lamp_battery"], &json!("ce1"))
    );
    let nothing = answer(home.get("/api/entities/by-device/none")).await;
    assert_eq!(
        nothing,
        (
            200,
            json!({"success": true, "device_id": "none", "entities": [], "count": 0})
        )
    );
}

#[tokio::test]
async fn entities_by_area_have_the_area_of_their_device_too() {
    let home = home().await;
    let kitchen = home.json("/api/entities/by-area/kitchen").await;
    assert_eq!(
        ids(&kitchen["entities"]),
        ["light.lamp", "sensor.free", "sensor.lamp_battery"]
    );
    assert_eq!(
        ids(&home.json("/api/entities/by-area/hall").await["entities"]),
        ["light.own_area"]
    );
}

#[tokio::test]
async fn siblings_and_device_of_an_entity() {
    let home = home().await;
    let siblings = home.json("/api/entities/light.lamp/siblings").await;
    assert_eq!(
        (ids(&siblings["siblings"]), &siblings["count"]),
        (vec!["light.own_area", "sensor.lamp_battery"], &json!(2))
    );
    assert_eq!(
        home.json("/api/entities/sensor.free/siblings").await,
        json!({"success": true, "entity_id": "sensor.free", "siblings": [], "count": 0})
    );
    let device = home.json("/api/entities/light.lamp/device").await;
    assert_eq!(
        device,
        json!({"success": true, "entity_id": "light.lamp", "device": {"device_id": "lamp", "name": "Lamp", "manufacturer": "Unknown",
            "model": "Unknown", "sw_version": "1.2", "area_id": "kitchen", "integration": "hue", "config_entry_id": "ce1", "via_device": "bridge"}})
    );
    for path in ["sensor.free", "light.none"] {
        assert_eq!(
            answer(home.get(&format!("/api/entities/{path}/device")))
                .await
                .0,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn entities_are_filtered_by_every_label_by_alias_and_by_area_of_their_device() {
    let home = home().await;
    for (query, want) in [
        ("label=a", vec!["light.lamp", "sensor.lamp_battery"]),
        ("label=a&label=b", vec!["light.lamp"]),
        ("label=a&limit=1&offset=1", vec!["sensor.lamp_battery"]),
        ("label=a&label=none", vec![]),
        ("alias=big%20l", vec!["light.lamp"]),
        ("alias=none", vec![]),
        ("has_aliases=true", vec!["light.lamp"]),
        (
            "has_aliases=false&domain=sensor",
            vec!["sensor.free", "sensor.lamp_battery"],
        ),
        (
            "area_id=kitchen",
            vec!["light.lamp", "sensor.free", "sensor.lamp_battery"],
        ),
    ] {
        for path in ["/api/entities", "/api/v1/entities"] {
            let list = home.json(&format!("{path}?{query}")).await;
            assert_eq!(ids(&list["entities"]), want, "{path}?{query}");
            assert_eq!(list["count"], want.len(), "{path}?{query}");
        }
    }
    assert_eq!(
        answer(home.get("/api/entities?has_aliases=perhaps"))
            .await
            .0,
        422
    );
}

#[tokio::test]
async fn a_configuration_entry_is_told_in_the_list_as_well() {
    let home = home().await;
    let list = home.json("/api/entities?domain=light").await;
    assert_eq!(list["entities"][0]["config_entry_id"], "ce1");
}

#[tokio::test]
async fn the_list_of_devices_tells_and_filters_what_they_are() {
    let home = home().await;
    let list = home.json("/api/devices").await;
    let kinds: Vec<_> = list["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| (&device["device_type"], &device["device_category"]))
        .collect();
    assert_eq!(
        kinds,
        [
            (&Value::Null, &Value::Null),
            (&json!("light"), &json!("lighting")),
            (&Value::Null, &Value::Null)
        ]
    );
    for (query, count) in [
        ("device_type=light", 1),
        ("device_category=lighting", 1),
        ("device_type=light&device_category=climate", 0),
        ("device_type=light&offset=1", 0),
    ] {
        for path in ["/api/devices", "/api/v1/devices"] {
            assert_eq!(
                home.json(&format!("{path}?{query}")).await["count"],
                count,
                "{path}?{query}"
            );
        }
    }
    assert_eq!(home.json("/api/devices/lamp").await["device_type"], "light");
}

#[tokio::test]
async fn the_paths_that_the_old_clients_asked_in_vain_are_served() {
    let home = home().await;
    for (old, new) in [
        ("/api/v1/devices/lamp", "/api/devices/lamp"),
        ("/api/v1/entities/light.lamp", "/api/entities/light.lamp"),
        ("/api/v1/devices", "/api/devices"),
        ("/api/v1/entities", "/api/entities"),
    ] {
        let (status, body) = answer(home.get(old)).await;
        assert_eq!((status, body), (200, home.json(new).await), "{old}");
    }
}
