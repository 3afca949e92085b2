//! Long-term statistics: taken from an import, served to whoever draws charts.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use common::api::events::{MAX_INGEST_BODY_BYTES, MAX_ROWS_PER_REQUEST, RejectedRow};
use common::api::statistics::{MAX_STATISTICS, NewStatistic, StatisticList, StatisticsReply};
use common::http::extract::Query;
use common::http::problem::Problem;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::IntoParams;

use super::instant::QueryInstant;
use super::{Api, store_problem};

const DEFAULT_ROWS: u32 = 1_000;
/// Longest unit, in characters.
const MAX_UNIT_CHARS: usize = 64;

/// Which hours.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatisticParams {
    /// The entity.
    entity_id: String,
    /// From this instant on (ISO 8601).
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<QueryInstant>,
    /// Before this instant (ISO 8601).
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<QueryInstant>,
    /// Rows, 1 to 10,000. Default 1,000.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
}

/// Hours of long-term statistics of an entity, earliest first; none where nothing was imported.
#[utoipa::path(get, path = "/api/v1/statistics", tag = "events", params(StatisticParams), security(("key" = [])),
    responses((status = 200, body = StatisticList, description = "The hours"),
        (status = 422, description = "A parameter is out of bounds")))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(params): Query<StatisticParams>,
) -> Result<Json<StatisticList>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_ROWS);
    if !(1..=MAX_STATISTICS).contains(&limit) {
        return Err(Problem::query(
            "limit",
            format!("want 1 to {MAX_STATISTICS}"),
        ));
    }
    let (start, end) = (params.start.map(|at| at.0), params.end.map(|at| at.0));
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(Problem::query("start", "lies after end"));
    }
    let (mut statistics, unit) = api
        .store
        .statistics(&params.entity_id, start, end, limit + 1)
        .await
        .map_err(store_problem)?;
    let next_start = statistics.get(limit as usize).map(|row| row.start);
    statistics.truncate(limit as usize);
    Ok(Json(StatisticList {
        entity_id: params.entity_id,
        unit,
        count: statistics.len(),
        statistics,
        next_start,
    }))
}

/// Stores hours of long-term statistics. Body: a JSON array, or NDJSON. What is there takes the numbers that come.
#[utoipa::path(post, path = "/internal/statistics/bulk_upsert", tag = "internal", security(("key" = [])),
    request_body(content((Vec<NewStatistic> = "application/json"), (String = "application/x-ndjson"))),
    responses((status = 200, body = StatisticsReply, description = "Committed"),
        (status = 413, description = "More than 64 MiB or 50,000 rows"),
        (status = 422, description = "The body is not a JSON array or NDJSON"),
        (status = 507, description = "The disk is full: nothing was kept")))]
pub(super) async fn bulk_upsert(
    State(api): State<Api>,
    body: Body,
) -> Result<Json<StatisticsReply>, Problem> {
    let body = axum::body::to_bytes(body, MAX_INGEST_BODY_BYTES)
        .await
        .map_err(|_| {
            Problem::body("the body is too large, ended early or cannot be decompressed; nothing of it was kept")
        })?;
    let (rows, mut reply) = tokio::task::spawn_blocking(move || read(&body))
        .await
        .map_err(|_| Problem::Internal)??;
    let appended = api
        .store
        .upsert_statistics(&rows)
        .await
        .map_err(store_problem)?;
    reply.stored = appended.stored;
    reply.duplicates = appended.duplicates;
    Ok(Json(reply))
}

fn read(body: &Bytes) -> Result<(Vec<NewStatistic>, StatisticsReply), Problem> {
    let texts: Vec<&[u8]> = if body.trim_ascii_start().starts_with(b"[") {
        let rows: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| {
            Problem::body(format!(
                "not a JSON array of statistics: {error}; nothing of it was kept"
            ))
        })?;
        rows.into_iter().map(|row| row.get().as_bytes()).collect()
    } else {
        let lines = body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        lines.filter(|line| !line.is_empty()).collect()
    };
    if texts.len() > MAX_ROWS_PER_REQUEST {
        return Err(Problem::Told(
            axum::http::StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "more than {MAX_ROWS_PER_REQUEST} rows: send it in smaller parts; nothing of it was kept"
            ),
        ));
    }
    let mut reply = StatisticsReply {
        received: texts.len(),
        ..StatisticsReply::default()
    };
    let mut rows = Vec::with_capacity(texts.len());
    for (index, text) in texts.into_iter().enumerate() {
        match serde_json::from_slice::<NewStatistic>(text)
            .map_err(|error| error.to_string())
            .and_then(valid)
        {
            Ok(row) => rows.push(row),
            Err(reason) => reply.rejected.push(RejectedRow { index, reason }),
        }
    }
    Ok((rows, reply))
}

fn valid(row: NewStatistic) -> Result<NewStatistic, String> {
    let numbers = row.numbers;
    let all = [
        numbers.mean,
        numbers.min,
        numbers.max,
        numbers.state,
        numbers.sum,
    ];
    if all.iter().all(Option::is_none) {
        return Err("it has no number".to_owned());
    }
    if row
        .unit
        .as_ref()
        .is_some_and(|unit| unit.chars().count() > MAX_UNIT_CHARS)
    {
        return Err(format!("unit has more than {MAX_UNIT_CHARS} characters"));
    }
    Ok(row)
}
