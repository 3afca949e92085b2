//! What stored events tell of devices. The fixed paths below `/api/devices/` answered `Device … not found` in the replaced service.

use serde_json::{Value, json};

use crate::home::{Home, answer};
use crate::registry::upsert;

fn row(entity: &str, at: &str, state: &str, attributes: &Value) -> Value {
    json!({"entity_id": entity, "state": state, "last_updated": format!("2026-11-{at}Z"), "attributes": attributes})
}

/// A lamp, a plug that measures, a door with an empty battery, a thermometer that is silent, a thing without states.
async fn home() -> Home {
    let home = Home::new().await;
    upsert(
        &home,
        "devices",
        &json!([
            {"id": "lamp", "name": "Lamp", "manufacturer": "Signify", "model": "L1"},
            {"id": "lamp2", "name": "Other lamp", "manufacturer": "IKEA", "model": "L2"},
            {"id": "plug", "name": "Plug", "manufacturer": "Signify", "model": "P1"},
            {"id": "door", "name": "Door", "manufacturer": "Aqara", "model": "D1"},
            {"id": "thermometer", "name": "Thermometer"},
            {"id": "thing", "name": "Thing"},
        ]),
    )
    .await;
    upsert(&home, "entities", &json!([
        {"entity_id": "light.lamp", "device_id": "lamp"}, {"entity_id": "light.lamp2", "device_id": "lamp2"},
        {"entity_id": "switch.plug", "device_id": "plug"}, {"entity_id": "sensor.plug_power", "device_id": "plug"},
        {"entity_id": "binary_sensor.door", "device_id": "door"}, {"entity_id": "sensor.door_battery", "device_id": "door"},
        {"entity_id": "sensor.thermometer", "device_id": "thermometer"},
    ])).await;
    let none = json!({});
    let power = json!({"device_class": "power", "unit_of_measurement": "kW"});
    let rows = json!([
        row("light.lamp", "01T08:00:00", "off", &none),
        row(
            "light.lamp2",
            "23T08:00:00",
            "on",
            &json!({"supported_features": 44, "icon": "mdi:lamp"})
        ),
        row("switch.plug", "23T08:00:00", "on", &none),
        row("sensor.plug_power", "23T08:00:00", "1.0", &power),
        row("sensor.plug_power", "23T09:00:00", "unavailable", &power),
        row("sensor.plug_power", "23T10:00:00", "0.5", &power),
        row(
            "binary_sensor.door",
            "23T11:00:00",
            "off",
            &json!({"device_class": "door"})
        ),
        row(
            "sensor.door_battery",
            "23T11:00:00",
            "7",
            &json!({"device_class": "battery", "unit_of_measurement": "%"})
        ),
        row(
            "sensor.thermometer",
            "22T08:00:00",
            "20.5",
            &json!({"device_class": "temperature"})
        ),
    ]);
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!((status, &reply["stored"]), (200, &json!(9)), "{reply}");
    home
}

#[tokio::test]
async fn fixed_paths_win_over_device_ids() {
    let home = home().await;
    for path in [
        "/api/devices/reliability",
        "/api/devices/health-summary",
        "/api/devices/maintenance-alerts",
        "/api/devices/compare?device_ids=lamp,plug",
        "/api/devices/similar/lamp",
    ] {
        let (status, body) = answer(home.get(path)).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    let never = answer(home.get("/api/devices/power-anomalies")).await;
    assert!(
        never.1["detail"]
            .as_str()
            .unwrap()
            .contains("not part of HomeIQ")
    );
}

#[tokio::test]
async fn reliability_counts_stored_events_by_who_made_the_device() {
    let home = home().await;
    let mut week = home.json("/api/devices/reliability").await;
    assert!(week.as_object_mut().unwrap().remove("timestamp").is_some());
    assert_eq!(
        week,
        json!({"period": "7d", "group_by": "manufacturer", "total_events_analyzed": 7, "total_events_in_period": 8,
            "metadata_coverage_percentage": 87.5, "reliability_data": [
                {"manufacturer": "Signify", "event_count": 4, "percentage": 57.14},
                {"manufacturer": "Aqara", "event_count": 2, "percentage": 28.57},
                {"manufacturer": "IKEA", "event_count": 1, "percentage": 14.29}]})
    );
    let month = home
        .json("/api/devices/reliability?period=30d&group_by=model")
        .await;
    assert_eq!(month["total_events_in_period"], 9);
    assert_eq!(
        month["reliability_data"][0],
        json!({"model": "P1", "event_count": 4, "percentage": 50.0})
    );
    for query in [
        "period=week",
        "period=0d",
        "period=367d",
        "period=",
        "period=9999999999d",
        "group_by=area",
    ] {
        let path = format!("/api/devices/reliability?{query}");
        assert_eq!(answer(home.get(&path)).await.0, 422, "{query}");
    }
}

#[tokio::test]
async fn the_health_of_a_device_comes_from_its_stored_states() {
    let home = home().await;
    let door = home.json("/api/devices/door/health").await;
    assert_eq!(
        (
            &door["overall_status"],
            &door["battery_level"],
            &door["issues"][0]["issue_type"]
        ),
        (&json!("error"), &json!(7.0), &json!("low_battery"))
    );
    assert_eq!(
        (&door["device_name"], &door["last_seen"]),
        (&json!("Door"), &json!("2026-11-23T11:00:00.000000+00:00"))
    );
    for (device, want) in [
        ("lamp", "healthy"),
        ("plug", "healthy"),
        ("thermometer", "warning"),
        ("thing", "unknown"),
    ] {
        let health = home.json(&format!("/api/devices/{device}/health")).await;
        assert_eq!(health["overall_status"], want, "{health}");
    }
    assert_eq!(answer(home.get("/api/devices/none/health")).await.0, 404);
    let mut summary = home.json("/api/devices/health-summary").await;
    assert!(
        summary
            .as_object_mut()
            .unwrap()
            .remove("timestamp")
            .is_some()
    );
    assert_eq!(
        summary,
        json!({"total_devices": 6, "healthy_devices": 3, "warning_devices": 1, "error_devices": 1, "unknown_devices": 1})
    );
    let alerts = home.json("/api/devices/maintenance-alerts").await;
    let told: Vec<_> = alerts["alerts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|alert| {
            (
                &alert["device_id"],
                &alert["issue_type"],
                &alert["severity"],
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (&json!("door"), &json!("low_battery"), &json!("error")),
            (&json!("thermometer"), &json!("silent"), &json!("warning"))
        ]
    );
    assert_eq!(
        home.json("/api/devices/maintenance-alerts?limit=1").await["count"],
        1
    );
}

#[tokio::test]
async fn devices_are_compared_in_the_order_asked_for() {
    let home = home().await;
    let compared = home
        .json("/api/devices/compare?device_ids=plug,%20door")
        .await;
    assert_eq!(compared["count"], 2);
    let plug = &compared["devices"][0];
    assert_eq!(
        (
            &plug["device_id"],
            &plug["device_type"],
            &plug["overall_status"],
            &plug["entity_count"]
        ),
        (
            &json!("plug"),
            &json!("switch"),
            &json!("healthy"),
            &json!(2)
        )
    );
    for (ids, status) in [("plug", 400), (",", 400), ("plug,none", 404)] {
        let path = format!("/api/devices/compare?device_ids={ids}");
        assert_eq!(answer(home.get(&path)).await.0, status, "{ids}");
    }
}

#[tokio::test]
async fn similar_devices_have_the_same_type_maker_or_category() {
    let home = home().await;
    let like_lamp = home.json("/api/devices/similar/lamp").await;
    // The plug has only its maker in common: 0.3 is not enough.
    assert_eq!(
        (&like_lamp["reference_device_name"], &like_lamp["count"]),
        (&json!("Lamp"), &json!(1))
    );
    let other = &like_lamp["similar_devices"][0];
    assert_eq!(
        (&other["device_id"], &other["similarity_score"]),
        (&json!("lamp2"), &json!(0.7))
    );
    assert_eq!(answer(home.get("/api/devices/similar/none")).await.0, 404);
}

#[tokio::test]
async fn power_is_what_was_measured_and_nothing_else() {
    let home = home().await;
    let plug = home.json("/api/devices/plug/power-analysis?days=1").await;
    // 1 kW for an hour, nothing for an hour, 0.5 kW for two.
    assert_eq!(
        plug["sensors"],
        json!([{"entity_id": "sensor.plug_power", "current_w": 500.0, "average_w": 666.67, "min_w": 500.0, "max_w": 1000.0,
            "measured_seconds": 10800.0}])
    );
    assert_eq!(
        home.json("/api/devices/lamp/power-analysis").await["sensors"],
        json!([])
    );
    assert_eq!(
        answer(home.get("/api/devices/plug/power-analysis?days=31"))
            .await
            .0,
        422
    );
}

#[tokio::test]
async fn what_a_device_is_is_told_and_nothing_is_written_for_it() {
    let home = home().await;
    let (status, door) = answer(home.post("/api/devices/door/classify")).await;
    assert_eq!(
        (status, &door["device_type"], &door["device_category"]),
        (200, &json!("sensor"), &json!("sensor"))
    );
    assert_eq!(answer(home.post("/api/devices/none/classify")).await.0, 404);
    let (status, all) = answer(home.post("/api/devices/classify-all")).await;
    assert_eq!(
        (status, &all["classified"], &all["total"]),
        (200, &json!(5), &json!(6))
    );
    let (status, linked) = answer(home.post("/api/devices/link-entities?limit=10")).await;
    assert_eq!(
        (status, &linked["linked"], &linked["total"]),
        (200, &json!(0), &json!(0))
    );
}

#[tokio::test]
async fn entities_are_enriched_from_their_newest_stored_state_without_asking_home_assistant() {
    let home = home().await;
    upsert(
        &home,
        "entities",
        &json!([{"entity_id": "light.never", "device_class": "kept"}]),
    )
    .await;
    let (status, some) = answer(
        home.post("/api/entities/enrich")
            .json(&json!({"entity_ids": ["binary_sensor.door", "light.never"]})),
    )
    .await;
    assert_eq!(
        (status, &some["success"], &some["enriched"], &some["failed"]),
        (200, &json!(true), &json!(1), &json!(1))
    );
    assert_eq!(
        home.json("/api/devices/door").await["device_category"],
        "security"
    );
    let (_, all) = answer(home.post("/api/entities/enrich")).await;
    assert_eq!((&all["enriched"], &all["failed"]), (&json!(4), &json!(1)));
    let lamp = home.json("/api/entities/light.lamp2").await;
    assert_eq!(
        (&lamp["supported_features"], &lamp["icon"]),
        (&json!(44), &json!("mdi:lamp"))
    );
    assert_eq!(
        home.json("/api/entities/sensor.plug_power").await["unit_of_measurement"],
        "kW"
    );
    let (_, again) = answer(home.post("/api/entities/enrich")).await;
    assert_eq!(again["enriched"], 0);
    assert_eq!(
        home.json("/api/entities/light.never").await["device_class"],
        "kept"
    );
    let (status, _) = answer(home.post("/api/entities/enrich").body("{")).await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn a_complete_list_of_entities_is_enriched_by_itself() {
    let home = home().await;
    let path = "/internal/entities/bulk_upsert?complete=true";
    let list = json!([{"entity_id": "sensor.plug_power", "device_id": "plug", "id": "r1"}]);
    assert_eq!(answer(home.post(path).json(&list)).await.0, 200);
    assert_eq!(
        home.json("/api/entities/sensor.plug_power").await["device_class"],
        "power"
    );
}

#[tokio::test]
async fn clearing_the_registry_keeps_the_events() {
    let home = home().await;
    let url = home.url.join("/internal/devices/clear").unwrap();
    let (status, cleared) = answer(home.http.delete(url).bearer_auth(crate::home::KEY)).await;
    assert_eq!(
        (
            status,
            &cleared["devices_deleted"],
            &cleared["entities_deleted"]
        ),
        (200, &json!(6), &json!(7))
    );
    assert_eq!(home.json("/api/devices").await["count"], 0);
    assert_eq!(home.json("/api/entities").await["count"], 0);
    let events = home.json("/api/v1/events").await;
    assert_eq!(events.as_array().unwrap().len(), 9);
}
