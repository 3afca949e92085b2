//! What Home Assistant says of the home itself: its name, its time zone.

use axum::Json;
use axum::extract::State;
use common::api::home::Home;
use common::api::registry::UpsertReply;
use common::http::extract::Json as Body;
use common::http::problem::Problem;

use super::{Api, store_problem};
use crate::store::reported::Object;

/// The home. Everything is null until it was reported.
#[utoipa::path(get, path = "/api/v1/home", tag = "registry", security(("key" = [])),
    responses((status = 200, body = Home, description = "The home")))]
pub(super) async fn show(State(api): State<Api>) -> Result<Json<Home>, Problem> {
    Ok(Json(api.store.home().await.map_err(store_problem)?))
}

/// Takes the home as Home Assistant's `get_config` has it.
#[utoipa::path(post, path = "/internal/home", tag = "internal", security(("key" = [])), request_body = Object,
    responses((status = 200, body = UpsertReply, description = "Committed")))]
pub(super) async fn report(
    State(api): State<Api>,
    Body(sent): Body<Object>,
) -> Result<Json<UpsertReply>, Problem> {
    let now = api.clock.now();
    api.store
        .report_home(&sent, now)
        .await
        .map_err(store_problem)?;
    Ok(Json(UpsertReply {
        success: true,
        upserted: 1,
        skipped: 0,
        timestamp: now,
        ..UpsertReply::default()
    }))
}
