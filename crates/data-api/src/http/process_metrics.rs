//! `GET /api/v1/metrics`: numbers of this process as JSON, for dashboards. `/metrics` has more, for Prometheus.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use common::http::problem::Problem;
use common::process;
use serde_json::{Value, json};

use super::{Api, store_problem};

const SERVICE: &str = "data-api";

fn system(api: &Api) -> Value {
    let (usage, uptime) = (process::usage(), api.health.uptime_seconds());
    let percent = |part: f64, whole: f64| (10_000.0 * part / whole).round() / 100.0;
    json!({
        "timestamp": api.clock.now(),
        "uptime_seconds": uptime,
        // Of one processor, since the start.
        "cpu": {"percent": usage.map(|u| percent(u.cpu_seconds, uptime.max(0.001))), "num_threads": process::threads()},
        "memory": {
            "rss_bytes": usage.map(|u| u.resident_bytes),
            "rss_mb": usage.map(|u| (u.resident_bytes as f64 / 1e4).round() / 100.0),
            "percent": usage.zip(process::machine_memory_bytes()).map(|(u, all)| percent(u.resident_bytes as f64, all as f64)),
        },
        "file_descriptors": process::open_files(),
    })
}

async fn whole(api: &Api) -> Result<Value, Problem> {
    let now = api.clock.now();
    let totals = api.store.totals().await.map_err(store_problem)?;
    let size = api.store.size_bytes().await.map_err(store_problem)?;
    let (week, minutes) = (
        api.measured.since(common::instant::UtcMicros::MIN),
        api.measured.since(now.plus_seconds(-300)),
    );
    let timer = |count: u64, total_us: u64, mean: Option<f64>| json!({"count": count, "total_ms": total_us as f64 / 1e3, "avg_ms": mean.unwrap_or_default()});
    Ok(json!({
        "service": SERVICE,
        "timestamp": now,
        "uptime_seconds": api.health.uptime_seconds(),
        "counters": {
            "total_requests": api.requests.total.load(Ordering::Relaxed),
            "failed_requests": api.requests.failed.load(Ordering::Relaxed),
            "stored_events": totals.events,
        },
        "gauges": {"database_size_bytes": size, "error_rate_percent_5m": minutes.error_percent().unwrap_or_default()},
        "timers": {
            "request": timer(week.requests, week.request_us, week.request_ms()),
            "database_read": timer(week.reads, week.read_us, week.read_ms()),
        },
        "system": system(api),
    }))
}

/// Counters, times and use of the machine. Times are those of the last seven days or since the start.
#[utoipa::path(get, path = "/api/v1/metrics", tag = "metrics", security(("key" = [])),
    responses((status = 200, description = "`{service, timestamp, uptime_seconds, counters, gauges, timers, system}`")))]
pub(super) async fn show(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    whole(&api).await.map(Json)
}

/// The same by service. Each service tells of itself at its own `/metrics`, so there is one.
#[utoipa::path(get, path = "/api/v1/metrics/all", tag = "metrics", security(("key" = [])),
    responses((status = 200, description = "`{\"data-api\": …}`")))]
pub(super) async fn all(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({SERVICE: whole(&api).await?})))
}

/// Use of the machine by this process. What the system does not tell is null.
#[utoipa::path(get, path = "/api/v1/metrics/system", tag = "metrics", security(("key" = [])),
    responses((status = 200, description = "`{timestamp, uptime_seconds, cpu, memory, file_descriptors}`")))]
pub(super) async fn of_system(State(api): State<Api>) -> Json<Value> {
    Json(system(&api))
}

/// The numbers that stand on top of a dashboard.
#[utoipa::path(get, path = "/api/v1/metrics/summary", tag = "metrics", security(("key" = [])),
    responses((status = 200, description = "`{timestamp, services_count, services, aggregate}`")))]
pub(super) async fn summary(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let whole = whole(&api).await?;
    Ok(Json(json!({
        "timestamp": whole["timestamp"],
        "services_count": 1,
        "services": [SERVICE],
        "aggregate": {
            "total_cpu_percent": whole["system"]["cpu"]["percent"],
            "total_memory_mb": whole["system"]["memory"]["rss_mb"],
            "total_uptime_seconds": whole["uptime_seconds"],
            "total_requests": whole["counters"]["total_requests"],
            "avg_response_time_ms": whole["timers"]["request"]["avg_ms"],
        },
    })))
}

/// Counters are not set back: what has been counted stays counted, as Prometheus expects.
#[utoipa::path(post, path = "/api/v1/metrics/reset", tag = "metrics", security(("key" = [])),
    responses((status = 404, description = "Always")))]
pub(super) async fn reset() -> Problem {
    Problem::not_found("counters are never set back: take the difference of two readings instead")
}
