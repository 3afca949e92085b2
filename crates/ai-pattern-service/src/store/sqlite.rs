//! The tables in SQLite.

mod patterns;
mod runs;

use std::path::Path;
use std::sync::LazyLock;

use database::failure::{CannotOpen, StoreFailure};
use database::sqlite::Sqlite;
use sqlx::migrate::Migrator;

/// The bookkeeping of our migrations has a name of its own, so that a file may be shared with another service.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("../../shared/migrations/ai-pattern-service/sqlite");
    migrations.dangerous_set_table_name("_ai_pattern_service_migrations");
    migrations
});

/// The habits and runs on disk. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    database: Sqlite,
}

impl Store {
    /// Opens the database file, makes it where there is none, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, CannotOpen> {
        Ok(Self {
            database: database::sqlite::open(path, &MIGRATIONS).await?,
        })
    }

    /// Whether the store can be written to now.
    pub async fn check(&self) -> Result<(), StoreFailure> {
        self.database.check().await
    }

    /// Ends all work on the file.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
