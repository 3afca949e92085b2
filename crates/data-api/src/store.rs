//! What is stored and how it is asked for. Everything that knows SQL is below this module.

mod alerts;
mod areas;
mod attributes;
mod change;
mod complete;
mod config_entries;
pub mod context_key;
mod contexts;
mod counts;
mod device_kind;
mod devices;
mod dictionary;
mod edges;
mod entities;
mod event_counts;
mod events;
mod export;
mod filter;
mod floors;
mod former_names;
mod gaps;
mod history;
mod home;
mod ingest;
mod inline_state;
mod keys;
mod labels;
mod newest_states;
mod platforms;
mod postgres;
mod registry_row;
mod renames;
pub mod reported;
mod row;
pub(crate) mod salvage;
mod services;
mod sqlite;
mod statistics;
mod storage;
mod sweep;
mod upkeep;
mod writer;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use common::api::events::{Context, Origin};
use common::entity::EntityId;
use common::instant::UtcMicros;
use database::failure::CannotOpen;
use database::url::DatabaseUrl;
use database::{Database, Migrations};

use complete::EmptyLists;
use dictionary::Dictionaries;
use edges::Edges;
use former_names::FormerNames;
use postgres::partitions::Partitions;
use sqlite::newest::Top;
use sqlite::recent::Recent;
use sqlite::tail::Tail;
use sweep::Sweeping;

pub use alerts::AlertFilter;
pub use complete::Upserted;
pub use counts::{PeriodCounts, Totals};
pub use database::failure::StoreFailure;
pub use device_kind::DeviceKind;
pub use devices::DeviceFilter;
pub use entities::EntityFilter;
pub use event_counts::NewestRow;
pub use events::{Page, Scanned};
pub(crate) use export::{Part as ExportPart, Texts as ExportTexts};
pub use gaps::GapFilter;
pub(crate) use history::Words;
pub use keys::{Added, StoredKey};
pub use newest_states::NewestState;
pub use services::ReportedService;
pub use upkeep::DeviceGroup;
pub use writer::EventWriter;

/// How many events a SQLite file says it has, in a statement that reads no event.
pub(crate) const COUNTED_EVENTS: &str = "SELECT stored FROM event_totals";
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
    database: Database,
    partitions: Partitions,
    top: Top,
    tail: Tail,
    recent: Recent,
    edges: Edges,
    dictionaries: Arc<Mutex<Dictionaries>>,
    /// Read from the tables when it is nothing; see [`Store::forget_former_names`].
    former_names: Arc<Mutex<Option<Arc<FormerNames>>>>,
    empty_lists: Arc<EmptyLists>,
    sweeping: Sweeping,
}

impl Store {
    /// Opens the database, makes a file where there is none, and brings its tables up to date.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, CannotOpen> {
        let store = Self {
            database: Database::open(url, MIGRATIONS).await?,
            partitions: Partitions::default(),
            top: Top::default(),
            tail: Tail::default(),
            recent: Recent::default(),
            edges: Edges::default(),
            dictionaries: Arc::default(),
            former_names: Arc::default(),
            empty_lists: Arc::default(),
            sweeping: Sweeping::default(),
        };
        // Nothing can be stored yet. A table that cannot be read now is looked at by every question, and says so there.
        if let Ok(totals) = store.totals().await {
            let newest_us = totals.newest.map_or(i64::MIN, UtcMicros::get);
            store.top.begin(newest_us);
            store.tail.begin(newest_us);
            store.recent.begin(newest_us);
        }
        Ok(store)
    }

    /// Whether the store can be written to now.
    pub async fn check(&self) -> Result<(), StoreFailure> {
        self.database.check().await
    }

    /// `sqlite` or `postgresql`.
    pub fn engine(&self) -> &'static str {
        self.database.name()
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

    /// Ends all work on it.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

/// A state change that can be stored.
#[derive(Debug, Clone)]
pub struct ValidEvent {
    /// The entity.
    pub entity_id: EntityId,
    /// Its state; none when it was removed.
    pub state: Option<String>,
    /// Its attributes, a JSON object.
    pub attributes: Option<String>,
    /// When the state became another one, if that was before `last_updated`.
    pub last_changed: Option<UtcMicros>,
    /// When it was written: with `entity_id` its identity.
    pub last_updated: UtcMicros,
    /// Its cause.
    pub context: Context,
    /// How it reached us.
    pub origin: Origin,
    /// Written while Home Assistant was starting.
    pub startup: bool,
    /// Device and area, when the sender knows them.
    pub placement: Placement,
}

/// Where an entity is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// Its device.
    pub device_id: Option<String>,
    /// Its area, or its device's.
    pub area_id: Option<String>,
}

/// Which events to read, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// One entity.
    pub entity_id: Option<String>,
    /// Entities of a device.
    pub device_id: Option<String>,
    /// Entities in an area.
    pub area_id: Option<String>,
    /// Entities whose registry entry has this `entity_category`.
    pub entity_category: Option<String>,
    /// Entities whose registry entry has another `entity_category`, or none.
    pub exclude_category: Option<String>,
    /// Entities of a category such as `lighting`.
    pub event_category: Option<String>,
    /// From this instant on.
    pub start: Option<UtcMicros>,
    /// Up to this instant, inclusive.
    pub end: Option<UtcMicros>,
    /// After the row that ended the page before.
    pub cursor: Option<Cursor>,
    /// Rows to pass over.
    pub offset: u32,
    /// Rows to read.
    pub limit: u32,
    /// Leaves attributes out.
    pub no_attributes: bool,
}

/// The place between two rows at which a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    last_updated_us: i64,
    entity: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.last_updated_us, self.entity)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('.')
            .and_then(|(at, entity)| {
                Some(Self {
                    last_updated_us: at.parse().ok()?,
                    entity: entity.parse().ok()?,
                })
            })
            .ok_or("not a cursor: take it from the header x-next-cursor of the page before")
    }
}

/// What became of the rows of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Appended {
    /// Rows that are new.
    pub stored: usize,
    /// Rows that were there.
    pub duplicates: usize,
}

impl std::iter::Sum for Appended {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            stored: sum.stored + one.stored,
            duplicates: sum.duplicates + one.duplicates,
        })
    }
}
