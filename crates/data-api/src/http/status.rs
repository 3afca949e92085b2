//! What the service says of itself: `/`, `/live`, `/ready`, `/health`, `/api/info`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};

use super::Api;

/// Requests since the start.
#[derive(Debug, Default)]
pub(super) struct RequestCounts {
    pub(super) total: AtomicU64,
    pub(super) failed: AtomicU64,
}

/// Counts a request, how long it took, and whether it failed by our fault.
pub(super) async fn count(State(api): State<Api>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let response = next.run(request).await;
    let failed = response.status().is_server_error();
    api.requests.total.fetch_add(1, Ordering::Relaxed);
    if failed {
        api.requests.failed.fetch_add(1, Ordering::Relaxed);
    }
    api.measured
        .request(api.clock.now(), begun.elapsed(), failed);
    response
}

/// Greets.
#[utoipa::path(get, path = "/", tag = "status", responses((status = 200, description = "Name, version, status")))]
pub(super) async fn root(State(api): State<Api>) -> Json<Value> {
    let now = api.clock.now();
    Json(
        json!({"success": true, "message": "Data API is running", "timestamp": now,
        "data": {"service": "Data API - Feature Data Hub", "version": env!("CARGO_PKG_VERSION"), "status": "running", "timestamp": now}}),
    )
}

/// The process turns.
#[utoipa::path(get, path = "/live", tag = "status", responses((status = 200, description = "Alive")))]
pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// The tables are up to date and can be written to.
#[utoipa::path(get, path = "/ready", tag = "status",
    responses((status = 200, description = "Ready"), (status = 503, description = "Not ready, and why")))]
pub(super) async fn ready(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    let waiting = api.health.waiting_for();
    if !waiting.is_empty() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": "not_ready", "waiting_for": waiting})),
        );
    }
    match api.store.check().await {
        Ok(()) => (StatusCode::OK, Json(json!({"status": "ready"}))),
        Err(failure) => {
            let body = json!({"status": "not_ready", "reason": failure.to_string()});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body))
        }
    }
}

/// State of the service and of what it needs.
#[utoipa::path(get, path = "/health", tag = "status",
    responses((status = 200, description = "healthy or degraded"), (status = 503, description = "unhealthy")))]
pub(super) async fn health(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    state(&api).await
}

/// The same in its longer, older form: `dependencies.database` is an object.
#[utoipa::path(get, path = "/health/detailed", tag = "status",
    responses((status = 200, description = "healthy or degraded"), (status = 503, description = "unhealthy")))]
pub(super) async fn detailed(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    let (code, Json(mut body)) = state(&api).await;
    body["dependencies"]["database"] = body["dependencies"][api.store.engine()].clone();
    (code, Json(body))
}

async fn state(api: &Api) -> (StatusCode, Json<Value>) {
    let begun = Instant::now();
    let totals = api.store.totals().await;
    let latency_ms = begun.elapsed().as_secs_f64() * 1000.0;
    let size = api.store.size_bytes().await.unwrap_or_default();
    metrics::gauge!("homeiq_db_size_bytes").set(size as f64);
    let engine = api.store.engine();
    let database = match &totals {
        Ok(_) => {
            let megabytes = (size as f64 / 1e4).round() / 100.0;
            let mut healthy =
                json!({"status": "healthy", "connection": "ok", "database_size_mb": megabytes});
            if engine == "sqlite" {
                healthy["journal_mode"] = json!("wal");
                healthy["wal_enabled"] = json!(true);
            }
            healthy
        }
        Err(failure) => {
            tracing::error!(
                error = failure as &dyn std::error::Error,
                "the store failed"
            );
            json!({"status": "unhealthy", "connection": failure.to_string()})
        }
    };
    let status = match (&totals, api.health.is_whole()) {
        (Err(_), _) => "unhealthy",
        (Ok(_), false) => "degraded",
        (Ok(_), true) => "healthy",
    };
    let code = if totals.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let (total, failed) = (
        api.requests.total.load(Ordering::Relaxed),
        api.requests.failed.load(Ordering::Relaxed),
    );
    let percent = |part: u64, whole: u64| {
        if whole == 0 {
            0.0
        } else {
            100.0 * part as f64 / whole as f64
        }
    };
    let limiter = api.rate_limit.seen();
    let events = totals
        .ok()
        .map(|t| json!({"stored": t.events, "oldest": t.oldest, "newest": t.newest}));
    let body = json!({
        "status": status,
        "service": "data-api",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": api.clock.now(),
        "uptime_seconds": api.health.uptime_seconds(),
        "metrics": {"total_requests": total, "failed_requests": failed, "error_rate_percent": percent(failed, total)},
        "cache": {"size": api.store.cached()},
        "rate_limiter": {"total_requests": limiter.asked, "rate_limited_requests": limiter.refused,
            "rate_limit_percentage": percent(limiter.refused, limiter.asked), "active_ips": limiter.addresses,
            "rate_per_minute": limiter.per_minute, "burst_size": limiter.burst},
        "dependencies": {engine: database, "database": if code == StatusCode::OK { "ok" } else { "down" }},
        "checks": [{"name": "database", "status": if code == StatusCode::OK { "ok" } else { "down" }, "latency_ms": latency_ms}],
        "authentication": {"api_key_required": !api.allow_anonymous},
        "events": events,
        "integrity": api.integrity.told(),
        "backup": api.backups.list().ok().map(|list| json!({"newest": list.backups.first(), "running": list.running, "last_error": list.last_error})),
        "degraded": api.health.degradations(),
    });
    (code, Json(body))
}

/// What the service is and where its parts are.
#[utoipa::path(get, path = "/api/info", tag = "status", responses((status = 200, description = "Title, version, endpoints")))]
pub(super) async fn info(State(api): State<Api>) -> Json<Value> {
    Json(
        json!({"success": true, "message": "API information", "timestamp": api.clock.now(), "data": {
        "title": "HomeIQ data-api", "version": env!("CARGO_PKG_VERSION"),
        "description": "Stores and serves every event and the registry of a home",
        "endpoints": {"health": "/health", "events": "/api/v1/events", "stats": "/api/v1/events/stats", "devices": "/api/devices",
            "entities": "/api/entities", "areas": "/api/areas", "services": "/api/services", "docs": "/docs", "metrics": "/metrics"},
        "authentication": {"api_key_required": !api.allow_anonymous}}}),
    )
}
