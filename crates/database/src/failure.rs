//! What went wrong with a database, as situations that a caller can act on.

use std::path::PathBuf;

/// A failed statement.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    /// The disk or the quota is full: nothing of the statement was kept.
    #[error("the disk is full: nothing of this was kept; free some space")]
    DiskFull(#[source] sqlx::Error),
    /// The file cannot be written to.
    #[error("the database cannot be written to: check the owner and mode of its file and folder")]
    ReadOnly(#[source] sqlx::Error),
    /// The file is not a database, or is damaged.
    #[error("the database file is damaged")]
    Damaged(#[source] sqlx::Error),
    /// Too much work at once, or another program holds a lock; trying again may help.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// A statement that should not have failed.
    #[error("the database refused a statement: {0}")]
    Statement(#[source] sqlx::Error),
}

/// A database that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// Its folder cannot be made.
    #[error("cannot make the folder {}: {error}. Set DATABASE_URL to a file that this user may write", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file cannot be opened.
    #[error("cannot open the database {}: {failure}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        failure: StoreFailure,
    },
    /// Its tables cannot be brought up to date.
    #[error("cannot bring the tables of {} up to date: {error}", path.display())]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why.
        error: sqlx::migrate::MigrateError,
    },
}

impl From<sqlx::Error> for StoreFailure {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(database) => {
                database.code().and_then(|code| code.parse::<u32>().ok())
            }
            sqlx::Error::PoolTimedOut => return Self::Busy(error),
            _ => None,
        };
        // Primary result codes of SQLite are the low byte of the extended ones: https://www.sqlite.org/rescode.html
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => Self::Busy(error),
            Some(8 | 14) => Self::ReadOnly(error),
            Some(11 | 26) => Self::Damaged(error),
            Some(13) => Self::DiskFull(error),
            _ => Self::Statement(error),
        }
    }
}
