//! How devices are, from stored states.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use common::api::device_reports::{
    ComparedDevice, Comparison, DeviceHealth, HealthSummary, MaintenanceAlert, MaintenanceAlerts,
};
use common::api::registry::Device;
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::registry::{all_devices, bounded_by, known_device};
use super::{Api, store_problem};
use crate::device_health;
use crate::store::NewestState;

/// Most devices in one comparison.
const MAX_COMPARED: usize = 20;

async fn health_of(api: &Api, device: &Device) -> Result<DeviceHealth, Problem> {
    let newest = api.store.totals().await.map_err(store_problem)?.newest;
    let states = api.store.newest_states(Some(&device.device_id)).await;
    let states = states.map_err(store_problem)?;
    let (id, name) = (&device.device_id, &device.name);
    Ok(device_health::of(
        id,
        name,
        &states,
        newest,
        api.clock.now(),
    ))
}

async fn health_of_all(api: &Api) -> Result<Vec<DeviceHealth>, Problem> {
    let newest = api.store.totals().await.map_err(store_problem)?.newest;
    let mut states: HashMap<String, Vec<NewestState>> = HashMap::new();
    for state in api.store.newest_states(None).await.map_err(store_problem)? {
        if let Some(device_id) = &state.device_id {
            states.entry(device_id.clone()).or_default().push(state);
        }
    }
    let now = api.clock.now();
    let devices = all_devices(api).await?;
    Ok(devices
        .iter()
        .map(|device| {
            let states = states.get(&device.device_id).map_or(&[][..], Vec::as_slice);
            device_health::of(&device.device_id, &device.name, states, newest, now)
        })
        .collect())
}

/// How a device is: its batteries, whether it is there, whether it is silent.
#[utoipa::path(get, path = "/api/devices/{device_id}/health", tag = "devices",
    params(("device_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = DeviceHealth, description = "Its health"), (status = 404, description = "There is none")))]
pub(super) async fn health(
    State(api): State<Api>,
    Path(device_id): Path<String>,
) -> Result<Json<DeviceHealth>, Problem> {
    let device = known_device(&api, &device_id).await?;
    health_of(&api, &device).await.map(Json)
}

/// How many devices are well.
#[utoipa::path(get, path = "/api/devices/health-summary", tag = "devices",
    responses((status = 200, body = HealthSummary, description = "Counts of all devices")))]
pub(super) async fn summary(State(api): State<Api>) -> Result<Json<HealthSummary>, Problem> {
    let all = health_of_all(&api).await?;
    let count = |status: &str| {
        all.iter()
            .filter(|health| health.overall_status == status)
            .count()
    };
    Ok(Json(HealthSummary {
        total_devices: all.len(),
        healthy_devices: count("healthy"),
        warning_devices: count("warning"),
        error_devices: count("error"),
        unknown_devices: count("unknown"),
        timestamp: api.clock.now(),
    }))
}

/// How many.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertParams {
    /// Rows, 1 to 200. Default 50.
    limit: Option<u32>,
}

/// What is wrong with devices: errors first.
#[utoipa::path(get, path = "/api/devices/maintenance-alerts", tag = "devices", params(AlertParams),
    responses((status = 200, body = MaintenanceAlerts, description = "The issues")))]
pub(super) async fn maintenance_alerts(
    State(api): State<Api>,
    Query(params): Query<AlertParams>,
) -> Result<Json<MaintenanceAlerts>, Problem> {
    let limit = bounded_by(params.limit, 50, 200)?;
    let mut alerts: Vec<MaintenanceAlert> = health_of_all(&api)
        .await?
        .into_iter()
        .flat_map(|health| {
            let (id, name, at) = (health.device_id, health.device_name, health.timestamp);
            health
                .issues
                .into_iter()
                .map(move |issue| MaintenanceAlert {
                    device_id: id.clone(),
                    device_name: name.clone(),
                    issue_type: issue.issue_type,
                    severity: issue.severity,
                    message: issue.message,
                    timestamp: at,
                })
        })
        .collect();
    alerts.sort_by_key(|alert| alert.severity != "error");
    alerts.truncate(limit as usize);
    Ok(Json(MaintenanceAlerts {
        count: alerts.len(),
        alerts,
        timestamp: api.clock.now(),
    }))
}

/// Which devices to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CompareParams {
    /// 2 to 20 ids, with commas between them.
    device_ids: String,
}

/// Devices side by side.
#[utoipa::path(get, path = "/api/devices/compare", tag = "devices", params(CompareParams),
    responses((status = 200, body = Comparison, description = "The devices, in that order"),
        (status = 400, description = "Fewer than 2 or more than 20"), (status = 404, description = "One is not known")))]
pub(super) async fn compare(
    State(api): State<Api>,
    Query(params): Query<CompareParams>,
) -> Result<Json<Comparison>, Problem> {
    let ids: Vec<&str> = params
        .device_ids
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .collect();
    if !(2..=MAX_COMPARED).contains(&ids.len()) {
        let told = format!("device_ids: want 2 to {MAX_COMPARED} ids, with commas between them");
        return Err(Problem::Told(axum::http::StatusCode::BAD_REQUEST, told));
    }
    let mut devices = Vec::with_capacity(ids.len());
    for id in ids {
        let device = known_device(&api, id).await?;
        let health = health_of(&api, &device).await?;
        devices.push(ComparedDevice {
            device_id: device.device_id,
            device_name: device.name,
            manufacturer: device.manufacturer,
            model: device.model,
            sw_version: device.sw_version,
            area_id: device.area_id,
            device_type: device.device_type,
            device_category: device.device_category,
            entity_count: device.entity_count,
            overall_status: health.overall_status,
            battery_level: health.battery_level,
            last_seen: health.last_seen,
        });
    }
    Ok(Json(Comparison {
        count: devices.len(),
        devices,
        timestamp: api.clock.now(),
    }))
}
