//! Where a service of a test keeps what it keeps.

use std::path::Path;

use tempfile::TempDir;

use crate::Postgres;

/// A folder, and a database in it or on a server of its own.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    /// `DATABASE_URL`.
    pub database: String,
    _server: Option<Postgres>,
}

impl Place {
    /// A place of its own for one service, with its tables on a PostgreSQL or in a SQLite file.
    ///
    /// # Errors
    /// The folder cannot be made, or the server does not start.
    pub async fn new(on_postgres: bool) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        if !on_postgres {
            return Ok(Self::of(folder));
        }
        let server = Postgres::start().await?;
        let database = server.create_owned_database("home").await?;
        Ok(Self::with(folder, database, Some(server)))
    }

    /// A folder, and a database that is elsewhere.
    pub fn with(folder: TempDir, database: String, server: Option<Postgres>) -> Self {
        Self {
            folder,
            database,
            _server: server,
        }
    }

    /// A folder with a SQLite file, or with nothing.
    pub fn of(folder: TempDir) -> Self {
        let database = format!("sqlite://{}", folder.path().join("homeiq.db").display());
        Self::with(folder, database, None)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}
