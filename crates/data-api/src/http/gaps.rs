//! Spans of time from which events may be missing: reported by ingestion, shown to everyone.

use axum::Json;
use axum::extract::State;
use common::api::gaps::{Gap, GapList, MAX_GAPS};
use common::api::registry::UpsertReply;
use common::http::extract::{Json as Body, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::instant::QueryInstant;
use super::{Api, store_problem};
use crate::store::GapFilter;

const DEFAULT_ROWS: u32 = 100;

/// Which gaps.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GapParams {
    /// Rows, 1 to 1,000. Default 100.
    limit: Option<u32>,
    /// Gaps that end at or after this instant (ISO 8601).
    #[param(value_type = Option<String>, format = DateTime)]
    start_time: Option<QueryInstant>,
    /// Gaps that begin at or before this instant (ISO 8601).
    #[param(value_type = Option<String>, format = DateTime)]
    end_time: Option<QueryInstant>,
    /// `true`: only gaps that are not closed.
    open: Option<bool>,
}

/// Gaps, latest first.
#[utoipa::path(get, path = "/api/v1/gaps", tag = "events", params(GapParams), security(("key" = [])),
    responses((status = 200, body = GapList, description = "The gaps")))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(params): Query<GapParams>,
) -> Result<Json<GapList>, Problem> {
    let limit = params.limit.unwrap_or(DEFAULT_ROWS);
    if !(1..=MAX_GAPS as u32).contains(&limit) {
        return Err(Problem::query("limit", format!("want 1 to {MAX_GAPS}")));
    }
    let asked = GapFilter {
        start: params.start_time.map(|at| at.0),
        end: params.end_time.map(|at| at.0),
        open_only: params.open.unwrap_or(false),
        limit,
    };
    let gaps = api.store.gaps(asked).await.map_err(store_problem)?;
    Ok(Json(GapList {
        count: gaps.len(),
        gaps,
    }))
}

/// Takes gaps; a known one (same start and reason) is replaced.
#[utoipa::path(post, path = "/internal/gaps", tag = "internal", security(("key" = [])), request_body = Vec<Gap>,
    responses((status = 200, body = UpsertReply, description = "Committed"), (status = 422, description = "A gap cannot be read, or ends before it begins")))]
pub(super) async fn upsert(
    State(api): State<Api>,
    Body(gaps): Body<Vec<Gap>>,
) -> Result<Json<UpsertReply>, Problem> {
    if gaps.len() > MAX_GAPS {
        return Err(Problem::body(format!(
            "more than {MAX_GAPS} gaps: send them in smaller parts"
        )));
    }
    if gaps.iter().any(|gap| gap.end < gap.start) {
        return Err(Problem::body("a gap ends before it begins"));
    }
    let now = api.clock.now();
    api.store
        .upsert_gaps(&gaps, now)
        .await
        .map_err(store_problem)?;
    Ok(Json(UpsertReply {
        success: true,
        upserted: gaps.len(),
        skipped: 0,
        timestamp: now,
        ..UpsertReply::default()
    }))
}
