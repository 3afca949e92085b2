//! Devices, entities, areas, services. Faults of the replaced service have a test each.

use serde_json::{Value, json};

use crate::home::{Home, answer, now};

pub(crate) async fn upsert(home: &Home, part: &str, body: &Value) -> Value {
    let (status, reply) = answer(
        home.post(&format!("/internal/{part}/bulk_upsert"))
            .json(body),
    )
    .await;
    assert_eq!(status, 200, "{part}: {reply}");
    assert_eq!(reply["success"], true);
    assert!(reply["timestamp"].is_string());
    reply
}

#[tokio::test]
async fn children_before_parents_unknown_devices_and_null_names_all_land() {
    let home = Home::new().await;
    let devices = json!([{"id": "child", "name": null, "via_device_id": "parent"}, {"id": "parent", "name": "Bridge"}, {"name": "no id"}, 7]);
    let reply = upsert(&home, "devices", &devices).await;
    assert_eq!(
        (&reply["upserted"], &reply["skipped"]),
        (&json!(2), &json!(2))
    );
    let entities = json!([{"entity_id": "light.a", "device_id": "nowhere"}, {"entity_id": "light.b", "device_id": "child"}, {"name": "no id"}]);
    assert_eq!(upsert(&home, "entities", &entities).await["upserted"], 2);
    let child = home.json("/api/devices/child").await;
    assert_eq!(
        (&child["name"], &child["via_device"], &child["entity_count"]),
        (&json!("Unknown"), &json!("parent"), &json!(1))
    );
    // A reference that leads nowhere is served as none, and works once the device is there.
    assert_eq!(
        home.json("/api/entities/light.a").await["device_id"],
        Value::Null
    );
    upsert(
        &home,
        "devices",
        &json!([{"id": "nowhere", "area_id": "attic"}]),
    )
    .await;
    let entity = home.json("/api/entities/light.a").await;
    assert_eq!(
        (&entity["device_id"], &entity["area_id"]),
        (&json!("nowhere"), &json!("attic"))
    );
}

#[tokio::test]
async fn omitted_keys_are_preserved_and_nulls_are_taken() {
    let home = Home::new().await;
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "light.a", "name": "Lamp", "labels": ["x"], "supported_features": 44,
        "capabilities": {"modes": ["on"]}, "device_class": "light"}]),
    )
    .await;
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "light.a", "icon": "mdi:lamp"}]),
    )
    .await;
    let entity = home.json("/api/entities/light.a").await;
    assert_eq!(
        (&entity["name"], &entity["labels"], &entity["icon"]),
        (&json!("Lamp"), &json!(["x"]), &json!("mdi:lamp"))
    );
    assert_eq!(
        (&entity["supported_features"], &entity["capabilities"]),
        (&json!(44), &json!({"modes": ["on"]}))
    );
    assert_eq!(
        (&entity["friendly_name"], &entity["device_class"]),
        (&json!("Lamp"), &json!("light"))
    );
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "light.a", "name": null, "labels": null}]),
    )
    .await;
    let entity = home.json("/api/entities/light.a").await;
    assert_eq!(
        (&entity["name"], &entity["labels"], &entity["friendly_name"]),
        (&Value::Null, &json!([]), &json!("A"))
    );
}

#[tokio::test]
async fn lists_are_fresh_at_once_bounded_and_filtered() {
    let home = Home::new().await;
    assert_eq!(
        home.json("/api/devices").await,
        json!({"devices": [], "count": 0, "limit": 100})
    );
    upsert(&home, "devices", &json!([{"id": "d1", "manufacturer": "IKEA", "area_id": "hall", "identifiers": [["zha", "1"]]},
        {"id": "d2", "manufacturer": "Signify"}])).await;
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "light.a", "device_id": "d1", "platform": "zha"},
        {"entity_id": "sensor.b", "device_id": "D2", "labels": ["l1"]}]),
    )
    .await;
    for (path, want) in [
        ("/api/devices?manufacturer=IKEA", vec!["d1"]),
        ("/api/devices?platform=zha", vec!["d1"]),
        ("/api/devices?area_id=hall", vec!["d1"]),
        ("/api/devices?limit=1&offset=1", vec!["d2"]),
        ("/api/entities?domain=light", vec!["light.a"]),
        ("/api/entities?device_id=d2", vec!["sensor.b"]),
        ("/api/entities?area_id=hall", vec!["light.a"]),
        ("/api/entities?label=l1", vec!["sensor.b"]),
        ("/api/entities?platform=zha", vec!["light.a"]),
    ] {
        let list = home.json(path).await;
        let rows = list
            .get("devices")
            .or(list.get("entities"))
            .unwrap()
            .as_array()
            .unwrap();
        let ids: Vec<_> = rows
            .iter()
            .map(|r| {
                r.get("entity_id")
                    .or(r.get("device_id"))
                    .unwrap()
                    .as_str()
                    .unwrap()
            })
            .collect();
        assert_eq!(ids, want, "{path}");
    }
    assert_eq!(home.json("/api/devices/d1").await["integration"], "zha");
    assert_eq!(answer(home.get("/api/devices?limit=1001")).await.0, 422);
    let missing = answer(home.get("/api/devices/none")).await;
    assert_eq!(missing, (404, json!({"detail": "Device none not found"})));
}

#[tokio::test]
async fn services_in_every_form_answer_200_and_twice_is_the_same_table() {
    let home = Home::new().await;
    let object = json!({"light": {"turn_on": {"name": "Turn on", "fields": {"transition": {}}, "target": {"entity": [{}]}}, "turn_off": {"fields": {}}},
        "notify": {"send": {"response": {"optional": true}}}});
    let list = json!([{"domain": "light", "services": object["light"]}, {"domain": "notify", "services": object["notify"]}]);
    for body in [&object, &list, &json!({"services": object})] {
        assert_eq!(upsert(&home, "services", body).await["upserted"], 3);
        assert_eq!(home.json("/api/services").await["count"], 3);
    }
    let one = home.json("/api/services/light/turn_on").await;
    assert_eq!(
        (&one["name"], &one["fields"]),
        (&json!("Turn on"), &json!({"transition": {}}))
    );
    assert_eq!(
        home.json("/api/services?domain=notify").await["services"][0]["response"],
        json!({"optional": true})
    );
    upsert(&home, "entities", &json!([{"entity_id": "light.a"}])).await;
    let entity = home.json("/api/entities/light.a").await;
    assert_eq!(
        entity["available_services"],
        json!(["light.turn_off", "light.turn_on"])
    );
}

#[tokio::test]
async fn events_follow_an_entity_that_moves_to_another_area() {
    let home = Home::new().await;
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "light.a", "area_id": "hall"}]),
    )
    .await;
    let event = |second: u32| json!([{"entity_id": "light.a", "state": "on", "last_updated": format!("2026-11-23T10:00:{second:02}Z"), "area_id": "hall"}]);
    answer(home.post("/internal/events/bulk_upsert").json(&event(1))).await;
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "light.a", "area_id": "attic"}]),
    )
    .await;
    assert_eq!(
        home.json("/api/v1/events?area_id=attic")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn the_home_is_what_was_reported_last() {
    let home = Home::new().await;
    assert_eq!(home.json("/api/v1/home").await["time_zone"], Value::Null);
    for version in ["2024.3.3", "2025.4.4", "2026.11.0"] {
        let (status, reply) = answer(
            home.post("/internal/home")
                .json(&recorded(version, "get_config")),
        )
        .await;
        assert_eq!(
            (status, &reply["success"]),
            (200, &json!(true)),
            "{version}"
        );
        let known = home.json("/api/v1/home").await;
        assert_eq!(known["home_assistant_version"], version);
        assert!(
            known["time_zone"].is_string() && known["location_name"].is_string(),
            "{known}"
        );
    }
}

#[tokio::test]
async fn real_registries_of_three_versions_land_whole() {
    for version in ["2024.3.3", "2025.4.4", "2026.11.0"] {
        let home = Home::new().await;
        for (part, file, list) in [
            ("devices", "device_registry_list", "devices"),
            ("entities", "entity_registry_list", "entities"),
            ("areas", "area_registry_list", "areas"),
        ] {
            let recorded = recorded(version, file);
            let sent = recorded.as_array().unwrap().len();
            assert_eq!(
                upsert(&home, part, &recorded).await["upserted"],
                sent,
                "{version} {part}"
            );
            let path = if part == "areas" {
                "/api/areas".to_owned()
            } else {
                format!("/api/{list}?limit=1000")
            };
            assert_eq!(home.json(&path).await["count"], sent, "{version} {part}");
        }
        let services = recorded(version, "get_services");
        let count: usize = services
            .as_object()
            .unwrap()
            .values()
            .map(|domain| domain.as_object().unwrap().len())
            .sum();
        assert_eq!(
            upsert(&home, "services", &services).await["upserted"],
            count,
            "{version}"
        );
    }
}

/// The result of a command as a real Home Assistant answered it.
pub(crate) fn recorded(version: &str, file: &str) -> Value {
    let path = format!(
        "{}/../../shared/fixtures/homeassistant/{version}/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let value: Value = serde_json::from_str(&text).unwrap();
    value["result"].clone()
}

#[tokio::test]
async fn an_entity_that_is_registered_before_its_first_event_has_its_device_at_once() {
    let home = Home::new().await;
    upsert(
        &home,
        "devices",
        &json!([{"id": "lamp", "name": "Lamp", "area_id": "hall"}]),
    )
    .await;
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "light.hall", "device_id": "lamp"}]),
    )
    .await;
    let first = json!([{"entity_id": "light.hall", "state": "on", "last_updated": now()}]);
    let (status, _) = answer(home.post("/internal/events/bulk_upsert").json(&first)).await;
    assert_eq!(status, 200);
    for path in [
        "/api/v1/events",
        "/api/v1/events?device_id=lamp",
        "/api/v1/events?area_id=hall",
    ] {
        let events = home.json(path).await;
        assert_eq!(
            (&events[0]["device_id"], &events[0]["area_id"]),
            (&json!("lamp"), &json!("hall")),
            "{path}: {events}"
        );
    }
    let active = home.json("/api/v1/events/entities").await;
    assert_eq!(active[0]["device_id"], "lamp", "{active}");
}
