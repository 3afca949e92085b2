//! `POST /api/v1/discovery/trigger`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::Shared;

/// Longest wait for a reading; a large home takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the registries of Home Assistant now, and says how much there is.
#[utoipa::path(post, path = "/api/v1/discovery/trigger", tag = "discovery",
    responses((status = 200, description = "Read"), (status = 500, description = "No answer in time"), (status = 503, description = "No connection to Home Assistant")))]
pub(super) async fn trigger(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let failed = |status, error: &str| {
        (
            status,
            Json(json!({"detail": {"success": false, "error": error}})),
        )
    };
    if shared.status.facts().subscribed_since.is_none() {
        let error = "Connection manager or discovery service not available";
        return failed(StatusCode::SERVICE_UNAVAILABLE, error);
    }
    match shared.discovery.ask(PATIENCE).await {
        Some(found) => {
            let body = json!({"success": true, "devices_discovered": found.devices, "entities_discovered": found.entities,
                "timestamp": shared.clock.now(), "error": null});
            (StatusCode::OK, Json(body))
        }
        None => failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the registries could not be read in time: Home Assistant or data-api does not answer; see /health",
        ),
    }
}
