//! Reading areas, floors and labels.

use axum::Json;
use axum::extract::State;
use common::api::places::{AreaList, FloorList, LabelList};
use common::http::extract::Query;
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, store_problem};

/// Whether those of the past are wanted.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Past {
    /// Also those that Home Assistant no longer has. Default false.
    #[serde(default)]
    include_removed: bool,
}

async fn area_list(api: &Api, past: Past) -> Result<Json<AreaList>, Problem> {
    let found = api.store.areas(past.include_removed).await;
    let areas = found.map_err(store_problem)?;
    Ok(Json(AreaList {
        count: areas.len(),
        areas,
    }))
}

async fn label_list(api: &Api, past: Past) -> Result<Json<LabelList>, Problem> {
    let found = api.store.labels(past.include_removed).await;
    let labels = found.map_err(store_problem)?;
    Ok(Json(LabelList {
        count: labels.len(),
        labels,
    }))
}

/// Areas, by id.
#[utoipa::path(get, path = "/api/areas", tag = "registry", params(Past), security(("key" = [])),
    responses((status = 200, body = AreaList, description = "The areas")))]
pub(super) async fn areas(
    State(api): State<Api>,
    Query(past): Query<Past>,
) -> Result<Json<AreaList>, Problem> {
    area_list(&api, past).await
}

/// Areas, by id: the same under the path that services of the old stack use.
#[utoipa::path(get, path = "/internal/areas/list", tag = "internal", params(Past), security(("key" = [])),
    responses((status = 200, body = AreaList, description = "The areas")))]
pub(super) async fn internal_areas(
    State(api): State<Api>,
    Query(past): Query<Past>,
) -> Result<Json<AreaList>, Problem> {
    area_list(&api, past).await
}

/// Floors, from the lowest to the highest.
#[utoipa::path(get, path = "/api/v1/floors", tag = "registry", params(Past), security(("key" = [])),
    responses((status = 200, body = FloorList, description = "The floors")))]
pub(super) async fn floors(
    State(api): State<Api>,
    Query(past): Query<Past>,
) -> Result<Json<FloorList>, Problem> {
    let found = api.store.floors(past.include_removed).await;
    let floors = found.map_err(store_problem)?;
    Ok(Json(FloorList {
        count: floors.len(),
        floors,
    }))
}

/// Labels, by id.
#[utoipa::path(get, path = "/api/v1/labels", tag = "registry", params(Past), security(("key" = [])),
    responses((status = 200, body = LabelList, description = "The labels")))]
pub(super) async fn labels(
    State(api): State<Api>,
    Query(past): Query<Past>,
) -> Result<Json<LabelList>, Problem> {
    label_list(&api, past).await
}

/// Labels, by id: the same under the replaced service's path.
#[utoipa::path(get, path = "/api/labels", tag = "registry", params(Past), security(("key" = [])),
    responses((status = 200, body = LabelList, description = "The labels")))]
pub(super) async fn old_labels(
    State(api): State<Api>,
    Query(past): Query<Past>,
) -> Result<Json<LabelList>, Problem> {
    label_list(&api, past).await
}
