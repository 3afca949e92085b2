//! Long-term statistics: in from an import, out for charts.

use serde_json::{Value, json};

use crate::home::{Home, answer};

const PATH: &str = "/internal/statistics/bulk_upsert";

fn hour(entity_id: &str, hour: u32, mean: f64) -> Value {
    json!({"entity_id": entity_id, "start": format!("2024-03-01T{hour:02}:00:00Z"), "mean": mean, "min": mean - 1.0, "max": mean + 1.0,
        "state": null, "sum": null, "unit": "°C"})
}

#[tokio::test]
async fn hours_are_stored_once_replaced_when_they_differ_and_served_page_by_page() {
    let home = Home::new().await;
    let rows: Vec<Value> = (0..5).map(|n| hour("sensor.a", n, f64::from(n))).collect();
    let (status, reply) = answer(home.post(PATH).json(&rows)).await;
    assert_eq!(
        (status, &reply["stored"], &reply["duplicates"]),
        (200, &json!(5), &json!(0))
    );
    let changed = [hour("sensor.a", 0, 0.0), hour("sensor.a", 1, 20.5)];
    let (_, reply) = answer(home.post(PATH).json(&changed)).await;
    assert_eq!(
        (&reply["stored"], &reply["duplicates"]),
        (&json!(1), &json!(1))
    );
    let page = home
        .json("/api/v1/statistics?entity_id=sensor.a&limit=3")
        .await;
    assert_eq!((&page["count"], &page["unit"]), (&json!(3), &json!("°C")));
    assert_eq!(
        page["statistics"][1],
        json!({"start": "2024-03-01T01:00:00.000000+00:00", "mean": 20.5, "min": 19.5, "max": 21.5,
        "state": null, "sum": null})
    );
    assert_eq!(page["next_start"], "2024-03-01T03:00:00.000000+00:00");
    let rest = home.json("/api/v1/statistics?entity_id=sensor.a&start=2024-03-01T03:00:00Z&end=2024-03-01T04:00:00Z").await;
    assert_eq!(
        (&rest["count"], &rest["next_start"]),
        (&json!(1), &Value::Null)
    );
    let none = home.json("/api/v1/statistics?entity_id=sensor.none").await;
    assert_eq!(none["count"], 0);
}

#[tokio::test]
async fn what_somebody_wants_gone_is_gone_from_the_statistics_too() {
    let home = Home::new().await;
    let rows: Vec<Value> = (0..5)
        .flat_map(|n| ["sensor.a", "sensor.b"].map(|id| hour(id, n, f64::from(n))))
        .collect();
    answer(home.post(PATH).json(&rows)).await;
    let path =
        "/api/v1/events?entity_id=sensor.a&start=2024-03-01T01:00:00Z&end=2024-03-01T03:59:00Z";
    let delete = home.http.delete(home.url.join(path).unwrap());
    let (status, told) = answer(delete.bearer_auth(crate::home::KEY)).await;
    assert_eq!(
        (status, &told["events"], &told["statistics"]),
        (200, &json!(0), &json!(3)),
        "{told}"
    );
    for (entity_id, left) in [("sensor.a", 2), ("sensor.b", 5)] {
        let page = home
            .json(&format!("/api/v1/statistics?entity_id={entity_id}"))
            .await;
        assert_eq!(page["count"], left, "{entity_id}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_stored_is_named_and_the_others_are_stored() {
    let home = Home::new().await;
    let rows = [
        json!({"entity_id": "opower:meter", "start": 0, "sum": 1.0}),
        json!({"entity_id": "sensor.a", "start": 0}),
        json!({"entity_id": "sensor.a", "start": "yesterday", "sum": 1.0}),
        json!({"entity_id": "sensor.a", "start": 0, "sum": 1.0}),
    ];
    let lines = rows.map(|row| row.to_string()).join("\n");
    let (status, reply) = answer(home.post(PATH).body(lines)).await;
    assert_eq!((status, &reply["stored"]), (200, &json!(1)), "{reply}");
    let rejected: Vec<_> = reply["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["index"].clone())
        .collect();
    assert_eq!(rejected, [json!(0), json!(1), json!(2)]);
    assert_eq!(answer(home.post(PATH).body("[1,")).await.0, 422);
    assert_eq!(
        answer(home.get("/api/v1/statistics?entity_id=a.b&limit=0"))
            .await
            .0,
        422
    );
    assert_eq!(answer(home.get("/api/v1/statistics")).await.0, 422);
}

#[tokio::test]
async fn statistics_follow_an_entity_to_its_new_id_also_when_that_has_some() {
    let home = Home::new().await;
    let event = |entity_id: &str, at: i64| json!({"entity_id": entity_id, "state": "1", "last_updated": at});
    let events = [
        event("sensor.old", 1_700_000_000_000_000),
        event("sensor.new", 1_700_000_001_000_000),
    ];
    answer(home.post("/internal/events/bulk_upsert").json(&events)).await;
    let rows = [
        hour("sensor.old", 0, 1.0),
        hour("sensor.old", 1, 2.0),
        hour("sensor.new", 1, 3.0),
    ];
    answer(home.post(PATH).json(&rows)).await;
    let entry = |entity_id: &str| json!([{"id": "registry-1", "entity_id": entity_id, "platform": "demo", "unique_id": "1"}]);
    for entity_id in ["sensor.old", "sensor.new"] {
        let (status, _) = answer(
            home.post("/internal/entities/bulk_upsert?complete=true")
                .json(&entry(entity_id)),
        )
        .await;
        assert_eq!(status, 200);
    }
    let list = home.json("/api/v1/statistics?entity_id=sensor.new").await;
    assert_eq!(list["count"], 2, "{list}");
    assert_eq!(
        home.json("/api/v1/statistics?entity_id=sensor.old").await["count"],
        0
    );
    // What an import says under the old name is about the same entity.
    answer(home.post(PATH).json(&[hour("sensor.old", 5, 1.0)])).await;
    assert_eq!(
        home.json("/api/v1/statistics?entity_id=sensor.new").await["count"],
        3
    );
}

#[tokio::test]
async fn charts_show_statistics_where_the_stored_rows_end() {
    let home = Home::new().await;
    let rows: Vec<Value> = (0..4).map(|n| hour("sensor.a", n, f64::from(n))).collect();
    answer(home.post(PATH).json(&rows)).await;
    let event =
        json!({"entity_id": "sensor.a", "state": "50", "last_updated": "2024-03-01T02:00:00Z"});
    answer(home.post("/internal/events/bulk_upsert").json(&[event])).await;
    let history = home
        .json("/api/v1/history?entity_id=sensor.a&start=2024-03-01T00:00:00Z&end=2024-03-01T04:00:00Z&points=4")
        .await;
    let text = history.to_string();
    assert!(
        text.contains(r#""statistics_until":"2024-03-01T02:00:00.000000+00:00""#),
        "{text}"
    );
    // The hours before the first row, and of the later ones only what was stored.
    assert!(
        text.contains(r#""max":2.0"#) && text.contains(r#""value":50.0"#),
        "{text}"
    );
    assert!(!text.contains(r#""max":4.0"#), "{text}");
}
