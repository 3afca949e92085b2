//! Series and numbers. In the replaced service three of four series were random and the fourth was zero.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, answer, now};

fn values(series: &Value) -> Vec<f64> {
    let point = |p: &Value| p["value"].as_f64().unwrap();
    series["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(point)
        .collect()
}

#[tokio::test]
async fn events_are_counted_once_each_in_their_interval() {
    let home = Home::new().await;
    let row = |entity: &str, seconds_ago: i64| json!({"entity_id": entity, "state": "on", "last_updated": now().plus_seconds(-seconds_ago)});
    let rows = [
        row("light.a", 30),
        row("light.b", 30),
        row("light.a", 90),
        row("light.a", 3_590),
        row("light.a", 7_000),
        row("light.a", 90_000),
    ];
    answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    for (range, points, total, current) in [
        ("1h", 60, 4, 2.0),
        ("6h", 72, 5, 0.6),
        ("24h", 96, 5, 0.2),
        ("7d", 84, 6, 0.042),
    ] {
        let body = home
            .json(&format!("/api/v1/analytics?range={range}&metrics=all"))
            .await;
        let series = &body["eventsPerMinute"];
        assert_eq!(values(series).len(), points, "{range}");
        assert_eq!(
            (&body["summary"]["totalEvents"], &series["current"]),
            (&json!(total), &json!(current)),
            "{range}"
        );
        assert_eq!(body["timeRange"], range);
    }
    let hour = home.json("/api/v1/analytics").await;
    let rates = values(&hour["eventsPerMinute"]);
    assert_eq!(
        (rates[0], rates[57], rates[58], rates[59]),
        (1.0, 0.0, 1.0, 2.0)
    );
    assert_eq!(
        hour["eventsPerMinute"]["data"][0]["timestamp"],
        json!(now().plus_seconds(-3_600))
    );
    assert_eq!(
        (&hour["lastUpdate"], &hour["summary"]["uptime"]),
        (&json!(now()), &json!(100.0))
    );
    for range in ["2h", "1H", "x"] {
        assert_eq!(
            answer(home.get(&format!("/api/v1/analytics?range={range}")))
                .await
                .0,
            422,
            "{range}"
        );
    }
}

#[tokio::test]
async fn a_week_row_by_row_has_as_many_events_as_the_counts_of_its_days() {
    let home = Home::new().await;
    // Nine days, unevenly, some on the borders of days and of intervals; one entity is deleted, one is sent twice.
    let mut rows: Vec<Value> = (0..3_000_i64)
        .map(|n| {
            json!({"entity_id": format!("sensor.s{}", n * n % 11), "state": "1",
                "last_updated": now().plus_seconds(-(n * 7_919 % (9 * 86_400)))})
        })
        .collect();
    rows.extend((0..9).flat_map(|day| {
        [0, 1, 7_200, 43_200].map(|second| {
            json!({"entity_id": "light.border", "state": "on", "last_updated": now().plus_seconds(-day * 86_400 - second)})
        })
    }));
    for batch in [&rows[..], &rows[1_000..1_500]] {
        let (status, _) = answer(home.post("/internal/events/bulk_upsert").json(&batch)).await;
        assert_eq!(status, 200);
    }
    let gone = home
        .http
        .delete(home.url.join("/api/v1/events?entity_id=sensor.s4").unwrap());
    let (status, told) = answer(gone.bearer_auth(crate::home::KEY)).await;
    assert_eq!(status, 200, "{told}");
    for (range, period) in [("7d", "7d"), ("24h", "24h"), ("6h", "6h"), ("1h", "1h")] {
        let week = home.json(&format!("/api/v1/analytics?range={range}")).await;
        let counted = home
            .json(&format!("/api/v1/events/stats?period={period}"))
            .await["total_events"]
            .as_u64()
            .unwrap();
        // An interval does not have its end: what happens in this very instant is not in it yet.
        let now_itself = home
            .json(&format!(
                "/api/v1/events?start_time={}&limit=100",
                "2026-11-23T12:00:00Z"
            ))
            .await
            .as_array()
            .unwrap()
            .len() as u64;
        let minutes = match range {
            "7d" => 120.0,
            "24h" => 15.0,
            "6h" => 5.0,
            _ => 1.0,
        };
        let series: f64 = values(&week["eventsPerMinute"]).iter().sum();
        assert_eq!(
            week["summary"]["totalEvents"],
            counted - now_itself,
            "{range}"
        );
        assert!(
            (series * minutes - (counted - now_itself) as f64).abs() < 84.0 * 0.001 * minutes,
            "{range}: {series} a minute"
        );
    }
}

#[tokio::test]
async fn times_are_measured_and_not_random_and_zero_where_nothing_was() {
    let home = Home::with(&[("ALERT_CHECK_INTERVAL", "0.05")]).await;
    let first = home.json("/api/v1/analytics").await;
    assert_eq!(
        values(&first["apiResponseTime"]),
        vec![0.0; 60],
        "no request before this one"
    );
    tokio::time::sleep(Duration::from_millis(150)).await;
    let second = home.json("/api/v1/analytics").await;
    for name in ["apiResponseTime", "databaseLatency"] {
        let series = values(&second[name]);
        assert_eq!(series[..59], [0.0; 59], "{name}");
        assert!(series[59] > 0.0, "{name}");
        assert_eq!(second[name]["average"], second[name]["current"], "{name}");
    }
    assert_eq!(second["summary"]["successRate"], 100.0);
    assert_eq!(values(&second["errorRate"]), vec![0.0; 60]);
}

#[tokio::test]
async fn time_within_gaps_is_not_uptime() {
    let home = Home::new().await;
    let gap = json!([{"start": now().plus_seconds(-1_800), "end": now().plus_seconds(-900), "reason": "disconnected", "closed_by": "backfill"}]);
    answer(home.post("/internal/gaps").json(&gap)).await;
    assert_eq!(
        home.json("/api/v1/analytics").await["summary"]["uptime"],
        75.0
    );
}

#[tokio::test]
async fn the_process_tells_its_numbers_and_is_never_set_back() {
    let home = Home::new().await;
    home.json("/api/v1/events").await;
    let metrics = home.json("/api/v1/metrics").await;
    assert_eq!(metrics["service"], "data-api");
    assert!(metrics["counters"]["total_requests"].as_u64().unwrap() >= 1);
    assert!(metrics["timers"]["request"]["avg_ms"].as_f64().unwrap() > 0.0);
    let system = home.json("/api/v1/metrics/system").await;
    assert!(system["memory"].is_object() && system["cpu"].is_object());
    #[cfg(target_os = "linux")]
    assert!(
        system["memory"]["rss_bytes"].as_u64().unwrap() > 100_000
            && system["file_descriptors"].as_u64().unwrap() > 0
    );
    assert_eq!(
        home.json("/api/v1/metrics/all").await["data-api"]["service"],
        "data-api"
    );
    assert_eq!(
        home.json("/api/v1/metrics/summary").await["services"],
        json!(["data-api"])
    );
    let (status, body) = answer(home.post("/api/v1/metrics/reset")).await;
    assert!(
        status == 404 && body["detail"].as_str().unwrap().contains("never"),
        "{body}"
    );
}

#[tokio::test]
async fn health_counts_requests_and_has_its_older_form() {
    let home = Home::new().await;
    home.json("/api/v1/events").await;
    let health = home.json("/health").await;
    assert!(
        health["metrics"]["total_requests"].as_u64().unwrap() >= 1,
        "they used to stay 0"
    );
    assert_eq!(health["dependencies"]["database"], "ok");
    assert_eq!(health["checks"][0]["status"], "ok");
    let (status, detailed) =
        answer(home.http.get(home.url.join("/health/detailed").unwrap())).await;
    assert_eq!(
        (status, &detailed["dependencies"]["database"]["status"]),
        (200, &json!("healthy"))
    );
}
