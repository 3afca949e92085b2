//! `GET /api/v1/backfill`.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::Shared;

/// How far the reading of Home Assistant's history is: the time before the first start, and gaps.
#[utoipa::path(get, path = "/api/v1/backfill", tag = "status", responses((status = 200, description = "Progress, and the gaps")))]
pub(super) async fn progress(State(shared): State<Shared>) -> Json<Value> {
    let facts = shared.status.facts();
    Json(json!({
        "service": "websocket-ingestion",
        "progress": facts.backfill,
        "gaps": shared.gaps.told(),
        "timestamp": shared.clock.now(),
    }))
}
