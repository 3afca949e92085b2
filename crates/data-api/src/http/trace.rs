//! How events follow from each other: the trace of a context, and the cause of an event.

use axum::Json;
use axum::extract::State;
use common::api::cause::Cause;
use common::api::event_summaries::TraceStep;
use common::api::events::Event;
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, event_id, store_problem};
use crate::cause::{self, People};
use crate::context;
use crate::store::EventFilter;

/// Rows that one question looks at, at most.
const MAX_ROWS: usize = 20_000;
/// Rows of one page of them.
const PAGE_ROWS: u32 = 5_000;
/// Seconds before the making of a context at which its first events may be stamped: clocks are read one after the other.
const BEFORE_SECONDS: i64 = 2;
/// Seconds after the making of a context in which the run that made it has its row.
const RUN_SECONDS: i64 = 5;
/// Seconds after the making of a context in which what it led to is looked for: scripts wait.
const TRACE_SECONDS: i64 = 900;
/// Generations that are gone back, at most.
const MAX_DEPTH: u32 = 50;
/// People whose names are looked at.
const MAX_PEOPLE: u32 = 100;

/// A span of time, both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: UtcMicros,
    end: UtcMicros,
}

impl Span {
    pub(super) fn new(start: UtcMicros, end: UtcMicros) -> Self {
        Self { start, end }
    }

    /// Around the making of a context, if its id says when that was.
    fn of_run(context_id: &str) -> Option<Self> {
        let made = context::made_at(context_id)?;
        Some(Self::new(
            made.plus_seconds(-BEFORE_SECONDS),
            made.plus_seconds(RUN_SECONDS),
        ))
    }
}

/// The events of some spans, without attributes, each once. Of a span with more rows than may be looked at, its beginning.
pub(super) async fn around(api: &Api, spans: &[Span]) -> Result<Vec<Event>, Problem> {
    let mut all: Vec<Event> = Vec::new();
    for span in spans {
        let mut end = span.end;
        loop {
            match read(api, span.start, end).await? {
                Some(events) => {
                    all.extend(events);
                    break;
                }
                // Pages come newest first, and the beginning is what counts.
                None => {
                    end = span.start.plus_micros((end.get() - span.start.get()) / 4);
                }
            }
        }
    }
    all.sort_by(|a, b| (a.timestamp, &a.entity_id).cmp(&(b.timestamp, &b.entity_id)));
    all.dedup_by(|a, b| a.id == b.id);
    Ok(all)
}

/// All events of a span; none when there are more than may be looked at.
async fn read(api: &Api, start: UtcMicros, end: UtcMicros) -> Result<Option<Vec<Event>>, Problem> {
    let mut asked = EventFilter {
        start: Some(start),
        end: Some(end),
        limit: PAGE_ROWS,
        no_attributes: true,
        ..EventFilter::default()
    };
    let mut all = Vec::new();
    loop {
        let page = api.store.events(&asked).await.map_err(store_problem)?;
        all.extend(page.events);
        asked.cursor = page.next;
        match page.next {
            None => return Ok(Some(all)),
            // A span of an instant cannot be halved any more.
            Some(_) if all.len() >= MAX_ROWS && end > start => return Ok(None),
            Some(_) if all.len() >= MAX_ROWS => return Ok(Some(all)),
            Some(_) => {}
        }
    }
}

/// How to trace.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TraceParams {
    /// Generations of contexts to follow, each way, 1 to 50. Default 10.
    #[param(minimum = 1, maximum = 50)]
    max_depth: Option<u32>,
    /// `false`: contexts and instants only. Default `true`.
    include_details: Option<bool>,
}

/// The events that a context led to, and those that led to it, oldest first.
///
/// It goes back to the first context of the chain that is stored (depth 0), and from there to all that followed within 15 minutes.
/// An id that does not say when it was made (no ULID) is looked for in the last hour.
#[utoipa::path(get, path = "/api/v1/events/automation-trace/{context_id}", tag = "events", security(("key" = [])),
    params(("context_id" = String, Path, description = "`context_id` of an event"), TraceParams),
    responses((status = 200, body = Vec<TraceStep>, description = "The steps; empty when no event of the context is stored"),
        (status = 422, description = "A parameter is out of bounds")))]
pub(super) async fn automation_trace(
    State(api): State<Api>,
    Path(context_id): Path<String>,
    Query(params): Query<TraceParams>,
) -> Result<Json<Vec<TraceStep>>, Problem> {
    let max_depth = params.max_depth.unwrap_or(10);
    if !(1..=MAX_DEPTH).contains(&max_depth) {
        return Err(Problem::query(
            "max_depth",
            format!("want 1 to {MAX_DEPTH}"),
        ));
    }
    let details = params.include_details.unwrap_or(true);
    let (mut root, mut back) = (context_id, 0);
    while back < max_depth {
        let Some(span) = Span::of_run(&root) else {
            break;
        };
        let events = around(&api, &[span]).await?;
        let parent = events
            .into_iter()
            .filter(|event| event.context_id.as_deref() == Some(root.as_str()))
            .find_map(|event| event.context_parent_id);
        match parent {
            Some(parent) if parent != root => root = parent,
            _ => break,
        }
        back += 1;
    }
    let span = if let Some(made) = context::made_at(&root) {
        Span::new(
            made.plus_seconds(-BEFORE_SECONDS),
            made.plus_seconds(TRACE_SECONDS),
        )
    } else {
        let now = api.clock.now();
        Span::new(now.plus_seconds(-3_600), now)
    };
    let events = around(&api, &[span]).await?;
    Ok(Json(context::follow(
        &events,
        &root,
        max_depth + back,
        details,
    )))
}

/// Who or what changed the entity: a person, an automation, a script, the thing itself, or nobody knows.
#[utoipa::path(get, path = "/api/v1/events/{event_id}/cause", tag = "events", security(("key" = [])),
    params(("event_id" = String, Path, description = "As for the event itself")),
    responses((status = 200, body = Cause, description = "The cause, what it follows from, and the chain of events"),
        (status = 404, description = "There is no such event")))]
pub(super) async fn cause(
    State(api): State<Api>,
    Path(event_id): Path<String>,
) -> Result<Json<Cause>, Problem> {
    let event = event_id::find(&api, &event_id).await?;
    let near = |event: &Event| {
        Span::new(
            event.timestamp.plus_seconds(-BEFORE_SECONDS),
            event.timestamp.plus_seconds(BEFORE_SECONDS),
        )
    };
    let mut spans = vec![near(&event)];
    spans.extend(event.context_id.as_deref().and_then(Span::of_run));
    let mut events = around(&api, &spans).await?;
    let parent = event.context_parent_id.clone().or_else(|| {
        events
            .iter()
            .filter(|other| event.context_id.is_some() && other.context_id == event.context_id)
            .find_map(|other| other.context_parent_id.clone())
    });
    if let Some(span) = parent.as_deref().and_then(Span::of_run) {
        events.extend(around(&api, &[span]).await?);
        events.sort_by(|a, b| (a.timestamp, &a.entity_id).cmp(&(b.timestamp, &b.entity_id)));
        events.dedup_by(|a, b| a.id == b.id);
    }
    let people = people(&api).await?;
    Ok(Json(cause::of(&event, &events, &people)))
}

/// Names of people by user id: `person` entities have both in their attributes.
async fn people(api: &Api) -> Result<People, Problem> {
    #[derive(Deserialize)]
    struct Attributes {
        user_id: Option<String>,
        friendly_name: Option<String>,
    }
    let rows = api
        .store
        .newest_rows(&["person"], UtcMicros::default(), MAX_PEOPLE)
        .await
        .map_err(store_problem)?;
    Ok(rows
        .iter()
        .filter_map(|row| serde_json::from_str::<Attributes>(row.attributes.as_deref()?).ok())
        .filter_map(|person| Some((person.user_id?, person.friendly_name?)))
        .collect())
}
