//! Deletion of attribute sets and contexts that no event has any more.
//!
//! Nothing is counted while events come and go: that would cost every event. After events were deleted all events are looked through
//! once, in parts, and what they have is noted, one bit for each number. Events are stored meanwhile: what they have is noted as well,
//! while the right to write is held. What has no bit then is deleted, a few hundred rows at a time.
//!
//! Where events get another entity meanwhile, or another program stores some, what was noted does not hold: both say so in
//! `event_totals.sweeper`, and the sweep ends. Other programs see in `event_totals.sweeps` that ids they know may be gone.
//!
//! The newest row of each table stays, so that its number is never given to another: somebody may be reading.

mod in_use;
#[cfg(test)]
mod tests;

use std::sync::PoisonError;

use database::{EngineTransaction, Statement, Transaction};

use super::attributes::sets::Base;
use super::ingest::Row;
use super::{Store, StoreFailure, context_key};

pub(super) use in_use::Sweeping;
use in_use::{Bits, InUse};

/// Rows of `events` that are looked at in one step.
const ROWS_OF_A_PART: i64 = 5_000;
/// Rows of a dictionary that are read in one step.
const IDS_OF_A_PART: i64 = 5_000;
/// Rows that are deleted in one transaction: what is ingested waits for it.
const ROWS_OF_A_STEP: usize = 500;

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Attribute sets, whole ones and differences.
    pub(crate) attribute_sets: u64,
    /// Contexts that several events shared.
    pub(crate) contexts: u64,
}

/// A table whose rows may be unused.
#[derive(Debug, Clone, Copy)]
enum Dictionary {
    Patches,
    Sets,
    Contexts,
}

impl Dictionary {
    fn newest(self) -> &'static str {
        match self {
            Self::Patches => "SELECT coalesce(MAX(id), 0) FROM event_attribute_patches",
            Self::Sets => "SELECT coalesce(MAX(id), 0) FROM event_attributes",
            Self::Contexts => "SELECT coalesce(MAX(id), 0) FROM event_contexts",
        }
    }

    /// Ids after one, and the base where there is one.
    fn part(self) -> &'static str {
        match self {
            Self::Patches => {
                "SELECT id, base FROM event_attribute_patches WHERE id > $1 ORDER BY id LIMIT $2"
            }
            Self::Sets => {
                "SELECT id, CAST(0 AS BIGINT) FROM event_attributes WHERE id > $1 ORDER BY id LIMIT $2"
            }
            Self::Contexts => {
                "SELECT id, CAST(0 AS BIGINT) FROM event_contexts WHERE id > $1 ORDER BY id LIMIT $2"
            }
        }
    }

    fn delete(self) -> &'static str {
        match self {
            Self::Patches => "DELETE FROM event_attribute_patches WHERE id IN (",
            Self::Sets => "DELETE FROM event_attributes WHERE id IN (",
            Self::Contexts => "DELETE FROM event_contexts WHERE id IN (",
        }
    }

    fn bits(self, used: &mut InUse) -> &mut Bits {
        match self {
            Self::Patches => &mut used.patches,
            Self::Sets => &mut used.sets,
            Self::Contexts => &mut used.contexts,
        }
    }
}

impl Store {
    /// Deletes what no event has any more. None when no event was deleted since the last time, when it is being done already, or when
    /// what was noted does not hold any more: then the next time does it.
    pub(crate) async fn sweep(&self) -> Result<Option<Swept>, StoreFailure> {
        // While nobody writes: what is stored from here on is noted.
        let mut transaction = self.database.write().await?;
        let deleted: i64 = transaction
            .fetch_one("SELECT deleted_since_sweep FROM event_totals")
            .await?
            .get(0)?;
        if deleted == 0 {
            return Ok(None);
        }
        let mut newest = [0; 3];
        let dictionaries = [Dictionary::Patches, Dictionary::Sets, Dictionary::Contexts];
        for (dictionary, newest) in dictionaries.into_iter().zip(&mut newest) {
            *newest = transaction.fetch_one(dictionary.newest()).await?.get(0)?;
        }
        let Some(_active) = self.sweeping.begin() else {
            return Ok(None);
        };
        transaction
            .execute(Statement::with(
                "UPDATE event_totals SET sweeper = $1",
                [self.sweeping.program.into()],
            ))
            .await?;
        transaction.commit().await?;
        self.note_all().await?;
        let mut swept = Swept::default();
        for (dictionary, newest) in dictionaries.into_iter().zip(newest) {
            let Some(gone) = self.delete_unused(dictionary, newest).await? else {
                return Ok(None);
            };
            match dictionary {
                Dictionary::Patches | Dictionary::Sets => swept.attribute_sets += gone,
                Dictionary::Contexts => swept.contexts += gone,
            }
        }
        let mut transaction = self.database.write().await?;
        transaction
            .execute(Statement::with(
                "UPDATE event_totals SET deleted_since_sweep = deleted_since_sweep - $1, sweeper = 0",
                [deleted.into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(Some(swept))
    }

    /// Notes what all events have.
    async fn note_all(&self) -> Result<(), StoreFailure> {
        let entities = self
            .database
            .fetch_all("SELECT id FROM event_entities ORDER BY id")
            .await?;
        for entity in &entities {
            let entity: i64 = entity.get(0)?;
            let mut after = i64::MIN;
            while let Some(until) = self.end_of_part(entity, after).await? {
                self.note_part(entity, after, until).await?;
                after = until;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// The instant of the last row of a part.
    async fn end_of_part(&self, entity: i64, after: i64) -> Result<Option<i64>, StoreFailure> {
        self.database
            .fetch_one(Statement::with(
                "SELECT MAX(at) FROM (SELECT last_updated_us AS at FROM events WHERE entity = $1 AND last_updated_us > $2 \
                 ORDER BY last_updated_us LIMIT $3) part",
                [entity.into(), after.into(), ROWS_OF_A_PART.into()],
            ))
            .await?
            .get(0)
    }

    async fn note_part(&self, entity: i64, after: i64, until: i64) -> Result<(), StoreFailure> {
        let part = || [entity.into(), after.into(), until.into()];
        let sets = self
            .database
            .fetch_all(Statement::with(
                "SELECT DISTINCT attributes FROM events WHERE entity = $1 AND last_updated_us > $2 AND last_updated_us <= $3 \
                 AND attributes IS NOT NULL",
                part(),
            ))
            .await?;
        // A reference is shorter than a context.
        let contexts = self
            .database
            .fetch_all(Statement::with(
                "SELECT context FROM events WHERE entity = $1 AND last_updated_us > $2 AND last_updated_us <= $3 \
                 AND length(context) < 10 UNION SELECT context_parent FROM events WHERE entity = $1 \
                 AND last_updated_us > $2 AND last_updated_us <= $3 AND length(context_parent) < 10",
                part(),
            ))
            .await?;
        let sets: Vec<i64> = sets
            .iter()
            .map(|row| row.get(0))
            .collect::<Result<_, _>>()?;
        let contexts: Vec<Vec<u8>> = contexts
            .iter()
            .map(|row| row.get(0))
            .collect::<Result<_, _>>()?;
        self.sweeping.note(|used| {
            for number in sets {
                used.note_set(number);
            }
            for bytes in &contexts {
                used.note_context(bytes);
            }
        });
        Ok(())
    }

    /// Deletes the rows of a dictionary up to `newest` (not included) that have no bit; how many these were. None when what was noted
    /// does not hold any more.
    async fn delete_unused(
        &self,
        dictionary: Dictionary,
        newest: i64,
    ) -> Result<Option<u64>, StoreFailure> {
        let (mut after, mut gone) = (0, 0);
        loop {
            let rows = self
                .database
                .fetch_all(Statement::with(
                    dictionary.part(),
                    [after.into(), IDS_OF_A_PART.into()],
                ))
                .await?;
            let part: Vec<(i64, i64)> = rows
                .iter()
                .map(|row| Ok((row.get(0)?, row.get(1)?)))
                .collect::<Result<_, StoreFailure>>()?;
            let Some((last, _)) = part.last() else {
                return Ok(Some(gone));
            };
            after = *last;
            let Some(unused) = self
                .sweeping
                .note(|used| unused(dictionary, &part, newest, used))
            else {
                return Ok(None);
            };
            for step in unused.chunks(ROWS_OF_A_STEP) {
                let transaction = self.database.write().await?;
                match self
                    .delete_step(transaction, dictionary, step, newest)
                    .await?
                {
                    Some(rows) => gone += rows,
                    None => return Ok(None),
                }
            }
        }
    }

    async fn delete_step(
        &self,
        mut transaction: Transaction,
        dictionary: Dictionary,
        step: &[(i64, i64)],
        newest: i64,
    ) -> Result<Option<u64>, StoreFailure> {
        // From here on nobody writes.
        let sweeper: i64 = transaction
            .fetch_one("SELECT sweeper FROM event_totals")
            .await?
            .get(0)?;
        if sweeper != self.sweeping.program {
            return Ok(None);
        }
        // Some may have come into use since they were read.
        let Some(step) = self
            .sweeping
            .note(|used| unused(dictionary, step, newest, used))
        else {
            return Ok(None);
        };
        if step.is_empty() {
            return Ok(Some(0));
        }
        let statement = Statement::new(dictionary.delete())
            .list(step.iter().map(|(id, _)| *id))
            .push(")");
        let gone = transaction.execute(statement).await?;
        transaction
            .execute("UPDATE event_totals SET sweeps = sweeps + 1")
            .await?;
        let writing = transaction.commit().await?;
        self.dictionaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .forget_swept();
        drop(writing);
        Ok(Some(gone))
    }

    /// Forgets ids that another program may have deleted. A SQLite file is one program's.
    pub(super) async fn forget_what_others_swept(
        &self,
        transaction: &mut Transaction,
    ) -> Result<(), StoreFailure> {
        if matches!(transaction.engine, EngineTransaction::Sqlite(_)) {
            return Ok(());
        }
        let sweeps: i64 = transaction
            .fetch_one("SELECT sweeps FROM event_totals")
            .await?
            .get(0)?;
        self.dictionaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hold_after(sweeps);
        Ok(())
    }

    /// Notes what rows have that are about to be stored, and the bases of differences that were made for them.
    pub(super) fn note_stored<'a>(&self, rows: &[Row<'_>], bases: impl Iterator<Item = &'a Base>) {
        self.sweeping.note(|used| {
            for row in rows {
                if let Some(number) = row.attributes {
                    used.note_set(number);
                }
                for bytes in [&row.context, &row.context_parent].into_iter().flatten() {
                    used.note_context(bytes);
                }
            }
            for base in bases {
                used.note_set(base.id());
            }
        });
    }
}

/// Those of a part that nothing has. The base of a difference that stays is noted.
fn unused(
    dictionary: Dictionary,
    part: &[(i64, i64)],
    newest: i64,
    used: &mut InUse,
) -> Vec<(i64, i64)> {
    let mut unused = Vec::new();
    for &(id, base) in part {
        if id < newest && !dictionary.bits(used).has(id) {
            unused.push((id, base));
        } else if base > 0 {
            used.note_set(base);
        }
    }
    unused
}

impl InUse {
    /// Notes what `events.attributes` has.
    fn note_set(&mut self, number: i64) {
        if number < 0 {
            self.patches.set(number.saturating_neg());
        } else {
            self.sets.set(number);
        }
    }

    /// Notes what `events.context` has.
    fn note_context(&mut self, bytes: &[u8]) {
        if let Some(id) = context_key::shared_id(bytes) {
            self.contexts.set(id);
        }
    }
}
