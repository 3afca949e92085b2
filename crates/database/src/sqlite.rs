//! SQLite: a file in WAL mode, one connection that writes, several that read.

pub mod raw;
pub mod side;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::failure::{CannotOpen, StoreFailure};

/// Connections that read at the same time: more than there are processors, since most of them wait for the disk when it is asked.
const READERS: u32 = 8;
/// How long a statement waits for a lock, or a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(30);
/// A connection that reads is closed when nobody has needed it for so long.
const READER_IDLE: Duration = Duration::from_secs(30);

/// An open database.
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// The one connection that writes: whoever holds it is alone.
    pub writer: SqlitePool,
    /// Connections that only read.
    pub readers: SqlitePool,
    path: PathBuf,
}

/// Opens the file, making it and its folder where needed, and brings its tables up to date.
pub async fn open(path: &Path, migrations: &Migrator) -> Result<Sqlite, CannotOpen> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        private_folder(folder).map_err(|error| CannotOpen::Folder {
            path: folder.to_owned(),
            error,
        })?;
    }
    let cannot = |error: sqlx::Error| CannotOpen::File {
        path: path.to_owned(),
        failure: error.into(),
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .statement_cache_capacity(200)
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-16000")
        // Pages of 4 KiB in the write-ahead log before they are folded into the file: under load one page is written many times.
        .pragma("wal_autocheckpoint", "8000")
        .pragma("journal_size_limit", "67108864");
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        // On a full disk SQLite itself ends the transaction; the driver then believes for ever that it is within one.
        .test_before_acquire(false)
        .before_acquire(|writer, _| {
            Box::pin(async move {
                writer.ping().await?;
                Ok(!writer.is_in_transaction())
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(cannot)?;
    migrations
        .run(&writer)
        .await
        .map_err(|error| CannotOpen::Migration {
            database: path.display().to_string(),
            error,
        })?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(PATIENCE)
        // A file does not go away as a server may; asking first would cost each statement a turn.
        .test_before_acquire(false)
        // What they keep of the file in memory is worth nothing when nobody asks: a new one is there in a millisecond.
        .idle_timeout(READER_IDLE)
        .connect_with(
            options
                .pragma("query_only", "on")
                // Enough for the upper levels of the trees; the operating system keeps what is below them.
                .pragma("cache_size", "-1000"),
        )
        .await
        .map_err(cannot)?;
    Ok(Sqlite {
        writer,
        readers,
        path: path.to_owned(),
    })
}

/// Opens a file of another program that may be writing to it. Nothing is changed: no table, no setting, no byte.
pub async fn open_read_only(path: &Path) -> Result<Sqlite, CannotOpen> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(PATIENCE)
        .row_buffer_size(1024)
        .pragma("query_only", "on")
        .pragma("temp_store", "memory")
        .pragma("cache_size", "-16000");
    let connect = |options| {
        SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
    };
    let cannot = |error: sqlx::Error| CannotOpen::File {
        path: path.to_owned(),
        failure: error.into(),
    };
    let pool = connect(options.clone()).await.map_err(cannot)?;
    // The first statement is what reads the file.
    let readers = match sqlx::query("SELECT 1 FROM sqlite_master LIMIT 1")
        .fetch_optional(&pool)
        .await
    {
        Ok(_) => pool,
        // A file in WAL mode needs two more beside it. Where they are not and cannot be made, nobody is writing to it either.
        Err(error) => match StoreFailure::from(error) {
            StoreFailure::ReadOnly(_) if !beside(path, "-wal").exists() => {
                pool.close().await;
                connect(options.immutable(true)).await.map_err(cannot)?
            }
            failure => {
                return Err(CannotOpen::File {
                    path: path.to_owned(),
                    failure,
                });
            }
        },
    };
    Ok(Sqlite {
        writer: readers.clone(),
        readers,
        path: path.to_owned(),
    })
}

/// A file that SQLite keeps beside its database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_path_buf().into_os_string();
    name.push(suffix);
    name.into()
}

/// Makes a folder, where it is not there, that only its owner may look into.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

impl Sqlite {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes on disk, with the write-ahead log.
    pub fn size_bytes(&self) -> u64 {
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        [self.path.clone(), wal.into()]
            .iter()
            .filter_map(|path| std::fs::metadata(path).ok())
            .map(|m| m.len())
            .sum()
    }

    /// Whether the file answers and can be written to.
    pub async fn check(&self) -> Result<(), StoreFailure> {
        // A lock alone says nothing: SQLite gives it on a file that it cannot write to. Dropped, the transaction leaves no trace.
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("CREATE TABLE write_check (x)")
            .execute(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        Ok(())
    }

    /// Folds the write-ahead log into the file and closes all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&self.writer)
            .await
        {
            tracing::warn!(%error, "the write-ahead log stays as it is; the next start reads it");
        }
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Row;

    fn no_tables() -> Migrator {
        Migrator::DEFAULT
    }

    #[tokio::test]
    async fn makes_the_folder_and_keeps_commits_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.db");
        let database = open(&path, &no_tables()).await.unwrap();
        let mode = sqlx::query("PRAGMA journal_mode")
            .fetch_one(&database.writer)
            .await
            .unwrap();
        assert_eq!(mode.get::<String, _>(0), "wal");
        let synchronous = sqlx::query("PRAGMA synchronous")
            .fetch_one(&database.writer)
            .await
            .unwrap();
        assert_eq!(synchronous.get::<i64, _>(0), 2, "2 is FULL");
        database.check().await.unwrap();
        database.close().await;
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_transaction_that_sqlite_ended_by_itself_does_not_end_all_writing() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder.path().join("a.db"), &no_tables())
            .await
            .unwrap();
        let mut transaction = database.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
        sqlx::query("ROLLBACK")
            .execute(&mut *transaction)
            .await
            .unwrap();
        drop(transaction);
        let transaction = database.writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
        transaction.commit().await.unwrap();
    }

    #[tokio::test]
    async fn readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder.path().join("a.db"), &no_tables())
            .await
            .unwrap();
        let error = sqlx::query("CREATE TABLE t (x)")
            .execute(&database.readers)
            .await
            .unwrap_err();
        assert!(matches!(
            StoreFailure::from(error),
            StoreFailure::ReadOnly(_)
        ));
    }

    #[tokio::test]
    async fn a_database_that_cannot_be_written_to_fails_its_check_and_one_that_can_keeps_no_trace()
    {
        let folder = tempfile::tempdir().unwrap();
        let database = open(&folder.path().join("a.db"), &no_tables())
            .await
            .unwrap();
        database.check().await.unwrap();
        database.check().await.unwrap();
        sqlx::query("PRAGMA query_only = on")
            .execute(&database.writer)
            .await
            .unwrap();
        assert!(matches!(
            database.check().await,
            Err(StoreFailure::ReadOnly(_))
        ));
    }

    #[tokio::test]
    async fn a_foreign_file_is_read_while_it_is_written_to_and_cannot_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("foreign.db");
        let theirs = open(&path, &no_tables()).await.unwrap();
        let write = |text: &'static str| sqlx::query(text).execute(&theirs.writer);
        write("CREATE TABLE t (x)").await.unwrap();
        write("INSERT INTO t VALUES (1)").await.unwrap();
        let ours = open_read_only(&path).await.unwrap();
        write("INSERT INTO t VALUES (2)").await.unwrap();
        let rows = sqlx::query("SELECT x FROM t")
            .fetch_all(&ours.readers)
            .await
            .unwrap();
        assert_eq!(rows.len(), 2);
        let error = sqlx::query("DELETE FROM t")
            .execute(&ours.writer)
            .await
            .unwrap_err();
        assert!(matches!(
            StoreFailure::from(error),
            StoreFailure::ReadOnly(_)
        ));
        theirs.close().await;
    }

    #[tokio::test]
    async fn a_foreign_file_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.db");
        assert!(open_read_only(&path).await.is_err());
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_database_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        std::fs::write(
            &path,
            "this is a text, long enough to be read as the header of a database file",
        )
        .unwrap();
        let told = open(&path, &no_tables()).await.unwrap_err().to_string();
        assert!(told.contains("a.db") && told.contains("damaged"), "{told}");
    }
}
