//! What is kept across a stop, and what a start does.

use common::clock::Clock;
use common::lifecycle::Tasks;
use data_api::App;
use serde_json::json;

use crate::home::{Home, answer, config, now};

#[tokio::test]
async fn everything_acknowledged_is_there_after_a_restart() {
    let home = Home::new().await;
    let rows: Vec<_> = (0..500)
        .map(|n| json!({"entity_id": "sensor.s", "state": n.to_string(), "attributes": {"n": n % 7}, "last_updated": 1_795_428_000_000_000_i64 + n}))
        .collect();
    answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    let folder = home.stop().await;
    let home = Home::at(folder, &[]).await;
    assert_eq!(
        home.json("/api/v1/events?limit=1000")
            .await
            .as_array()
            .unwrap()
            .len(),
        500
    );
    let (_, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!(reply["duplicates"], 500);
}

#[tokio::test]
async fn a_port_in_use_is_told_with_the_setting_that_helps() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (tasks, _ends) = Tasks::new();
    let config = config("sqlite://never-made.db", &[("DATA_API_PORT", &port)]);
    // The later pair wins, as in a process.
    let told = App::start(config, &tasks, Clock::manual(now()))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("the port is in use") && told.contains("DATA_API_PORT"),
        "{told}"
    );
}
