//! Reading state changes.

use serde_json::{Value, json};

use crate::home::{Home, answer, now};

async fn stored(home: &Home, rows: &[Value]) {
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(rows)).await;
    assert_eq!(
        (status, &reply["stored"]),
        (200, &json!(rows.len())),
        "{reply}"
    );
}

fn ids(events: &Value) -> Vec<&str> {
    events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn events_carry_states_attributes_causes_and_durations() {
    let home = Home::new().await;
    let context = json!({"id": "01M8PY9AEYK6XKGQ1J50FTM3RV", "parent_id": "8f0f2bd5b3d94ef1a3b6b0a4a7a6c1de", "user_id": "u1"});
    stored(&home, &[
        json!({"entity_id": "light.k", "state": "off", "last_updated": "2026-11-23T10:00:00+00:00"}),
        json!({"entity_id": "light.k", "state": "on", "attributes": {"friendly_name": "Küche", "b": 1.50, "a": null},
            "last_changed": "2026-11-23T10:01:00+00:00", "last_updated": "2026-11-23T10:01:30+00:00", "context": context,
            "device_id": "dev1", "area_id": "kitchen", "origin": "backfill", "startup": true}),
    ])
    .await;
    let events = home.json("/api/v1/events?limit=1").await;
    let event = &events[0];
    assert_eq!(event["id"], "light.k@1795428090000000");
    assert_eq!(event["timestamp"], "2026-11-23T10:01:30.000000+00:00");
    assert_eq!(
        (&event["state"], &event["previous_state"]),
        (&json!("on"), &json!("off"))
    );
    assert_eq!(
        (&event["new_state"]["state"], &event["old_state"]["state"]),
        (&json!("on"), &json!("off"))
    );
    assert_eq!(
        event["attributes"],
        json!({"friendly_name": "Küche", "b": 1.50, "a": null})
    );
    assert_eq!(
        event["new_state"]["last_changed"],
        "2026-11-23T10:01:00.000000+00:00"
    );
    assert_eq!(event["duration_in_state"], 60.0);
    assert_eq!(event["context_id"], context["id"]);
    assert_eq!(event["context_parent_id"], context["parent_id"]);
    assert_eq!(event["context_user_id"], "u1");
    assert_eq!(
        (&event["device_id"], &event["area_id"]),
        (&json!("dev1"), &json!("kitchen"))
    );
    assert_eq!(
        (&event["friendly_name"], &event["domain"]),
        (&json!("Küche"), &json!("light"))
    );
    assert_eq!(
        (&event["origin"], &event["startup"]),
        (&json!("backfill"), &json!(true))
    );
    let one = home.json("/api/v1/events/light.k@1795428090000000").await;
    assert_eq!(&one, event);
    let (status, told) = answer(home.get("/api/v1/events/light.k@1")).await;
    assert_eq!(
        (status, told),
        (404, json!({"detail": "Event light.k@1 not found"}))
    );
}

#[tokio::test]
async fn a_removal_is_stored_and_has_no_new_state() {
    let home = Home::new().await;
    stored(
        &home,
        &[
            json!({"entity_id": "light.k", "state": "on", "last_updated": "2026-11-23T10:00:00Z"}),
            json!({"entity_id": "light.k", "state": null, "last_updated": "2026-11-23T10:00:01Z"}),
        ],
    )
    .await;
    let events = home.json("/api/v1/events").await;
    assert_eq!(
        (&events[0]["state"], &events[0]["new_state"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(events[0]["old_state"]["state"], "on");
}

#[tokio::test]
async fn all_entities_of_one_context_are_kept() {
    let home = Home::new().await;
    let row = |entity: &str| json!({"entity_id": entity, "state": "on", "last_updated": "2026-11-23T10:00:00Z", "context": {"id": "CTX1"}});
    stored(&home, &[row("light.a"), row("light.b"), row("light.c")]).await;
    assert_eq!(
        home.json("/api/v1/events").await.as_array().unwrap().len(),
        3
    );
}

#[tokio::test]
async fn pages_by_cursor_and_by_offset_are_newest_first_and_complete() {
    let home = Home::new().await;
    let rows: Vec<_> = (0..15)
        .map(|n| {
            json!({"entity_id": format!("sensor.s{}", n % 3), "state": n.to_string(),
            // Several rows at the same instant must not be lost between pages.
            "last_updated": 1_795_428_000_000_000_i64 + (n / 3) * 1000})
        })
        .collect();
    stored(&home, &rows[..]).await;
    let all = home.json("/api/v1/events?limit=100").await;
    let want = ids(&all);
    assert_eq!(want.len(), 15, "5 instants of 3 entities");
    let (mut by_cursor, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut request = home.get("/api/v1/events").query(&[("limit", "4")]);
        if let Some(cursor) = &cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let response = request.send().await.unwrap();
        cursor = response
            .headers()
            .get("x-next-cursor")
            .map(|value| value.to_str().unwrap().to_owned());
        let page: Value = response.json().await.unwrap();
        by_cursor.extend(ids(&page).into_iter().map(str::to_owned));
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(by_cursor, want);
    let mut by_offset = Vec::new();
    for offset in (0..15).step_by(4) {
        by_offset.extend(
            ids(&home
                .json(&format!("/api/v1/events?limit=4&offset={offset}"))
                .await)
            .into_iter()
            .map(str::to_owned),
        );
    }
    assert_eq!(by_offset, want);
    let mut sorted = by_offset.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 15);
}

#[tokio::test]
async fn every_filter_filters() {
    let home = Home::new().await;
    stored(&home, &[
        json!({"entity_id": "light.a", "state": "on", "last_updated": "2026-11-23T10:00:00Z", "device_id": "d1", "area_id": "kitchen"}),
        json!({"entity_id": "sensor.t", "state": "20", "attributes": {"device_class": "temperature"}, "last_updated": "2026-11-23T10:00:01Z"}),
        json!({"entity_id": "sensor.n", "state": "7", "last_updated": "2026-11-23T10:00:02Z"}),
    ])
    .await;
    let entities = json!([{"entity_id": "sensor.n", "entity_category": "diagnostic"}, {"entity_id": "light.a", "device_id": "d1", "area_id": "kitchen"}]);
    answer(home.post("/internal/entities/bulk_upsert").json(&entities)).await;
    answer(
        home.post("/internal/devices/bulk_upsert")
            .json(&json!([{"id": "d1"}])),
    )
    .await;
    for (query, want) in [
        ("entity_id=light.a", vec!["light.a"]),
        ("entity_id=light.none", vec![]),
        ("device_id=d1", vec!["light.a"]),
        ("area_id=kitchen", vec!["light.a"]),
        ("event_category=climate", vec!["sensor.t"]),
        ("event_category=monitoring", vec!["sensor.n"]),
        ("entity_category=diagnostic", vec!["sensor.n"]),
        ("exclude_category=diagnostic", vec!["sensor.t", "light.a"]),
        ("event_type=state_changed&limit=1", vec!["sensor.n"]),
        ("event_type=call_service", vec![]),
        (
            "start_time=2026-11-23T10:00:01Z",
            vec!["sensor.n", "sensor.t"],
        ),
        ("end_time=2026-11-23T10:00:00%2B00:00", vec!["light.a"]),
        (
            "start_time=2026-11-23T10:00:01+00:00&end_time=2026-11-23T10:00:01",
            vec!["sensor.t"],
        ),
        (
            "entity_id=&area_id=",
            vec!["sensor.n", "sensor.t", "light.a"],
        ),
    ] {
        let events = home.json(&format!("/api/v1/events?{query}")).await;
        let got: Vec<_> = events
            .as_array()
            .unwrap_or_else(|| panic!("{query}: {events}"))
            .iter()
            .map(|event| event["entity_id"].as_str().unwrap())
            .collect();
        assert_eq!(got, want, "{query}");
    }
}

#[tokio::test]
async fn parameters_out_of_bounds_are_named() {
    let home = Home::new().await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=x", "limit"),
        ("offset=2000000", "offset"),
        ("start_time=yesterday", "start_time"),
        ("cursor=zzz", "cursor"),
        (
            "start_time=2026-11-23T10:00:00Z&end_time=2026-11-22T10:00:00Z",
            "start_time",
        ),
    ] {
        let (status, told) = answer(home.get(&format!("/api/v1/events?{query}"))).await;
        assert_eq!(status, 422, "{query}: {told}");
        assert!(
            told["error"]["detail"].to_string().contains(name),
            "{query}: {told}"
        );
    }
}

#[tokio::test]
async fn no_attributes_leaves_them_out_and_keeps_the_name() {
    let home = Home::new().await;
    stored(&home, &[json!({"entity_id": "light.a", "state": "on", "attributes": {"friendly_name": "Lamp", "x": 1}, "last_updated": "2026-11-23T10:00:00Z"})]).await;
    let events = home.json("/api/v1/events?no_attributes=true").await;
    assert_eq!(
        (&events[0]["attributes"], &events[0]["friendly_name"]),
        (&json!({}), &json!("Lamp"))
    );
}

#[tokio::test]
async fn stats_count_the_period_and_the_whole() {
    let home = Home::new().await;
    let at = |minutes: i64| now().plus_seconds(-60 * minutes).get();
    stored(
        &home,
        &[
            json!({"entity_id": "light.a", "state": "on", "last_updated": at(10)}),
            json!({"entity_id": "light.a", "state": "off", "last_updated": at(20)}),
            json!({"entity_id": "light.b", "state": "off", "last_updated": at(600)}),
        ],
    )
    .await;
    let stats = home.json("/api/v1/events/stats?period=1h").await;
    assert_eq!(
        (
            &stats["total_events"],
            &stats["unique_entities"],
            &stats["stored_events"]
        ),
        (&json!(2), &json!(1), &json!(3))
    );
    assert!((stats["events_per_minute"].as_f64().unwrap() - 2.0 / 60.0).abs() < 1e-9);
    assert_eq!(
        answer(home.get("/api/v1/events/stats?period=soon")).await.0,
        422
    );
}
