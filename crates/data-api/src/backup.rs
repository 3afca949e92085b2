//! Copies of the database file: made while it is written to, checked, and kept to a number.
//!
//! A copy is written under another name, checked page by page, counted, and only then gets its name; so that whatever has the name of a
//! backup is one. A lock file lets one process at a time make one.

pub(crate) mod folder;
pub(crate) mod schedule;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use common::api::backup::{Backup, BackupList, BackupProgress, BackupStep};
use common::clock::Clock;
use common::instant::UtcMicros;
use database::failure::StoreFailure;
use database::sqlite::side::{self, Pace, Stopper};
use database::url::DatabaseUrl;

use crate::config::BackupConfig;
use folder::Folder;

/// Bytes that must stay free when a copy has been written.
const RESERVE_BYTES: u64 = 64 << 20;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBackup {
    /// The tables are not in a file.
    #[error("backups are made of a SQLite file; of a PostgreSQL database, make one with pg_dump")]
    NotSqlite,
    /// One is being made already.
    #[error("a backup is being made already: wait for it")]
    Running,
    /// It would fill the disk.
    #[error(
        "not enough space for a backup: {needed} bytes are needed in {}, {free} are free; free some space, set BACKUP_DIR to another disk, or lower BACKUP_KEEP and delete old ones",
        folder.display()
    )]
    NoSpace {
        /// Bytes needed.
        needed: u64,
        /// Bytes free.
        free: u64,
        /// Where.
        folder: PathBuf,
    },
    /// The folder or a file in it cannot be used.
    #[error("cannot write to {}: {error}. Set BACKUP_DIR to a folder that this user may write", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The copy could not be made; nothing of it was kept.
    #[error("the backup was not made, nothing of it was kept: {0}")]
    Copy(#[from] StoreFailure),
    /// The copy is not sound; nothing of it was kept.
    #[error(
        "the copy is not sound and was deleted: {0}. If this comes again, the database itself is damaged: see its check in /health"
    )]
    Unsound(String),
}

/// Makes and lists copies. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Backups(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The database file; none: PostgreSQL.
    source: Option<PathBuf>,
    folder: Folder,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: Option<(BackupProgress, PathBuf)>,
    last_error: Option<String>,
    stopper: Option<Stopper>,
    stopped: bool,
}

/// A backup that may be made now: the lock is held and there is space.
#[derive(Debug)]
pub(crate) struct Job {
    source: PathBuf,
    target: PathBuf,
    partial: PathBuf,
    started: UtcMicros,
    pace: Pace,
    _lock: std::fs::File,
}

impl Job {
    /// Where the copy will be.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}

impl Backups {
    pub(crate) fn new(database: &DatabaseUrl, config: &BackupConfig, clock: Clock) -> Self {
        let source = match database {
            DatabaseUrl::Sqlite(path) => Some(path.clone()),
            DatabaseUrl::Postgres(_) => None,
        };
        let beside = source.as_deref().and_then(Path::parent);
        let folder = config
            .folder
            .clone()
            .unwrap_or_else(|| beside.unwrap_or(Path::new("")).join("backups"));
        Self(Arc::new(Inner {
            source,
            folder: Folder {
                path: folder,
                keep: config.keep,
            },
            clock,
            state: Mutex::default(),
        }))
    }

    /// Looks whether one can be made now, and takes the lock. `target`: a file other than one in the folder of backups.
    pub(crate) fn prepare(&self, target: Option<PathBuf>) -> Result<Job, NoBackup> {
        let source = self.0.source.clone().ok_or(NoBackup::NotSqlite)?;
        let folder = &self.0.folder;
        let lock = folder.lock()?;
        let started = self.0.clock.now();
        let target = target.unwrap_or_else(|| folder.path.join(folder::name(started)));
        let mut partial = target.as_os_str().to_owned();
        partial.push(folder::PARTIAL);
        let needed = size(&source) + RESERVE_BYTES;
        let place = target.parent().unwrap_or(Path::new("."));
        match common::disk::of(place) {
            Some(disk) if disk.free_bytes < needed => {
                return Err(NoBackup::NoSpace {
                    needed,
                    free: disk.free_bytes,
                    folder: place.to_owned(),
                });
            }
            _ => {}
        }
        let job = Job {
            source,
            target,
            partial: partial.into(),
            started,
            pace: Pace::fast(),
            _lock: lock,
        };
        let mut state = self.lock();
        // A process that stops begins nothing: what nobody holds a stopper of has been stopped.
        let stopper = job.pace.stopper();
        state.stopper = (!state.stopped).then_some(stopper);
        state.running = Some((
            BackupProgress {
                started,
                step: BackupStep::Copying,
                bytes: 0,
                of_bytes: size(&job.source),
            },
            job.partial.clone(),
        ));
        drop(state);
        Ok(job)
    }

    /// Makes the copy. Whatever goes wrong leaves nothing behind that looks like one.
    pub(crate) async fn make(&self, job: Job) -> Result<Backup, NoBackup> {
        let made = self.copy(&job, job.pace.clone()).await;
        if made.is_err() {
            folder::delete(&job.partial);
        }
        let mut state = self.lock();
        state.running = None;
        state.stopper = None;
        match &made {
            Ok(backup) => {
                state.last_error = None;
                metrics::gauge!("homeiq_backup_newest_timestamp_seconds")
                    .set(backup.created.get() as f64 / 1e6);
                tracing::info!(
                    name = backup.name,
                    events = backup.events,
                    bytes = backup.size_bytes,
                    "a backup was made"
                );
            }
            Err(error) => {
                state.last_error = Some(error.to_string());
                metrics::counter!("homeiq_backup_failures_total").increment(1);
                tracing::error!("{error}");
            }
        }
        made
    }

    async fn copy(&self, job: &Job, pace: Pace) -> Result<Backup, NoBackup> {
        folder::empty_private_file(&job.partial)?;
        side::copy_into(&job.source, &job.partial, pace.clone()).await?;
        if let Some((progress, _)) = &mut self.lock().running {
            progress.step = BackupStep::Verifying;
        }
        let complaints = side::quick_check(&job.partial, pace).await?;
        if let Some(first) = complaints.into_iter().next() {
            return Err(NoBackup::Unsound(first));
        }
        let events = side::number(&job.partial, "SELECT COUNT(*) FROM events").await?;
        let counted = side::number(&job.partial, crate::store::COUNTED_EVENTS).await?;
        if events != counted {
            return Err(NoBackup::Unsound(format!(
                "it has {events} events and its count says {counted}"
            )));
        }
        let (partial, target, started) = (job.partial.clone(), job.target.clone(), job.started);
        let own = self.0.folder.clone();
        let finish = move || -> Result<Backup, NoBackup> {
            let backup = folder::finish(&partial, &target, started, events)?;
            own.prune();
            Ok(backup)
        };
        tokio::task::spawn_blocking(finish)
            .await
            .map_err(|error| NoBackup::Unsound(error.to_string()))?
    }

    /// Remembers why the last one could not be made.
    pub(crate) fn refused(&self, error: &NoBackup) {
        self.lock().last_error = Some(error.to_string());
    }

    /// Ends what is being made.
    pub(crate) fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        state.stopper = None;
    }

    /// What there is and what is being made.
    pub(crate) fn list(&self) -> Result<BackupList, NoBackup> {
        if self.0.source.is_none() {
            return Err(NoBackup::NotSqlite);
        }
        let backups = self.0.folder.list();
        let state = self.lock();
        let running = state.running.as_ref().map(|(progress, partial)| {
            let bytes = std::fs::metadata(partial).map_or(0, |file| file.len());
            BackupProgress {
                bytes,
                ..progress.clone()
            }
        });
        Ok(BackupList {
            count: backups.len(),
            backups,
            keep: self.0.folder.keep,
            running,
            last_error: state.last_error.clone(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a database file with its write-ahead log.
fn size(path: &Path) -> u64 {
    [path, &side::log_of(path)]
        .iter()
        .filter_map(|path| std::fs::metadata(path).ok())
        .map(|file| file.len())
        .sum()
}
