//! The metrics of this service by name: each is there, with 0, from the first scrape on, so that an alarm on it can be trusted.

use crate::live::LeaveReason;

/// Counters without labels.
const COUNTERS: [(&str, &str); 6] = [
    (
        "homeiq_events_received_total",
        "Events received from Home Assistant.",
    ),
    (
        "homeiq_backfill_rows_total",
        "Rows that reading the history added.",
    ),
    (
        "homeiq_renames_untold_total",
        "Renamed entities that data-api was not told of.",
    ),
    (
        "homeiq_ingest_delivered_total",
        "Events that data-api took, stored before or not.",
    ),
    ("homeiq_influxdb_points_total", "Points that InfluxDB took."),
    (
        "homeiq_house_entities_left_out_total",
        "Entities that the status of the house has no place for.",
    ),
];

/// Gauges without labels.
const GAUGES: [(&str, &str); 7] = [
    (
        "homeiq_ha_connected",
        "1 while connected to Home Assistant.",
    ),
    (
        "homeiq_spool_records",
        "Events on disk that data-api has not taken yet.",
    ),
    ("homeiq_spool_bytes", "Bytes of these."),
    (
        "homeiq_ingest_lag_seconds",
        "Time from an event until data-api had it.",
    ),
    (
        "homeiq_influxdb_spool_records",
        "Events on disk that InfluxDB has not taken yet.",
    ),
    ("homeiq_influxdb_spool_bytes", "Bytes of these."),
    ("homeiq_live_clients", "Clients of /ws and /ws/status."),
];

/// Why an event was not stored; `filtered` is what the owner asked for.
const DROP_REASONS: [&str; 11] = [
    "buffer_full",
    "spool_full",
    "spool_damaged",
    "unreadable",
    "invalid",
    "rejected",
    "refused",
    "registry_refused",
    "stopped",
    "history_unusable",
    "filtered",
];

/// Why an event is not in InfluxDB.
const INFLUXDB_DROP_REASONS: [&str; 6] = [
    "buffer_full",
    "spool_full",
    "spool_damaged",
    "invalid",
    "refused",
    "stopped",
];

/// Why a connection is made again.
const RECONNECT_REASONS: [&str; 6] = [
    "token_refused",
    "not_connected",
    "closed",
    "no_answer",
    "refused",
    "lost",
];

/// Why events may be missing.
const GAP_REASONS: [&str; 6] = [
    "disconnected",
    "not_running",
    "buffer_full",
    "spool_full",
    "spool_damaged",
    "unreadable",
];

/// Names all of them. The recorder must be there already.
pub(crate) fn register() {
    for (name, help) in COUNTERS {
        metrics::describe_counter!(name, help);
        metrics::counter!(name).increment(0);
    }
    for (name, help) in GAUGES {
        metrics::describe_gauge!(name, help);
        // Not set: somebody may have done so already.
        metrics::gauge!(name).increment(0.0);
    }
    metrics::describe_gauge!(
        "homeiq_gap_seconds_total",
        "Seconds from which events may be missing."
    );
    for reason in GAP_REASONS {
        metrics::gauge!("homeiq_gap_seconds_total", "reason" => reason).increment(0.0);
    }
    labelled(
        "homeiq_events_dropped_total",
        "Events that were not stored.",
        &DROP_REASONS,
    );
    labelled(
        "homeiq_influxdb_dropped_total",
        "Events that InfluxDB did not get.",
        &INFLUXDB_DROP_REASONS,
    );
    labelled(
        "homeiq_ha_reconnects_total",
        "Connections that ended or did not come about.",
        &RECONNECT_REASONS,
    );
    labelled(
        "homeiq_live_messages_dropped_total",
        "Messages that did not reach a client of /ws.",
        &["slow", "feed"],
    );
    let reasons = LeaveReason::ALL.map(LeaveReason::as_str);
    labelled(
        "homeiq_live_clients_dropped_total",
        "Clients that were let go of.",
        &reasons,
    );
}

fn labelled(name: &'static str, help: &'static str, reasons: &[&'static str]) {
    metrics::describe_counter!(name, help);
    for &reason in reasons {
        metrics::counter!(name, "reason" => reason).increment(0);
    }
}
