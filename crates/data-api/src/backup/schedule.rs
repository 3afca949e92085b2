//! Backups that are made by themselves.

use std::time::Duration;

use common::clock::Clock;
use common::lifecycle::Failure;
use common::schedule::Schedule;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::Backups;

/// The clock may be set while we sleep; so we look at it at least this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Makes one whenever it is due, until told to stop. One that fails does not end the others: why is in the log and in the list.
pub(crate) async fn keep(
    schedule: Schedule,
    zone: TimeZone,
    backups: Backups,
    clock: Clock,
    stop: CancellationToken,
) -> Result<(), Failure> {
    while let Some(next) = schedule.next_after(clock.now(), &zone) {
        while clock.now() < next {
            let wait =
                Duration::try_from_secs_f64(next.seconds_since(clock.now())).unwrap_or_default();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait.min(LONGEST_SLEEP)) => {}
            }
        }
        match backups.prepare(None) {
            Ok(job) => drop(backups.make(job).await),
            Err(error) => {
                tracing::error!("the scheduled backup is left out: {error}");
                backups.refused(&error);
            }
        }
    }
    tracing::warn!(%schedule, "this schedule never comes; backups are made only when asked for");
    stop.cancelled().await;
    Ok(())
}
