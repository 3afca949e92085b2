//! What is done to the registry on request.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use common::api::device_reports::{Cleared, EnrichRequest, Enriched, LinkedEntities};
use common::http::extract::Query;
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::registry::bounded_by;
use super::{Api, store_problem};
use crate::store::EntityFilter;

/// Deletes all devices and entities of the registry. Events stay; the next hand-over fills it again.
#[utoipa::path(delete, path = "/internal/devices/clear", tag = "internal",
    responses((status = 200, body = Cleared, description = "Committed")))]
pub(super) async fn clear(State(api): State<Api>) -> Result<Json<Cleared>, Problem> {
    let (devices, entities) = api.store.clear_registry().await.map_err(store_problem)?;
    tracing::warn!(
        devices,
        entities,
        "the registry was emptied on request; events were kept"
    );
    Ok(Json(Cleared {
        success: true,
        devices_deleted: devices,
        entities_deleted: entities,
        timestamp: api.clock.now(),
    }))
}

/// How many.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EnrichParams {
    /// Entities to change, 1 to 1,000. Default 100.
    limit: Option<u32>,
}

/// Takes device class, unit, features and icon of entities over from their newest stored states. Home Assistant is not asked. The same
/// happens by itself after every complete list of entities.
#[utoipa::path(post, path = "/api/entities/enrich", tag = "registry", params(EnrichParams), request_body = Option<EnrichRequest>,
    responses((status = 200, body = Enriched, description = "Committed"), (status = 422, description = "Not of that form")))]
pub(super) async fn enrich(
    State(api): State<Api>,
    Query(params): Query<EnrichParams>,
    body: Bytes,
) -> Result<Json<Enriched>, Problem> {
    let limit = bounded_by(params.limit, 100, 1_000)?;
    let asked: EnrichRequest = if body.iter().all(u8::is_ascii_whitespace) {
        EnrichRequest::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| Problem::body(error.to_string()))?
    };
    let done = api
        .store
        .enrich_entities(&asked.entity_ids, limit as usize)
        .await;
    let (enriched, failed) = done.map_err(store_problem)?;
    Ok(Json(Enriched {
        success: true,
        enriched,
        failed,
        timestamp: api.clock.now(),
    }))
}

/// How many.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LinkParams {
    /// Entities to look at, 1 to 10,000. Default 1,000.
    limit: Option<u32>,
}

/// Says how many entities have no device. Nothing is written: Home Assistant's registry says which device an entity belongs to.
#[utoipa::path(post, path = "/api/devices/link-entities", tag = "devices", params(LinkParams),
    responses((status = 200, body = LinkedEntities, description = "What there is")))]
pub(super) async fn link_entities(
    State(api): State<Api>,
    Query(params): Query<LinkParams>,
) -> Result<Json<LinkedEntities>, Problem> {
    let limit = bounded_by(params.limit, 1_000, 10_000)?;
    let asked = EntityFilter {
        limit: u32::MAX,
        ..EntityFilter::default()
    };
    let entities = api.store.entities(&asked).await.map_err(store_problem)?;
    let total = entities
        .iter()
        .filter(|entity| entity.device_id.is_none())
        .take(limit as usize)
        .count();
    Ok(Json(LinkedEntities {
        message: "nothing to link: Home Assistant's registry says which device an entity belongs to, and is taken over as it is"
            .to_owned(),
        linked: 0,
        total,
        timestamp: api.clock.now(),
    }))
}
