//! What stored events tell of devices: who tells how much, what they use, which are alike, what they are.

use axum::Json;
use axum::extract::State;
use common::api::device_reports::{
    Classification, ClassifiedDevices, MeasuredPower, PowerAnalysis, Reliability, ReliabilityRow,
    SimilarDevice, SimilarDevices,
};
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use serde::Deserialize;
use utoipa::IntoParams;

use super::integrations::rounded;
use super::registry::{all_devices, known_device};
use super::{Api, store_problem};
use crate::store::{DeviceGroup, NewestState};

/// Most groups in an answer.
const MAX_GROUPS: usize = 20;
/// Most days that a period may have.
const MAX_DAYS: u32 = 366;
/// Rows of a sensor that are read at once.
const ROWS_OF_A_PART: u32 = 20_000;
/// Most rows of a sensor that one request reads.
const MAX_ROWS: usize = 3_000_000;

/// Which period, and by what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReliabilityParams {
    /// Hours or days up to now, such as `24h` or `7d`, at most 366 days. Default `7d`.
    period: Option<String>,
    /// `manufacturer` or `model`. Default `manufacturer`.
    group_by: Option<String>,
}

/// Seconds of a period such as `7d`.
fn seconds(period: &str) -> Result<i64, Problem> {
    let wrong = || {
        Problem::query(
            "period",
            "want hours or days, such as 24h or 7d, at most 366d",
        )
    };
    let (number, unit) = period
        .split_at_checked(period.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let hours = match unit {
        "h" => number,
        "d" => number.checked_mul(24).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    if (1..=MAX_DAYS * 24).contains(&hours) {
        Ok(i64::from(hours) * 3_600)
    } else {
        Err(wrong())
    }
}

/// Which manufacturers or models told how much.
#[utoipa::path(get, path = "/api/devices/reliability", tag = "devices", params(ReliabilityParams),
    responses((status = 200, body = Reliability, description = "Counts of stored events")))]
pub(super) async fn reliability(
    State(api): State<Api>,
    Query(params): Query<ReliabilityParams>,
) -> Result<Json<Reliability>, Problem> {
    let period = params.period.unwrap_or_else(|| "7d".to_owned());
    let group_by = params.group_by.unwrap_or_else(|| "manufacturer".to_owned());
    let group = match group_by.as_str() {
        "manufacturer" => DeviceGroup::Manufacturer,
        "model" => DeviceGroup::Model,
        _ => return Err(Problem::query("group_by", "want manufacturer or model")),
    };
    let now = api.clock.now();
    let start = now.plus_seconds(-seconds(&period)?);
    let counted = api.store.counts_by_device_group(group, start, now).await;
    let counted = counted.map_err(store_problem)?;
    let total: u64 = counted.values().sum();
    let mut known: Vec<(String, u64)> = counted
        .into_iter()
        .filter_map(|(name, events)| Some((name?, events)))
        .collect();
    let analyzed: u64 = known.iter().map(|(_, events)| events).sum();
    known.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    known.truncate(MAX_GROUPS);
    let percent = |part: u64, whole: u64| rounded(100.0 * part as f64 / whole.max(1) as f64);
    let rows = known.into_iter().map(|(name, events)| {
        let name = Some(name);
        let (manufacturer, model) = match group {
            DeviceGroup::Manufacturer => (name, None),
            DeviceGroup::Model => (None, name),
        };
        ReliabilityRow {
            manufacturer,
            model,
            event_count: events,
            percentage: percent(events, analyzed),
        }
    });
    Ok(Json(Reliability {
        period,
        group_by,
        total_events_analyzed: analyzed,
        total_events_in_period: total,
        metadata_coverage_percentage: percent(analyzed, total),
        reliability_data: rows.collect(),
        timestamp: now,
    }))
}

/// Devices that are like a device: of the same type, manufacturer, category.
#[utoipa::path(get, path = "/api/devices/similar/{device_id}", tag = "devices",
    params(("device_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = SimilarDevices, description = "At most 10"), (status = 404, description = "There is none")))]
pub(super) async fn similar(
    State(api): State<Api>,
    Path(device_id): Path<String>,
) -> Result<Json<SimilarDevices>, Problem> {
    let reference = known_device(&api, &device_id).await?;
    let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    let mut alike: Vec<(u8, SimilarDevice)> = all_devices(&api)
        .await?
        .into_iter()
        .filter(|device| device.device_id != reference.device_id)
        .map(|device| {
            let maker =
                device.manufacturer == reference.manufacturer && device.manufacturer != "Unknown";
            let tenths = 5 * u8::from(same(&device.device_type, &reference.device_type))
                + 3 * u8::from(maker)
                + 2 * u8::from(same(&device.device_category, &reference.device_category));
            let similar = SimilarDevice {
                device_id: device.device_id,
                device_name: device.name,
                manufacturer: device.manufacturer,
                model: device.model,
                device_type: device.device_type,
                device_category: device.device_category,
                similarity_score: f64::from(tenths) / 10.0,
            };
            (tenths, similar)
        })
        .filter(|(tenths, _)| *tenths > 3)
        .collect();
    alike.sort_by_key(|(tenths, _)| std::cmp::Reverse(*tenths));
    alike.truncate(10);
    Ok(Json(SimilarDevices {
        reference_device_id: reference.device_id,
        reference_device_name: reference.name,
        count: alike.len(),
        similar_devices: alike.into_iter().map(|(_, device)| device).collect(),
        timestamp: api.clock.now(),
    }))
}

/// How far back.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DaysParams {
    /// Days up to now, 1 to 30. Default 7.
    days: Option<u32>,
}

/// What a unit of power is in watts.
fn watts(unit: Option<&str>) -> Option<f64> {
    match unit? {
        "W" => Some(1.0),
        "kW" => Some(1_000.0),
        "mW" => Some(0.001),
        "MW" => Some(1_000_000.0),
        _ => None,
    }
}

/// What a sensor told from `start` to `end`. A value holds until the next row; `unavailable` and the like are no value.
async fn measured(
    api: &Api,
    sensor: &NewestState,
    factor: f64,
    (start, end): (UtcMicros, UtcMicros),
) -> Result<MeasuredPower, Problem> {
    let number = |state: Option<&str>| -> Option<f64> {
        let number: f64 = state?.parse().ok()?;
        number.is_finite().then_some(number * factor)
    };
    let (mut seconds, mut watt_seconds) = (0.0, 0.0);
    let (mut min, mut max): (Option<f64>, Option<f64>) = (None, None);
    let mut held: Option<(UtcMicros, f64)> = None;
    let mut from = start;
    let mut rows = 0;
    while rows < MAX_ROWS {
        let page = api
            .store
            .scan(sensor.entity, from, end, ROWS_OF_A_PART)
            .await;
        let page = page.map_err(store_problem)?;
        let Some(last) = page.last() else { break };
        from = last.at.plus_micros(1);
        rows += page.len();
        for row in page {
            if let Some((since, value)) = held {
                let span = row.at.seconds_since(since);
                seconds += span;
                watt_seconds += span * value;
            }
            let value = number(row.state.as_deref());
            held = value.map(|value| (row.at, value));
            if let Some(value) = value {
                min = Some(min.map_or(value, |min| min.min(value)));
                max = Some(max.map_or(value, |max| max.max(value)));
            }
        }
    }
    if let Some((since, value)) = held {
        let span = end.seconds_since(since);
        seconds += span;
        watt_seconds += span * value;
    }
    Ok(MeasuredPower {
        entity_id: sensor.entity_id.clone(),
        current_w: number(sensor.state.as_deref()),
        average_w: (seconds > 0.0).then(|| rounded(watt_seconds / seconds)),
        min_w: min,
        max_w: max,
        measured_seconds: rounded(seconds),
    })
}

/// What a device's own sensors of power told.
#[utoipa::path(get, path = "/api/devices/{device_id}/power-analysis", tag = "devices",
    params(DaysParams, ("device_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = PowerAnalysis, description = "What was measured"), (status = 404, description = "There is none")))]
pub(super) async fn power_analysis(
    State(api): State<Api>,
    Path(device_id): Path<String>,
    Query(params): Query<DaysParams>,
) -> Result<Json<PowerAnalysis>, Problem> {
    let days = match params.days {
        None => 7,
        Some(days @ 1..=30) => days,
        Some(_) => return Err(Problem::query("days", "want 1 to 30")),
    };
    let device = known_device(&api, &device_id).await?;
    let end = api.clock.now();
    let start = end.plus_seconds(-86_400 * i64::from(days));
    let states = api.store.newest_states(Some(&device_id)).await;
    let mut sensors = Vec::new();
    for state in states.map_err(store_problem)? {
        let unit = state.unit_of_measurement.as_deref();
        if state.device_class.as_deref() == Some("power")
            && let Some(factor) = watts(unit)
        {
            sensors.push(measured(&api, &state, factor, (start, end)).await?);
        }
    }
    Ok(Json(PowerAnalysis {
        device_id,
        device_name: device.name,
        days,
        sensors,
        timestamp: end,
    }))
}

/// What a device is, as its entities say. Nothing is written: lists of devices say the same.
#[utoipa::path(post, path = "/api/devices/{device_id}/classify", tag = "devices",
    params(("device_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = Classification, description = "What it is"), (status = 404, description = "There is none")))]
pub(super) async fn classify(
    State(api): State<Api>,
    Path(device_id): Path<String>,
) -> Result<Json<Classification>, Problem> {
    let device = known_device(&api, &device_id).await?;
    Ok(Json(Classification {
        device_id,
        device_name: device.name,
        device_type: device.device_type,
        device_category: device.device_category,
        timestamp: api.clock.now(),
    }))
}

/// How many devices' entities tell what they are. Nothing is written.
#[utoipa::path(post, path = "/api/devices/classify-all", tag = "devices",
    responses((status = 200, body = ClassifiedDevices, description = "Counts of all devices")))]
pub(super) async fn classify_all(
    State(api): State<Api>,
) -> Result<Json<ClassifiedDevices>, Problem> {
    let devices = all_devices(&api).await?;
    let classified = devices
        .iter()
        .filter(|device| device.device_type.is_some())
        .count();
    let total = devices.len();
    Ok(Json(ClassifiedDevices {
        message: format!(
            "{classified} of {total} devices are known by their entities; lists of devices always say the latest"
        ),
        classified,
        total,
        timestamp: api.clock.now(),
    }))
}
