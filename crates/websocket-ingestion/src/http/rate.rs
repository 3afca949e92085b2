//! `/api/v1/event-rate`.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::app::Shared;
use crate::config::Home;
use crate::status::LinkState;

/// Size of a usual event: the queue is bounded in bytes, and this says of how many events that is, about.
const EVENT_BYTES: usize = 1024;

/// How many events come in and go out. Rates are those of the last minute and the last hour.
#[utoipa::path(get, path = "/api/v1/event-rate", tag = "status", responses((status = 200, description = "Rates and counts")))]
pub(super) async fn event_rate(State(shared): State<Shared>) -> Json<Value> {
    let (facts, now) = (shared.status.facts(), shared.clock.now());
    let rates = shared.live.pulse.rates(&facts);
    let uptime = shared.health.uptime_seconds();
    let (processed, failed) = (facts.stored + facts.duplicates, facts.failed());
    let is_running = !matches!(shared.config.home, Home::Off | Home::Unnamed);
    let success = if processed + failed == 0 {
        0.0
    } else {
        processed as f64 / (processed + failed) as f64 * 100.0
    };
    Json(json!({
        "service": "websocket-ingestion",
        "events_per_second": rounded(rates.received_per_second),
        "events_per_hour": rounded(rates.received_per_hour),
        "total_events_processed": processed,
        "uptime_seconds": uptime,
        "processing_stats": {
            "state": if is_running { "running" } else { "stopped" },
            "is_running": is_running,
            // One task reads, so that the order stays; nothing is dropped for its rate.
            "max_workers": 1,
            "active_workers": u8::from(is_running),
            "processing_rate_limit": null,
            "processed_events": processed,
            "failed_events": failed,
            "success_rate": rounded(success),
            "processing_rate_per_second": rounded(rates.processed_per_second),
            "average_processing_time_ms": rounded(facts.lag_seconds.unwrap_or(0.0) * 1000.0),
            "queue_size": shared.buffer.len(),
            "queue_maxsize": shared.config.buffer_bytes / EVENT_BYTES,
            "uptime_seconds": uptime,
            "last_processing_time": rates.last_processed,
            "event_handlers_count": 1,
        },
        "connection_stats": {
            "is_connected": facts.state == LinkState::Connected,
            "is_subscribed": facts.subscribed_since.is_some(),
            "total_events_received": facts.received,
            "events_by_type": facts.by_type,
            "last_event_time": facts.last_event,
        },
        "timestamp": now,
    }))
}

/// To two decimals.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
