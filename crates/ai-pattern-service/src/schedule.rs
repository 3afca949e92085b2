//! When to look for habits: a cron line on the home's wall clock.

use std::time::Duration;

use common::clock::Clock;
use common::lifecycle::Failure;
pub use common::schedule::Schedule;
use tokio_util::sync::CancellationToken;

use crate::run::{Analyst, Cause};
use crate::zone::HomeZone;

/// The machine's clock may be set while we sleep; so we look at it at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Triggers a run whenever one is due, until told to stop.
pub(crate) async fn keep(
    schedule: Schedule,
    zone: HomeZone,
    clock: Clock,
    analyst: Analyst,
    stop: CancellationToken,
) -> Result<(), Failure> {
    'due: loop {
        let on = zone.current();
        let Some(next) = schedule.next_after(clock.now(), &on) else {
            break;
        };
        while clock.now() < next {
            let wait =
                Duration::try_from_secs_f64(next.seconds_since(clock.now())).unwrap_or_default();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait.min(LONGEST_SLEEP)) => {}
            }
            // The home's zone may have been learned since: the next run is at another instant then.
            if zone.current() != on {
                continue 'due;
            }
        }
        if analyst.trigger(Cause::Schedule).is_err() {
            tracing::info!("the scheduled analysis is left out: one is running");
        }
    }
    tracing::warn!(%schedule, "this schedule never comes; analyses run only when triggered");
    stop.cancelled().await;
    Ok(())
}
