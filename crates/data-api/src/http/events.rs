//! Reading state changes: list, one, counts.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use common::api::events::{Event, EventStats, MAX_PAGE_ROWS, NEXT_CURSOR_HEADER};
use common::api::live::LIVE_CURSOR_HEADER;
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use serde::Deserialize;
use utoipa::IntoParams;

use super::instant::{QueryInstant, period_seconds};
use super::{Api, event_id, store_problem};
use crate::store::{Cursor, EventFilter};

/// Rows when `limit` is not said.
const DEFAULT_ROWS: u32 = 100;
/// Most rows that may be passed over; deeper pages are reached by `cursor`.
const MAX_OFFSET: u32 = 1_000_000;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParams {
    /// Rows, 1 to 10,000. Default 100.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
    /// Rows to pass over, at most 1,000,000. For more, and for stable pages while events come in, use `cursor`.
    #[param(maximum = 1_000_000)]
    offset: Option<u32>,
    /// Events of this entity.
    entity_id: Option<String>,
    /// `state_changed`, the only type that is stored; another one gives an empty list.
    event_type: Option<String>,
    /// At or after this instant (ISO 8601).
    #[param(value_type = Option<String>, format = DateTime)]
    start_time: Option<QueryInstant>,
    /// At or before this instant (ISO 8601).
    #[param(value_type = Option<String>, format = DateTime)]
    end_time: Option<QueryInstant>,
    /// Events of the entities of this device.
    device_id: Option<String>,
    /// Events of the entities in this area.
    area_id: Option<String>,
    /// Events of entities with this `entity_category` (`config`, `diagnostic`).
    entity_category: Option<String>,
    /// No events of entities with this `entity_category`.
    exclude_category: Option<String>,
    /// `security`, `climate`, `lighting`, `appliance`, `monitoring` or `general`.
    event_category: Option<String>,
    /// The place where the page before ended: its header `x-next-cursor`.
    cursor: Option<String>,
    /// `true` leaves attributes out, for readers that need states only.
    no_attributes: Option<bool>,
    /// Taken for clients of the replaced service; changes nothing.
    #[serde(rename = "service")]
    _service: Option<String>,
    /// Taken for clients of the replaced service; changes nothing.
    #[serde(rename = "home_type")]
    _home_type: Option<String>,
}

/// An empty value counts as not said.
fn said(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}

impl EventParams {
    fn filter(self) -> Result<EventFilter, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_ROWS);
        if !(1..=MAX_PAGE_ROWS).contains(&limit) {
            return Err(Problem::query(
                "limit",
                format!("want 1 to {MAX_PAGE_ROWS}"),
            ));
        }
        let offset = self.offset.unwrap_or(0);
        if offset > MAX_OFFSET {
            return Err(Problem::query(
                "offset",
                format!("want 0 to {MAX_OFFSET}; use cursor for deeper pages"),
            ));
        }
        let cursor = said(self.cursor)
            .map(|text| text.parse::<Cursor>())
            .transpose()
            .map_err(|reason| Problem::query("cursor", reason))?;
        let (start, end) = (self.start_time.map(|at| at.0), self.end_time.map(|at| at.0));
        if start.zip(end).is_some_and(|(start, end)| start > end) {
            return Err(Problem::query("start_time", "lies after end_time"));
        }
        Ok(EventFilter {
            entity_id: said(self.entity_id),
            device_id: said(self.device_id),
            area_id: said(self.area_id),
            entity_category: said(self.entity_category),
            exclude_category: said(self.exclude_category),
            event_category: said(self.event_category),
            start,
            end,
            cursor,
            offset,
            limit,
            no_attributes: self.no_attributes.unwrap_or(false),
        })
    }
}

/// State changes, newest first.
///
/// The header `x-next-cursor` is there when more follow: hand it back as `cursor` for the next page. With `x-live-cursor`,
/// `/api/v1/events/live` goes on where this page was read.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventParams), security(("key" = [])),
    responses((status = 200, body = Vec<Event>, description = "The events"),
        (status = 422, description = "A parameter is out of bounds"), (status = 503, description = "The store is unavailable")))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(params): Query<EventParams>,
) -> Result<(HeaderMap, Json<Vec<Event>>), Problem> {
    if said(params.event_type.clone()).is_some_and(|kind| kind != "state_changed") {
        return Ok((HeaderMap::new(), Json(Vec::new())));
    }
    // Taken before the page is read: what is committed meanwhile comes twice rather than not at all.
    let live = api.commits.cursor().to_string();
    let page = api
        .store
        .events(&params.filter()?)
        .await
        .map_err(store_problem)?;
    let mut headers = HeaderMap::new();
    if let Some(next) = page
        .next
        .and_then(|cursor| HeaderValue::from_str(&cursor.to_string()).ok())
    {
        headers.insert(HeaderName::from_static(NEXT_CURSOR_HEADER), next);
    }
    if let Ok(live) = HeaderValue::from_str(&live) {
        headers.insert(HeaderName::from_static(LIVE_CURSOR_HEADER), live);
    }
    Ok((headers, Json(page.events)))
}

/// Ids of all entities that have events, also of those that Home Assistant no longer has.
#[utoipa::path(get, path = "/internal/events/entities", tag = "internal", security(("key" = [])),
    responses((status = 200, body = Vec<String>, description = "Ids, in the order of the alphabet")))]
pub(super) async fn entities(State(api): State<Api>) -> Result<Json<Vec<String>>, Problem> {
    let ids = api.store.entities_with_events().await;
    ids.map(Json).map_err(store_problem)
}

/// One state change.
#[utoipa::path(get, path = "/api/v1/events/{event_id}", tag = "events", security(("key" = [])),
    params(("event_id" = String, Path, description = "`<entity_id>@<microseconds>`, as in `id` of the list; or the id of a context, for \
        the first event of it; or `event_<unix seconds>_<entity id with _ for the dot>`")),
    responses((status = 200, body = Event, description = "The event"), (status = 404, description = "There is none")))]
pub(super) async fn one(
    State(api): State<Api>,
    Path(event_id): Path<String>,
) -> Result<Json<Event>, Problem> {
    event_id::find(&api, &event_id).await.map(Json)
}

/// Which period to count.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatsParams {
    /// Such as `15m`, `1h` (the default), `24h`, `7d`.
    period: Option<String>,
    /// From this instant on (ISO 8601), instead of the beginning of the period.
    #[param(value_type = Option<String>, format = DateTime)]
    start_time: Option<QueryInstant>,
    /// Up to this instant (ISO 8601), instead of now.
    #[param(value_type = Option<String>, format = DateTime)]
    end_time: Option<QueryInstant>,
    /// Taken for clients of the replaced service; changes nothing.
    #[serde(rename = "service")]
    _service: Option<String>,
}

/// Counts of a period, and of the whole store.
#[utoipa::path(get, path = "/api/v1/events/stats", tag = "events", params(StatsParams), security(("key" = [])),
    responses((status = 200, body = EventStats, description = "The counts"),
        (status = 422, description = "The period cannot be read")))]
pub(super) async fn stats(
    State(api): State<Api>,
    Query(params): Query<StatsParams>,
) -> Result<Json<EventStats>, Problem> {
    let period = said(params.period).unwrap_or_else(|| "1h".to_owned());
    let seconds = period_seconds(&period)
        .ok_or_else(|| Problem::query("period", "want such as 15m, 1h, 24h or 7d"))?;
    let now = api.clock.now();
    let start = params
        .start_time
        .map_or_else(|| now.plus_seconds(-seconds), |at| at.0);
    let end = params.end_time.map(|at| at.0);
    if end.is_some_and(|end| end <= start) {
        return Err(Problem::query("end_time", "does not lie after the start"));
    }
    let minutes = end.unwrap_or(now).seconds_since(start).max(1.0) / 60.0;
    let counts = api
        .store
        .period_counts(start, end.unwrap_or(UtcMicros::MAX))
        .await
        .map_err(store_problem)?;
    let totals = api.store.totals().await.map_err(store_problem)?;
    Ok(Json(EventStats {
        period,
        total_events: counts.events,
        events_per_minute: counts.events as f64 / minutes,
        unique_entities: counts.entities,
        event_types: BTreeMap::from([("state_changed".to_owned(), counts.events)]),
        services: BTreeMap::new(),
        stored_events: totals.events,
        newest: totals.newest,
        oldest: totals.oldest,
    }))
}
