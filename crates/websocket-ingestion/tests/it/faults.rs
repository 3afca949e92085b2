//! Connections that break, tokens that are refused, servers that stop.

use std::time::Duration;

use home_simulator::Simulator;
use tokio::net::TcpListener;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, home_with_lag, still_home};

#[tokio::test]
async fn a_broken_connection_is_made_again_with_one_subscription_and_a_counted_gap() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.burst(200).await;
    home.drop_connections();
    let health = ingestion
        .until("the second connection", |health| {
            health["connection"]["successful_connections"] == 2
        })
        .await;
    assert!(
        health["connection"]["current_state"] == "connected",
        "{health}"
    );
    ingestion
        .until("the gap", |health| health["gaps"]["count"] == 1)
        .await;
    home.burst(200).await;
    // What happened while nobody listened is found in the history; what was seen live is not stored twice.
    ingestion.has_exactly(&home).await;
    ingestion
        .until("one live subscription", |health| {
            health["subscription"]["session_events_received"] == 200
        })
        .await;
}

#[tokio::test]
async fn changes_while_the_connection_was_away_come_from_the_history() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.burst(50).await;
    let port = home.address().port();
    let memory = home.stop().await;
    ingestion
        .until("the loss", |health| {
            health["subscription"]["is_subscribed"] == false
        })
        .await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let home = Simulator::resume(memory, listener).unwrap();
    home.set_state("light.while_away", "on").unwrap();
    ingestion.subscribed().await;
    test_support::eventually("the change of the time away", PATIENCE, async || {
        (ingestion.stored("light.while_away").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(ingestion.health().await["gaps"]["count"], 1);
    // data-api keeps the gap, and how it was closed.
    test_support::eventually("the closed gap at data-api", PATIENCE, async || {
        let gaps = ingestion.gaps().await;
        (gaps["count"] == 1
            && gaps["gaps"][0]["closed_by"] == "backfill"
            && gaps["gaps"][0]["reason"] == "disconnected")
            .then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_the_recorder_writes_late_is_read_a_second_time() {
    let (home, store) = (
        home_with_lag(Duration::from_secs(1)).await,
        Store::new().await,
    );
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.burst(10).await;
    home.drop_connections();
    // Nobody listens now, and the history does not know it yet when it is asked first.
    home.set_state("light.late", "on").unwrap();
    ingestion
        .until("the gap", |health| {
            health["gaps"]["recent"][0]["rows"].is_number()
        })
        .await;
    test_support::eventually("the late row", PATIENCE, async || {
        (ingestion.stored("light.late").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_refused_token_is_not_tried_again_soon_but_a_new_one_is() {
    let (home, store) = (still_home().await, Store::new().await);
    let folder = tempfile::tempdir().unwrap();
    let (url, file) = (home.url(), folder.path().join("token"));
    std::fs::write(&file, "wrong-token-that-is-as-long-as-a-right-one").unwrap();
    let ingestion = Ingestion::with(
        store.port,
        &[
            ("HA_HTTP_URL", &url),
            ("HA_TOKEN_FILE", file.to_str().unwrap()),
        ],
    )
    .await;
    let health = ingestion
        .until("the refusal", |health| {
            health["connection"]["failed_connections"] == 1
        })
        .await;
    assert!(
        health["degraded"].to_string().contains("refuses the token"),
        "{health}"
    );
    // Many times the reconnect delay of this test: a second attempt would have been made by now.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        ingestion.health().await["connection"]["connection_attempts"],
        1
    );
    std::fs::write(&file, TOKEN).unwrap();
    ingestion.subscribed().await;
}

#[tokio::test]
async fn data_api_that_goes_and_comes_back_gets_everything_once() {
    let (home, store) = (still_home().await, Store::new().await);
    let port = store.port;
    let ingestion = Ingestion::start(&home, port).await;
    ingestion
        .until("the registries", |health| {
            !health["registry"]["entities"].is_null()
        })
        .await;
    store.stop().await;
    home.burst(300).await;
    ingestion
        .until("data-api missing", |health| {
            health["degraded"].to_string().contains("data_api")
        })
        .await;
    let _store = Store::on(TcpListener::bind(("127.0.0.1", port)).await.unwrap()).await;
    ingestion.has_exactly(&home).await;
}

#[tokio::test]
async fn a_stop_hands_over_what_waits() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.burst(3000).await;
    ingestion
        .until("3000 events", |health| {
            health["subscription"]["events_by_type"]["state_changed"] == 3000
        })
        .await;
    assert!(ingestion.tasks.stop(Duration::from_secs(10)).await);
    ingestion.has_exactly(&home).await;
}
