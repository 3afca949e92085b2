//! Integrations of Home Assistant: what was set up, what it brought, and what was stored of it.

use axum::Json;
use axum::extract::State;
use common::api::integrations::{
    IntegrationAnalytics, IntegrationList, IntegrationOrigin, IntegrationPerformance,
};
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::registry::bounded;
use super::{Api, store_problem};

const MAX_INTEGRATIONS: u32 = 1_000;

/// Which integrations.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct IntegrationParams {
    /// Rows, 1 to 1,000. Default 100.
    limit: Option<u32>,
    /// Also those that Home Assistant no longer has. Default false.
    #[serde(default)]
    include_removed: bool,
}

/// Integrations that were set up, by domain and title.
#[utoipa::path(get, path = "/api/integrations", tag = "registry", params(IntegrationParams), security(("key" = [])),
    responses((status = 200, body = IntegrationList, description = "The integrations, and where they are from")))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(params): Query<IntegrationParams>,
) -> Result<Json<IntegrationList>, Problem> {
    let limit = bounded(params.limit, MAX_INTEGRATIONS)?;
    let told = api
        .store
        .config_entries(params.include_removed, limit)
        .await
        .map_err(store_problem)?;
    if let Some(integrations) = told {
        return Ok(Json(IntegrationList {
            count: integrations.len(),
            integrations,
            origin: IntegrationOrigin::ConfigEntries,
            note: None,
        }));
    }
    let found = api.store.integrations_in_the_registry().await;
    let mut integrations = found.map_err(store_problem)?;
    integrations.truncate(limit as usize);
    Ok(Json(IntegrationList {
        count: integrations.len(),
        integrations,
        origin: IntegrationOrigin::Registry,
        note: Some(
            "Home Assistant did not tell its configuration entries: this is what devices and entities name, without titles and \
             states. It tells them only to administrators: give websocket-ingestion the token of one"
                .to_owned(),
        ),
    }))
}

/// What an integration brought. One that is not known has nothing.
#[utoipa::path(get, path = "/api/integrations/{platform}/analytics", tag = "registry", security(("key" = [])),
    params(("platform" = String, Path, description = "Such as `zha`")),
    responses((status = 200, body = IntegrationAnalytics, description = "Counts of devices and entities")))]
pub(super) async fn analytics(
    State(api): State<Api>,
    Path(platform): Path<String>,
) -> Result<Json<IntegrationAnalytics>, Problem> {
    let size = api.store.platform_size(&platform).await;
    let size = size.map_err(store_problem)?;
    Ok(Json(IntegrationAnalytics {
        platform,
        device_count: size.devices,
        entity_count: size.domains.iter().map(|domain| domain.count).sum(),
        entity_breakdown: size.domains,
        timestamp: api.clock.now(),
    }))
}

/// Up to when to count.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PeriodParams {
    /// `1h`, `24h` or `7d`. Default `1h`.
    period: Option<String>,
}

fn minutes(period: &str) -> Result<u32, Problem> {
    match period {
        "1h" => Ok(60),
        "24h" => Ok(24 * 60),
        "7d" => Ok(7 * 24 * 60),
        _ => Err(Problem::query("period", "want 1h, 24h or 7d")),
    }
}

/// Two decimals.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// What was stored of an integration's entities, and how often they became unavailable.
#[utoipa::path(get, path = "/api/integrations/{platform}/performance", tag = "registry", params(PeriodParams, ("platform" = String, Path, description = "Such as `zha`")),
    security(("key" = [])), responses((status = 200, body = IntegrationPerformance, description = "Counts of stored events")))]
pub(super) async fn performance(
    State(api): State<Api>,
    Path(platform): Path<String>,
    Query(params): Query<PeriodParams>,
) -> Result<Json<IntegrationPerformance>, Problem> {
    let period = params.period.unwrap_or_else(|| "1h".to_owned());
    let minutes = minutes(&period)?;
    let now = api.clock.now();
    let start = now.plus_seconds(-60 * i64::from(minutes));
    let size = api.store.platform_size(&platform).await;
    let size = size.map_err(store_problem)?;
    let counts = api.store.platform_counts(&platform, start, now).await;
    let counts = counts.map_err(store_problem)?;
    let status = match size.last_seen {
        Some(seen) if seen >= start => "active",
        Some(_) => "paused",
        None => "unknown",
    };
    Ok(Json(IntegrationPerformance {
        platform,
        period,
        events_per_minute: rounded(counts.events as f64 / f64::from(minutes)),
        error_rate: (counts.changes > 0)
            .then(|| rounded(100.0 * counts.unavailable as f64 / counts.changes as f64)),
        avg_response_time: None,
        device_discovery_status: status.to_owned(),
        total_events: counts.events,
        total_errors: counts.unavailable,
        timestamp: now,
    }))
}
