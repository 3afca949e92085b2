//! A server that goes away and comes back.

use std::time::Duration;

use serde_json::json;
use test_support::{Postgres, eventually};

use crate::home::{Home, Place, answer};

#[tokio::test]
async fn a_lost_server_is_told_and_what_was_acknowledged_is_there_when_it_is_back() {
    let mut server = Postgres::start().await.unwrap();
    let database = server.create_owned_database("home").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(Place::with(folder, database, None), &[]).await;
    let store = |n: i64| {
        let row = json!({"entity_id": "light.a", "state": n.to_string(), "last_updated": 1_795_428_000_000_000_i64 + n});
        answer(
            home.post("/internal/events/bulk_upsert")
                .json(&json!([row])),
        )
    };
    assert_eq!(store(1).await.0, 200);
    server.stop().await.unwrap();
    let (status, told) = store(2).await;
    assert_eq!(status, 503, "{told}");
    assert!(
        told["detail"].as_str().unwrap().contains("try again"),
        "{told}"
    );
    let (status, told) = answer(home.get("/ready")).await;
    assert_eq!(status, 503, "{told}");
    assert!(
        told["reason"].as_str().unwrap().contains("does not answer"),
        "{told}"
    );
    server.start_again().await.unwrap();
    let ready = async || (answer(home.get("/ready")).await.0 == 200).then_some(());
    eventually("readiness", Duration::from_secs(30), ready)
        .await
        .unwrap();
    assert_eq!(store(2).await.1["stored"], 1);
    let events = home.json("/api/v1/events").await;
    let states: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["state"])
        .collect();
    assert_eq!(states, ["2", "1"]);
}
