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

use std::sync::{Arc, Mutex, PoisonError};

use common::instant::UtcMicros;
use database::failure::{CannotOpen, StoreFailure};
use database::url::DatabaseUrl;
use database::{Database, Engine, Migrations};

use complete::EmptyLists;
use dictionary::Dictionaries;
use former_names::FormerNames;

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
    pub(in crate::store) database: Database,
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
    pub async fn open(url: &DatabaseUrl) -> Result<Self, CannotOpen> {
        if matches!(url, DatabaseUrl::Postgres(_)) {
            return Err(CannotOpen::Unsupported);
        }
        Ok(Self {
            database: Database::open(url, MIGRATIONS).await?,
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

    /// Number of events, and their span.
    pub async fn totals(&self) -> Result<Totals, StoreFailure> {
        let row = self.database.fetch_one(
            "SELECT (SELECT stored FROM event_totals), (SELECT MIN(last_updated_us) FROM events), \
             (SELECT MAX(last_updated_us) FROM events)",
        )
        .await?;
        Ok(Totals {
            events: row.count(0)?,
            oldest: instant(row.get(1)?),
            newest: instant(row.get(2)?),
        })
    }

    /// Ends all work on the file.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// A nullable column of microseconds.
fn instant(micros: Option<i64>) -> Option<UtcMicros> {
    micros.and_then(|micros| UtcMicros::new(micros).ok())
}
