//! `GET /api/v1/activity`: whether the home is active, quiet or left, as far as stored events tell.

use axum::Json;
use axum::extract::State;
use common::api::activity::ActivityReading;
use common::http::extract::Query;
use common::http::problem::Problem;
use common::instant::UtcMicros;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::activity::{Evidence, PRESENCE_CLASSES, SLOT_SECONDS};
use crate::store::EventFilter;

/// Days without a change after which an entity is no longer looked at.
const ENTITY_DAYS: i64 = 30;
/// Entities that are looked at.
const MAX_ENTITIES: u32 = 1_000;
/// Rows of one of them.
const MAX_ROWS: u32 = 20_000;

#[derive(Deserialize)]
struct Described {
    device_class: Option<String>,
}

/// Everything from `start` to `end` that tells of people.
async fn evidence(api: &Api, start: UtcMicros, end: UtcMicros) -> Result<Evidence, Problem> {
    let since = end.plus_seconds(-86_400 * ENTITY_DAYS);
    let rows = api
        .store
        .newest_rows(
            &["binary_sensor", "media_player", "person"],
            since,
            MAX_ENTITIES,
        )
        .await
        .map_err(store_problem)?;
    let mut evidence = Evidence::default();
    for row in rows {
        let sign = match row.domain.as_str() {
            "person" => None,
            "media_player" => Some("playing"),
            _ => {
                let class = row
                    .attributes
                    .as_deref()
                    .and_then(|text| serde_json::from_str::<Described>(text).ok())
                    .and_then(|described| described.device_class);
                if !class.is_some_and(|class| PRESENCE_CLASSES.contains(&class.as_str())) {
                    continue;
                }
                Some("on")
            }
        };
        let Some(sign) = sign else {
            evidence
                .people
                .push(places(api, &row.entity_id, row.entity, start, end).await?);
            continue;
        };
        evidence.has_sensors = true;
        if row.last_updated < start {
            continue;
        }
        let scanned = api.store.scan(row.entity, start, end, MAX_ROWS).await;
        evidence.signs.extend(
            scanned
                .map_err(store_problem)?
                .iter()
                .filter(|row| row.changed == row.at && row.state.as_deref() == Some(sign))
                .map(|row| row.at.get()),
        );
    }
    let by_users = api.store.user_actions(start, end, MAX_ROWS).await;
    evidence
        .signs
        .extend(by_users.map_err(store_problem)?.iter().map(|at| at.get()));
    evidence.signs.sort_unstable();
    Ok(evidence)
}

/// Where a person was, beginning with what held at `start`.
async fn places(
    api: &Api,
    entity_id: &str,
    entity: i64,
    start: UtcMicros,
    end: UtcMicros,
) -> Result<Vec<(i64, Option<bool>)>, Problem> {
    let home = |state: Option<&str>| match state {
        None | Some("unknown" | "unavailable") => None,
        Some(state) => Some(state == "home"),
    };
    let before = EventFilter {
        entity_id: Some(entity_id.to_owned()),
        end: Some(start.plus_micros(-1)),
        limit: 1,
        no_attributes: true,
        ..EventFilter::default()
    };
    let before = api.store.events(&before).await.map_err(store_problem)?;
    let scanned = api.store.scan(entity, start, end, MAX_ROWS).await;
    let before = before
        .events
        .iter()
        .map(|event| (event.timestamp.get(), home(event.state.as_deref())));
    let scanned = scanned.map_err(store_problem)?;
    let within = scanned
        .iter()
        .map(|row| (row.at.get(), home(row.state.as_deref())));
    Ok(before.chain(within).collect())
}

/// Whether the home is active, quiet or left now; 404 when nothing is stored that could tell.
#[utoipa::path(get, path = "/api/v1/activity", tag = "activity", security(("key" = [])),
    responses((status = 200, body = ActivityReading, description = "The last quarter of an hour"), (status = 404, description = "Nothing stored tells of people")))]
pub(super) async fn current(State(api): State<Api>) -> Result<Json<ActivityReading>, Problem> {
    let now = api.clock.now();
    let evidence = evidence(&api, now.plus_seconds(-SLOT_SECONDS), now).await?;
    if evidence.is_empty() {
        return Err(Problem::not_found(
            "No activity data available: no sensor of motion, presence or openings, no media player, no person and nothing that a user did is stored",
        ));
    }
    Ok(Json(evidence.reading(now)))
}

/// How far back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryParams {
    /// Hours up to now, 1 to 720. Default 24.
    #[param(minimum = 1, maximum = 720)]
    hours: Option<u32>,
    /// Readings, 1 to 500. Default 100.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// A reading for each quarter of an hour, newest first; empty when nothing is stored that could tell.
#[utoipa::path(get, path = "/api/v1/activity/history", tag = "activity", params(HistoryParams), security(("key" = [])),
    responses((status = 200, body = Vec<ActivityReading>, description = "The readings"), (status = 422, description = "A parameter is out of bounds")))]
pub(super) async fn history(
    State(api): State<Api>,
    Query(params): Query<HistoryParams>,
) -> Result<Json<Vec<ActivityReading>>, Problem> {
    let (hours, limit) = (params.hours.unwrap_or(24), params.limit.unwrap_or(100));
    if !(1..=720).contains(&hours) {
        return Err(Problem::query("hours", "want 1 to 720"));
    }
    if !(1..=500).contains(&limit) {
        return Err(Problem::query("limit", "want 1 to 500"));
    }
    let now = api.clock.now();
    let slots = (i64::from(hours) * 3_600 / SLOT_SECONDS).min(i64::from(limit));
    let evidence = evidence(&api, now.plus_seconds(-slots * SLOT_SECONDS), now).await?;
    if evidence.is_empty() {
        return Ok(Json(Vec::new()));
    }
    let readings = (0..slots).map(|slot| evidence.reading(now.plus_seconds(-slot * SLOT_SECONDS)));
    Ok(Json(readings.collect()))
}
