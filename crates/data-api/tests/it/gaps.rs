//! Spans of time from which events may be missing.

use serde_json::{Value, json};

use crate::home::{Home, answer};

fn gap(hour: u32, reason: &str) -> Value {
    json!({"start": format!("2026-11-23T{hour:02}:00:00.000000+00:00"), "end": format!("2026-11-23T{hour:02}:10:00.000000+00:00"),
        "reason": reason, "closed_by": null, "rows": null})
}

#[tokio::test]
async fn a_gap_is_kept_closed_and_listed_latest_first() {
    let home = Home::new().await;
    let sent = json!([gap(3, "disconnected"), gap(5, "not_running")]);
    assert_eq!(answer(home.post("/internal/gaps").json(&sent)).await.0, 200);
    let mut closed = gap(3, "disconnected");
    closed["closed_by"] = json!("backfill");
    closed["rows"] = json!(17);
    assert_eq!(
        answer(home.post("/internal/gaps").json(&json!([closed])))
            .await
            .0,
        200
    );
    assert_eq!(
        home.json("/api/v1/gaps").await,
        json!({"count": 2, "gaps": [gap(5, "not_running"), closed]})
    );
    assert_eq!(
        home.json("/api/v1/gaps?open=true").await["gaps"],
        json!([gap(5, "not_running")])
    );
    assert_eq!(
        home.json("/api/v1/gaps?end_time=2026-11-23T04:00:00Z")
            .await["count"],
        1
    );
    assert_eq!(
        home.json("/api/v1/gaps?start_time=2026-11-23T04:00:00Z")
            .await["count"],
        1
    );
}

#[tokio::test]
async fn a_gap_that_ends_before_it_begins_or_has_no_known_reason_is_refused() {
    let home = Home::new().await;
    let mut backwards = gap(3, "disconnected");
    backwards["end"] = json!("2026-11-23T01:00:00Z");
    for body in [
        json!([backwards]),
        json!([gap(3, "bad_luck")]),
        json!({"gaps": []}),
    ] {
        assert_eq!(
            answer(home.post("/internal/gaps").json(&body)).await.0,
            422,
            "{body}"
        );
    }
}
