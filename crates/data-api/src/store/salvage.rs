//! What can be read of a damaged SQLite file, carried over into a new one.
//!
//! Rows are taken as they are where they can be right: of the form of their table, with keys in order, an attribute set of the hash that
//! it is known by, a state that is known. Everything else counts as lost, and its time becomes a gap, so that ingestion reads it from
//! Home Assistant's history.

mod events;
mod lost;
mod patches;
pub(crate) mod place;
mod report;
mod table;
mod target;

use std::path::Path;
use std::sync::Arc;

use common::instant::UtcMicros;
use database::failure::StoreFailure;
use database::sqlite::raw::{self, Entry, Kind, Pages, Table};
use sqlx::sqlite::SqliteConnection;

pub(crate) use report::Report;

use events::Known;
use lost::Lost;
use table::Columns;

/// The version of the tables since which each entity's events of a day are counted.
const COUNTED_BY_DAY: i64 = 5;
/// The version since which attribute sets may be differences from others, and contexts are shared.
const WITH_PATCHES: i64 = 11;

/// Why nothing could be carried over. The damaged file is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CannotSalvage {
    /// A file cannot be read, written or renamed.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The new file cannot be written.
    #[error("the new file cannot be written, the damaged one is as it was: {0}")]
    Store(#[from] StoreFailure),
    /// The tables cannot be made.
    #[error("the tables of the new file cannot be made, the damaged one is as it was: {0}")]
    Tables(#[from] sqlx::migrate::MigrateError),
    /// A program of a later version made the file.
    #[error(
        "the file has tables of version {0}, which a later program made: salvage it with that program"
    )]
    TooNew(i64),
    /// It is no file of ours, or the list of its tables is lost.
    #[error(
        "no table of events can be found in {0}, and nothing was changed: restore a backup in its place, or move it away to begin anew. Or is it not the file that DATABASE_URL should name?"
    )]
    NotOurs(String),
    /// A service has it open.
    #[error("{0} is in use: stop the service first, so that nothing is written meanwhile")]
    InUse(String),
}

impl From<sqlx::Error> for CannotSalvage {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A damaged file, open.
struct Damaged {
    pages: Pages,
    schema: Vec<Entry>,
}

impl Damaged {
    fn entry(&self, name: &str) -> Option<&Entry> {
        self.schema.iter().find(|entry| entry.name == name)
    }

    /// The version of its tables.
    fn version(&self, newest: i64) -> i64 {
        let mut version = None;
        if let Some(entry) = self.entry("_sqlx_migrations") {
            let table = Table {
                root: entry.root,
                kind: Kind::Rowid,
                key: Vec::new(),
                adopts: false,
            };
            raw::walk(&self.pages, &table, &|_| true, &mut |found| {
                if let raw::Found::Row(row) = found {
                    version = version.max(row.rowid);
                }
                true
            });
        }
        let has_days = self.entry("event_days").is_some();
        version.unwrap_or(if has_days { newest } else { COUNTED_BY_DAY - 1 })
    }
}

/// Reads `damaged` and writes `into`, a file that is not there yet. `damaged` is not changed.
pub(crate) async fn salvage(
    damaged: &Path,
    into: &Path,
    now: UtcMicros,
) -> Result<Report, CannotSalvage> {
    let path = damaged;
    let pages = Pages::open(path).map_err(|error| CannotSalvage::File {
        path: path.display().to_string(),
        error,
    })?;
    let schema = raw::schema(&pages);
    let damaged = Arc::new(Damaged { pages, schema });
    if damaged.schema.is_empty() {
        return Err(CannotSalvage::NotOurs(path.display().to_string()));
    }
    let newest = target::newest_version();
    let version = damaged.version(newest);
    if version > newest {
        return Err(CannotSalvage::TooNew(version));
    }
    let mut new = target::make(into, version).await?;
    let mut report = Report {
        salvaged: now,
        ..Report::default()
    };
    let mut lost = Lost::default();
    let counted_by_day = version >= COUNTED_BY_DAY;
    let mut days_are_whole = false;
    for name in target::tables(&mut new).await? {
        if name == "events" || name == "event_totals" {
            continue;
        }
        let columns = Arc::new(Columns::of(&mut new, &name).await?);
        // What was counted is compared with what is there.
        let to = if name == "event_days" {
            target::OLD_DAYS
        } else {
            &name
        };
        let carried = table::carry(&damaged, &mut new, &columns, &name, to).await?;
        if name == "event_days" {
            days_are_whole = carried.is_whole;
        } else {
            report.rows.insert(name, carried.rows);
        }
        if !carried.is_whole {
            report.incomplete.push(columns.name.clone());
        }
    }
    let has_patches = version >= WITH_PATCHES;
    if has_patches {
        patches::delete_wrong(&mut new, &mut report).await?;
    }
    let known = Known::read(&mut new, has_patches).await?;
    events::carry(&damaged, &mut new, &known, &mut report, &mut lost).await?;
    let saved = report.rows.get("events").copied().unwrap_or_default();
    target::count(&mut new, counted_by_day).await?;
    let counted = counted_before(&damaged);
    report.events_lost = counted.map(|counted| counted.saturating_sub(saved));
    if counted_by_day {
        lost.missing = target::missing(&mut new).await?;
        let missing: u64 = lost.missing.iter().map(|day| day.events).sum();
        if days_are_whole || report.events_lost.is_none() {
            report.events_lost = Some(missing);
        }
    }
    lost.days_are_whole = counted_by_day && days_are_whole;
    let now_us = now.get();
    let (oldest, newest) = target::span(&mut new).await?.unwrap_or((now_us, now_us));
    let end = newest.max(now_us);
    report.gaps = lost.gaps(oldest, end);
    report.lost_by_entity = lost.by_entity(&known.entities, oldest, end);
    target::finish(new, into, &report.gaps, now).await?;
    Ok(report)
}

/// How many events the damaged file says it had.
fn counted_before(damaged: &Damaged) -> Option<u64> {
    let table = Table {
        root: damaged.entry("event_totals")?.root,
        kind: Kind::Rowid,
        key: Vec::new(),
        adopts: false,
    };
    let mut counted = None;
    raw::walk(&damaged.pages, &table, &|_| true, &mut |found| {
        if let raw::Found::Row(row) = found
            && let Some(raw::Value::Integer(stored)) = row.values.first()
        {
            counted = u64::try_from(*stored).ok();
        }
        true
    });
    counted
}

/// A connection that writes the new file.
type New = SqliteConnection;
