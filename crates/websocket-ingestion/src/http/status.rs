//! `/`, `/live`, `/ready`, `/health`, and what `/ws` says of the same.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::instant::UtcMicros;
use common::process;
use serde_json::{Value, json};

use super::rate::rounded;
use crate::app::Shared;
use crate::config::{Home, Role};
use crate::sink::InfluxWay;
use crate::status::{Facts, LinkState};

/// Seconds without any event after which a subscription looks dead.
const QUIET_SECONDS: f64 = 60.0;

/// Greets.
#[utoipa::path(get, path = "/", tag = "status", responses((status = 200, description = "Name, version, status")))]
pub(super) async fn root() -> Json<Value> {
    Json(
        json!({"service": "websocket-ingestion", "version": env!("CARGO_PKG_VERSION"), "status": "operational"}),
    )
}

/// The process turns.
#[utoipa::path(get, path = "/live", tag = "status", responses((status = 200, description = "Alive")))]
pub(super) async fn live() -> Json<Value> {
    Json(json!({"status": "live"}))
}

/// The service can take events. Home Assistant and data-api may be away: events wait.
#[utoipa::path(get, path = "/ready", tag = "status",
    responses((status = 200, description = "Ready"), (status = 503, description = "Not ready, and why")))]
pub(super) async fn ready(State(shared): State<Shared>) -> (StatusCode, Json<Value>) {
    let waiting = shared.health.waiting_for();
    if waiting.is_empty() {
        (StatusCode::OK, Json(json!({"status": "ready"})))
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({"status": "not_ready", "waiting_for": waiting})),
        )
    }
}

/// `healthy`, or `degraded` with the reasons.
fn status(shared: &Shared, facts: &Facts, now: UtcMicros) -> &'static str {
    let quiet = facts.subscribed_since.is_some_and(|since| {
        now.seconds_since(
            facts
                .last_event
                .filter(|event| *event > since)
                .unwrap_or(since),
        ) > QUIET_SECONDS
            && facts.received == facts.received_before_session
    });
    if facts.subscribed_since.is_some() && shared.health.is_whole() && !quiet {
        "healthy"
    } else {
        "degraded"
    }
}

/// `H:MM:SS.ffffff`, with days in front where there are any, as the replaced service wrote it.
fn uptime_text(seconds: f64) -> String {
    let micros = (seconds * 1e6) as u64;
    let (whole, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (days, rest) = (whole / 86_400, whole % 86_400);
    let time = format!(
        "{}:{:02}:{:02}.{fraction:06}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    );
    match days {
        0 => time,
        1 => format!("1 day, {time}"),
        days => format!("{days} days, {time}"),
    }
}

/// State of the service, of its connection and of what it delivered.
#[utoipa::path(get, path = "/health", tag = "status", responses((status = 200, description = "healthy or degraded, with reasons")))]
pub(super) async fn health(State(shared): State<Shared>) -> Json<Value> {
    let (facts, now) = (shared.status.facts(), shared.clock.now());
    let session = facts.received - facts.received_before_session;
    let (rates, usage) = (shared.live.pulse.rates(&facts), process::usage());
    let running = !matches!(shared.config.home, Home::Off | Home::Unnamed);
    Json(json!({
        "status": status(&shared, &facts, now),
        "service": "websocket-ingestion",
        "version": env!("CARGO_PKG_VERSION"),
        "uptime": uptime_text(shared.health.uptime_seconds()),
        "uptime_seconds": shared.health.uptime_seconds(),
        "timestamp": now,
        "connection": {
            "is_running": running && facts.state != LinkState::Disconnected,
            "current_state": facts.state,
            "home_assistant_starting": facts.starting,
            "current_connection": facts.over.as_ref().map(|over| over.role),
            "url": facts.over.as_ref().map(|over| over.url.as_str()),
            "fallback_since": facts.over.as_ref().filter(|over| over.role == Role::Fallback).map(|over| over.since),
            "switches": facts.switches,
            "clock_offset_seconds": shared.home_time.ahead_seconds(now),
            "connection_attempts": facts.attempts,
            "successful_connections": facts.successes,
            "failed_connections": facts.failures,
            "last_successful": facts.last_successful,
            "last_error": facts.last_error,
            "home_assistant_version": facts.home_assistant_version,
        },
        "subscription": {
            "is_subscribed": facts.subscribed_since.is_some(),
            "active_subscriptions": usize::from(facts.subscribed_since.is_some()),
            "total_events_received": facts.received,
            "session_events_received": session,
            "historical_events_received": facts.backfill.rows,
            "events_by_type": facts.by_type,
            "last_event_time": facts.last_event,
            "event_rate_per_minute": rounded(rates.received_per_second * 60.0),
        },
        "delivery": {"stored": facts.stored, "duplicates": facts.duplicates, "dropped": facts.dropped,
            "waiting": shared.buffer.len(), "capacity_bytes": shared.config.buffer_bytes},
        "spool": {"records": facts.spool_records, "bytes": facts.spool_bytes, "max_bytes": shared.config.spool_max_bytes,
            "damaged_files": facts.spool_set_aside},
        "influxdb": shared.influxdb.as_deref().map(InfluxWay::told),
        "registry": {"devices": facts.devices, "entities": facts.entities},
        "backfill": facts.backfill,
        "gaps": shared.gaps.told(),
        "degraded": shared.health.degradations(),
        "circuit_breaker": facts.breaker(),
        "performance": {"memory_mb": usage.map(|usage| rounded(usage.resident_bytes as f64 / 1_048_576.0)),
            "cpu_percent": rates.cpu_percent.map(rounded)},
        "git_sha": shared.config.build.git_sha.as_deref().unwrap_or("unknown"),
        "build_time": shared.config.build.time.as_deref().unwrap_or("unknown"),
    }))
}

/// The same as `/health`, under the name by which it used to be asked for in detail.
#[utoipa::path(get, path = "/health/detailed", tag = "status", responses((status = 200, description = "As /health")))]
pub(super) async fn health_detailed(state: State<Shared>) -> Json<Value> {
    health(state).await
}

/// What a person would call the state of the service: without the counts, which are others every second.
pub(crate) fn standing(shared: &Shared, facts: &Facts) -> Value {
    json!({
        "status": status(shared, facts, shared.clock.now()),
        "current_state": facts.state,
        "is_subscribed": facts.subscribed_since.is_some(),
        "last_error": facts.last_error,
        "degraded": shared.health.degradations(),
    })
}

/// The message about it to the clients of `/ws`.
pub(crate) fn message(shared: &Shared) -> Value {
    let facts = shared.status.facts();
    let mut state = standing(shared, &facts);
    state["events_per_second"] =
        json!(rounded(shared.live.pulse.rates(&facts).received_per_second));
    state["total_events_received"] = json!(facts.received);
    state["last_event_time"] = json!(facts.last_event);
    state["waiting"] = json!(shared.buffer.len());
    state["spool_records"] = json!(facts.spool_records);
    state["timestamp"] = json!(shared.clock.now());
    json!({"type": "status", "channel": "status", "status": state})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_written_as_before() {
        assert_eq!(uptime_text(20.964_202), "0:00:20.964202");
        assert_eq!(uptime_text(90_061.5), "1 day, 1:01:01.500000");
        assert_eq!(uptime_text(180_000.0), "2 days, 2:00:00.000000");
    }
}
