//! The calls of HomeIQ's dashboard, agent and energy services that look at the home as a whole, as they make them.

use serde_json::json;

use crate::home::{answer, now};
use crate::homeiq_clients::{call, has, lived_in, ok};

#[tokio::test]
async fn the_dashboard_shows_alerts_analytics_metrics_activity_and_energy() {
    let home = lived_in().await;
    let power = json!([{"entity_id": "sensor.plug_power", "state": "120", "last_updated": now().plus_seconds(-600),
        "attributes": {"unit_of_measurement": "W", "device_class": "power"}}]);
    answer(home.post("/internal/events/bulk_upsert").json(&power)).await;
    for path in [
        "alerts",
        "alerts/active?severity=critical",
        "alerts?status=active",
    ] {
        assert_eq!(
            ok(&home, &format!("/api/v1/{path}")).await,
            json!([]),
            "{path}"
        );
    }
    has(
        &ok(&home, "/api/v1/alerts/summary").await,
        &[
            "total_active",
            "critical",
            "warning",
            "info",
            "total_alerts",
            "alert_history_count",
        ],
    );
    for (range, points) in [("1h", 60), ("6h", 72), ("24h", 96), ("7d", 84)] {
        let told = ok(
            &home,
            &format!("/api/v1/analytics?range={range}&metrics=all"),
        )
        .await;
        has(
            &told["summary"],
            &["totalEvents", "successRate", "avgLatency", "uptime"],
        );
        for name in [
            "eventsPerMinute",
            "apiResponseTime",
            "databaseLatency",
            "errorRate",
        ] {
            has(&told[name], &["current", "peak", "average", "min", "trend"]);
            let data = told[name]["data"].as_array().unwrap();
            assert_eq!(data.len(), points, "{range} {name}");
            has(&data[0], &["timestamp", "value"]);
        }
        assert_eq!(
            (&told["timeRange"], &told["summary"]["totalEvents"]),
            (&json!(range), &json!(61))
        );
    }
    let metrics = ok(&home, "/api/v1/metrics").await;
    has(
        &metrics,
        &[
            "service",
            "timestamp",
            "uptime_seconds",
            "counters",
            "gauges",
            "timers",
        ],
    );
    has(&metrics["system"], &["cpu", "memory"]);
    let current = ok(&home, "/api/v1/energy/current").await;
    assert_eq!(current["total_power_w"], 120.0, "{current}");
    for path in [
        "statistics?hours=24",
        "top-consumers?days=7&limit=10",
        "circuits?hours=24",
        "correlations?hours=24&min_delta=50&limit=100",
    ] {
        ok(&home, &format!("/api/v1/energy/{path}")).await;
    }
}

#[tokio::test]
async fn the_agent_and_the_energy_services_ask_what_people_are_doing() {
    let home = lived_in().await;
    let activity = ok(&home, "/api/v1/activity").await;
    has(
        &activity,
        &["activity", "activity_id", "confidence", "timestamp"],
    );
    // ai-pattern-service, energy-correlator and energy-forecasting.
    for path in [
        "/api/v1/activity/history",
        "/api/v1/activity/history?hours=720&limit=500",
    ] {
        let past = ok(&home, path).await;
        let past = past.as_array().unwrap();
        assert!(!past.is_empty(), "{path}");
        has(
            &past[0],
            &["activity", "activity_id", "confidence", "timestamp"],
        );
    }
    // What proactive-agent-service asks besides is not of this home, and says so.
    for path in [
        "/api/v1/sports/games/live",
        "/api/v1/sports/games/upcoming",
        "/api/v1/energy/carbon-intensity/current",
    ] {
        let (status, told) = answer(call(&home, path)).await;
        assert!(
            status == 404 && told["detail"].as_str().unwrap().len() > 20,
            "{path}: {told}"
        );
    }
}
