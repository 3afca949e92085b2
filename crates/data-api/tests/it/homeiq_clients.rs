//! The calls that HomeIQ's other services make, as they make them, and what they read from the answers.
//!
//! Each test is one service: paths, parameters and headers are those of its client, and the keys that are looked at are those it reads.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::home::{Home, KEY, answer, now};

/// A home of a hall and a kitchen: two devices, four entities, an hour of changes.
pub(crate) async fn lived_in() -> Home {
    let home = Home::new().await;
    let first = now().get() - 3_600_000_000;
    let events: Vec<Value> = (0..60)
        .map(|minute| {
            let (entity_id, state) = match minute % 3 {
                0 => ("light.hall", if minute % 2 == 0 { "on" } else { "off" }),
                1 => ("binary_sensor.hall_motion", if minute % 2 == 0 { "on" } else { "off" }),
                _ => ("sensor.kitchen_temperature", "21.5"),
            };
            json!({"entity_id": entity_id, "state": state, "origin": "live", "last_updated": first + minute * 60_000_000,
                "device_id": if minute % 3 == 2 { "sensor" } else { "lamp" },
                "attributes": {"friendly_name": "A thing"}, "context": {"id": "01KA0000000000000000000000", "user_id": "anna"}})
        })
        .collect();
    for (path, body) in [
        (
            "/internal/areas/bulk_upsert",
            json!([{"area_id": "hall", "name": "Hall"}, {"area_id": "kitchen", "name": "Kitchen"}]),
        ),
        (
            "/internal/devices/bulk_upsert",
            json!([
            {"id": "lamp", "name": "Lamp", "manufacturer": "Signify", "model": "LCT", "area_id": "hall", "sw_version": "1"},
            {"id": "sensor", "name": "Sensor", "area_id": "kitchen"}]),
        ),
        (
            "/internal/entities/bulk_upsert",
            json!([
            {"entity_id": "light.hall", "device_id": "lamp", "platform": "hue", "labels": ["ai"], "aliases": ["big light"]},
            {"entity_id": "binary_sensor.hall_motion", "device_id": "lamp", "platform": "hue"},
            {"entity_id": "sensor.kitchen_temperature", "device_id": "sensor", "platform": "mqtt"},
            {"entity_id": "switch.spare", "area_id": "kitchen", "platform": "mqtt"}]),
        ),
        (
            "/internal/services/bulk_upsert",
            json!({"light": {"turn_on": {"fields": {}}}}),
        ),
        ("/internal/events/bulk_upsert", json!(events)),
    ] {
        let (status, told) = answer(home.post(path).json(&body)).await;
        assert_eq!(status, 200, "{path}: {told}");
    }
    home
}

/// A call as `aiohttp` and `httpx` send it.
pub(crate) fn call(home: &Home, path: &str) -> RequestBuilder {
    home.http
        .get(home.url.join(path).unwrap())
        .header("accept", "*/*")
        .header("accept-encoding", "gzip, deflate")
        .header("user-agent", "Python/3.12 aiohttp/3.13.2")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {KEY}"))
}

pub(crate) async fn ok(home: &Home, path: &str) -> Value {
    let (status, body) = answer(call(home, path)).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

pub(crate) fn has(row: &Value, keys: &[&str]) {
    for key in keys {
        assert!(row.get(key).is_some(), "no {key} in {row}");
    }
}

#[tokio::test]
async fn ai_pattern_service_reads_events_of_a_month_devices_and_entities() {
    let home = lived_in().await;
    // Python's isoformat(), without and with an offset.
    for span in [
        "start_time=2026-10-24T12:00:00.123456&end_time=2026-11-23T12:00:00.123456",
        "start_time=2026-10-24T12:00:00%2B00:00&end_time=2026-11-23T12:00:00%2B00:00",
    ] {
        let events = ok(&home, &format!("/api/v1/events?{span}&limit=10000")).await;
        let events = events.as_array().unwrap();
        assert_eq!(
            events.len(),
            60,
            "one context must not hide all events but one"
        );
        for event in events {
            has(
                event,
                &[
                    "timestamp",
                    "entity_id",
                    "event_type",
                    "device_id",
                    "friendly_name",
                ],
            );
            assert!(
                event["new_state"]["state"].is_string() && event["state"].is_string(),
                "{event}"
            );
        }
        assert!(events[0]["timestamp"].as_str() >= events[59]["timestamp"].as_str());
    }
    let of_one = ok(
        &home,
        "/api/v1/events?limit=10000&entity_id=light.hall&event_type=state_changed",
    )
    .await;
    assert_eq!(of_one.as_array().unwrap().len(), 20);
    let of_device = ok(&home, "/api/v1/events?limit=10000&device_id=lamp").await;
    assert_eq!(of_device.as_array().unwrap().len(), 40);
    let devices = ok(&home, "/api/devices?limit=1000").await;
    assert_eq!(
        (&devices["count"], &devices["limit"]),
        (&json!(2), &json!(1000))
    );
    has(
        &devices["devices"][0],
        &["device_id", "name", "manufacturer", "model", "area_id"],
    );
    let entities = ok(&home, "/api/entities?limit=1000").await;
    assert_eq!(entities["count"], 4);
    has(
        &entities["entities"][0],
        &[
            "entity_id",
            "device_id",
            "domain",
            "platform",
            "area_id",
            "friendly_name",
        ],
    );
}

#[tokio::test]
async fn ai_automation_service_and_the_agent_read_the_registry_by_area_and_by_id() {
    let home = lived_in().await;
    assert_eq!(ok(&home, "/health").await["status"], "healthy");
    let one = ok(&home, "/api/entities/light.hall").await;
    assert_eq!(
        (&one["entity_id"], &one["domain"]),
        (&json!("light.hall"), &json!("light"))
    );
    let missing = answer(call(&home, "/api/entities/light.none")).await;
    assert_eq!(
        missing,
        (404, json!({"detail": "Entity light.none not found"}))
    );
    let areas = ok(&home, "/api/areas").await;
    assert_eq!(areas["count"], 2);
    has(
        &areas["areas"][0],
        &["area_id", "display_name", "entity_count", "domains"],
    );
    let in_hall = ok(&home, "/api/entities/by-area/hall").await;
    assert_eq!(
        (&in_hall["success"], &in_hall["area_id"]),
        (&json!(true), &json!("hall"))
    );
    has(&in_hall, &["entities", "count"]);
    // Both old versions passed area_id over, and the agent got the whole house.
    let filtered = ok(&home, "/api/entities?area_id=kitchen&limit=10000").await;
    assert_eq!(filtered["count"], 2, "{filtered}");
    let device = ok(&home, "/api/devices/lamp").await;
    assert_eq!(device["name"], "Lamp");
    assert_eq!(
        ok(&home, "/api/entities?domain=light&limit=100").await["count"],
        1
    );
    assert_eq!(ok(&home, "/api/entities?device_id=LAMP").await["count"], 2);
}

#[tokio::test]
async fn query_validation_and_blueprint_services_read_lists_with_their_limits() {
    let home = lived_in().await;
    for path in [
        "/api/entities?limit=500",
        "/api/entities?limit=10000",
        "/api/v1/entities",
        "/api/entities?platform=mqtt",
    ] {
        let list = ok(&home, path).await;
        assert!(list["entities"].as_array().unwrap().len() >= 2, "{path}");
    }
    for path in [
        "/api/devices",
        "/api/v1/devices",
        "/api/devices?area_id=hall",
        "/api/devices?manufacturer=Signify",
    ] {
        assert!(
            !ok(&home, path).await["devices"]
                .as_array()
                .unwrap()
                .is_empty(),
            "{path}"
        );
    }
    assert_eq!(ok(&home, "/api/entities?label=ai").await["count"], 1);
}

#[tokio::test]
async fn activity_writer_and_proactive_agent_find_states_in_the_newest_events() {
    let home = lived_in().await;
    let events = ok(&home, "/api/v1/events?event_type=state_changed&limit=50").await;
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), 50);
    assert!(events.iter().all(|event| !event["state"].is_null()));
    let day = ok(
        &home,
        "/api/v1/events?limit=500&start_time=2026-11-22T12:00:00Z",
    )
    .await;
    assert_eq!(day.as_array().unwrap().len(), 60);
    let paged = ok(&home, "/api/v1/events?limit=20&offset=50").await;
    assert_eq!(
        paged.as_array().unwrap().len(),
        10,
        "offset used to give nothing"
    );
}

#[tokio::test]
async fn the_dashboard_asks_often_and_is_not_sent_away() {
    let home = lived_in().await;
    // 20 quick calls used to end in 429 for every service.
    for _ in 0..3 {
        for path in [
            "/api/v1/events?limit=10",
            "/api/v1/events/stats?period=1h",
            "/api/v1/events/categories?hours=24",
            "/api/v1/events/entities?limit=100",
            "/api/v1/events/types?limit=50",
            "/api/devices?limit=100",
            "/api/entities?limit=100",
            "/api/integrations?limit=100",
            "/api/areas",
            "/api/labels",
        ] {
            ok(&home, path).await;
        }
    }
    let stats = ok(&home, "/api/v1/events/stats?period=24h").await;
    assert_eq!(stats["total_events"], 60);
    let categories = ok(&home, "/api/v1/events/categories?hours=24").await;
    assert_eq!(categories["total_events"], 60);
    let search = home
        .post("/api/v1/events/search")
        .json(&json!({"query": "kitchen", "limit": 100}));
    let (status, found) = answer(search).await;
    assert_eq!(
        (status, found.as_array().map(Vec::len)),
        (200, Some(20)),
        "{found}"
    );
}

#[tokio::test]
async fn writers_send_what_websocket_ingestion_and_admin_api_sent() {
    let home = Home::new().await;
    let write = |path: &str, body: Value| {
        home.http
            .post(home.url.join(path).unwrap())
            .header("authorization", format!("Bearer {KEY}"))
            .header("x-correlation-id", "req_1795428000_0a1b2c3d")
            .json(&body)
    };
    // Children before parents, an unknown device, null names.
    let entities = json!([
        {"entity_id": "light.a", "device_id": "not-there-yet", "name": null, "original_name": null, "platform": "hue", "disabled_by": null},
        {"entity_id": "sensor.b", "device_id": null, "unique_id": "b", "config_entry_id": "c1"}]);
    let response = write("/internal/entities/bulk_upsert", entities.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.headers()["x-correlation-id"],
        "req_1795428000_0a1b2c3d"
    );
    let told: Value = response.json().await.unwrap();
    assert_eq!(
        (&told["success"], &told["upserted"]),
        (&json!(true), &json!(2))
    );
    let devices = json!([{"id": "not-there-yet", "name": null, "manufacturer": null, "identifiers": [["hue", "1"]], "via_device_id": "x"}]);
    assert_eq!(
        answer(write("/internal/devices/bulk_upsert", devices))
            .await
            .1["upserted"],
        1
    );
    let services = json!({"light": {"turn_on": {"name": "Turn on", "description": "", "fields": {}, "target": {}}}});
    assert_eq!(
        answer(write("/internal/services/bulk_upsert", services))
            .await
            .1["upserted"],
        1
    );
    // Lists are fresh at once: the old cache was not cleared by a write.
    assert_eq!(ok(&home, "/api/devices").await["count"], 1);
    assert_eq!(ok(&home, "/api/entities").await["count"], 2);
    assert_eq!(
        answer(write("/internal/entities/bulk_upsert", entities))
            .await
            .1["upserted"],
        2
    );
    assert_eq!(ok(&home, "/api/entities").await["count"], 2);
}
