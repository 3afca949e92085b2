//! Integrations: from Home Assistant's own list, or as far as devices and entities name them; and what was stored of them.

use serde_json::{Value, json};

use crate::home::{Home, answer};
use crate::registry::upsert;

fn entries() -> Value {
    json!([
        {"entry_id": "ce1", "domain": "zha", "title": "Stick", "state": "loaded", "source": "usb", "disabled_by": null, "reason": null},
        {"entry_id": "ce2", "domain": "hue", "title": "", "state": "setup_retry", "source": "zeroconf", "reason": "no answer"},
        {"entry_id": "ce3", "title": "without domain"}, {"title": "without id"},
    ])
}

async fn complete(home: &Home, part: &str, body: &Value) -> Value {
    let path = format!("/internal/{part}/bulk_upsert?complete=true");
    let (status, reply) = answer(home.post(&path).json(body)).await;
    assert_eq!(status, 200, "{part}: {reply}");
    reply
}

async fn stored(home: &Home, rows: &Value) {
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(rows)).await;
    assert_eq!((status, &reply["rejected"]), (200, &json!([])), "{reply}");
}

#[tokio::test]
async fn integrations_are_those_that_home_assistant_told() {
    let home = Home::new().await;
    let reply = complete(&home, "config_entries", &entries()).await;
    assert_eq!(
        (&reply["upserted"], &reply["skipped"], &reply["removed"]),
        (&json!(2), &json!(2), &json!(0))
    );
    let list = home.json("/api/integrations").await;
    assert_eq!(
        (&list["count"], &list["origin"], &list["note"]),
        (&json!(2), &json!("config_entries"), &Value::Null)
    );
    assert_eq!(
        list["integrations"][0],
        json!({"entry_id": "ce2", "domain": "hue", "title": "hue", "state": "setup_retry", "version": null, "source": "zeroconf",
            "reason": "no answer", "disabled_by": null, "timestamp": crate::home::now(), "removed_at": null})
    );
    // What is not sent stays, what is null is taken.
    upsert(
        &home,
        "config_entries",
        &json!([{"entry_id": "ce2", "state": "loaded", "reason": null}]),
    )
    .await;
    let hue = home.json("/api/integrations?limit=1").await["integrations"][0].clone();
    assert_eq!(
        (&hue["state"], &hue["reason"], &hue["source"]),
        (&json!("loaded"), &Value::Null, &json!("zeroconf"))
    );
    let reply = complete(&home, "config_entries", &json!([entries()[0]])).await;
    assert_eq!(reply["removed"], 1);
    assert_eq!(home.json("/api/integrations").await["count"], 1);
    assert_eq!(
        home.json("/api/integrations?include_removed=true").await["count"],
        2
    );
    assert_eq!(
        complete(&home, "config_entries", &json!([])).await["held_back"],
        1
    );
    assert_eq!(home.json("/api/integrations").await["count"], 1);
    assert_eq!(
        answer(home.get("/api/integrations?limit=1001")).await.0,
        422
    );
}

#[tokio::test]
async fn integrations_that_home_assistant_does_not_tell_are_those_of_devices_and_entities_and_say_so()
 {
    let home = Home::new().await;
    let none = home.json("/api/integrations").await;
    assert_eq!(
        (&none["count"], &none["origin"]),
        (&json!(0), &json!("registry"))
    );
    upsert(
        &home,
        "devices",
        &json!([{"id": "d", "identifiers": [["cast", "1"]], "config_entry_id": "ce9"}]),
    )
    .await;
    upsert(&home, "entities", &json!([{"entity_id": "light.a", "platform": "zha", "config_entry_id": "ce1"},
        {"entity_id": "light.b", "platform": "zha", "config_entry_id": "ce1"}, {"entity_id": "sun.sun", "platform": "sun"}])).await;
    let list = home.json("/api/integrations").await;
    let told: Vec<_> = list["integrations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["domain"], &one["entry_id"], &one["state"]))
        .collect();
    let unknown = json!("unknown");
    assert_eq!(
        told,
        [
            (&json!("cast"), &json!("ce9"), &unknown),
            (&json!("sun"), &json!(""), &unknown),
            (&json!("zha"), &json!("ce1"), &unknown)
        ]
    );
    assert!(list["note"].as_str().unwrap().contains("administrators"));
}

#[tokio::test]
async fn analytics_of_an_integration_count_what_it_brought() {
    let home = Home::new().await;
    upsert(&home, "devices", &json!([{"id": "d"}, {"id": "e"}])).await;
    upsert(&home, "entities", &json!([{"entity_id": "light.a", "platform": "zha", "device_id": "d"},
        {"entity_id": "sensor.b", "platform": "zha", "device_id": "d"}, {"entity_id": "sensor.c", "platform": "zha", "device_id": "unknown"},
        {"entity_id": "light.d", "platform": "hue", "device_id": "e"}])).await;
    let mut zha = home.json("/api/integrations/zha/analytics").await;
    assert!(zha.as_object_mut().unwrap().remove("timestamp").is_some());
    assert_eq!(
        zha,
        json!({"platform": "zha", "device_count": 1, "entity_count": 3,
            "entity_breakdown": [{"domain": "sensor", "count": 2}, {"domain": "light", "count": 1}]})
    );
    assert_eq!(
        home.json("/api/integrations/none/analytics").await["entity_count"],
        0
    );
}

/// The replaced service answered 500, or zeros where it failed.
#[tokio::test]
async fn performance_of_an_integration_is_counted_from_stored_events() {
    let home = Home::new().await;
    upsert(&home, "entities", &json!([{"entity_id": "light.a", "platform": "zha"}, {"entity_id": "sensor.b", "platform": "zha"},
        {"entity_id": "light.c", "platform": "hue"}])).await;
    let row = |entity: &str, at: &str, state: &str| json!({"entity_id": entity, "state": state, "last_updated": format!("2026-11-23T{at}Z")});
    stored(&home, &json!([
        row("light.a", "11:30:00", "on"), row("light.a", "11:40:00", "unavailable"), row("light.a", "11:50:00", "off"),
        row("sensor.b", "11:59:00", "unavailable"),
        // The same state again, with other attributes, is no change.
        {"entity_id": "sensor.b", "state": "unavailable", "attributes": {"a": 1}, "last_changed": "2026-11-23T11:59:00Z", "last_updated": "2026-11-23T11:59:30Z"},
        row("light.a", "09:00:00", "on"), row("light.c", "11:59:00", "unavailable"),
    ])).await;
    let hour = home.json("/api/integrations/zha/performance").await;
    assert_eq!(
        (
            &hour["period"],
            &hour["total_events"],
            &hour["total_errors"],
            &hour["error_rate"],
            &hour["events_per_minute"]
        ),
        (
            &json!("1h"),
            &json!(5),
            &json!(2),
            &json!(50.0),
            &json!(0.08)
        )
    );
    assert_eq!(
        (&hour["avg_response_time"], &hour["device_discovery_status"]),
        (&Value::Null, &json!("active"))
    );
    assert_eq!(
        home.json("/api/integrations/zha/performance?period=24h")
            .await["total_events"],
        6
    );
    let unknown = home
        .json("/api/integrations/none/performance?period=7d")
        .await;
    assert_eq!(
        (
            &unknown["total_events"],
            &unknown["error_rate"],
            &unknown["device_discovery_status"]
        ),
        (&json!(0), &Value::Null, &json!("unknown"))
    );
    assert_eq!(
        answer(home.get("/api/integrations/zha/performance?period=2h"))
            .await
            .0,
        422
    );
}

#[tokio::test]
async fn services_that_a_complete_list_does_not_name_are_gone_and_an_empty_one_removes_nothing() {
    let home = Home::new().await;
    let all = json!({"light": {"turn_on": {}, "turn_off": {}}, "scene": {"apply": {}}});
    complete(&home, "services", &all).await;
    assert_eq!(complete(&home, "services", &json!({})).await["removed"], 0);
    upsert(&home, "services", &json!({"light": {"turn_on": {}}})).await;
    assert_eq!(home.json("/api/services").await["count"], 3);
    let less = json!([{"domain": "light", "services": {"turn_on": {}, "toggle": {}}}]);
    assert_eq!(complete(&home, "services", &less).await["removed"], 2);
    assert_eq!(home.json("/api/services").await["count"], 2);
    assert_eq!(answer(home.get("/api/services/scene/apply")).await.0, 404);
}
