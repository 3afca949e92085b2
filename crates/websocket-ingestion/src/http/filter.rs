//! `/api/v1/filter/stats`, `/api/v1/filter/reload`.

use axum::Json;
use axum::extract::State;
use common::http::problem::Problem;
use serde_json::{Value, json};

use crate::app::Shared;

/// What the entity filter did.
#[utoipa::path(get, path = "/api/v1/filter/stats", tag = "filter", responses((status = 200, description = "Rules in force and counts")))]
pub(super) async fn stats(State(shared): State<Shared>) -> Json<Value> {
    Json(shared.filter.stats(shared.health.uptime_seconds()))
}

/// Reads the rules of the entity filter again.
#[utoipa::path(post, path = "/api/v1/filter/reload", tag = "filter",
    responses((status = 200, description = "The rules are in force"), (status = 422, description = "They cannot be read; those before stay in force")))]
pub(super) async fn reload(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    shared.filter.reload().map_err(Problem::body)?;
    tracing::info!("the rules of the entity filter were read again");
    Ok(Json(
        json!({"success": true, "filter": shared.filter.stats(shared.health.uptime_seconds())}),
    ))
}
