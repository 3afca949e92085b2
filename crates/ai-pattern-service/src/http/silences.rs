//! Entities, areas and domains of which nothing is to be told.

use axum::Json;
use axum::extract::State;
use common::http::extract::Path;
use common::http::problem::Problem;
use serde_json::{Value, json};

use super::{Api, enveloped, store_problem};

/// Longest name of an entity, an area or a domain, in characters.
const MAX_NAME: usize = 255;

/// What is silenced.
#[utoipa::path(get, path = "/api/v1/silences", tag = "feedback", responses((status = 200, description = "The names")))]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let names = api.store.silences().await.map_err(store_problem)?;
    let message = format!("{} silenced", names.len());
    Ok(enveloped(json!({"silences": names}), &message))
}

/// Tells nothing of this entity, area (by its id) or domain from the next run on.
#[utoipa::path(put, path = "/api/v1/silences/{name}", tag = "feedback", params(("name" = String, Path)),
    responses((status = 200, description = "It is silenced"), (status = 422, description = "No name")))]
pub(super) async fn add(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME {
        return Err(Problem::body(format!(
            "want an entity id, an area id or a domain of at most {MAX_NAME} characters"
        )));
    }
    let now = api.clock.now();
    api.store.silence(&name, now).await.map_err(store_problem)?;
    Ok(enveloped(
        json!({"name": name}),
        "nothing is told of it from the next run on",
    ))
}

/// Tells of it again.
#[utoipa::path(delete, path = "/api/v1/silences/{name}", tag = "feedback", params(("name" = String, Path)),
    responses((status = 200, description = "It is told of again"), (status = 404, description = "It was not silenced")))]
pub(super) async fn take_back(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    if !api.store.unsilence(&name).await.map_err(store_problem)? {
        return Err(Problem::not_found(format!("'{name}' is not silenced")));
    }
    Ok(enveloped(
        json!({"name": name}),
        "it is told of again from the next run on",
    ))
}
