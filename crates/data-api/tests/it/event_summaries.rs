//! What events add up to. The replaced service answered most of these with nothing: it asked another service for what that never had.

use serde_json::{Value, json};

use crate::home::{Home, answer, now};

fn row(entity_id: &str, state: &str, seconds_ago: i64) -> Value {
    json!({"entity_id": entity_id, "state": state, "last_updated": now().plus_seconds(-seconds_ago),
        "attributes": {"friendly_name": format!("The {}", &entity_id[entity_id.len() - 1..])}})
}

async fn a_home() -> Home {
    let home = Home::new().await;
    let rows = [
        row("light.a", "off", 7_200),
        row("light.a", "on", 3_599),
        row("light.b", "on", 30),
        row("climate.c", "heat", 20),
        row("sensor.d", "21.5", 10),
        row("sensor.d", "21.6", 5),
        // Two days ago: in no period below but the widest.
        row("lock.e", "locked", 172_800),
    ];
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!((status, &reply["stored"]), (200, &json!(7)), "{reply}");
    home
}

#[tokio::test]
async fn fixed_names_win_over_the_id_of_an_event() {
    let home = a_home().await;
    for name in ["categories", "stats", "stream", "entities", "types"] {
        let (status, body) = answer(home.get(&format!("/api/v1/events/{name}"))).await;
        assert_eq!(status, 200, "{name}: {body}");
    }
    let (status, _) = answer(home.get("/api/v1/events/search")).await;
    assert_eq!(status, 405, "search is a POST, not an event");
}

#[tokio::test]
async fn categories_count_each_event_once_and_not_each_field() {
    let home = a_home().await;
    let day = home.json("/api/v1/events/categories").await;
    assert_eq!(
        day,
        json!({"home_type": "unknown", "period_hours": 24, "total_events": 6, "category_count": 3, "categories": {
            "lighting": {"count": 3, "percentage": 50.0}, "climate": {"count": 1, "percentage": 16.67},
            "monitoring": {"count": 2, "percentage": 33.33}}})
    );
    let hour = home
        .json("/api/v1/events/categories?hours=1&home_type=house")
        .await;
    assert_eq!(
        (&hour["home_type"], &hour["total_events"]),
        (&json!("house"), &json!(5))
    );
    let month = home.json("/api/v1/events/categories?hours=720").await;
    assert_eq!(month["categories"]["security"]["count"], 1);
    for hours in ["0", "721", "x"] {
        let path = format!("/api/v1/events/categories?hours={hours}");
        assert_eq!(answer(home.get(&path)).await.0, 422, "{hours}");
    }
    let empty = Home::new().await.json("/api/v1/events/categories").await;
    assert_eq!(
        (&empty["total_events"], &empty["categories"]),
        (&json!(0), &json!({}))
    );
}

#[tokio::test]
async fn search_finds_in_ids_names_states_and_attributes_and_not_in_other_services() {
    let home = a_home().await;
    let search = async |body: Value| answer(home.post("/api/v1/events/search").json(&body)).await;
    let ids = |events: &Value| -> Vec<String> {
        let id = |e: &Value| e["entity_id"].as_str().unwrap().to_owned();
        events.as_array().unwrap().iter().map(id).collect()
    };
    for (body, want) in [
        (
            json!({"query": "LIGHT."}),
            &["light.b", "light.a", "light.a"][..],
        ),
        (json!({"query": "light", "limit": 1}), &["light.b"]),
        (
            json!({"query": "the B", "fields": ["friendly_name"]}),
            &["light.b"],
        ),
        (
            json!({"query": "the b", "fields": ["entity_id", "state"]}),
            &[],
        ),
        (
            json!({"query": "Heat", "fields": ["state"]}),
            &["climate.c"],
        ),
        (
            json!({"query": "The D", "fields": ["attributes"], "limit": 1}),
            &["sensor.d"],
        ),
        (
            json!({"query": "state_ch", "fields": ["event_type"], "limit": 2}),
            &["sensor.d", "sensor.d"],
        ),
        (json!({"query": "nothing of the kind"}), &[]),
    ] {
        let (status, events) = search(body.clone()).await;
        assert_eq!(
            (status, ids(&events)),
            (200, want.iter().map(|s| (*s).to_owned()).collect()),
            "{body}"
        );
    }
    for bad in [
        json!({"query": ""}),
        json!({"query": "x".repeat(201)}),
        json!({"query": "a", "limit": 0}),
        json!({"query": "a", "limit": 1001}),
        json!({"query": "a", "fields": ["mood"]}),
        json!({}),
    ] {
        assert_eq!(search(bad.clone()).await.0, 422, "{bad}");
    }
}

#[tokio::test]
async fn the_last_seconds_are_one_answer() {
    let home = a_home().await;
    let minute = home.json("/api/v1/events/stream").await;
    assert_eq!(minute["events"].as_array().unwrap().len(), 4);
    assert_eq!(minute["end_time"], json!(now()));
    assert_eq!(minute["start_time"], json!(now().plus_seconds(-60)));
    let one = home
        .json("/api/v1/events/stream?duration=3600&entity_id=light.a")
        .await;
    assert_eq!(
        (&one["entity_id"], one["events"].as_array().unwrap().len()),
        (&json!("light.a"), 1)
    );
    for duration in [9, 3601] {
        let path = format!("/api/v1/events/stream?duration={duration}");
        assert_eq!(answer(home.get(&path)).await.0, 422, "{duration}");
    }
}

#[tokio::test]
async fn entities_and_types_come_from_what_is_stored() {
    let home = a_home().await;
    let entities = home.json("/api/v1/events/entities?service=any").await;
    let told: Vec<_> = entities
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            let count = e["event_count"].as_u64().unwrap();
            (e["entity_id"].as_str().unwrap(), count)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("sensor.d", 2),
            ("climate.c", 1),
            ("light.b", 1),
            ("light.a", 2),
            ("lock.e", 1)
        ]
    );
    assert_eq!(entities[0]["last_activity"], json!(now().plus_seconds(-5)));
    let two = home.json("/api/v1/events/entities?limit=2").await;
    assert_eq!(two.as_array().unwrap().len(), 2);
    assert_eq!(
        home.json("/api/v1/events/types").await,
        json!([{"event_type": "state_changed", "count": 7, "services": ["websocket-ingestion"]}])
    );
    let (status, _) = answer(home.get("/api/v1/events/entities?limit=0")).await;
    assert_eq!(status, 422);
    let empty = Home::new().await.json("/api/v1/events/types").await;
    assert_eq!(empty, json!([]));
}

#[tokio::test]
async fn parameters_that_mean_nothing_here_are_taken() {
    let home = a_home().await;
    let events = home
        .json("/api/v1/events?service=websocket-ingestion&home_type=x&limit=2")
        .await;
    assert_eq!(events.as_array().unwrap().len(), 2, "it used to be empty");
    let stats = home
        .json("/api/v1/events/stats?period=1h&service=websocket-ingestion")
        .await;
    assert_eq!(stats["total_events"], 5);
}
