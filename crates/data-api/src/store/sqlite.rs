//! The tables in SQLite.

pub(super) mod areas;
pub(super) mod complete;
pub(super) mod devices;
mod dictionary;
pub(super) mod entities;
pub(super) mod events;
mod filter;
mod floors;
mod former_names;
pub(super) mod gaps;
mod home;
mod ingest;
mod labels;
mod renames;
mod row;
pub(super) mod services;
pub(super) mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use common::instant::UtcMicros;
use database::failure::{CannotOpen, StoreFailure};
use database::sqlite::Sqlite;
use sqlx::Row;

use complete::EmptyLists;
use dictionary::Dictionaries;
use former_names::FormerNames;

static MIGRATIONS: sqlx::migrate::Migrator =
    sqlx::migrate!("../../shared/migrations/data-api/sqlite");

/// The stored home. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    database: Sqlite,
    dictionaries: Arc<Mutex<Dictionaries>>,
    /// Read from the tables when it is nothing; see [`Store::forget_former_names`].
    former_names: Arc<Mutex<Option<Arc<FormerNames>>>>,
    empty_lists: Arc<EmptyLists>,
}

/// The size of the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Events.
    pub events: u64,
    /// Instant of the oldest.
    pub oldest: Option<UtcMicros>,
    /// Instant of the newest.
    pub newest: Option<UtcMicros>,
}

impl Store {
    /// Opens the database file, makes it where there is none, and brings its tables up to date.
    pub async fn open(path: &Path) -> Result<Self, CannotOpen> {
        Ok(Self {
            database: database::sqlite::open(path, &MIGRATIONS).await?,
            dictionaries: Arc::default(),
            former_names: Arc::default(),
            empty_lists: Arc::default(),
        })
    }

    /// Whether the store can be written to now.
    pub async fn check(&self) -> Result<(), StoreFailure> {
        self.database.check().await
    }

    /// Bytes on disk.
    pub fn size_bytes(&self) -> u64 {
        self.database.size_bytes()
    }

    /// How many dictionary entries are held in memory.
    pub fn cached(&self) -> usize {
        self.dictionaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Number of events, and their span.
    pub async fn totals(&self) -> Result<Totals, StoreFailure> {
        let row = sqlx::query(
            "SELECT (SELECT stored FROM event_totals), (SELECT MIN(last_updated_us) FROM events), \
             (SELECT MAX(last_updated_us) FROM events)",
        )
        .fetch_one(&self.database.readers)
        .await?;
        Ok(Totals {
            events: row.try_get::<i64, _>(0)?.unsigned_abs(),
            oldest: row::instant(&row, 1)?,
            newest: row::instant(&row, 2)?,
        })
    }

    /// Ends all work on the file.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
