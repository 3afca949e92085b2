//! Reading the registry: devices, entities, services.

use axum::Json;
use axum::extract::State;
use common::api::registry::{Device, DeviceList, Entity, EntityList, Service, ServiceList};
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::store::{DeviceFilter, EntityFilter};

const DEFAULT_ROWS: u32 = 100;
const MAX_DEVICES: u32 = 1_000;
const MAX_ENTITIES: u32 = 10_000;

fn said(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}

fn bounded(limit: Option<u32>, max: u32) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(DEFAULT_ROWS);
    if (1..=max).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::query("limit", format!("want 1 to {max}")))
    }
}

/// Which devices.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeviceParams {
    /// Rows, 1 to 1,000. Default 100.
    limit: Option<u32>,
    /// Rows to pass over.
    offset: Option<u32>,
    /// Exact manufacturer.
    manufacturer: Option<String>,
    /// Exact model.
    model: Option<String>,
    /// Area, own or of the parent device.
    area_id: Option<String>,
    /// Devices that have an entity of this integration.
    platform: Option<String>,
    /// Also those that Home Assistant no longer has. Default false.
    #[serde(default)]
    include_removed: bool,
}

/// Devices, by id.
#[utoipa::path(get, path = "/api/devices", tag = "registry", params(DeviceParams), security(("key" = [])),
    responses((status = 200, body = DeviceList, description = "The devices")))]
pub(super) async fn devices(
    State(api): State<Api>,
    Query(params): Query<DeviceParams>,
) -> Result<Json<DeviceList>, Problem> {
    let limit = bounded(params.limit, MAX_DEVICES)?;
    let asked = DeviceFilter {
        manufacturer: said(params.manufacturer),
        model: said(params.model),
        area_id: said(params.area_id),
        platform: said(params.platform),
        device_id: None,
        include_removed: params.include_removed,
        limit,
        offset: params.offset.unwrap_or(0),
    };
    let devices = api
        .store
        .devices(&asked, api.clock.now())
        .await
        .map_err(store_problem)?;
    Ok(Json(DeviceList {
        count: devices.len(),
        devices,
        limit,
    }))
}

/// One device.
#[utoipa::path(get, path = "/api/devices/{device_id}", tag = "registry", security(("key" = [])),
    params(("device_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = Device, description = "The device"), (status = 404, description = "There is none")))]
pub(super) async fn device(
    State(api): State<Api>,
    Path(device_id): Path<String>,
) -> Result<Json<Device>, Problem> {
    let asked = DeviceFilter {
        device_id: Some(device_id.clone()),
        include_removed: true,
        limit: 1,
        ..DeviceFilter::default()
    };
    let found = api
        .store
        .devices(&asked, api.clock.now())
        .await
        .map_err(store_problem)?
        .pop();
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("Device {device_id} not found")))
}

/// Which entities.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EntityParams {
    /// Rows, 1 to 10,000. Default 100.
    limit: Option<u32>,
    /// Rows to pass over.
    offset: Option<u32>,
    /// Domain, such as `light`.
    domain: Option<String>,
    /// Integration that brought it.
    platform: Option<String>,
    /// Device, in any letter case.
    device_id: Option<String>,
    /// Area: own, else the device's.
    area_id: Option<String>,
    /// A label.
    label: Option<String>,
    /// Also those that Home Assistant no longer has. Default false.
    #[serde(default)]
    include_removed: bool,
}

/// Entities, by id.
#[utoipa::path(get, path = "/api/entities", tag = "registry", params(EntityParams), security(("key" = [])),
    responses((status = 200, body = EntityList, description = "The entities")))]
pub(super) async fn entities(
    State(api): State<Api>,
    Query(params): Query<EntityParams>,
) -> Result<Json<EntityList>, Problem> {
    let limit = bounded(params.limit, MAX_ENTITIES)?;
    let asked = EntityFilter {
        entity_id: None,
        domain: said(params.domain),
        platform: said(params.platform),
        device_id: said(params.device_id),
        area_id: said(params.area_id),
        label: said(params.label),
        include_removed: params.include_removed,
        limit,
        offset: params.offset.unwrap_or(0),
    };
    let entities = api.store.entities(&asked).await.map_err(store_problem)?;
    Ok(Json(EntityList {
        count: entities.len(),
        entities,
        limit,
    }))
}

/// One entity; by a former id too, when no other entity has that now.
#[utoipa::path(get, path = "/api/entities/{entity_id}", tag = "registry", security(("key" = [])),
    params(("entity_id" = String, Path, description = "Such as `light.kitchen`")),
    responses((status = 200, body = Entity, description = "The entity"), (status = 404, description = "There is none")))]
pub(super) async fn entity(
    State(api): State<Api>,
    Path(entity_id): Path<String>,
) -> Result<Json<Entity>, Problem> {
    let mut asked = EntityFilter {
        entity_id: Some(entity_id.clone()),
        include_removed: true,
        limit: 1,
        ..EntityFilter::default()
    };
    let mut found = api.store.entities(&asked).await.map_err(store_problem)?;
    if found.is_empty() {
        asked.entity_id = api
            .store
            .renamed_to(&entity_id)
            .await
            .map_err(store_problem)?;
        if asked.entity_id.is_some() {
            found = api.store.entities(&asked).await.map_err(store_problem)?;
        }
    }
    found
        .pop()
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("Entity {entity_id} not found")))
}

/// Which services.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ServiceParams {
    /// Domain, such as `light`.
    domain: Option<String>,
}

/// Services, by domain and name.
#[utoipa::path(get, path = "/api/services", tag = "registry", params(ServiceParams), security(("key" = [])),
    responses((status = 200, body = ServiceList, description = "The services")))]
pub(super) async fn services(
    State(api): State<Api>,
    Query(params): Query<ServiceParams>,
) -> Result<Json<ServiceList>, Problem> {
    let services = api
        .store
        .services(said(params.domain).as_deref(), None)
        .await
        .map_err(store_problem)?;
    Ok(Json(ServiceList {
        count: services.len(),
        services,
    }))
}

/// One service.
#[utoipa::path(get, path = "/api/services/{domain}/{service}", tag = "registry", security(("key" = [])),
    params(("domain" = String, Path, description = "Such as `light`"), ("service" = String, Path, description = "Such as `turn_on`")),
    responses((status = 200, body = Service, description = "The service"), (status = 404, description = "There is none")))]
pub(super) async fn service(
    State(api): State<Api>,
    Path((domain, service)): Path<(String, String)>,
) -> Result<Json<Service>, Problem> {
    let found = api
        .store
        .services(Some(&domain), Some(&service))
        .await
        .map_err(store_problem)?
        .pop();
    found
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("Service {domain}.{service} not found")))
}
