//! Storing state changes: one transaction a batch, one statement for all its rows.

use std::sync::PoisonError;

use common::api::events::Origin;
use database::{EngineTransaction, Statement, Transaction};
use serde::Serialize;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::Store;
use super::dictionary::{self, Dictionaries};
use crate::hex;
use crate::store::{Appended, StoreFailure, ValidEvent, context_key};

/// Bit of `events.flags`: written while Home Assistant was starting.
pub(super) const STARTUP: i64 = 4;

/// `events.flags` of an event.
fn flags(event: &ValidEvent) -> i64 {
    let origin = match event.origin {
        Origin::Live => 0,
        Origin::Backfill => 1,
        Origin::Import => 2,
    };
    origin | if event.startup { STARTUP } else { 0 }
}

/// The origin in `events.flags`.
pub(super) fn origin(flags: i64) -> Origin {
    match flags & 3 {
        1 => Origin::Backfill,
        2 => Origin::Import,
        _ => Origin::Live,
    }
}

/// One row on its way through JSON, in the order of the columns of `events`.
#[derive(Serialize)]
struct Row(
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<i64>,
    i64,
);

impl Store {
    /// Stores batches in one transaction; when this returns, they are on disk. Rows that are there already are counted, not
    /// changed.
    pub async fn append(&self, batches: &[Vec<ValidEvent>]) -> Result<Vec<Appended>, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let mut found = Dictionaries::default();
        let mut appended = Vec::with_capacity(batches.len());
        for batch in batches {
            appended.push(self.insert(&mut transaction, batch, &mut found).await?);
        }
        let stored: usize = appended.iter().map(|batch| batch.stored).sum();
        if stored > 0 {
            transaction
                .execute(Statement::with(
                    "UPDATE event_totals SET stored = stored + $1",
                    [i64::try_from(stored).unwrap_or(i64::MAX).into()],
                ))
                .await?;
        }
        let writing = transaction.commit().await?;
        // The writer is still held: a rename, which takes ids away, cannot come between the commit and this.
        self.dictionaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .absorb(found);
        drop(writing);
        Ok(appended)
    }

    /// One batch within a transaction; ids that it found or made are added to `found`.
    async fn insert(
        &self,
        transaction: &mut Transaction,
        batch: &[ValidEvent],
        found: &mut Dictionaries,
    ) -> Result<Appended, StoreFailure> {
        if batch.is_empty() {
            return Ok(Appended::default());
        }
        let hashes: Vec<_> = batch
            .iter()
            .map(|event| event.attributes.as_deref().map(dictionary::hash))
            .collect();
        let batch = &*self.under_names_of_now(transaction, batch).await?;
        let mut known = self.known(batch, &hashes);
        known.absorb(found.clone());
        let new = dictionary::resolve(sqlite(transaction), &known, batch, &hashes).await?;
        known.absorb(new.clone());
        found.absorb(new);
        let mut rows: Vec<Row> = batch
            .iter()
            .zip(&hashes)
            .filter_map(|(event, hash)| row(&known, event, hash.as_ref()))
            .collect();
        if rows.len() != batch.len() {
            return Err(StoreFailure::Statement(sqlx::Error::Protocol(
                "an id that was just made is missing".into(),
            )));
        }
        // In the order of the table: rows of an entity then go to the same page, one after the other.
        rows.sort_unstable_by_key(|row| (row.0, row.1));
        let rows =
            serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let stored = query(
            "INSERT INTO events (entity, last_updated_us, last_changed_us, state, attributes, context_id, \
             context_parent_id, context_user, flags) \
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5), \
             unhex(value ->> 6), value ->> 7, value ->> 8 FROM json_each($1) WHERE true ON CONFLICT DO NOTHING",
        )
        .bind(rows)
        .execute(sqlite(transaction))
        .await?
        .rows_affected();
        let stored = usize::try_from(stored).unwrap_or(usize::MAX);
        Ok(Appended {
            stored,
            duplicates: batch.len() - stored,
        })
    }

    /// The part of the memory that this batch needs.
    fn known(
        &self,
        batch: &[ValidEvent],
        hashes: &[Option<dictionary::AttributesHash>],
    ) -> Dictionaries {
        let all = self
            .dictionaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut known = Dictionaries::default();
        for (event, hash) in batch.iter().zip(hashes) {
            if let Some((entity_id, entity)) = all.entities.get_key_value(event.entity_id.as_str())
            {
                known
                    .entities
                    .entry(entity_id.clone())
                    .or_insert_with(|| entity.clone());
            }
            if let Some((state, id)) = event
                .state
                .as_ref()
                .and_then(|state| all.states.get_key_value(state))
            {
                known.states.insert(state.clone(), *id);
            }
            if let Some((hash, id)) = hash.and_then(|hash| all.attributes.get_key_value(&hash)) {
                known.attributes.insert(*hash, *id);
            }
            if let Some((user, id)) = event
                .context
                .user_id
                .as_ref()
                .and_then(|user| all.users.get_key_value(user))
            {
                known.users.insert(user.clone(), *id);
            }
        }
        known
    }
}

fn sqlite(transaction: &mut Transaction) -> &mut SqliteConnection {
    match &mut transaction.engine {
        EngineTransaction::Sqlite(transaction) => transaction,
        EngineTransaction::Postgres(_) => unreachable!("not ported yet"),
    }
}

/// The row of an event; none when an id is missing.
fn row(
    known: &Dictionaries,
    event: &ValidEvent,
    hash: Option<&dictionary::AttributesHash>,
) -> Option<Row> {
    let id_of = |text: Option<&String>, ids: &std::collections::HashMap<String, i64>| match text {
        Some(text) => ids.get(text).map(|id| Some(*id)),
        None => Some(None),
    };
    Some(Row(
        known.entities.get(event.entity_id.as_str())?.0,
        event.last_updated.get(),
        event
            .last_changed
            .filter(|at| *at != event.last_updated)
            .map(common::instant::UtcMicros::get),
        id_of(event.state.as_ref(), &known.states)?,
        match hash {
            Some(hash) => Some(*known.attributes.get(hash)?),
            None => None,
        },
        event
            .context
            .id
            .as_deref()
            .map(|id| hex::encode(&context_key::encode(id))),
        event
            .context
            .parent_id
            .as_deref()
            .map(|id| hex::encode(&context_key::encode(id))),
        id_of(event.context.user_id.as_ref(), &known.users)?,
        flags(event),
    ))
}
