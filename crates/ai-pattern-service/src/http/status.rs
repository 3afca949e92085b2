//! What the service says of itself: `/`, `/live`, `/ready`, `/health`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::http::problem::Problem;
use serde_json::{Value, json};

use super::Api;

/// Greets.
#[utoipa::path(get, path = "/", tag = "status", responses((status = 200, description = "Name, version, status")))]
pub(super) async fn root() -> Json<Value> {
    Json(
        json!({"service": "ai-pattern-service", "version": env!("CARGO_PKG_VERSION"), "status": "operational"}),
    )
}

/// The process turns.
#[utoipa::path(get, path = "/live", tag = "status", responses((status = 200, description = "Alive")))]
pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// The tables are up to date and the schedule is kept.
#[utoipa::path(get, path = "/ready", tag = "status",
    responses((status = 200, description = "Ready"), (status = 503, description = "Not ready, and why")))]
pub(super) async fn ready(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    let waiting = api.health.waiting_for();
    if waiting.is_empty() {
        (StatusCode::OK, Json(json!({"status": "ready"})))
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": "not_ready", "waiting_for": waiting})),
        )
    }
}

/// State of the service and of what it needs. A broker or a data-api that is away makes it `degraded`, not unhealthy.
#[utoipa::path(get, path = "/health", tag = "status",
    responses((status = 200, description = "Working; `degraded` lists what is missing"), (status = 500, description = "The own tables cannot be used")))]
pub(super) async fn health(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    if let Err(failure) = api.store.check().await {
        tracing::error!(
            error = &failure as &dyn std::error::Error,
            "the store failed"
        );
        return Err(Problem::Told(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Database connection failed".to_owned(),
        ));
    }
    let degraded = api.health.degradations();
    let mqtt = if !api.has_broker {
        "disabled"
    } else if degraded.iter().any(|missing| missing.part == "mqtt") {
        "disconnected"
    } else {
        "connected"
    };
    Ok(Json(json!({
        "status": "ok",
        "database": "connected",
        "service": "ai-pattern-service",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": api.clock.now(),
        "uptime_seconds": api.health.uptime_seconds(),
        "mqtt": mqtt,
        "semantic": api.search.semantic(),
        "degraded": degraded,
    })))
}
