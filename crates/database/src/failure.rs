//! What went wrong with a database, as situations that a caller can act on.

use std::path::PathBuf;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

/// A failed statement.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    /// The disk or the quota is full: nothing of the statement was kept.
    #[error("the disk is full: nothing of this was kept; free some space")]
    DiskFull(#[source] sqlx::Error),
    /// It cannot be written to.
    #[error(
        "the database cannot be written to: check the owner and mode of its file and folder, or the rights of its role"
    )]
    ReadOnly(#[source] sqlx::Error),
    /// The file is not a database, or is damaged.
    #[error("the database file is damaged")]
    Damaged(#[source] sqlx::Error),
    /// Too much work at once, or another program holds a lock; trying again may help.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// The server does not answer, or refuses the role or its password.
    #[error("the database server does not answer, or lets nobody in")]
    Unreachable(#[source] sqlx::Error),
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
    /// The server cannot be used.
    #[error("cannot use the database at {address}: {failure}{}", cause(failure))]
    Server {
        /// Where it is.
        address: String,
        /// Why.
        #[source]
        failure: StoreFailure,
    },
    /// Its tables cannot be brought up to date.
    #[error("cannot bring the tables of {database} up to date: {error}")]
    Migration {
        /// The file, or the address of the server.
        database: String,
        /// Why.
        error: sqlx::migrate::MigrateError,
    },
}

impl CannotOpen {
    /// Whether it is because the file is damaged, or no database.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::File { failure, .. } => matches!(failure, StoreFailure::Damaged(_)),
            Self::Migration { error, .. } => match error {
                MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                    is_damage(error)
                }
                _ => false,
            },
            Self::Folder { .. } | Self::Server { .. } => false,
        }
    }
}

fn is_damage(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    error
        .try_downcast_ref::<sqlx::sqlite::SqliteError>()
        .and_then(|error| error.code()?.parse::<u32>().ok())
        .is_some_and(|code| [11, 26].contains(&(code & 0xff)))
}

/// What the driver says, where the situation alone is not enough to act on.
fn cause(failure: &StoreFailure) -> String {
    let StoreFailure::Unreachable(error) = failure else {
        return String::new();
    };
    format!(" ({error})")
}

impl From<sqlx::Error> for StoreFailure {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy(error),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed => {
                Self::Unreachable(error)
            }
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default().into_owned();
                if database
                    .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                    .is_some()
                {
                    of_postgres(&code, error)
                } else {
                    of_sqlite(&code, error)
                }
            }
            _ => Self::Statement(error),
        }
    }
}

/// Primary result codes are the low byte of the extended ones: <https://www.sqlite.org/rescode.html>.
fn of_sqlite(code: &str, error: sqlx::Error) -> StoreFailure {
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => StoreFailure::Busy(error),
        Ok(8 | 14) => StoreFailure::ReadOnly(error),
        Ok(11 | 26) => StoreFailure::Damaged(error),
        Ok(13) => StoreFailure::DiskFull(error),
        _ => StoreFailure::Statement(error),
    }
}

/// The first two characters are the class: <https://www.postgresql.org/docs/17/errcodes-appendix.html>.
fn of_postgres(code: &str, error: sqlx::Error) -> StoreFailure {
    match code {
        "53100" => StoreFailure::DiskFull(error),
        "25006" | "42501" => StoreFailure::ReadOnly(error),
        "40001" | "40P01" | "53300" | "55P03" | "57014" => StoreFailure::Busy(error),
        "XX001" | "XX002" => StoreFailure::Damaged(error),
        // Class 08: connection; 57P: the server stops or starts; 28, 3D: it lets nobody in, or has no such database.
        _ if ["08", "57P", "28", "3D"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            StoreFailure::Unreachable(error)
        }
        _ => StoreFailure::Statement(error),
    }
}
