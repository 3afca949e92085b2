//! Reading the registry: devices, entities, services.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use common::api::registry::{Device, DeviceList, Entity, EntityList, Service, ServiceList};
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::store::{DeviceFilter, DeviceKind, EntityFilter};

const DEFAULT_ROWS: u32 = 100;
const MAX_DEVICES: u32 = 1_000;
const MAX_ENTITIES: u32 = 10_000;

pub(super) fn said(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}

pub(super) fn bounded(limit: Option<u32>, max: u32) -> Result<u32, Problem> {
    bounded_by(limit, DEFAULT_ROWS, max)
}

pub(super) fn bounded_by(limit: Option<u32>, default: u32, max: u32) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(default);
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
    /// What it is, as its entities say: such as `light`, `thermostat`, `sensor`.
    device_type: Option<String>,
    /// What it is for, as its entities say: such as `lighting`, `climate`, `security`.
    device_category: Option<String>,
    /// Also those that Home Assistant no longer has. Default false.
    #[serde(default)]
    include_removed: bool,
}

impl DeviceParams {
    async fn list(self, api: &Api) -> Result<Json<DeviceList>, Problem> {
        let limit = bounded(self.limit, MAX_DEVICES)?;
        let offset = self.offset.unwrap_or(0);
        let (of_type, of_category) = (said(self.device_type), said(self.device_category));
        // What a device is follows from its entities, so it is known only after they are read: the page is cut here.
        let by_kind = of_type.is_some() || of_category.is_some();
        let asked = DeviceFilter {
            manufacturer: said(self.manufacturer),
            model: said(self.model),
            area_id: said(self.area_id),
            platform: said(self.platform),
            device_id: None,
            include_removed: self.include_removed,
            limit: if by_kind { u32::MAX } else { limit },
            offset: if by_kind { 0 } else { offset },
        };
        let found = api.store.devices(&asked, api.clock.now()).await;
        let mut devices = found.map_err(store_problem)?;
        let kinds = api.store.device_kinds(None).await.map_err(store_problem)?;
        for device in &mut devices {
            of_kind(device, &kinds);
        }
        if by_kind {
            let is = |said: &Option<String>, is: &Option<String>| said.is_none() || said == is;
            devices = devices
                .into_iter()
                .filter(|device| is(&of_type, &device.device_type))
                .filter(|device| is(&of_category, &device.device_category))
                .skip(offset as usize)
                .take(limit as usize)
                .collect();
        }
        Ok(Json(DeviceList {
            count: devices.len(),
            devices,
            limit,
        }))
    }
}

fn of_kind(device: &mut Device, kinds: &HashMap<String, DeviceKind>) {
    if let Some(kind) = kinds.get(&device.device_id) {
        device.device_type = Some(kind.device_type.to_owned());
        device.device_category = Some(kind.device_category.to_owned());
    }
}

/// Every device that Home Assistant has, by id.
pub(super) async fn all_devices(api: &Api) -> Result<Vec<Device>, Problem> {
    let asked = DeviceFilter {
        limit: u32::MAX,
        ..DeviceFilter::default()
    };
    let found = api.store.devices(&asked, api.clock.now()).await;
    let mut devices = found.map_err(store_problem)?;
    let kinds = api.store.device_kinds(None).await.map_err(store_problem)?;
    for device in &mut devices {
        of_kind(device, &kinds);
    }
    Ok(devices)
}

/// A device by its id, also one that Home Assistant no longer has.
pub(super) async fn find_device(api: &Api, device_id: &str) -> Result<Option<Device>, Problem> {
    let asked = DeviceFilter {
        device_id: Some(device_id.to_owned()),
        include_removed: true,
        limit: 1,
        ..DeviceFilter::default()
    };
    let found = api.store.devices(&asked, api.clock.now()).await;
    let Some(mut device) = found.map_err(store_problem)?.pop() else {
        return Ok(None);
    };
    let kinds = api.store.device_kinds(Some(device_id)).await;
    of_kind(&mut device, &kinds.map_err(store_problem)?);
    Ok(Some(device))
}

/// The same, where there must be one.
pub(super) async fn known_device(api: &Api, device_id: &str) -> Result<Device, Problem> {
    find_device(api, device_id)
        .await?
        .ok_or_else(|| Problem::not_found(format!("Device {device_id} not found")))
}

/// Devices, by id.
#[utoipa::path(get, path = "/api/devices", tag = "registry", params(DeviceParams), security(("key" = [])),
    responses((status = 200, body = DeviceList, description = "The devices")))]
pub(super) async fn devices(
    State(api): State<Api>,
    Query(params): Query<DeviceParams>,
) -> Result<Json<DeviceList>, Problem> {
    params.list(&api).await
}

/// Devices, by id: the same under the path that clients of the replaced service use.
#[utoipa::path(get, path = "/api/v1/devices", tag = "registry", params(DeviceParams), security(("key" = [])),
    responses((status = 200, body = DeviceList, description = "The devices")))]
pub(super) async fn devices_v1(
    State(api): State<Api>,
    Query(params): Query<DeviceParams>,
) -> Result<Json<DeviceList>, Problem> {
    params.list(&api).await
}

/// One device.
#[utoipa::path(get, path = "/api/devices/{device_id}", tag = "registry", security(("key" = [])),
    params(("device_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = Device, description = "The device"), (status = 404, description = "There is none")))]
pub(super) async fn device(
    State(api): State<Api>,
    Path(device_id): Path<String>,
) -> Result<Json<Device>, Problem> {
    known_device(&api, &device_id).await.map(Json)
}

/// One device: the same under the path that clients of the replaced service use.
#[utoipa::path(get, path = "/api/v1/devices/{device_id}", tag = "registry", security(("key" = [])),
    params(("device_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = Device, description = "The device"), (status = 404, description = "There is none")))]
pub(super) async fn device_v1(
    State(api): State<Api>,
    Path(device_id): Path<String>,
) -> Result<Json<Device>, Problem> {
    known_device(&api, &device_id).await.map(Json)
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
    /// Part of an alias, in any letter case.
    alias: Option<String>,
    /// Those that have an alias, or those that have none.
    has_aliases: Option<bool>,
    /// Also those that Home Assistant no longer has. Default false.
    #[serde(default)]
    include_removed: bool,
}

/// The labels among the pairs of a query string, in which `label` may stand several times.
fn labels(pairs: Vec<(String, String)>) -> Vec<String> {
    pairs
        .into_iter()
        .filter(|(name, value)| name == "label" && !value.is_empty())
        .map(|(_, value)| value)
        .collect()
}

impl EntityParams {
    async fn list(self, api: &Api, labels: Vec<String>) -> Result<Json<EntityList>, Problem> {
        let limit = bounded(self.limit, MAX_ENTITIES)?;
        let offset = self.offset.unwrap_or(0);
        let alias = said(self.alias).map(|alias| alias.to_lowercase());
        // Names and labels are lists in the tables: they are compared here, and the page is cut here then.
        let by_list = alias.is_some() || self.has_aliases.is_some() || !labels.is_empty();
        let asked = EntityFilter {
            domain: said(self.domain),
            platform: said(self.platform),
            device_id: said(self.device_id),
            area_id: said(self.area_id),
            include_removed: self.include_removed,
            limit: if by_list { u32::MAX } else { limit },
            offset: if by_list { 0 } else { offset },
            ..EntityFilter::default()
        };
        let mut entities = api.store.entities(&asked).await.map_err(store_problem)?;
        if by_list {
            let has = |entity: &Entity, alias: &String| {
                let mut aliases = entity.aliases.iter();
                aliases.any(|own| own.to_lowercase().contains(alias))
            };
            entities = entities
                .into_iter()
                .filter(|entity| labels.iter().all(|label| entity.labels.contains(label)))
                .filter(|entity| alias.as_ref().is_none_or(|alias| has(entity, alias)))
                .filter(|entity| {
                    let any = !entity.aliases.is_empty();
                    self.has_aliases.is_none_or(|wanted| wanted == any)
                })
                .skip(offset as usize)
                .take(limit as usize)
                .collect();
        }
        Ok(Json(EntityList {
            count: entities.len(),
            entities,
            limit,
        }))
    }
}

/// An entity by its id, also one that Home Assistant no longer has; by a former id too, when no other entity has that now.
pub(super) async fn find_entity(api: &Api, entity_id: &str) -> Result<Option<Entity>, Problem> {
    let mut asked = EntityFilter {
        entity_id: Some(entity_id.to_owned()),
        include_removed: true,
        limit: 1,
        ..EntityFilter::default()
    };
    let mut found = api.store.entities(&asked).await.map_err(store_problem)?;
    if found.is_empty() {
        asked.entity_id = api
            .store
            .renamed_to(entity_id)
            .await
            .map_err(store_problem)?;
        if asked.entity_id.is_some() {
            found = api.store.entities(&asked).await.map_err(store_problem)?;
        }
    }
    Ok(found.pop())
}

async fn known_entity(api: &Api, entity_id: &str) -> Result<Json<Entity>, Problem> {
    find_entity(api, entity_id)
        .await?
        .map(Json)
        .ok_or_else(|| Problem::not_found(format!("Entity {entity_id} not found")))
}

/// Entities, by id.
#[utoipa::path(get, path = "/api/entities", tag = "registry", security(("key" = [])),
    params(EntityParams, ("label" = Option<Vec<String>>, Query, description = "A label; several are all wanted")),
    responses((status = 200, body = EntityList, description = "The entities")))]
pub(super) async fn entities(
    State(api): State<Api>,
    Query(params): Query<EntityParams>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<EntityList>, Problem> {
    params.list(&api, labels(pairs)).await
}

/// Entities, by id: the same under the path that clients of the replaced service use.
#[utoipa::path(get, path = "/api/v1/entities", tag = "registry", security(("key" = [])),
    params(EntityParams, ("label" = Option<Vec<String>>, Query, description = "A label; several are all wanted")),
    responses((status = 200, body = EntityList, description = "The entities")))]
pub(super) async fn entities_v1(
    State(api): State<Api>,
    Query(params): Query<EntityParams>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<EntityList>, Problem> {
    params.list(&api, labels(pairs)).await
}

/// One entity; by a former id too, when no other entity has that now.
#[utoipa::path(get, path = "/api/entities/{entity_id}", tag = "registry", security(("key" = [])),
    params(("entity_id" = String, Path, description = "Such as `light.kitchen`")),
    responses((status = 200, body = Entity, description = "The entity"), (status = 404, description = "There is none")))]
pub(super) async fn entity(
    State(api): State<Api>,
    Path(entity_id): Path<String>,
) -> Result<Json<Entity>, Problem> {
    known_entity(&api, &entity_id).await
}

/// One entity: the same under the path that clients of the replaced service use.
#[utoipa::path(get, path = "/api/v1/entities/{entity_id}", tag = "registry", security(("key" = [])),
    params(("entity_id" = String, Path, description = "Such as `light.kitchen`")),
    responses((status = 200, body = Entity, description = "The entity"), (status = 404, description = "There is none")))]
pub(super) async fn entity_v1(
    State(api): State<Api>,
    Path(entity_id): Path<String>,
) -> Result<Json<Entity>, Problem> {
    known_entity(&api, &entity_id).await
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
