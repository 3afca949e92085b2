//! Analyses: set one off, see how it goes, see when the next one comes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::http::problem::Problem;
use serde_json::{Value, json};

use super::patterns::Counts;
use super::{Api, store_problem};
use crate::run::Cause;
use crate::store::RunRecord;

/// Sets off an analysis.
#[utoipa::path(post, path = "/api/analysis/trigger", tag = "analysis",
    responses((status = 200, description = "It runs now"), (status = 409, description = "One is running already")))]
pub(super) async fn trigger(State(api): State<Api>) -> (StatusCode, Json<Value>) {
    match api.analyst.trigger(Cause::Trigger) {
        Ok(()) => {
            let body =
                json!({"success": true, "message": "the analysis has begun", "status": "running"});
            (StatusCode::OK, Json(body))
        }
        Err(running) => {
            let text = running.to_string();
            let body = json!({"success": false, "message": text, "detail": text, "status": "running", "running": running.0});
            (StatusCode::CONFLICT, Json(body))
        }
    }
}

/// What is running, what the last run did, and what there is.
#[utoipa::path(get, path = "/api/analysis/status", tag = "analysis", responses((status = 200, description = "The status")))]
pub(super) async fn status(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let counts = Counts::read(&api.store, api.clock.now())
        .await
        .map_err(store_problem)?;
    let last_run = api.store.last_run().await.map_err(store_problem)?;
    let running = api.analyst.running();
    let waiting_for = api.analyst.waiting_for();
    let state = match (&running, &waiting_for) {
        (Some(_), _) => "running",
        (None, Some(_)) => "waiting",
        (None, None) => "idle",
    };
    Ok(Json(json!({
        "status": "ready",
        "patterns": {
            "total_patterns": counts.total,
            "by_type": counts.by_type,
            "unique_devices": counts.devices.len(),
            "avg_confidence": counts.average_confidence(),
        },
        "scheduler": {
            "status": "running",
            "schedule": api.schedule.to_string(),
            "last_run": last_run.as_ref().map(|run| run.ended_at),
            "next_run": api.schedule.next_after(api.clock.now(), &api.zone.current()),
        },
        "suggestions": {"pending_count": 0, "recent": []},
        "collected": collected(last_run.as_ref()),
        "analysis": {"state": state, "running": running, "waiting_for": waiting_for, "last_run": last_run},
    })))
}

/// How many days the last run had to look at, where they are too few to tell anything: `6 of 14 days collected`.
fn collected(last_run: Option<&RunRecord>) -> Option<Value> {
    let report = &last_run?.report;
    let (days, wanted) = (
        report["days_lived_in"].as_u64()?,
        report["days_wanted"].as_u64()?,
    );
    let message = format!("{days} of {wanted} days collected");
    (days < wanted).then(|| json!({"days": days, "days_wanted": wanted, "message": message}))
}

/// When analyses run.
#[utoipa::path(get, path = "/api/analysis/schedule", tag = "analysis", responses((status = 200, description = "The schedule")))]
pub(super) async fn schedule(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let last_run = api.store.last_run().await.map_err(store_problem)?;
    let next_run = api
        .schedule
        .next_after(api.clock.now(), &api.zone.current());
    Ok(Json(json!({
        "schedule": api.schedule.to_string(),
        "time_zone": api.zone.current().iana_name(),
        "enabled": true,
        "incremental_enabled": true,
        "next_run": next_run,
        "last_run": last_run.map(|run| run.ended_at),
    })))
}
