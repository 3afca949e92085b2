//! The tables in SQLite.

pub(super) mod areas;
pub(super) mod complete;
pub(super) mod devices;
pub(super) mod entities;
mod floors;
mod former_names;
pub(super) mod gaps;
mod home;
pub(super) mod insert;
mod labels;
pub(super) mod newest;
mod renames;
mod row;
pub(super) mod services;

use std::sync::{Arc, Mutex, PoisonError};

use database::failure::{CannotOpen, StoreFailure};
use database::url::DatabaseUrl;
use database::{Database, Engine, Migrations};

use complete::EmptyLists;
use former_names::FormerNames;

use super::dictionary::Dictionaries;
use super::postgres::partitions::Partitions;

static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("../../shared/migrations/data-api/sqlite");
static POSTGRES: sqlx::migrate::Migrator =
    sqlx::migrate!("../../shared/migrations/data-api/postgres");
const MIGRATIONS: Migrations = Migrations {
    sqlite: &SQLITE,
    postgres: &POSTGRES,
};

/// The stored home. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) database: Database,
    pub(super) partitions: Partitions,
    pub(super) dictionaries: Arc<Mutex<Dictionaries>>,
    /// Read from the tables when it is nothing; see [`Store::forget_former_names`].
    former_names: Arc<Mutex<Option<Arc<FormerNames>>>>,
    empty_lists: Arc<EmptyLists>,
}

impl Store {
    /// Opens the database file, makes it where there is none, and brings its tables up to date.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, CannotOpen> {
        if matches!(url, DatabaseUrl::Postgres(_)) {
            return Err(CannotOpen::Unsupported);
        }
        Ok(Self {
            database: Database::open(url, MIGRATIONS).await?,
            partitions: Partitions::default(),
            dictionaries: Arc::default(),
            former_names: Arc::default(),
            empty_lists: Arc::default(),
        })
    }

    fn sqlite(&self) -> &database::sqlite::Sqlite {
        match &self.database.engine {
            Engine::Sqlite(sqlite) => sqlite,
            Engine::Postgres(_) => unreachable!("not ported yet"),
        }
    }

    /// Whether the store can be written to now.
    pub async fn check(&self) -> Result<(), StoreFailure> {
        self.database.check().await
    }

    /// Bytes on disk.
    pub async fn size_bytes(&self) -> Result<u64, StoreFailure> {
        self.database.size_bytes().await
    }

    /// How many dictionary entries are held in memory.
    pub fn cached(&self) -> usize {
        self.dictionaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Ends all work on the file.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
