//! Entities that get another id: their events stay one line.
//!
//! A line is a row of `event_entities` and the events that name it; its name is the id that the entity has now. A rename is two
//! steps, so that names can change hands in a circle: a line leaves its name, and arrives at another.

mod detect;

use common::api::registry::{Rename, RenameReply};
use common::category;
use common::entity::domain_of;
use common::instant::UtcMicros;
use database::{Statement, Transaction};

use self::detect::{Detected, End, detect};
use super::reported::Object;
use super::row::Lists;
use super::{Store, StoreFailure};

/// `renames.until_us` of a name whose end is not known.
const FOR_EVER: i64 = i64::MAX;
/// A sweep that goes on entity by entity may miss events that get another one.
const END_SWEEP: &str = "UPDATE event_totals SET sweeper = 0";
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
        let mut transaction = self.database.write().await?;
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
        transaction.execute(END_SWEEP).await?;
        self.forget_lines();
        let writing = transaction.commit().await?;
        self.recent.forget();
        drop(writing);
        Ok(reply)
    }

    /// Carries out the renames that a complete list of entities shows: entries that are known under another id. Returns how many.
    pub(super) async fn follow_renames(
        &self,
        transaction: &mut Transaction,
        sent: &[Object],
        now: UtcMicros,
    ) -> Result<usize, StoreFailure> {
        let detected = detect(transaction, sent).await?;
        if detected.is_empty() {
            return Ok(0);
        }
        let mut lines = Vec::new();
        for rename in &detected {
            lines.push(leave(transaction, rename, now).await?);
        }
        for (rename, line) in detected.iter().zip(lines) {
            let duplicates = arrive(transaction, line, &rename.to).await?;
            tracing::info!(
                entity.id = rename.to,
                old = rename.from,
                duplicates,
                "an entity has another id now; its events stay one line"
            );
        }
        transaction.execute(END_SWEEP).await?;
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
        let statement = Statement::with(
            "SELECT n.entity_id FROM renames r JOIN event_entities n ON n.id = r.entity WHERE r.old_entity_id = $1 \
             ORDER BY r.until_us DESC LIMIT 1",
            [entity_id.into()],
        );
        let row = self.database.fetch_optional(statement).await?;
        row.map(|row| row.get(0)).transpose()
    }

    /// The ids that an entity had before, or all entities, by the id that they have now.
    pub(super) async fn former_entity_ids(
        &self,
        entity_id: Option<&str>,
    ) -> Result<Lists, StoreFailure> {
        let statement = Statement::new(
            "SELECT DISTINCT n.entity_id, o.old_entity_id FROM renames o JOIN event_entities n ON n.id = o.entity \
             WHERE o.old_entity_id <> n.entity_id",
        )
        .bind_some(" AND n.entity_id = ", entity_id)
        .push(" ORDER BY n.entity_id, o.old_entity_id");
        let mut former = Lists::new();
        for row in self.database.fetch_all(statement).await? {
            former.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
        Ok(former)
    }
}

/// Whether a told rename is news, and between names that it can be carried out on.
async fn fits(transaction: &mut Transaction, rename: &Rename) -> Result<bool, StoreFailure> {
    if rename.old_entity_id == rename.new_entity_id
        || rename.old_entity_id.domain() != rename.new_entity_id.domain()
    {
        return Ok(false);
    }
    let statement = Statement::with(
        "SELECT NOT EXISTS (SELECT 1 FROM renames WHERE old_entity_id = $1 AND new_entity_id = $2 AND at_us = $3) \
         AND NOT EXISTS (SELECT 1 FROM entities WHERE entity_id = $2 AND removed_us IS NULL) \
         AND (EXISTS (SELECT 1 FROM event_entities WHERE entity_id = $1) \
         OR EXISTS (SELECT 1 FROM entities WHERE entity_id = $1))",
        [
            rename.old_entity_id.as_str().into(),
            rename.new_entity_id.as_str().into(),
            rename.at.get().into(),
        ],
    );
    transaction.fetch_one(statement).await?.get(0)
}

/// Takes the line with this name, or a new one, off its name. What came under the name after the end stays there, as a line of its own.
async fn leave(
    transaction: &mut Transaction,
    rename: &Detected,
    now: UtcMicros,
) -> Result<i64, StoreFailure> {
    let domain = domain_of(&rename.from);
    transaction
        .execute(Statement::with(
            "INSERT INTO event_entities (entity_id, domain, category) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            [
                (&rename.from).into(),
                domain.into(),
                category::of(domain, None).into(),
            ],
        ))
        .await?;
    let line = line_of(transaction, &rename.from)
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    let until = match rename.end {
        End::Unknown => FOR_EVER,
        End::Taken(at) => at.get(),
        End::Renamed(at) => farewell(transaction, line, at).await?,
    };
    for table in [
        "UPDATE event_entities SET entity_id = $1 WHERE entity_id = $2",
        "UPDATE entities SET entity_id = $1 WHERE entity_id = $2",
    ] {
        let names = [nameless(line).into(), (&rename.from).into()];
        transaction.execute(Statement::with(table, names)).await?;
    }
    stay(transaction, line, until, &rename.from).await?;
    let at = match rename.end {
        End::Unknown => now,
        End::Renamed(at) | End::Taken(at) => at,
    };
    transaction
        .execute(Statement::with(
            "INSERT INTO renames (old_entity_id, new_entity_id, at_us, until_us, entity, recorded_us) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (old_entity_id, at_us) DO UPDATE SET \
             new_entity_id = excluded.new_entity_id, until_us = excluded.until_us, entity = excluded.entity, \
             recorded_us = excluded.recorded_us",
            [
                (&rename.from).into(),
                (&rename.to).into(),
                at.get().into(),
                until.into(),
                line.into(),
                now.get().into(),
            ],
        ))
        .await?;
    Ok(line)
}

/// Makes a line of its own of what came under a name after it stopped to be that of `line`, if a state is among it.
async fn stay(
    transaction: &mut Transaction,
    line: i64,
    until: i64,
    name: &str,
) -> Result<(), StoreFailure> {
    let others = transaction
        .fetch_one(Statement::with(
            "SELECT EXISTS (SELECT 1 FROM events WHERE entity = $1 AND last_updated_us > $2 AND state IS NOT NULL)",
            [line.into(), until.into()],
        ))
        .await?;
    if !others.get::<bool>(0)? {
        return Ok(());
    }
    transaction
        .execute(Statement::with(
            "INSERT INTO event_entities (entity_id, domain, category) SELECT $1, domain, category FROM event_entities WHERE id = $2",
            [name.into(), line.into()],
        ))
        .await?;
    transaction
        .execute(Statement::with(
            "UPDATE events SET entity = (SELECT id FROM event_entities WHERE entity_id = $1) \
             WHERE entity = $2 AND last_updated_us > $3",
            [name.into(), line.into(), until.into()],
        ))
        .await?;
    recount_days(transaction, line).await?;
    match line_of(transaction, name).await? {
        Some(own) => recount_days(transaction, own).await,
        None => Ok(()),
    }
}

/// The instant at which the state under the old name was removed after a rename at `at`, or `at`.
async fn farewell(
    transaction: &mut Transaction,
    line: i64,
    at: UtcMicros,
) -> Result<i64, StoreFailure> {
    let statement = Statement::with(
        "SELECT coalesce(MIN(last_updated_us), $2) FROM events \
         WHERE entity = $1 AND state IS NULL AND last_updated_us BETWEEN $2 AND $3",
        [
            line.into(),
            at.get().into(),
            at.plus_micros(FAREWELL).get().into(),
        ],
    );
    transaction.fetch_one(statement).await?.get(0)
}

/// The name of a line between two names. No entity id begins with a space.
fn nameless(line: i64) -> String {
    format!(" {line}")
}

/// The line with this name.
async fn line_of(transaction: &mut Transaction, name: &str) -> Result<Option<i64>, StoreFailure> {
    let statement = Statement::with(
        "SELECT id FROM event_entities WHERE entity_id = $1",
        [name.into()],
    );
    let found = transaction.fetch_optional(statement).await?;
    found.map(|row| row.get(0)).transpose()
}

/// Gives a nameless line a name; what has that name already becomes part of the line. Returns how many events were there twice.
async fn arrive(transaction: &mut Transaction, line: i64, to: &str) -> Result<u64, StoreFailure> {
    for text in [
        // A removed entry whose id is in use again is forgotten.
        "DELETE FROM entities WHERE entity_id = $1 AND EXISTS (SELECT 1 FROM entities WHERE entity_id = $2)",
        "UPDATE entities SET entity_id = $1 WHERE entity_id = $2",
    ] {
        let names = [to.into(), nameless(line).into()];
        transaction.execute(Statement::with(text, names)).await?;
    }
    let (kept, duplicates) = match line_of(transaction, to).await? {
        Some(other) => merge(transaction, line, other).await?,
        None => (line, 0),
    };
    transaction
        .execute(Statement::with(
            "UPDATE event_entities SET entity_id = $1 WHERE id = $2",
            [to.into(), kept.into()],
        ))
        .await?;
    Ok(duplicates)
}

/// Makes one line of two: the shorter one is written anew. Of two events of one instant that of `line` is kept.
async fn merge(
    transaction: &mut Transaction,
    line: i64,
    other: i64,
) -> Result<(i64, u64), StoreFailure> {
    let (own, others) = (
        length(transaction, line).await?,
        length(transaction, other).await?,
    );
    let (kept, gone) = if others > own {
        (other, line)
    } else {
        (line, other)
    };
    let duplicates = transaction
        .execute(Statement::with(
            "DELETE FROM events WHERE entity = $1 AND last_updated_us IN (SELECT last_updated_us FROM events WHERE entity = $2)",
            [other.into(), line.into()],
        ))
        .await?;
    for text in [
        "UPDATE events SET entity = $1 WHERE entity = $2",
        "UPDATE renames SET entity = $1 WHERE entity = $2",
        "DELETE FROM statistics WHERE entity = $2 AND start_us IN (SELECT start_us FROM statistics WHERE entity = $1)",
        "UPDATE statistics SET entity = $1 WHERE entity = $2",
        "DELETE FROM statistics_units WHERE entity = $2 AND EXISTS (SELECT 1 FROM statistics_units WHERE entity = $1)",
        "UPDATE statistics_units SET entity = $1 WHERE entity = $2",
    ] {
        let lines = [kept.into(), gone.into()];
        transaction.execute(Statement::with(text, lines)).await?;
    }
    transaction
        .execute(Statement::with(
            "UPDATE event_totals SET stored = stored - $1, deleted_since_sweep = deleted_since_sweep + $1",
            [i64::try_from(duplicates).unwrap_or(i64::MAX).into()],
        ))
        .await?;
    for text in [
        "DELETE FROM event_days WHERE entity = $1",
        "DELETE FROM event_entities WHERE id = $1",
    ] {
        let gone = [gone.into()];
        transaction.execute(Statement::with(text, gone)).await?;
    }
    recount_days(transaction, kept).await?;
    Ok((kept, duplicates))
}

async fn length(transaction: &mut Transaction, line: i64) -> Result<i64, StoreFailure> {
    let statement = Statement::with(
        "SELECT COUNT(*) FROM events WHERE entity = $1",
        [line.into()],
    );
    transaction.fetch_one(statement).await?.get(0)
}

/// Counts the events of each day of a line anew.
async fn recount_days(transaction: &mut Transaction, line: i64) -> Result<(), StoreFailure> {
    for text in [
        "DELETE FROM event_days WHERE entity = $1",
        // A day before 1970 is rounded down as well.
        "INSERT INTO event_days (day, entity, events) SELECT \
         (last_updated_us - CASE WHEN last_updated_us < 0 THEN 86399999999 ELSE 0 END) / 86400000000, entity, COUNT(*) \
         FROM events WHERE entity = $1 GROUP BY 1, 2",
    ] {
        let line = [line.into()];
        transaction.execute(Statement::with(text, line)).await?;
    }
    Ok(())
}
