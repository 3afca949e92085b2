//! Entities that get another id: their events stay one line.
//!
//! A line is a row of `event_entities` and the events that name it; its name is the id that the entity has now. A rename is two
//! steps, so that names can change hands in a circle: a line leaves its name, and arrives at another.

mod detect;

use common::api::registry::{Rename, RenameReply};
use common::category;
use common::entity::domain_of;
use common::instant::UtcMicros;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row, query};

use self::detect::{Detected, End, detect};
use super::Store;
use crate::store::StoreFailure;
use crate::store::reported::Object;

/// `renames.until_us` of a name whose end is not known.
const FOR_EVER: i64 = i64::MAX;
/// Within this time after a rename Home Assistant removes the state under the old name, in microseconds.
const FAREWELL: i64 = 10_000_000;

impl Store {
    /// Carries out renames that Home Assistant told, in their order. Those that were carried out before, and those that do not fit what
    /// is known, are passed over: the next complete list decides.
    pub async fn rename_entities(
        &self,
        told: &[Rename],
        now: UtcMicros,
    ) -> Result<RenameReply, StoreFailure> {
        let mut writer = self.sqlite().writer.acquire().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut reply = RenameReply::default();
        for rename in told {
            if !fits(&mut transaction, rename).await? {
                reply.skipped += 1;
                continue;
            }
            let (from, to) = (rename.old_entity_id.as_str(), rename.new_entity_id.as_str());
            let detected = Detected {
                from: from.to_owned(),
                to: to.to_owned(),
                end: End::Renamed(rename.at),
            };
            let line = leave(&mut transaction, &detected, now).await?;
            reply.duplicates += arrive(&mut transaction, line, to).await?;
            reply.renamed += 1;
        }
        self.place_entities(&mut transaction).await?;
        self.forget_lines();
        transaction.commit().await?;
        Ok(reply)
    }

    /// Carries out the renames that a complete list of entities shows: entries that are known under another id. Returns how many.
    pub(super) async fn follow_renames(
        &self,
        connection: &mut SqliteConnection,
        sent: &[Object],
        now: UtcMicros,
    ) -> Result<usize, sqlx::Error> {
        let detected = detect(connection, sent).await?;
        if detected.is_empty() {
            return Ok(0);
        }
        let mut lines = Vec::new();
        for rename in &detected {
            lines.push(leave(connection, rename, now).await?);
        }
        for (rename, line) in detected.iter().zip(lines) {
            let duplicates = arrive(connection, line, &rename.to).await?;
            tracing::info!(
                entity.id = rename.to,
                old = rename.from,
                duplicates,
                "an entity has another id now; its events stay one line"
            );
        }
        self.forget_lines();
        Ok(detected.len())
    }

    /// Drops from memory everything that a rename changes; before its commit, see [`Self::forget_former_names`].
    fn forget_lines(&self) {
        self.forget_placements();
        self.forget_former_names();
    }

    /// The id that an entity has now which had this one last.
    pub async fn renamed_to(&self, entity_id: &str) -> Result<Option<String>, StoreFailure> {
        let row = query(
            "SELECT n.entity_id FROM renames r JOIN event_entities n ON n.id = r.entity WHERE r.old_entity_id = $1 \
             ORDER BY r.until_us DESC LIMIT 1",
        )
        .bind(entity_id)
        .fetch_optional(&self.sqlite().readers)
        .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }
}

/// Whether a told rename is news, and between names that it can be carried out on.
async fn fits(connection: &mut SqliteConnection, rename: &Rename) -> Result<bool, sqlx::Error> {
    if rename.old_entity_id == rename.new_entity_id
        || rename.old_entity_id.domain() != rename.new_entity_id.domain()
    {
        return Ok(false);
    }
    query(
        "SELECT NOT EXISTS (SELECT 1 FROM renames WHERE old_entity_id = $1 AND new_entity_id = $2 AND at_us = $3) \
         AND NOT EXISTS (SELECT 1 FROM entities WHERE entity_id = $2 AND removed_us IS NULL) \
         AND (EXISTS (SELECT 1 FROM event_entities WHERE entity_id = $1) \
         OR EXISTS (SELECT 1 FROM entities WHERE entity_id = $1))",
    )
    .bind(rename.old_entity_id.as_str())
    .bind(rename.new_entity_id.as_str())
    .bind(rename.at.get())
    .fetch_one(connection)
    .await?
    .try_get(0)
}

/// Takes the line with this name, or a new one, off its name. What came under the name after the end stays there, as a line of its own.
async fn leave(
    connection: &mut SqliteConnection,
    rename: &Detected,
    now: UtcMicros,
) -> Result<i64, sqlx::Error> {
    let domain = domain_of(&rename.from);
    query("INSERT INTO event_entities (entity_id, domain, category) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(&rename.from)
        .bind(domain)
        .bind(category::of(domain, None))
        .execute(&mut *connection)
        .await?;
    let line: i64 = query("SELECT id FROM event_entities WHERE entity_id = $1")
        .bind(&rename.from)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    let until = match rename.end {
        End::Unknown => FOR_EVER,
        End::Taken(at) => at.get(),
        End::Renamed(at) => farewell(connection, line, at).await?,
    };
    for table in [
        "UPDATE event_entities SET entity_id = $1 WHERE entity_id = $2",
        "UPDATE entities SET entity_id = $1 WHERE entity_id = $2",
    ] {
        query(table)
            .bind(nameless(line))
            .bind(&rename.from)
            .execute(&mut *connection)
            .await?;
    }
    let others: bool = query("SELECT EXISTS (SELECT 1 FROM events WHERE entity = $1 AND last_updated_us > $2 AND state IS NOT NULL)")
        .bind(line)
        .bind(until)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    if others {
        query("INSERT INTO event_entities (entity_id, domain, category) SELECT $1, domain, category FROM event_entities WHERE id = $2")
            .bind(&rename.from)
            .bind(line)
            .execute(&mut *connection)
            .await?;
        query(
            "UPDATE events SET entity = (SELECT id FROM event_entities WHERE entity_id = $1) \
             WHERE entity = $2 AND last_updated_us > $3",
        )
        .bind(&rename.from)
        .bind(line)
        .bind(until)
        .execute(&mut *connection)
        .await?;
        recount_days(connection, &rename.from).await?;
        recount_days(connection, &nameless(line)).await?;
    }
    let at = match rename.end {
        End::Unknown => now,
        End::Renamed(at) | End::Taken(at) => at,
    };
    query(
        "INSERT OR REPLACE INTO renames (old_entity_id, new_entity_id, at_us, until_us, entity, recorded_us) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&rename.from)
    .bind(&rename.to)
    .bind(at.get())
    .bind(until)
    .bind(line)
    .bind(now.get())
    .execute(connection)
    .await?;
    Ok(line)
}

/// The instant at which the state under the old name was removed after a rename at `at`, or `at`.
async fn farewell(
    connection: &mut SqliteConnection,
    line: i64,
    at: UtcMicros,
) -> Result<i64, sqlx::Error> {
    query(
        "SELECT coalesce(MIN(last_updated_us), $2) FROM events \
         WHERE entity = $1 AND state IS NULL AND last_updated_us BETWEEN $2 AND $3",
    )
    .bind(line)
    .bind(at.get())
    .bind(at.plus_micros(FAREWELL).get())
    .fetch_one(connection)
    .await?
    .try_get(0)
}

/// The name of a line between two names. No entity id begins with a space.
fn nameless(line: i64) -> String {
    format!(" {line}")
}

/// Gives a nameless line a name; what has that name already becomes part of the line. Returns how many events were there twice.
async fn arrive(
    connection: &mut SqliteConnection,
    line: i64,
    to: &str,
) -> Result<u64, sqlx::Error> {
    // A removed entry whose id is in use again is forgotten.
    query("DELETE FROM entities WHERE entity_id = $1 AND EXISTS (SELECT 1 FROM entities WHERE entity_id = $2)")
        .bind(to)
        .bind(nameless(line))
        .execute(&mut *connection)
        .await?;
    query("UPDATE entities SET entity_id = $1 WHERE entity_id = $2")
        .bind(to)
        .bind(nameless(line))
        .execute(&mut *connection)
        .await?;
    let there: Option<i64> = query("SELECT id FROM event_entities WHERE entity_id = $1")
        .bind(to)
        .fetch_optional(&mut *connection)
        .await?
        .map(|row| row.try_get(0))
        .transpose()?;
    let (kept, duplicates) = match there {
        Some(other) => merge(connection, line, other).await?,
        None => (line, 0),
    };
    query("UPDATE event_entities SET entity_id = $1 WHERE id = $2")
        .bind(to)
        .bind(kept)
        .execute(connection)
        .await?;
    Ok(duplicates)
}

/// Makes one line of two: the shorter one is written anew. Of two events of one instant that of `line` is kept.
async fn merge(
    connection: &mut SqliteConnection,
    line: i64,
    other: i64,
) -> Result<(i64, u64), sqlx::Error> {
    let (own, others) = (
        length(connection, line).await?,
        length(connection, other).await?,
    );
    let (kept, gone, moving) = if others > own {
        (
            other,
            line,
            "UPDATE OR REPLACE events SET entity = $1 WHERE entity = $2",
        )
    } else {
        (
            line,
            other,
            "UPDATE OR IGNORE events SET entity = $1 WHERE entity = $2",
        )
    };
    query(moving)
        .bind(kept)
        .bind(gone)
        .execute(&mut *connection)
        .await?;
    for text in [
        "DELETE FROM events WHERE entity = $1",
        "DELETE FROM event_days WHERE entity = $1",
    ] {
        query(text).bind(gone).execute(&mut *connection).await?;
    }
    let name: String = query("SELECT entity_id FROM event_entities WHERE id = $1")
        .bind(kept)
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    recount_days(connection, &name).await?;
    let duplicates = own + others - length(connection, kept).await?;
    query("UPDATE event_totals SET stored = stored - $1")
        .bind(duplicates)
        .execute(&mut *connection)
        .await?;
    query("UPDATE renames SET entity = $1 WHERE entity = $2")
        .bind(kept)
        .bind(gone)
        .execute(&mut *connection)
        .await?;
    query("DELETE FROM event_entities WHERE id = $1")
        .bind(gone)
        .execute(connection)
        .await?;
    Ok((kept, duplicates.unsigned_abs()))
}

async fn length(connection: &mut SqliteConnection, line: i64) -> Result<i64, sqlx::Error> {
    query("SELECT COUNT(*) FROM events WHERE entity = $1")
        .bind(line)
        .fetch_one(connection)
        .await?
        .try_get(0)
}

/// Counts the events of each day of a line anew.
async fn recount_days(connection: &mut SqliteConnection, name: &str) -> Result<(), sqlx::Error> {
    for text in [
        "DELETE FROM event_days WHERE entity = (SELECT id FROM event_entities WHERE entity_id = $1)",
        "INSERT INTO event_days (day, entity, events) SELECT last_updated_us / 86400000000, entity, COUNT(*) FROM events \
         WHERE entity = (SELECT id FROM event_entities WHERE entity_id = $1) GROUP BY 1, 2",
    ] {
        query(text).bind(name).execute(&mut *connection).await?;
    }
    Ok(())
}
