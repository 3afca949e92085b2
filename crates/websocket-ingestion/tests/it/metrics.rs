//! `/metrics`, `/health` and `/api/v1/event-rate`: what is there, under which names.

use serde_json::{Value, json};

use crate::chain::{Ingestion, Store, still_home};

async fn scrape(ingestion: &Ingestion) -> String {
    common::tls::install();
    let client = reqwest::Client::builder().build().unwrap();
    let answer = client
        .get(format!("{}/metrics", ingestion.url()))
        .send()
        .await;
    answer.unwrap().text().await.unwrap()
}

/// Those of the names that every installation may rely on that belong to this service.
const NAMES: [&str; 14] = [
    "homeiq_events_received_total",
    "homeiq_events_dropped_total{reason=\"buffer_full\"}",
    "homeiq_backfill_rows_total",
    "homeiq_gap_seconds_total{reason=\"disconnected\"}",
    "homeiq_spool_records",
    "homeiq_spool_bytes",
    "homeiq_ingest_lag_seconds",
    "homeiq_ha_connected",
    "homeiq_ha_reconnects_total{reason=\"token_refused\"}",
    "homeiq_ha_reconnects_total{reason=\"lost\"}",
    "homeiq_http_request_duration_seconds_count{",
    "homeiq_build_info{service=\"websocket-ingestion\"",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
];

#[tokio::test]
async fn every_name_of_the_minimum_is_there_in_the_first_scrape() {
    let ingestion = Ingestion::with(test_support::free_port().unwrap(), &[]).await;
    let text = scrape(&ingestion).await;
    for name in NAMES {
        let is_there = text.lines().any(|line| line.starts_with(name));
        assert!(is_there, "{name} is not in\n{text}");
    }
    let foreign: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("homeiq_") && line.contains("entity"))
        .filter(|line| line.contains('{'))
        .collect();
    assert!(foreign.is_empty(), "labels by entity: {foreign:?}");
}

/// A reason that is used and not named would not be there before it first counts.
#[test]
fn every_reason_that_the_code_counts_by_is_named_from_the_start() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let named = std::fs::read_to_string(folder.join("counters.rs")).unwrap();
    let mut folders = vec![folder];
    let mut found = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let code = std::fs::read_to_string(&path).unwrap();
            let code = code.split("mod tests {").next().unwrap();
            for call in ["dropped(\"", ".failed(\"", "lost(\"", "Lost(\""] {
                for after in code.split(call).skip(1) {
                    let reason = after.split('"').next().unwrap();
                    if !reason
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                    {
                        continue; // Words for people, not a label.
                    }
                    found += 1;
                    let quoted = format!("\"{reason}\"");
                    assert!(
                        named.contains(&quoted),
                        "{} counts by {reason}",
                        path.display()
                    );
                }
            }
        }
    }
    assert!(found >= 8, "{found}");
}

#[tokio::test]
async fn health_has_what_dashboards_read() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.burst(100).await;
    let health = ingestion
        .until("a rate", |health| {
            health["subscription"]["event_rate_per_minute"].as_f64() > Some(0.0)
        })
        .await;
    assert!(
        health["connection"]["last_successful"].is_string(),
        "{health}"
    );
    assert_eq!(
        health["circuit_breaker"],
        json!({"state": "closed", "failure_count": 0})
    );
    assert!(
        health["performance"]["memory_mb"].as_f64() > Some(1.0),
        "{health}"
    );
    assert!(health["performance"]["cpu_percent"].is_number(), "{health}");
    assert_eq!(
        (&health["git_sha"], &health["build_time"]),
        (&json!("unknown"), &json!("unknown"))
    );
    let (code, detailed) = ingestion.get("/health/detailed").await;
    let keys = |health: &Value| {
        health
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!((code, keys(&detailed)), (200, keys(&health)));
    for key in [
        "is_running",
        "connection_attempts",
        "successful_connections",
        "failed_connections",
    ] {
        assert!(!detailed["connection"][key].is_null(), "{key}");
    }
    for key in [
        "is_subscribed",
        "active_subscriptions",
        "total_events_received",
        "session_events_received",
        "historical_events_received",
        "events_by_type",
        "last_event_time",
        "event_rate_per_minute",
    ] {
        assert!(!detailed["subscription"][key].is_null(), "{key}");
    }
}

#[tokio::test]
async fn event_rate_has_the_documented_shape() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.burst(300).await;
    ingestion.has_exactly(&home).await;
    let (_, rate) = ingestion.get("/api/v1/event-rate").await;
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        keys(&rate),
        [
            "connection_stats",
            "events_per_hour",
            "events_per_second",
            "processing_stats",
            "service",
            "timestamp",
            "total_events_processed",
            "uptime_seconds"
        ]
    );
    assert_eq!(
        keys(&rate["processing_stats"]),
        [
            "active_workers",
            "average_processing_time_ms",
            "event_handlers_count",
            "failed_events",
            "is_running",
            "last_processing_time",
            "max_workers",
            "processed_events",
            "processing_rate_limit",
            "processing_rate_per_second",
            "queue_maxsize",
            "queue_size",
            "state",
            "success_rate",
            "uptime_seconds"
        ]
    );
    assert_eq!(
        keys(&rate["connection_stats"]),
        [
            "events_by_type",
            "is_connected",
            "is_subscribed",
            "last_event_time",
            "total_events_received"
        ]
    );
    let processing = &rate["processing_stats"];
    assert_eq!(
        (
            &processing["state"],
            &processing["success_rate"],
            &processing["failed_events"]
        ),
        (&json!("running"), &json!(100.0), &json!(0))
    );
    assert!(
        rate["total_events_processed"].as_u64() >= Some(300),
        "{rate}"
    );
    assert!(rate["events_per_second"].as_f64() > Some(1.0), "{rate}");
    let (code, backfill) = ingestion.get("/api/v1/backfill").await;
    assert_eq!(code, 200);
    assert!(
        backfill["progress"]["state"].is_string() && backfill["gaps"]["count"].is_number(),
        "{backfill}"
    );
}
