//! The counters of what is stored: there, with 0, from the first scrape on.

/// Names them. The recorder must be there already.
pub(super) fn register() {
    for (name, help) in [
        (
            "homeiq_events_stored_total",
            "State changes that were stored.",
        ),
        (
            "homeiq_events_duplicate_total",
            "State changes that were stored before.",
        ),
    ] {
        metrics::describe_counter!(name, help);
        metrics::counter!(name).increment(0);
    }
    metrics::describe_counter!(
        "homeiq_backup_failures_total",
        "Backups that were not made."
    );
    metrics::counter!("homeiq_backup_failures_total").increment(0);
    metrics::describe_gauge!(
        "homeiq_backup_newest_timestamp_seconds",
        "When the newest backup of this run was made."
    );
    metrics::describe_gauge!(
        "homeiq_db_sound",
        "1: the last check of the database file found nothing; 0: it is damaged."
    );
    metrics::counter!("homeiq_events_dropped_total", "reason" => "rejected").increment(0);
    metrics::describe_gauge!("homeiq_db_size_bytes", "Size of the database.");
    metrics::gauge!("homeiq_db_size_bytes").increment(0.0);
}
