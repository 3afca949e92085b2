//! The new file.

use std::path::Path;

use common::api::gaps::Gap;
use common::instant::UtcMicros;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, query};

use super::lost::MissingDay;
use super::{CannotSalvage, New};
use crate::store::SQLITE;

/// The counts of the damaged file, while they are compared.
pub(super) const OLD_DAYS: &str = "salvaged_event_days";

/// The version of the tables that this program makes.
pub(super) fn newest_version() -> i64 {
    SQLITE
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

/// Makes the file with the tables of a version. What is there of an earlier attempt is deleted.
pub(super) async fn make(path: &Path, version: i64) -> Result<New, CannotSalvage> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(CannotSalvage::File {
                path: path.display().to_string(),
                error,
            });
        }
        _ => {}
    }
    // It has its name only when it is whole and on disk: until then a sudden end means to begin anew.
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Memory)
        .synchronous(SqliteSynchronous::Off)
        .foreign_keys(false)
        .statement_cache_capacity(100)
        .pragma("temp_store", "file")
        .pragma("cache_size", "-32000");
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options.clone())
        .await?;
    SQLITE.run_to(version, &pool).await?;
    pool.close().await;
    let mut new = options.connect().await?;
    query("DELETE FROM event_totals").execute(&mut new).await?;
    query("CREATE TABLE salvaged_event_days (day INTEGER, entity INTEGER, events INTEGER, PRIMARY KEY (day, entity)) STRICT, WITHOUT ROWID")
        .execute(&mut new)
        .await?;
    Ok(new)
}

/// Names of the tables to fill, dictionaries and registry.
pub(super) async fn tables(new: &mut New) -> Result<Vec<String>, CannotSalvage> {
    let rows = query(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         AND name NOT IN ('_sqlx_migrations', 'salvaged_event_days') ORDER BY name",
    )
    .fetch_all(new)
    .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?)
}

/// Counts what was carried over.
pub(super) async fn count(new: &mut New, by_day: bool) -> Result<(), CannotSalvage> {
    query("INSERT INTO event_totals (stored) SELECT COUNT(*) FROM events")
        .execute(&mut *new)
        .await?;
    if by_day {
        query(
            "INSERT INTO event_days (day, entity, events) \
             SELECT last_updated_us / 86400000000, entity, COUNT(*) FROM events GROUP BY 1, 2",
        )
        .execute(new)
        .await?;
    }
    Ok(())
}

/// Days of which the damaged file counted more than there are.
pub(super) async fn missing(new: &mut New) -> Result<Vec<MissingDay>, CannotSalvage> {
    let rows = query(
        "SELECT o.day, o.entity, o.events - coalesce(n.events, 0) FROM salvaged_event_days o \
         LEFT JOIN event_days n ON n.day = o.day AND n.entity = o.entity WHERE o.events > coalesce(n.events, 0)",
    )
    .fetch_all(new)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(MissingDay {
                day: row.try_get(0)?,
                entity: row.try_get(1)?,
                events: row.try_get::<i64, _>(2)?.unsigned_abs(),
            })
        })
        .collect()
}

/// The instants of the oldest and of the newest event.
pub(super) async fn span(new: &mut New) -> Result<Option<(i64, i64)>, CannotSalvage> {
    let row = query(
        "SELECT MIN((SELECT MIN(last_updated_us) FROM events e WHERE e.entity = x.id)), \
         MAX((SELECT MAX(last_updated_us) FROM events e WHERE e.entity = x.id)) FROM event_entities x",
    )
    .fetch_one(new)
    .await?;
    let (oldest, newest): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(oldest.zip(newest))
}

/// Writes the gaps and closes the file; when this returns, it is on disk.
pub(super) async fn finish(
    mut new: New,
    path: &Path,
    gaps: &[Gap],
    now: UtcMicros,
) -> Result<(), CannotSalvage> {
    for gap in gaps {
        query(
            "INSERT INTO gaps (start_us, end_us, reason, recorded_us) VALUES ($1, $2, $3, $4) ON CONFLICT (start_us, reason) \
             DO UPDATE SET end_us = max(end_us, excluded.end_us), closed_by = NULL, rows = NULL",
        )
        .bind(gap.start.get())
        .bind(gap.end.get())
        .bind(gap.reason.as_str())
        .bind(now.get())
        .execute(&mut new)
        .await?;
    }
    query("DROP TABLE salvaged_event_days")
        .execute(&mut new)
        .await?;
    new.close().await?;
    std::fs::File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|error| CannotSalvage::File {
            path: path.display().to_string(),
            error,
        })
}
