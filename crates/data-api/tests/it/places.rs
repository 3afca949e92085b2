//! Areas, floors and labels.

use serde_json::{Value, json};

use crate::home::Home;
use crate::registry::{recorded, upsert};

#[tokio::test]
async fn areas_have_their_names_and_what_is_in_them() {
    let home = Home::new().await;
    let kitchen = json!({"area_id": "kitchen", "name": "Große Küche", "floor_id": "ground", "icon": "mdi:stove", "labels": ["wet"],
        "aliases": ["cookery"], "temperature_entity_id": "sensor.t"});
    upsert(&home, "areas", &json!([kitchen])).await;
    // What a later report does not say stays.
    upsert(
        &home,
        "areas",
        &json!([{"area_id": "kitchen", "icon": null}]),
    )
    .await;
    upsert(&home, "devices", &json!([{"id": "d", "area_id": "kitchen"}, {"id": "child", "parent_device_id": "d", "area_id": null}])).await;
    upsert(&home, "entities", &json!([{"entity_id": "switch.a", "device_id": "child"}, {"entity_id": "light.a", "area_id": "kitchen"},
        {"entity_id": "light.b", "area_id": "living_room"}])).await;
    let want = json!({"count": 2, "areas": [
        {"area_id": "kitchen", "display_name": "Große Küche", "floor_id": "ground", "icon": null, "picture": null, "aliases": ["cookery"],
         "labels": ["wet"], "temperature_entity_id": "sensor.t", "humidity_entity_id": null, "entity_count": 2,
         "domains": ["light", "switch"], "removed_at": null},
        {"area_id": "living_room", "display_name": "Living Room", "floor_id": null, "icon": null, "picture": null, "aliases": [],
         "labels": [], "temperature_entity_id": null, "humidity_entity_id": null, "entity_count": 1, "domains": ["light"],
         "removed_at": null}]});
    assert_eq!(home.json("/api/areas").await, want);
    assert_eq!(home.json("/internal/areas/list").await, want);
}

#[tokio::test]
async fn floors_stand_from_the_lowest_to_the_highest_with_their_areas() {
    let home = Home::new().await;
    let floors = json!([{"floor_id": "attic", "name": "Attic", "level": 2, "icon": "mdi:home-roof", "aliases": ["top"]},
        {"floor_id": "cellar", "name": "Cellar", "level": -1}, {"floor_id": "garden", "name": "Garden", "level": null}, {"name": "no id"}, 5]);
    let reply = upsert(&home, "floors", &floors).await;
    assert_eq!(
        (&reply["upserted"], &reply["skipped"]),
        (&json!(3), &json!(2))
    );
    upsert(
        &home,
        "areas",
        &json!([{"area_id": "study", "floor_id": "attic"}, {"area_id": "bath", "floor_id": "attic"},
        {"area_id": "hall", "floor_id": "ground_floor"}]),
    )
    .await;
    let list = home.json("/api/v1/floors").await;
    assert_eq!(list["count"], 4);
    let short: Vec<_> = list["floors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|floor| {
            (
                floor["name"].as_str().unwrap(),
                floor["level"].clone(),
                floor["areas"].clone(),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            ("Cellar", json!(-1), json!([])),
            ("Attic", json!(2), json!(["bath", "study"])),
            ("Garden", Value::Null, json!([])),
            // Named by an area, not reported yet.
            ("Ground Floor", Value::Null, json!(["hall"])),
        ]
    );
    assert_eq!(
        (&list["floors"][1]["icon"], &list["floors"][1]["aliases"]),
        (&json!("mdi:home-roof"), &json!(["top"]))
    );
    let read = home.client.floors().await.unwrap();
    assert_eq!(read.floors[3].timestamp, None);
}

#[tokio::test]
async fn labels_are_counted_wherever_they_are_used() {
    let home = Home::new().await;
    upsert(&home, "labels", &json!([{"label_id": "critical", "name": "Critical!", "color": "red", "icon": "mdi:alert", "description": "call"},
        {"label_id": "unused", "name": "Unused"}])).await;
    upsert(&home, "entities", &json!([{"entity_id": "light.a", "labels": ["critical", "ai:off"]}, {"entity_id": "light.b", "labels": ["critical"]}])).await;
    upsert(
        &home,
        "devices",
        &json!([{"id": "d", "labels": ["critical"]}]),
    )
    .await;
    upsert(
        &home,
        "areas",
        &json!([{"area_id": "hall", "labels": ["critical"]}]),
    )
    .await;
    let list = home.json("/api/v1/labels").await;
    assert_eq!(list, home.json("/api/labels").await);
    let short: Vec<_> = list["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| {
            (
                l["label"].as_str().unwrap(),
                l["name"].as_str().unwrap(),
                l["prefix"].clone(),
                [&l["entity_count"], &l["device_count"], &l["area_count"]]
                    .map(|n| n.as_u64().unwrap()),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            ("ai:off", "Ai:off", json!("ai"), [1, 0, 0]),
            ("critical", "Critical!", Value::Null, [2, 1, 1]),
            ("unused", "Unused", Value::Null, [0, 0, 0]),
        ]
    );
    assert_eq!(
        (
            &list["labels"][1]["label_id"],
            &list["labels"][1]["color"],
            &list["labels"][1]["description"]
        ),
        (&json!("critical"), &json!("red"), &json!("call"))
    );
    assert_eq!(home.client.labels().await.unwrap().count, 3);
}

#[tokio::test]
async fn what_newer_versions_send_is_kept_and_what_older_ones_lack_is_not_missed() {
    // Area registries of three versions: before 2024.4 there were no floors and no labels of areas.
    for (version, floor, icon) in [
        ("2024.3.3", Value::Null, Value::Null),
        ("2025.4.4", json!("ground_floor"), Value::Null),
        ("2026.11.0", json!("ground_floor"), json!("mdi:sofa")),
    ] {
        let home = Home::new().await;
        upsert(&home, "areas", &recorded(version, "area_registry_list")).await;
        let list = home.json("/api/areas").await;
        let living = list["areas"]
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["area_id"] == "living_room")
            .unwrap()
            .clone();
        assert_eq!(
            (&living["floor_id"], &living["icon"]),
            (&floor, &icon),
            "{version}"
        );
        upsert(&home, "devices", &recorded(version, "device_registry_list")).await;
        let devices = home.json("/api/devices?limit=1000").await;
        let none = devices["devices"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|d| d["config_entry_id"].is_null())
            .count();
        assert_eq!(
            none, 0,
            "{version}: every device has its configuration entry"
        );
        upsert(
            &home,
            "entities",
            &recorded(version, "entity_registry_list"),
        )
        .await;
        let labels = home.json("/api/v1/labels").await;
        assert_eq!(
            labels["labels"]
                .as_array()
                .unwrap()
                .iter()
                .any(|l| l["label"] == "critical" && l["entity_count"] != 0),
            version != "2024.3.3",
            "{version}"
        );
    }
}

#[tokio::test]
async fn real_floors_and_labels_land_whole() {
    for version in ["2025.4.4", "2026.11.0"] {
        let home = Home::new().await;
        upsert(&home, "areas", &recorded(version, "area_registry_list")).await;
        for part in ["floor", "label"] {
            let sent = recorded(version, &format!("{part}_registry_list"));
            let list = format!("{part}s");
            upsert(&home, &list, &sent).await;
            let served = home.json(&format!("/api/v1/{list}")).await;
            assert_eq!(
                served["count"],
                sent.as_array().unwrap().len(),
                "{version} {part}"
            );
        }
        let floors = home.json("/api/v1/floors").await;
        let ground = &floors["floors"][0];
        assert_eq!(
            (&ground["name"], &ground["level"]),
            (&json!("Ground floor"), &json!(0)),
            "{version}"
        );
        let areas = ground["areas"].as_array().unwrap();
        assert!(areas.contains(&json!("kitchen")), "{version}: {areas:?}");
        let labels = home.json("/api/v1/labels").await;
        assert!(
            labels["labels"]
                .as_array()
                .unwrap()
                .iter()
                .any(|label| label["color"] == "#d32f2f"),
            "{version}"
        );
    }
}

#[tokio::test]
async fn a_child_device_of_2026_is_where_its_parent_is_and_has_its_own_entry() {
    let home = Home::new().await;
    let parent = json!({"id": "strip", "name": "Power strip", "area_id": "study", "manufacturer": "ACME", "config_entry_id": "e1",
        "primary_config_entry": "e2", "config_entries": ["e3"], "hw_version": "B"});
    let child = json!({"id": "socket", "name": "Socket 1", "parent_device_id": "strip", "area_id": null, "config_entry_id": "e4"});
    upsert(&home, "devices", &json!([child, parent, {"id": "old", "config_entries": ["e5", "e6"]}, {"id": "mid", "config_entry_id": null, "primary_config_entry": "e7", "config_entries": ["e8"]}])).await;
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "switch.socket", "device_id": "socket", "area_id": null}]),
    )
    .await;
    let socket = home.json("/api/devices/socket").await;
    assert_eq!(
        (
            &socket["area_id"],
            &socket["parent_device_id"],
            &socket["manufacturer"],
            &socket["config_entry_id"]
        ),
        (
            &json!("study"),
            &json!("strip"),
            &json!("Unknown"),
            &json!("e4")
        )
    );
    assert_eq!(
        home.json("/api/entities/switch.socket").await["area_id"],
        "study"
    );
    for (device, entry) in [("strip", "e1"), ("old", "e5"), ("mid", "e7")] {
        assert_eq!(
            home.json(&format!("/api/devices/{device}")).await["config_entry_id"],
            entry
        );
    }
    assert_eq!(home.json("/api/devices/strip").await["hw_version"], "B");
}

#[tokio::test]
async fn entities_of_a_label_come_page_by_page_and_only_with_this_very_label() {
    let home = Home::new().await;
    let entity =
        |n: u32, labels: Value| json!({"entity_id": format!("light.l{n}"), "labels": labels});
    upsert(
        &home,
        "entities",
        &json!([
            entity(1, json!(["wet"])),
            entity(2, json!(["wetter", "not wet"])),
            entity(3, json!(["a\",\"wet"])),
            entity(4, json!([])),
            entity(5, json!(["cold", "wet"])),
            entity(6, json!(["wet"])),
        ]),
    )
    .await;
    for (page, want) in [
        ("limit=2", vec!["light.l1", "light.l5"]),
        ("limit=2&offset=2", vec!["light.l6"]),
        ("limit=10&offset=3", vec![]),
    ] {
        let list = home.json(&format!("/api/entities?label=wet&{page}")).await;
        let ids: Vec<_> = list["entities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["entity_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, want, "{page}");
    }
}
