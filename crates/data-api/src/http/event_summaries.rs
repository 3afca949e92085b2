//! What events add up to: categories, search, the last seconds, entities, types.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use common::api::event_summaries::{
    ActiveEntity, CategoryShare, EventCategories, EventSearch, EventType, RecentEvents,
};
use common::api::events::Event;
use common::http::extract::{Json as Body, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::store::EventFilter;

/// Rows that one search looks at, at most.
const SEARCH_ROWS: usize = 100_000;
/// Time that one search takes, at most.
const SEARCH_TIME: Duration = Duration::from_secs(5);
/// Rows of one page of a search.
const SEARCH_PAGE: u32 = 2_000;
/// Says how far back a search looked that found fewer rows than were asked for.
const SEARCHED_BACK_TO_HEADER: &str = "x-searched-back-to";
/// Where a search may look.
const FIELDS: [&str; 5] = [
    "entity_id",
    "friendly_name",
    "event_type",
    "state",
    "attributes",
];

/// Which period to count.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CategoryParams {
    /// Comes back in the answer; changes nothing.
    home_type: Option<String>,
    /// Hours up to now, 1 to 720. Default 24.
    #[param(minimum = 1, maximum = 720)]
    hours: Option<u32>,
}

/// State changes of a period by category of their entity.
#[utoipa::path(get, path = "/api/v1/events/categories", tag = "events", params(CategoryParams), security(("key" = [])),
    responses((status = 200, body = EventCategories, description = "The counts"), (status = 422, description = "`hours` is out of bounds")))]
pub(super) async fn categories(
    State(api): State<Api>,
    Query(params): Query<CategoryParams>,
) -> Result<Json<EventCategories>, Problem> {
    let hours = params.hours.unwrap_or(24);
    if !(1..=720).contains(&hours) {
        return Err(Problem::query("hours", "want 1 to 720"));
    }
    let now = api.clock.now();
    let start = now.plus_seconds(-3_600 * i64::from(hours));
    let counts = api.store.counts_by_category(start, now).await;
    let counts = counts.map_err(store_problem)?;
    let total: u64 = counts.values().sum();
    Ok(Json(EventCategories {
        home_type: params
            .home_type
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| "unknown".to_owned()),
        period_hours: hours,
        total_events: total,
        category_count: counts.len(),
        categories: counts
            .into_iter()
            .map(|(name, count)| {
                let percentage = (10_000.0 * count as f64 / total as f64).round() / 100.0;
                (name, CategoryShare { count, percentage })
            })
            .collect(),
    }))
}

/// State changes that have a text in them, newest first.
///
/// A search looks at the newest 100,000 state changes for at most 5 seconds. When it ends there with fewer rows than were asked for,
/// the header `x-searched-back-to` has the instant that it came to.
#[utoipa::path(post, path = "/api/v1/events/search", tag = "events", security(("key" = [])), request_body = EventSearch,
    responses((status = 200, body = Vec<Event>, description = "The events"), (status = 422, description = "The query is empty or too long, a field is unknown, or `limit` is out of bounds")))]
pub(super) async fn search(
    State(api): State<Api>,
    Body(wanted): Body<EventSearch>,
) -> Result<(HeaderMap, Json<Vec<Event>>), Problem> {
    let limit = wanted.limit.unwrap_or(100) as usize;
    if !(1..=1_000).contains(&limit) {
        return Err(Problem::body("limit: want 1 to 1000"));
    }
    if !(1..=200).contains(&wanted.query.trim().chars().count()) {
        return Err(Problem::body("query: want 1 to 200 characters"));
    }
    if let Some(field) = wanted.fields.iter().find(|f| !FIELDS.contains(&f.as_str())) {
        let field: String = field.chars().take(40).collect();
        return Err(Problem::body(format!(
            "fields: '{field}' is not one of {}",
            FIELDS.join(", ")
        )));
    }
    let needle = wanted.query.trim().to_lowercase();
    let begun = Instant::now();
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let mut asked = EventFilter {
        limit: SEARCH_PAGE,
        end: Some(api.clock.now()),
        ..EventFilter::default()
    };
    let mut headers = HeaderMap::new();
    loop {
        let page = api.store.events(&asked).await.map_err(store_problem)?;
        looked_at += page.events.len();
        let back_to = page.events.last().map(|event| event.timestamp);
        found.extend(
            page.events
                .into_iter()
                .filter(|event| holds(event, &needle, &wanted.fields)),
        );
        asked.cursor = page.next;
        if found.len() >= limit || page.next.is_none() {
            break;
        }
        if looked_at >= SEARCH_ROWS || begun.elapsed() >= SEARCH_TIME {
            let value = back_to.and_then(|at| HeaderValue::from_str(&at.to_string()).ok());
            if let Some(value) = value {
                headers.insert(HeaderName::from_static(SEARCHED_BACK_TO_HEADER), value);
            }
            break;
        }
    }
    found.truncate(limit);
    Ok((headers, Json(found)))
}

/// Whether one of `fields` (all, if none is named) has `needle` in it, which is in lower case.
fn holds(event: &Event, needle: &str, fields: &[String]) -> bool {
    let within = |text: &str| text.to_lowercase().contains(needle);
    FIELDS
        .iter()
        .filter(|field| fields.is_empty() || fields.iter().any(|wanted| wanted == *field))
        .any(|field| match *field {
            "entity_id" => within(&event.entity_id),
            "friendly_name" => event.friendly_name.as_deref().is_some_and(within),
            "event_type" => within(&event.event_type),
            "state" => event.state.as_deref().is_some_and(within),
            _ => within(event.attributes.get()),
        })
}

/// Which of the last events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RecentParams {
    /// Seconds up to now, 10 to 3600. Default 60.
    #[param(minimum = 10, maximum = 3600)]
    duration: Option<u32>,
    /// Events of this entity.
    entity_id: Option<String>,
}

/// State changes of the last seconds, at most 1,000, newest first. One answer, no stream.
#[utoipa::path(get, path = "/api/v1/events/stream", tag = "events", params(RecentParams), security(("key" = [])),
    responses((status = 200, body = RecentEvents, description = "The events"), (status = 422, description = "`duration` is out of bounds")))]
pub(super) async fn recent(
    State(api): State<Api>,
    Query(params): Query<RecentParams>,
) -> Result<Json<RecentEvents>, Problem> {
    let duration = params.duration.unwrap_or(60);
    if !(10..=3_600).contains(&duration) {
        return Err(Problem::query("duration", "want 10 to 3600 seconds"));
    }
    let end_time = api.clock.now();
    let start_time = end_time.plus_seconds(-i64::from(duration));
    let entity_id = params.entity_id.filter(|id| !id.is_empty());
    let asked = EventFilter {
        entity_id: entity_id.clone(),
        start: Some(start_time),
        end: Some(end_time),
        limit: 1_000,
        ..EventFilter::default()
    };
    let page = api.store.events(&asked).await.map_err(store_problem)?;
    Ok(Json(RecentEvents {
        duration,
        entity_id,
        events: page.events,
        start_time,
        end_time,
    }))
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Rows, 1 to 10,000.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
    /// Taken for clients of the replaced service; changes nothing.
    #[serde(rename = "service")]
    _service: Option<String>,
}

impl ListParams {
    fn limit(&self, default: u32) -> Result<u32, Problem> {
        let limit = self.limit.unwrap_or(default);
        if (1..=10_000).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::query("limit", "want 1 to 10000"))
        }
    }
}

/// Entities with events, the one that changed last first. `limit` is 100 when it is not said.
#[utoipa::path(get, path = "/api/v1/events/entities", tag = "events", params(ListParams), security(("key" = [])),
    responses((status = 200, body = Vec<ActiveEntity>, description = "The entities"), (status = 422, description = "`limit` is out of bounds")))]
pub(super) async fn entities(
    State(api): State<Api>,
    Query(params): Query<ListParams>,
) -> Result<Json<Vec<ActiveEntity>>, Problem> {
    let entities = api.store.active_entities(params.limit(100)?).await;
    entities.map(Json).map_err(store_problem)
}

/// Types of the stored events: `state_changed`, once there is one.
#[utoipa::path(get, path = "/api/v1/events/types", tag = "events", params(ListParams), security(("key" = [])),
    responses((status = 200, body = Vec<EventType>, description = "The types"), (status = 422, description = "`limit` is out of bounds")))]
pub(super) async fn types(
    State(api): State<Api>,
    Query(params): Query<ListParams>,
) -> Result<Json<Vec<EventType>>, Problem> {
    params.limit(50)?;
    let count = api.store.stored_events().await.map_err(store_problem)?;
    let state_changed = EventType {
        event_type: "state_changed".to_owned(),
        count,
        services: vec!["websocket-ingestion".to_owned()],
    };
    Ok(Json(
        [state_changed]
            .into_iter()
            .filter(|t| t.count > 0)
            .collect(),
    ))
}
