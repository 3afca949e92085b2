//! What happens in the home is stored: once, in order, with its place.

use std::time::Duration;

use serde_json::json;
use test_support::eventually;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, still_home};

#[tokio::test]
async fn every_change_of_a_burst_is_stored_once_and_in_order() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.burst(5000).await;
    ingestion.has_exactly(&home).await;
    let health = ingestion.health().await;
    assert_eq!(health["delivery"]["dropped"], json!({}));
    assert_eq!(health["subscription"]["active_subscriptions"], 1);
    assert_eq!(
        health["subscription"]["events_by_type"]["state_changed"],
        5000
    );
}

#[tokio::test]
async fn events_have_area_and_device_and_the_registries_are_handed_over() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    let health = ingestion
        .until("the registries", |health| {
            !health["registry"]["entities"].is_null()
        })
        .await;
    let entities = ingestion.client.entities().await.unwrap();
    assert_eq!(health["registry"]["entities"], entities.count);
    assert!(ingestion.client.devices().await.unwrap().count > 10);
    assert!(
        ingestion
            .client
            .areas()
            .await
            .unwrap()
            .areas
            .iter()
            .any(|area| area.display_name == "Kitchen")
    );
    assert!(
        ingestion
            .client
            .services(Some("light"))
            .await
            .unwrap()
            .count
            >= 3
    );
    let placed = entities
        .entities
        .iter()
        .find(|e| e.domain == "light" && e.area_id.is_some() && e.device_id.is_some())
        .unwrap();
    // At some hours of the day it is on already.
    home.set_state(&placed.entity_id, "off");
    home.set_state(&placed.entity_id, "on").unwrap();
    home.set_state(&placed.entity_id, "off").unwrap();
    ingestion.has_exactly(&home).await;
    let page = ingestion
        .client
        .events(&data_api_client::events::EventQuery::default())
        .await
        .unwrap();
    assert_eq!(
        (&page.events[0].area_id, &page.events[0].device_id),
        (&placed.area_id, &placed.device_id)
    );
    assert_eq!(page.events[0].context_id.as_deref().map(str::len), Some(26));
}

#[tokio::test]
async fn a_removed_entity_is_stored_as_removed() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.set_state("light.short_lived", "on").unwrap();
    assert!(home.remove_state("light.short_lived"));
    let rows = eventually("the removal", PATIENCE, async || {
        Some(ingestion.stored("light.short_lived").await).filter(|rows| rows.len() == 2)
    })
    .await
    .unwrap();
    assert_eq!((rows[0].1.as_str(), rows[1].1.as_str()), ("on", ""));
}

#[tokio::test]
async fn the_first_start_reads_the_whole_history() {
    let (home, store) = (still_home().await, Store::new().await);
    let url = home.url();
    let ingestion =
        Ingestion::with(store.port, &[("HA_HTTP_URL", &url), ("HA_TOKEN", TOKEN)]).await;
    let health = ingestion
        .until("the end of the import", |health| {
            health["backfill"]["done"] == true
        })
        .await;
    let stored = ingestion.stored("").await;
    assert_eq!(health["backfill"]["rows"], stored.len());
    assert_eq!(stored.len(), home.recorded(), "each recorded row once");
}

#[tokio::test]
async fn days_of_history_are_counted_from_now_and_a_restart_reaches_no_further() {
    let (home, store) = (still_home().await, Store::new().await);
    let url = home.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "1"),
    ];
    let first = Ingestion::with(store.port, &settings).await;
    first
        .until("the end of the import", |health| {
            health["backfill"]["done"] == true
        })
        .await;
    let day = 86_400_000_000;
    let oldest = |rows: &[(String, String, i64)]| rows.iter().map(|row| row.2).min().unwrap();
    let rows = first.stored("").await;
    assert!(
        rows.len() > 100
            && common::clock::Clock::system().now().get() - oldest(&rows) <= day + 60_000_000
    );
    assert!(first.tasks.stop(Duration::from_secs(10)).await);
    let second = Ingestion::with(store.port, &settings).await;
    second
        .until("the end of the second import", |health| {
            health["backfill"]["done"] == true
        })
        .await;
    assert_eq!(oldest(&second.stored("").await), oldest(&rows));
}

#[tokio::test]
async fn events_that_the_filter_names_are_not_stored_and_the_rules_can_be_read_again() {
    let (home, store) = (still_home().await, Store::new().await);
    let folder = tempfile::tempdir().unwrap();
    let (url, file) = (home.url(), folder.path().join("filter.json"));
    std::fs::write(&file, r#"{"patterns": [{"entity_id": "light.noisy*"}]}"#).unwrap();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
        ("ENTITY_FILTER_CONFIG_FILE", file.to_str().unwrap()),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    ingestion.subscribed().await;
    home.set_state("light.noisy_one", "on").unwrap();
    home.set_state("light.quiet", "on").unwrap();
    eventually("the quiet light", PATIENCE, async || {
        (ingestion.stored("light.quiet").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
    assert!(ingestion.stored("light.noisy").await.is_empty());
    let (_, stats) = ingestion.get("/api/v1/filter/stats").await;
    assert_eq!(
        (&stats["enabled"], &stats["statistics"]["filtered_count"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(
        ingestion.health().await["delivery"]["dropped"]["filtered"],
        1
    );
    std::fs::write(&file, "{").unwrap();
    assert_eq!(ingestion.post("/api/v1/filter/reload").await.0, 422);
    std::fs::write(&file, r#"{"patterns": []}"#).unwrap();
    assert_eq!(ingestion.post("/api/v1/filter/reload").await.0, 200);
    home.set_state("light.noisy_two", "on").unwrap();
    eventually("the noisy light", PATIENCE, async || {
        (ingestion.stored("light.noisy_two").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_triggered_discovery_tells_true_counts_during_a_stream_and_loses_no_event() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    let health = ingestion
        .until("the registries", |health| {
            !health["registry"]["entities"].is_null()
        })
        .await;
    let ((), (status, told)) = tokio::join!(
        home.burst(2000),
        ingestion.post("/api/v1/discovery/trigger")
    );
    assert_eq!(
        (status, &told["success"], &told["error"]),
        (200, &json!(true), &json!(null))
    );
    assert_eq!(
        (&told["devices_discovered"], &told["entities_discovered"]),
        (
            &health["registry"]["devices"],
            &health["registry"]["entities"]
        )
    );
    ingestion.has_exactly(&home).await;
}

#[tokio::test]
async fn a_discovery_without_connection_is_a_503() {
    let store = Store::new().await;
    let ingestion = Ingestion::with(store.port, &[]).await;
    let (status, told) = ingestion.post("/api/v1/discovery/trigger").await;
    assert_eq!((status, &told["detail"]["success"]), (503, &json!(false)));
}
