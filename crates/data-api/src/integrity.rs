//! Whether the database file is sound: what a start does with one that is not, and the check of every page while it serves.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::clock::Clock;
use common::health::Health;
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use database::failure::StoreFailure;
use database::sqlite::side::{self, Pace};
use database::url::DatabaseUrl;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::store::Store;
use crate::store::salvage::Report;
use crate::store::salvage::place::{self, InUse};

/// The part in `/health`.
const PART: &str = "database";
/// From the start to the check of every page: the busiest minute of a start is over.
const AFTER_START: Duration = Duration::from_secs(60);
/// The same after a sudden end.
const AFTER_SUDDEN_END: Duration = Duration::from_secs(1);
/// Before a check that could not be ended is tried again.
const AGAIN: Duration = Duration::from_secs(600);

/// What is known of the file. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Integrity(Arc<Mutex<Told>>);

/// How far the check is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckState {
    /// PostgreSQL looks after its files itself.
    #[default]
    NotChecked,
    /// It comes soon.
    Waiting,
    /// It is going on.
    Running,
    /// Nothing was found.
    Sound,
    /// Pages or rows make no sense.
    Damaged,
    /// It could not be ended, and is tried again.
    Failed,
}

/// As `/health` tells it.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Told {
    state: CheckState,
    /// Whether the run before this one ended without closing the file.
    after_sudden_end: bool,
    checked_at: Option<UtcMicros>,
    seconds: Option<f64>,
    complaints: Vec<String>,
    /// The last salvage, while the damaged file is still there.
    salvage: Option<Report>,
}

/// A file that is open.
#[derive(Debug)]
pub(crate) struct OpenFile {
    path: PathBuf,
    after: Duration,
    in_use: InUse,
}

/// Opens the store. A file that is damaged so that it cannot be opened is salvaged first.
pub(crate) async fn open(
    database: &DatabaseUrl,
    health: &Health,
    integrity: &Integrity,
    clock: &Clock,
) -> Result<(Store, Option<OpenFile>), Failure> {
    let DatabaseUrl::Sqlite(path) = database else {
        return Ok((Store::open(database).await?, None));
    };
    place::complete(path, clock.now())?;
    let log = side::log_of(path);
    let is_sudden = std::fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    let store = match Store::open(database).await {
        Err(error) if error.is_damage() => {
            tracing::error!("{error}; what can be read is carried over into a new file");
            let report = place::replace(path, clock.now()).await?;
            tracing::warn!("{report}");
            Store::open(database).await?
        }
        opened => opened?,
    };
    let salvage = place::last_report(path);
    if let Some(report) = &salvage {
        health.degrade(
            PART,
            format!("the file was damaged: {report}. Look at it, then delete the damaged file"),
        );
    }
    *integrity.lock() = Told {
        state: CheckState::Waiting,
        after_sudden_end: is_sudden,
        salvage,
        ..Told::default()
    };
    let file = OpenFile {
        path: path.clone(),
        after: if is_sudden {
            AFTER_SUDDEN_END
        } else {
            AFTER_START
        },
        in_use: InUse::mark(path),
    };
    Ok((store, Some(file)))
}

impl Integrity {
    /// What is known now.
    pub(crate) fn told(&self) -> Told {
        self.lock().clone()
    }

    /// Checks every page once, in the background and with half of the time for others, until the process stops.
    pub(crate) async fn check(
        self,
        file: OpenFile,
        health: Health,
        clock: Clock,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let mut wait = file.after;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
            self.lock().state = CheckState::Running;
            let pace = Pace::gentle();
            let stopper = pace.stopper();
            let begun = Instant::now();
            let checking = side::quick_check(&file.path, pace);
            tokio::pin!(checking);
            let found = tokio::select! {
                () = stop.cancelled() => {
                    drop(stopper);
                    drop(checking.await);
                    break;
                }
                found = &mut checking => found,
            };
            if self.ended(found, begun, &health, &clock) {
                stop.cancelled().await;
                break;
            }
            wait = AGAIN;
        }
        drop(file.in_use);
        Ok(())
    }

    /// Notes the outcome; false where there is none.
    fn ended(
        &self,
        found: Result<Vec<String>, StoreFailure>,
        begun: Instant,
        health: &Health,
        clock: &Clock,
    ) -> bool {
        let mut told = self.lock();
        let complaints = match found {
            Ok(complaints) => complaints,
            Err(failure) => {
                tracing::warn!(
                    "the check of the database file could not be ended, it is tried again later: {failure}"
                );
                told.state = CheckState::Failed;
                return false;
            }
        };
        told.checked_at = Some(clock.now());
        told.seconds = Some(begun.elapsed().as_secs_f64());
        metrics::gauge!("homeiq_db_sound").set(if complaints.is_empty() { 1.0 } else { 0.0 });
        if let Some(first) = complaints.first() {
            told.state = CheckState::Damaged;
            let reason = format!(
                "the file is damaged ({first}): stop data-api, run `data-api salvage` (or `homeiq salvage`), start it; or restore a backup. Look at the disk"
            );
            if health.degrade(PART, &*reason) {
                tracing::error!("{reason}");
            }
        } else {
            told.state = CheckState::Sound;
            tracing::info!(
                seconds = begun.elapsed().as_secs_f64(),
                "the database file was checked: it is sound"
            );
        }
        told.complaints = complaints;
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
