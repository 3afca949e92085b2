//! The first analysis, soon after a first start: as soon as there is enough to look at and it has stopped pouring in.

use std::sync::PoisonError;
use std::time::Duration;

use common::api::events::EventStats;
use common::lifecycle::Failure;
use common::retry::RetryPolicy;
use tokio_util::sync::CancellationToken;

use crate::run::{Analyst, Cause};

/// Days of the past that must be there.
pub(super) const MIN_DAYS: u32 = 3;
/// The store has settled when it grew by less than this between two looks: what happens live comes slower than what is filled in.
const SETTLED_EVENTS: u64 = 200;
/// Between two looks while the store is filling.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// For a home that is collecting its first days.
const COLLECTING: RetryPolicy = RetryPolicy {
    first: LOOK_AGAIN,
    longest: Duration::from_secs(60),
};

/// Triggers the first run when it makes sense. Quiet while data-api is away; then idle until told to stop.
pub(crate) async fn first_look(analyst: Analyst, stop: CancellationToken) -> Result<(), Failure> {
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        () = wait_and_trigger(&analyst) => {}
    }
    stop.cancelled().await;
    Ok(())
}

async fn wait_and_trigger(analyst: &Analyst) {
    let mut away = RetryPolicy::SIBLING.start();
    let mut collecting = COLLECTING.start();
    let mut before: Option<u64> = None;
    loop {
        match analyst.0.parts.store.has_looked_at(MIN_DAYS).await {
            Ok(false) => {}
            Ok(true) => break,
            Err(failure) => {
                tracing::error!(error = %failure, "whether an analysis was ever made cannot be read: none is made at the start");
                break;
            }
        }
        let wait = match analyst.0.parts.data_api.event_stats("1h").await {
            Err(failed) => {
                analyst
                    .0
                    .parts
                    .health
                    .degrade("data_api", failed.to_string());
                analyst.wait_for("data-api does not answer yet");
                away.next_wait()
            }
            Ok(stats) => {
                analyst.0.parts.health.restore("data_api");
                away.reset();
                let days = days_of(&stats);
                let settled = before
                    .is_some_and(|before| stats.stored_events.abs_diff(before) < SETTLED_EVENTS);
                before = Some(stats.stored_events);
                if days < f64::from(MIN_DAYS) {
                    analyst.wait_for(&format!("{} of {MIN_DAYS} days collected", days.floor()));
                    collecting.next_wait()
                } else if settled {
                    if analyst.trigger(Cause::Start).is_err() {
                        tracing::debug!("a run is under way, which is as good as a first one");
                    }
                    break;
                } else {
                    analyst.wait_for("the past is still coming in");
                    LOOK_AGAIN
                }
            }
        };
        tokio::time::sleep(wait).await;
    }
    analyst.waits_no_more();
}

fn days_of(stats: &EventStats) -> f64 {
    match (stats.oldest, stats.newest) {
        (Some(oldest), Some(newest)) => newest.seconds_since(oldest) / 86_400.0,
        _ => 0.0,
    }
}

impl Analyst {
    fn wait_for(&self, what: &str) {
        *self
            .0
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(what.to_owned());
    }

    fn waits_no_more(&self) {
        *self
            .0
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}
