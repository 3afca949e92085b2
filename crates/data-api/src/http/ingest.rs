//! `POST /internal/events/bulk_upsert`: a batch in, an answer after the commit.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use common::api::events::{
    IngestReply, MAX_INGEST_BODY_BYTES, MAX_ROWS_PER_REQUEST, MAX_STATE_CHARS, NewEvent,
    RejectedRow,
};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use serde_json::value::RawValue;
use tower_http::timeout::TimeoutError;

use super::{Api, store_problem};
use crate::store::{Placement, ValidEvent};

/// How far ahead of the clock an instant may be, in seconds: 366 days. One that is further ahead would be the newest event for years,
/// and in PostgreSQL make a partition for a month that nobody lives in.
const AHEAD_SECONDS: i64 = 366 * 86_400;
/// 2026-11-01T00:00:00Z, in microseconds. No machine's clock is earlier than this release; one that says so is wrong, and no event is
/// refused for it.
const RELEASED_US: i64 = 1_793_491_200_000_000;

/// Instants at which something may have happened.
#[derive(Debug, Clone, Copy)]
struct Plausible {
    /// What a clock says that was never set; nothing at home was recorded before.
    earliest: UtcMicros,
    latest: UtcMicros,
}

impl Plausible {
    fn at(now: UtcMicros) -> Self {
        let released = UtcMicros::new(RELEASED_US).unwrap_or_default();
        Self {
            earliest: UtcMicros::default(),
            latest: now.max(released).plus_seconds(AHEAD_SECONDS),
        }
    }

    fn check(self, at: UtcMicros) -> Result<(), String> {
        if at < self.earliest {
            return Err("last_updated is before 1970".to_owned());
        }
        if at > self.latest {
            return Err(
                "last_updated is more than 366 days in the future: is the sender's clock right?"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// Rows that can be stored, and those that cannot.
#[derive(Debug, Default)]
struct Sorted {
    received: usize,
    valid: Vec<ValidEvent>,
    rejected: Vec<RejectedRow>,
}

/// Stores state changes. Body: a JSON array, or NDJSON (`application/x-ndjson`); gzip and zstd are understood.
///
/// The answer comes after the commit. A row that the store has already, by `(entity_id, last_updated)`, is counted as a
/// duplicate. A row that cannot be stored is named with its position; the others are stored. An instant before 1970 or more than 366 days
/// ahead of the clock is such a row.
#[utoipa::path(post, path = "/internal/events/bulk_upsert", tag = "internal", security(("key" = [])),
    request_body(content((Vec<NewEvent> = "application/json"), (String = "application/x-ndjson"))),
    responses((status = 200, body = IngestReply, description = "Committed"),
        (status = 413, description = "More than 64 MiB or 50,000 rows"),
        (status = 422, description = "The body is not a JSON array or NDJSON"),
        (status = 507, description = "The disk is full: nothing was kept")))]
#[tracing::instrument(name = "ingest.batch", skip_all, fields(batch.size = tracing::field::Empty, batch.stored = tracing::field::Empty))]
pub(super) async fn bulk_upsert(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<IngestReply>, Problem> {
    let body = read(body).await?;
    let is_ndjson = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| {
            kind.starts_with("application/x-ndjson") || kind.starts_with("application/jsonl")
        });
    let plausible = Plausible::at(api.clock.now());
    let sorted = tokio::task::spawn_blocking(move || {
        if is_ndjson {
            lines(&body, plausible)
        } else {
            array(&body, plausible)
        }
    })
    .await
    .map_err(|_| Problem::Internal)??;
    let span = tracing::Span::current();
    span.record("batch.size", sorted.received);
    let appended = api
        .writer
        .append(sorted.valid)
        .await
        .map_err(store_problem)?;
    span.record("batch.stored", appended.stored);
    if appended.stored > 0 {
        api.measured.stored(api.clock.now());
    }
    if !sorted.rejected.is_empty() {
        metrics::counter!("homeiq_events_dropped_total", "reason" => "rejected")
            .increment(sorted.rejected.len() as u64);
        let first = &sorted.rejected[0];
        tracing::warn!(rows = sorted.rejected.len(), index = first.index, reason = %first.reason, "rows that cannot be stored");
    }
    Ok(Json(IngestReply {
        received: sorted.received,
        stored: appended.stored,
        duplicates: appended.duplicates,
        rejected: sorted.rejected,
    }))
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, MAX_INGEST_BODY_BYTES)
        .await
        .map_err(|error| {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                if error.is::<TimeoutError>() {
                    return Problem::Unavailable(
                        "the body did not come in time; nothing of it was kept".to_owned(),
                    );
                }
                if error.to_string().contains("length limit exceeded") {
                    return too_large(&format!("more than {MAX_INGEST_BODY_BYTES} bytes"));
                }
                cause = error.source();
            }
            Problem::body("the body ended early or cannot be decompressed; nothing of it was kept")
        })
}

fn too_large(what: &str) -> Problem {
    Problem::Told(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("{what}: send it in smaller parts; nothing of it was kept"),
    )
}

fn array(body: &[u8], plausible: Plausible) -> Result<Sorted, Problem> {
    let rows: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
        Problem::body(format!(
            "not a JSON array of events: {error}; nothing of it was kept"
        ))
    })?;
    sort(rows.into_iter().map(|row| row.get().as_bytes()), plausible)
}

fn lines(body: &[u8], plausible: Plausible) -> Result<Sorted, Problem> {
    sort(
        body.split(|&byte| byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty()),
        plausible,
    )
}

fn sort<'a>(rows: impl Iterator<Item = &'a [u8]>, plausible: Plausible) -> Result<Sorted, Problem> {
    let mut sorted = Sorted::default();
    for row in rows {
        if sorted.received == MAX_ROWS_PER_REQUEST {
            return Err(too_large(&format!("more than {MAX_ROWS_PER_REQUEST} rows")));
        }
        match serde_json::from_slice::<NewEvent>(row)
            .map_err(|error| error.to_string())
            .and_then(|event| valid(event, plausible))
        {
            Ok(event) => sorted.valid.push(event),
            Err(reason) => sorted.rejected.push(RejectedRow {
                index: sorted.received,
                reason,
            }),
        }
        sorted.received += 1;
    }
    Ok(sorted)
}

/// Checks what the form does not say.
fn valid(event: NewEvent, plausible: Plausible) -> Result<ValidEvent, String> {
    plausible.check(event.last_updated)?;
    if let Some(length) = event
        .state
        .as_ref()
        .map(|state| state.chars().count())
        .filter(|&n| n > MAX_STATE_CHARS)
    {
        return Err(format!(
            "state has {length} characters, at most {MAX_STATE_CHARS} are possible"
        ));
    }
    let attributes = match event.attributes.as_deref().map(RawValue::get) {
        None | Some("null" | "{}") => None,
        Some(text) if text.starts_with('{') => Some(text.to_owned()),
        Some(_) => return Err("attributes is not a JSON object".to_owned()),
    };
    if event
        .last_changed
        .is_some_and(|changed| changed > event.last_updated)
    {
        return Err("last_changed is after last_updated".to_owned());
    }
    let user_id = event.context.as_ref().and_then(|c| c.user_id.as_deref());
    if user_id.is_some_and(|id| id.contains('\0')) {
        return Err("context.user_id has the character U+0000".to_owned());
    }
    Ok(ValidEvent {
        entity_id: event.entity_id,
        state: event.state,
        attributes,
        last_changed: event.last_changed,
        last_updated: event.last_updated,
        context: event.context.unwrap_or_default(),
        origin: event.origin,
        startup: event.startup.unwrap_or(false),
        placement: Placement {
            device_id: event.device_id,
            area_id: event.area_id,
        },
    })
}
