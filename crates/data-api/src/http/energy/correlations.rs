//! Changes of state that came with a change of power.

use axum::extract::State;
use common::api::energy::EnergyCorrelation;
use common::entity::domain_of;
use common::http::extract::Query;
use common::http::problem::Problem;
use common::instant::UtcMicros;
use serde::Deserialize;
use utoipa::IntoParams;

use super::sensors::Sensors;
use super::{Api, Listed, NO_SENSORS, Span, UNKNOWN, bounded, listed, store_problem};
use crate::power::EFFECT_US;

/// Change of power in watts that is worth counting when nothing else is said.
pub(super) const MIN_DELTA_W: f64 = 50.0;
/// Entities whose changes are held against power.
pub(super) const MAX_ENTITIES: u32 = 1_000;
/// Changes of one of them.
const MAX_CHANGES: u32 = 5_000;
/// Domains of what uses power when its state changes.
pub(super) const USERS: [&str; 11] = [
    "climate",
    "cover",
    "fan",
    "humidifier",
    "input_boolean",
    "light",
    "media_player",
    "switch",
    "vacuum",
    "valve",
    "water_heater",
];

/// A change of state that is held against power.
pub(super) struct Change {
    pub(super) at: UtcMicros,
    pub(super) state: String,
    pub(super) previous: String,
}

/// The changes of an entity from one known state to another.
pub(super) async fn changes(api: &Api, entity: i64, span: Span) -> Result<Vec<Change>, Problem> {
    let rows = api
        .store
        .scan(entity, span.start, span.end, MAX_CHANGES)
        .await;
    let (mut changes, mut before) = (Vec::new(), None::<String>);
    for row in rows.map_err(store_problem)? {
        let known = row.state.filter(|state| !UNKNOWN.contains(&state.as_str()));
        if let (Some(state), Some(previous)) = (&known, &before)
            && state != previous
        {
            changes.push(Change {
                at: row.at,
                state: state.clone(),
                previous: previous.clone(),
            });
        }
        before = known;
    }
    Ok(changes)
}

/// Which correlations.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct CorrelationParams {
    /// Of this entity.
    entity_id: Option<String>,
    /// Of entities of this domain.
    domain: Option<String>,
    /// Hours up to now, 1 to 168. Default 24.
    #[param(minimum = 1, maximum = 168)]
    hours: Option<u32>,
    /// Least change of power, up or down, in watts. Default 50.
    #[param(minimum = 0)]
    min_delta: Option<f64>,
    /// Rows, 1 to 1,000. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// State changes after which power was another one two minutes later, newest first.
///
/// Power is that of a sensor of the same device, where there is one, else that of the home, in which other things change, too.
#[utoipa::path(get, path = "/api/v1/energy/correlations", tag = "energy", params(CorrelationParams), security(("key" = [])),
    responses((status = 200, body = Vec<EnergyCorrelation>, description = "The changes; empty with `x-reason` without any"),
        (status = 422, description = "A parameter is out of bounds")))]
pub(in crate::http) async fn correlations(
    State(api): State<Api>,
    Query(params): Query<CorrelationParams>,
) -> Result<Listed<EnergyCorrelation>, Problem> {
    let hours = bounded("hours", params.hours, 24, 168)?;
    let limit = bounded("limit", params.limit, 100, 1_000)? as usize;
    let min_delta = params.min_delta.unwrap_or(MIN_DELTA_W);
    if !(0.0..=1e9).contains(&min_delta) {
        return Err(Problem::query("min_delta", "want 0 or more"));
    }
    let span = Span::of(&api, i64::from(hours) * 3_600);
    let sensors = Sensors::read(&api, span.start).await?;
    if sensors.power.is_empty() {
        return Ok(listed(Vec::new(), NO_SENSORS));
    }
    let said = |value: Option<String>| value.filter(|text| !text.is_empty());
    let (entity_id, domain) = (said(params.entity_id), said(params.domain));
    let mut rows = correlated(&api, &sensors, span, min_delta, |id| {
        entity_id.as_deref().is_none_or(|wanted| wanted == id)
            && domain
                .as_deref()
                .is_none_or(|wanted| wanted == domain_of(id))
    })
    .await?;
    rows.truncate(limit);
    Ok(listed(
        rows,
        "no state change came with such a change of power",
    ))
}

pub(super) async fn correlated(
    api: &Api,
    sensors: &Sensors,
    span: Span,
    min_delta: f64,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<EnergyCorrelation>, Problem> {
    let home = sensors.home();
    let entities = api
        .store
        .newest_rows(&USERS, span.start, MAX_ENTITIES)
        .await;
    let mut rows = Vec::new();
    for entity in entities.map_err(store_problem)? {
        if !wanted(&entity.entity_id) {
            continue;
        }
        let own = sensors.of_device(entity.device_id.as_deref());
        let steps = own.map_or(&home, |sensor| &sensor.steps);
        for change in changes(api, entity.entity, span).await? {
            if change.at.get() + EFFECT_US > span.end.get() {
                continue;
            }
            let Some((before, after)) = steps.around(change.at.get()) else {
                continue;
            };
            let delta = after - before;
            if delta.abs() < min_delta {
                continue;
            }
            rows.push(EnergyCorrelation {
                timestamp: change.at,
                entity_id: entity.entity_id.clone(),
                domain: entity.domain.clone(),
                state: change.state,
                previous_state: change.previous,
                power_before_w: before,
                power_after_w: after,
                power_delta_w: delta,
                power_delta_pct: if before == 0.0 {
                    0.0
                } else {
                    100.0 * delta / before
                },
                power_entity_id: own.map(|sensor| sensor.entity_id.clone()),
            });
        }
    }
    rows.sort_by(|a, b| (b.timestamp, &a.entity_id).cmp(&(a.timestamp, &b.entity_id)));
    Ok(rows)
}
