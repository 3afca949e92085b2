//! Alerts: which there are, and what a person does about them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::api::alerts::{Alert, AlertReply, AlertSeverity, AlertStatus, AlertSummary};
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::store::AlertFilter;

/// Alerts in one answer.
const MAX_ALERTS: u32 = 1_000;
/// Most hours that may be asked for: a hundred years.
const MAX_HOURS: u32 = 876_600;

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AlertParams {
    /// `info`, `warning` or `critical`.
    severity: Option<String>,
    /// `active`, `acknowledged` or `resolved`.
    status: Option<String>,
}

impl AlertParams {
    fn filter(&self) -> Result<AlertFilter, Problem> {
        let bad = |name: &str, value: &str, want: &str| {
            let value: String = value.chars().take(40).collect();
            Problem::Told(
                StatusCode::BAD_REQUEST,
                format!("Invalid {name}: '{value}'; want {want}"),
            )
        };
        let said = |value: &Option<String>| value.clone().filter(|text| !text.is_empty());
        Ok(AlertFilter {
            severity: said(&self.severity)
                .map(|word| {
                    AlertSeverity::from_word(&word)
                        .ok_or_else(|| bad("severity", &word, "info, warning or critical"))
                })
                .transpose()?,
            status: said(&self.status)
                .map(|word| {
                    AlertStatus::from_word(&word)
                        .ok_or_else(|| bad("status", &word, "active, acknowledged or resolved"))
                })
                .transpose()?,
            limit: MAX_ALERTS,
        })
    }
}

/// Alerts, newest first, at most 1,000.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(AlertParams), security(("key" = [])),
    responses((status = 200, body = Vec<Alert>, description = "The alerts"), (status = 400, description = "There is no such severity or status")))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(params): Query<AlertParams>,
) -> Result<Json<Vec<Alert>>, Problem> {
    let alerts = api.store.alerts(params.filter()?).await;
    alerts.map(Json).map_err(store_problem)
}

/// Which active alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ActiveParams {
    /// `info`, `warning` or `critical`.
    severity: Option<String>,
}

/// Alerts whose condition holds and that nobody has taken note of, newest first.
#[utoipa::path(get, path = "/api/v1/alerts/active", tag = "alerts", params(ActiveParams), security(("key" = [])),
    responses((status = 200, body = Vec<Alert>, description = "The alerts"), (status = 400, description = "There is no such severity")))]
pub(super) async fn active(
    State(api): State<Api>,
    Query(params): Query<ActiveParams>,
) -> Result<Json<Vec<Alert>>, Problem> {
    let asked = AlertParams {
        severity: params.severity,
        status: Some(AlertStatus::Active.as_str().to_owned()),
    };
    let alerts = api.store.alerts(asked.filter()?).await;
    alerts.map(Json).map_err(store_problem)
}

/// Alerts in numbers. Acknowledged ones count as active.
#[utoipa::path(get, path = "/api/v1/alerts/summary", tag = "alerts", security(("key" = [])),
    responses((status = 200, body = AlertSummary, description = "The numbers")))]
pub(super) async fn summary(State(api): State<Api>) -> Result<Json<AlertSummary>, Problem> {
    let summary = api.store.alert_summary().await;
    summary.map(Json).map_err(store_problem)
}

fn missing(id: &str) -> Problem {
    Problem::not_found(format!("Alert {id} not found"))
}

/// One alert.
#[utoipa::path(get, path = "/api/v1/alerts/{alert_id}", tag = "alerts", security(("key" = [])),
    params(("alert_id" = String, Path, description = "`id` of the alert")),
    responses((status = 200, body = Alert, description = "The alert"), (status = 404, description = "There is none")))]
pub(super) async fn one(
    State(api): State<Api>,
    Path(alert_id): Path<String>,
) -> Result<Json<Alert>, Problem> {
    let alert = api.store.alert(&alert_id).await.map_err(store_problem)?;
    alert.map(Json).ok_or_else(|| missing(&alert_id))
}

/// Takes note of an alert.
#[utoipa::path(post, path = "/api/v1/alerts/{alert_id}/acknowledge", tag = "alerts", security(("key" = [])),
    params(("alert_id" = String, Path, description = "`id` of the alert")),
    responses((status = 200, body = AlertReply, description = "Noted"), (status = 404, description = "There is none")))]
pub(super) async fn acknowledge(
    State(api): State<Api>,
    Path(alert_id): Path<String>,
) -> Result<Json<AlertReply>, Problem> {
    let known = api
        .store
        .acknowledge_alert(&alert_id, api.clock.now())
        .await;
    done(
        &api,
        known.map_err(store_problem)?,
        &alert_id,
        "acknowledged",
    )
}

/// Closes an alert. While its condition holds, it is raised again after a time.
#[utoipa::path(post, path = "/api/v1/alerts/{alert_id}/resolve", tag = "alerts", security(("key" = [])),
    params(("alert_id" = String, Path, description = "`id` of the alert")),
    responses((status = 200, body = AlertReply, description = "Closed"), (status = 404, description = "There is none")))]
pub(super) async fn resolve(
    State(api): State<Api>,
    Path(alert_id): Path<String>,
) -> Result<Json<AlertReply>, Problem> {
    let known = api.store.resolve_alert(&alert_id, api.clock.now()).await;
    done(&api, known.map_err(store_problem)?, &alert_id, "resolved")
}

fn done(api: &Api, known: bool, id: &str, what: &str) -> Result<Json<AlertReply>, Problem> {
    if known {
        Ok(reply(api, format!("Alert {id} {what}")))
    } else {
        Err(missing(id))
    }
}

fn reply(api: &Api, message: String) -> Json<AlertReply> {
    Json(AlertReply {
        status: "success".to_owned(),
        message,
        timestamp: api.clock.now(),
    })
}

/// What to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CleanupParams {
    /// Hours since the end of an alert. Default 24.
    #[param(maximum = 876_600)]
    older_than_hours: Option<u32>,
}

/// Deletes alerts that have been over for some time.
#[utoipa::path(delete, path = "/api/v1/alerts/cleanup", tag = "alerts", params(CleanupParams), security(("key" = [])),
    responses((status = 200, body = AlertReply, description = "Deleted"), (status = 422, description = "`older_than_hours` is out of bounds")))]
pub(super) async fn cleanup(
    State(api): State<Api>,
    Query(params): Query<CleanupParams>,
) -> Result<Json<AlertReply>, Problem> {
    let hours = params.older_than_hours.unwrap_or(24);
    if hours > MAX_HOURS {
        return Err(Problem::query(
            "older_than_hours",
            format!("want 0 to {MAX_HOURS}"),
        ));
    }
    let before = api.clock.now().plus_seconds(-3_600 * i64::from(hours));
    let deleted = api
        .store
        .delete_alerts(before)
        .await
        .map_err(store_problem)?;
    Ok(reply(&api, format!("Deleted {deleted} alerts")))
}
