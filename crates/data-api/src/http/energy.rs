//! `/api/v1/energy/…`: power and energy from the sensors that the home has, and what came with changes of it.
//!
//! Nothing is assumed: no meter that is not there, no hours that a lamp burns, no price that nobody set. Where there is no data a list
//! is empty, with the reason in the header `x-reason`, and anything else is 404 with the reason.

pub(super) mod correlations;
mod sensors;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use common::api::energy::{CircuitPower, DeviceEnergyImpact, EnergyStatistics, PowerReading};
use common::entity::domain_of;
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::power::Steps;
use correlations::{MAX_ENTITIES, MIN_DELTA_W, USERS, changes, correlated};
use sensors::{Sensor, Sensors};

const DAY_SECONDS: i64 = 86_400;
/// States in which a thing uses nothing, or nothing that can be told.
const OFF: [&str; 6] = ["off", "closed", "idle", "standby", "docked", "paused"];
const UNKNOWN: [&str; 2] = ["unknown", "unavailable"];
const NO_SENSORS: &str = "no sensor with a unit of power (W, kW) changed in the last 30 days";
const REASON_HEADER: &str = "x-reason";

type Listed<T> = (HeaderMap, Json<Vec<T>>);

fn listed<T>(rows: Vec<T>, reason: &'static str) -> Listed<T> {
    let mut headers = HeaderMap::new();
    if rows.is_empty() {
        headers.insert(
            HeaderName::from_static(REASON_HEADER),
            HeaderValue::from_static(reason),
        );
    }
    (headers, Json(rows))
}

fn bounded(name: &str, value: Option<u32>, default: u32, most: u32) -> Result<u32, Problem> {
    let value = value.unwrap_or(default);
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Problem::query(name, format!("want 1 to {most}")))
    }
}

/// A span that ends now.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: UtcMicros,
    end: UtcMicros,
}

impl Span {
    fn of(api: &Api, seconds: i64) -> Self {
        let end = api.clock.now();
        let start = end.plus_seconds(-seconds);
        Self { start, end }
    }

    fn days(self) -> f64 {
        self.end.seconds_since(self.start) / DAY_SECONDS as f64
    }
}

/// Power of the home now.
#[utoipa::path(get, path = "/api/v1/energy/current", tag = "energy", security(("key" = [])),
    responses((status = 200, body = PowerReading, description = "The reading"), (status = 404, description = "No sensor measures power")))]
pub(super) async fn current(State(api): State<Api>) -> Result<Json<PowerReading>, Problem> {
    let span = Span::of(&api, DAY_SECONDS);
    let sensors = Sensors::read(&api, span.start).await?;
    let home = sensors.home();
    let (at, total_power_w) = home
        .newest()
        .ok_or_else(|| Problem::not_found(NO_SENSORS))?;
    Ok(Json(PowerReading {
        timestamp: UtcMicros::new(at).unwrap_or_default(),
        total_power_w,
        daily_kwh: home.watt_hours(span.start.get(), span.end.get()) / 1e3,
        sensors: sensors.in_home().count(),
        method: if sensors.whole.is_some() {
            "entity"
        } else {
            "sum"
        }
        .to_owned(),
    }))
}

/// How far back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HoursParams {
    /// Hours up to now.
    #[param(minimum = 1)]
    hours: Option<u32>,
}

/// Power of each circuit: of the sensors of power that have `circuit` in their id or name. `hours` 1 to 24, default 1: read in that time.
#[utoipa::path(get, path = "/api/v1/energy/circuits", tag = "energy", params(HoursParams), security(("key" = [])),
    responses((status = 200, body = Vec<CircuitPower>, description = "The circuits; empty with `x-reason` without any"), (status = 422, description = "`hours` is out of bounds")))]
pub(super) async fn circuits(
    State(api): State<Api>,
    Query(params): Query<HoursParams>,
) -> Result<Listed<CircuitPower>, Problem> {
    let hours = bounded("hours", params.hours, 1, 24)?;
    let span = Span::of(&api, i64::from(hours) * 3_600);
    let sensors = Sensors::read(&api, span.start).await?;
    let circuits: Vec<(&Sensor, (i64, f64))> = sensors
        .power
        .iter()
        .filter(|sensor| sensor.is_circuit())
        .filter_map(|sensor| Some((sensor, sensor.steps.newest()?)))
        .filter(|(_, (at, _))| *at >= span.start.get())
        .collect();
    let all: f64 = circuits.iter().map(|(_, (_, watts))| watts).sum();
    let rows = circuits
        .into_iter()
        .map(|(sensor, (at, power_w))| CircuitPower {
            timestamp: UtcMicros::new(at).unwrap_or_default(),
            circuit_name: sensor.name.clone(),
            power_w,
            percentage: if all > 0.0 {
                100.0 * power_w / all
            } else {
                0.0
            },
            entity_id: sensor.entity_id.clone(),
        })
        .collect();
    Ok(listed(
        rows,
        "no sensor of power with 'circuit' in its id or name was read in that time",
    ))
}

/// Power of the home over a period. `hours` 1 to 168, default 24.
#[utoipa::path(get, path = "/api/v1/energy/statistics", tag = "energy", params(HoursParams), security(("key" = [])),
    responses((status = 200, body = EnergyStatistics, description = "The numbers"), (status = 404, description = "No sensor measures power"), (status = 422, description = "`hours` is out of bounds")))]
pub(super) async fn statistics(
    State(api): State<Api>,
    Query(params): Query<HoursParams>,
) -> Result<Json<EnergyStatistics>, Problem> {
    let hours = bounded("hours", params.hours, 24, 168)?;
    let span = Span::of(&api, i64::from(hours) * 3_600);
    let day = Span::of(&api, DAY_SECONDS);
    let sensors = Sensors::read(&api, span.start.min(day.start)).await?;
    let home = sensors.home();
    let (_, current_power_w) = home
        .newest()
        .ok_or_else(|| Problem::not_found(NO_SENSORS))?;
    let (start, end) = (span.start.get(), span.end.get());
    let peak = home.peak(start, end);
    let correlations = correlated(&api, &sensors, span, MIN_DELTA_W, |_| true).await?;
    Ok(Json(EnergyStatistics {
        current_power_w,
        daily_kwh: home.watt_hours(day.start.get(), end) / 1e3,
        peak_power_w: peak.map_or(0.0, |(_, watts)| watts),
        peak_time: peak.and_then(|(at, _)| UtcMicros::new(at).ok()),
        average_power_w: home.mean(start, end).unwrap_or_default(),
        total_correlations: correlations.len() as u64,
    }))
}

/// How many days.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DaysParams {
    /// Days up to now, 1 to 30. Default 7.
    #[param(minimum = 1, maximum = 30)]
    days: Option<u32>,
    /// Rows, 1 to 50. Default 10.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u32>,
}

/// Sensors by the energy that they measured a day, most first: counters of energy, and power over time where a device has no counter.
#[utoipa::path(get, path = "/api/v1/energy/top-consumers", tag = "energy", params(DaysParams), security(("key" = [])),
    responses((status = 200, body = Vec<DeviceEnergyImpact>, description = "The sensors; empty with `x-reason` without any"), (status = 422, description = "A parameter is out of bounds")))]
pub(super) async fn top_consumers(
    State(api): State<Api>,
    Query(params): Query<DaysParams>,
) -> Result<Listed<DeviceEnergyImpact>, Problem> {
    let days = bounded("days", params.days, 7, 30)?;
    let limit = bounded("limit", params.limit, 10, 50)? as usize;
    let span = Span::of(&api, i64::from(days) * DAY_SECONDS);
    let sensors = Sensors::read(&api, span.start).await?;
    let mut by_device: BTreeMap<&str, DeviceEnergyImpact> = BTreeMap::new();
    // Counters come last and take the place of power.
    for sensor in sensors.power.iter().chain(&sensors.energy) {
        if sensors.is_whole(sensor) {
            continue;
        }
        let impact = api.of_sensor(sensor, span);
        if impact.estimated_daily_kwh > 0.0 {
            let device = sensor.device_id.as_deref().unwrap_or(&sensor.entity_id);
            by_device.insert(device, impact);
        }
    }
    let mut rows: Vec<_> = by_device.into_values().collect();
    rows.sort_by(|a, b| b.estimated_daily_kwh.total_cmp(&a.estimated_daily_kwh));
    rows.truncate(limit);
    Ok(listed(
        rows,
        "no sensor of power or energy measured anything in that time",
    ))
}

impl Api {
    fn cost(&self, daily_kwh: f64) -> Option<f64> {
        self.energy
            .price_per_kwh
            .map(|price| daily_kwh * 30.0 * price)
    }

    fn of_sensor(&self, sensor: &Sensor, span: Span) -> DeviceEnergyImpact {
        let (start, end) = (span.start.get(), span.end.get());
        let daily_kwh = sensor.kilowatt_hours(start, end) / span.days();
        let mean = if sensor.is_counter {
            daily_kwh * 1e3 / 24.0
        } else {
            sensor.steps.mean(start, end).unwrap_or_default()
        };
        DeviceEnergyImpact {
            entity_id: sensor.entity_id.clone(),
            domain: domain_of(&sensor.entity_id).to_owned(),
            average_power_on_w: mean,
            average_power_off_w: 0.0,
            total_state_changes: sensor.readings,
            estimated_daily_kwh: daily_kwh,
            estimated_monthly_cost: self.cost(daily_kwh),
            power_entity_id: Some(sensor.entity_id.clone()),
        }
    }
}

/// What a thing uses, measured by itself or by a sensor of its device. Nothing is estimated from the power of the whole home.
#[utoipa::path(get, path = "/api/v1/energy/device-impact/{entity_id}", tag = "energy", params(("entity_id" = String, Path, description = "The entity"), DaysParams), security(("key" = [])),
    responses((status = 200, body = DeviceEnergyImpact, description = "What it uses"), (status = 404, description = "It is unknown, or nothing measures it"), (status = 422, description = "A parameter is out of bounds")))]
pub(super) async fn device_impact(
    State(api): State<Api>,
    Path(entity_id): Path<String>,
    Query(params): Query<DaysParams>,
) -> Result<Json<DeviceEnergyImpact>, Problem> {
    let days = bounded("days", params.days, 7, 30)?;
    let span = Span::of(&api, i64::from(days) * DAY_SECONDS);
    let sensors = Sensors::read(&api, span.start).await?;
    let all = || sensors.power.iter().chain(&sensors.energy);
    if let Some(sensor) = all().find(|sensor| sensor.entity_id == entity_id) {
        return Ok(Json(api.of_sensor(sensor, span)));
    }
    let entities = api
        .store
        .newest_rows(&USERS, span.start, MAX_ENTITIES)
        .await;
    let entity = entities
        .map_err(store_problem)?
        .into_iter()
        .find(|row| row.entity_id == entity_id)
        .ok_or_else(|| {
            Problem::not_found(format!(
                "{entity_id}: nothing that uses power changed under this id in that time"
            ))
        })?;
    let sensor = sensors
        .of_device(entity.device_id.as_deref())
        .ok_or_else(|| {
            Problem::not_found(format!("{entity_id}: its device has no sensor of power"))
        })?;
    let changes = changes(&api, entity.entity, span).await?;
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for (place, change) in changes.iter().enumerate() {
        let until = changes.get(place + 1).map_or(span.end, |next| next.at);
        let spans = if OFF.contains(&change.state.as_str()) {
            &mut off
        } else {
            &mut on
        };
        spans.push((change.at.get(), until.get()));
    }
    let daily_kwh = sensor.kilowatt_hours(span.start.get(), span.end.get()) / span.days();
    Ok(Json(DeviceEnergyImpact {
        entity_id,
        domain: entity.domain,
        average_power_on_w: sensor.steps.mean_of(&on).unwrap_or_default(),
        average_power_off_w: sensor.steps.mean_of(&off).unwrap_or_default(),
        total_state_changes: changes.len() as u64,
        estimated_daily_kwh: daily_kwh,
        estimated_monthly_cost: api.cost(daily_kwh),
        power_entity_id: Some(sensor.entity_id.clone()),
    }))
}

/// How much carbon the grid emits is not measured in a home.
#[utoipa::path(get, path = "/api/v1/energy/carbon-intensity/{view}", tag = "energy", params(("view" = String, Path, description = "`current` or `trends`")), security(("key" = [])),
    responses((status = 404, description = "Always")))]
pub(super) async fn carbon_intensity() -> Problem {
    Problem::not_found(
        "Carbon intensity of the grid is not part of HomeIQ: it comes from a service on the internet; a sensor of it in Home Assistant is stored like any other: GET /api/v1/history",
    )
}

/// Power of the whole home from its sensors.
fn home_of<'a>(sensors: impl Iterator<Item = &'a Sensor>) -> Steps {
    let steps: Vec<Steps> = sensors.map(|sensor| sensor.steps.clone()).collect();
    Steps::sum(&steps)
}
