//! `GET /api/v1/analytics`: series for dashboards, from what is stored and what was measured. Nothing in it is made up.

use axum::Json;
use axum::extract::State;
use common::api::analytics::{Analytics, AnalyticsSummary};
use common::api::gaps::MAX_GAPS;
use common::http::extract::Query;
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::analytics::{Range, series, uptime_percent};
use crate::measured::Measurement;
use crate::store::GapFilter;

/// Which range.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AnalyticsParams {
    /// `1h` (60 points, the default), `6h` (72), `24h` (96) or `7d` (84).
    range: Option<String>,
    /// Taken for clients of the replaced service; all series are always there.
    #[serde(rename = "metrics")]
    _metrics: Option<String>,
}

/// Series of events, requests and database over a range that ends now.
#[utoipa::path(get, path = "/api/v1/analytics", tag = "analytics", params(AnalyticsParams), security(("key" = [])),
    responses((status = 200, body = Analytics, description = "The series"), (status = 422, description = "There is no such range")))]
pub(super) async fn show(
    State(api): State<Api>,
    Query(params): Query<AnalyticsParams>,
) -> Result<Json<Analytics>, Problem> {
    let name = params.range.filter(|text| !text.is_empty());
    let range = Range::from_name(name.as_deref().unwrap_or("1h"))
        .ok_or_else(|| Problem::query("range", "want 1h, 6h, 24h or 7d"))?;
    let now = api.clock.now();
    let (start, width_us) = (range.start(now), range.width_us);
    let counts = api
        .store
        .counts_by_interval(start, width_us, range.intervals)
        .await
        .map_err(store_problem)?;
    let gaps = GapFilter {
        start: Some(start),
        end: Some(now),
        open_only: false,
        limit: MAX_GAPS as u32,
    };
    let gaps = api.store.gaps(gaps).await.map_err(store_problem)?;
    let measured = api.measured.intervals(start, width_us, range.intervals);
    let whole = api.measured.since(start);
    let minutes = width_us as f64 / 60e6;
    let rates: Vec<_> = counts.iter().map(|&n| Some(n as f64 / minutes)).collect();
    let of = |value: fn(&Measurement) -> Option<f64>| {
        let values: Vec<_> = measured.iter().map(value).collect();
        series(start, width_us, &values)
    };
    Ok(Json(Analytics {
        events_per_minute: series(start, width_us, &rates),
        api_response_time: of(Measurement::request_ms),
        database_latency: of(Measurement::read_ms),
        error_rate: of(Measurement::error_percent),
        summary: AnalyticsSummary {
            total_events: counts.iter().sum(),
            success_rate: 100.0 - whole.error_percent().unwrap_or_default(),
            avg_latency: whole.request_ms().unwrap_or_default(),
            uptime: uptime_percent(&gaps, start, now),
        },
        time_range: range.name.to_owned(),
        last_update: now,
    }))
}
