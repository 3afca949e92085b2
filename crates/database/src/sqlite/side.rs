//! Long work on a database file beside its service: a check of every page, a copy. It has a connection of its own, can be stopped at
//! any time, and gives up where it would keep the write-ahead log from being folded in for too long.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row, query};

use crate::failure::StoreFailure;
use crate::sqlite::PATIENCE;

/// Steps of SQLite's machine between two looks at the time.
const STEPS: i32 = 5_000;
/// Work between two rests.
const STRETCH: Duration = Duration::from_millis(20);
/// Between two looks at the write-ahead log.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// As long as somebody reads, what is written meanwhile stays in the write-ahead log. At this many bytes the reading is given up.
pub const MAX_LOG_BYTES: u64 = 1 << 30;

/// How long work is done.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Rest for as long as it worked, so that others get the disk.
    pub gentle: bool,
    /// Bytes of the write-ahead log at which it gives up.
    pub max_log_bytes: u64,
    stop: Arc<AtomicBool>,
}

/// Stops the work when it is dropped.
#[derive(Debug)]
pub struct Stopper(Arc<AtomicBool>);

impl Drop for Stopper {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Pace {
    /// As fast as it goes.
    pub fn fast() -> Self {
        Self {
            gentle: false,
            max_log_bytes: MAX_LOG_BYTES,
            stop: Arc::default(),
        }
    }

    /// With half of the time for others.
    pub fn gentle() -> Self {
        Self {
            gentle: true,
            ..Self::fast()
        }
    }

    /// What stops the work: hold it as long as the work shall go on.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Called by SQLite as it works; false ends the work.
    fn watch(self, log: PathBuf) -> impl FnMut() -> bool + Send + 'static {
        let (mut worked_since, mut looked) = (Instant::now(), None::<Instant>);
        move || {
            if self.stop.load(Ordering::Relaxed) {
                return false;
            }
            if looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
                looked = Some(Instant::now());
                if std::fs::metadata(&log).is_ok_and(|log| log.len() > self.max_log_bytes) {
                    return false;
                }
            }
            let worked = worked_since.elapsed();
            if self.gentle && worked >= STRETCH {
                // This is the thread of the connection, where nobody else waits.
                std::thread::sleep(worked);
                worked_since = Instant::now();
            }
            true
        }
    }
}

/// The companion of a database file that holds its last commits.
pub fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

async fn connect(path: &Path, pace: Pace) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(PATIENCE)
        // Each page is needed once.
        .pragma("cache_size", "-2000")
        .connect()
        .await?;
    connection
        .lock_handle()
        .await?
        .set_progress_handler(STEPS, pace.watch(log_of(path)));
    Ok(connection)
}

/// Looks at every page of the file and every row of its tables. Returns what is wrong, at most 20 lines; none: it is sound.
pub async fn quick_check(path: &Path, pace: Pace) -> Result<Vec<String>, StoreFailure> {
    let mut connection = connect(path, pace).await?;
    let rows = query("PRAGMA quick_check(20)")
        .fetch_all(&mut connection)
        .await;
    connection.close().await.ok();
    let complaints = match rows.map_err(StoreFailure::from) {
        Ok(rows) => rows
            .iter()
            .map(|row| row.try_get::<String, _>(0))
            .collect::<Result<Vec<_>, _>>()?,
        Err(damaged @ StoreFailure::Damaged(_)) => vec![damaged.to_string()],
        Err(other) => return Err(other),
    };
    Ok(complaints.into_iter().filter(|line| line != "ok").collect())
}

/// Writes what the file holds at this instant into another one, without its holes. `target` must be empty or not there. Others go on
/// reading and writing meanwhile.
pub async fn copy_into(path: &Path, target: &Path, pace: Pace) -> Result<(), StoreFailure> {
    let mut connection = connect(path, pace).await?;
    let done = query("VACUUM INTO $1")
        .bind(target.display().to_string())
        .execute(&mut connection)
        .await;
    connection.close().await.ok();
    done?;
    Ok(())
}

/// One number that a statement finds in a file.
pub async fn number(path: &Path, statement: &'static str) -> Result<u64, StoreFailure> {
    let mut connection = connect(path, Pace::fast()).await?;
    let row = query(statement).fetch_one(&mut connection).await;
    connection.close().await.ok();
    Ok(row?.try_get::<i64, _>(0)?.max(0).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Sqlite, open};
    use sqlx::migrate::Migrator;

    async fn filled(path: &Path, rows: u32) -> Sqlite {
        let database = open(path, &Migrator::DEFAULT).await.unwrap();
        query("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL) STRICT")
            .execute(&database.writer)
            .await
            .unwrap();
        query(
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < $1) \
             INSERT INTO t SELECT x, hex(randomblob(100)) FROM n WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(rows)
        .execute(&database.writer)
        .await
        .unwrap();
        database
    }

    #[tokio::test]
    async fn a_copy_holds_what_was_committed_and_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("a.db"), folder.path().join("b.db"));
        let database = filled(&path, 5_000).await;
        copy_into(&path, &copy, Pace::fast()).await.unwrap();
        assert!(quick_check(&copy, Pace::fast()).await.unwrap().is_empty());
        assert_eq!(
            number(&copy, "SELECT COUNT(*) FROM t").await.unwrap(),
            5_000
        );
        database.close().await;
    }

    #[tokio::test]
    async fn a_check_names_damage_and_can_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        filled(&path, 20_000).await.close().await;
        let stopped = Pace::gentle();
        drop(stopped.stopper());
        quick_check(&path, stopped).await.unwrap_err();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2 / 4096 * 4096;
        bytes[middle..middle + 4096].fill(0x5a);
        std::fs::write(&path, bytes).unwrap();
        let told = quick_check(&path, Pace::gentle()).await.unwrap();
        assert!(!told.is_empty() && told.len() <= 20, "{told:?}");
    }

    #[tokio::test]
    async fn work_that_keeps_the_log_too_long_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let database = filled(&path, 100_000).await;
        let pace = Pace {
            max_log_bytes: 1,
            ..Pace::gentle()
        };
        quick_check(&path, pace).await.unwrap_err();
        database.close().await;
    }
}
