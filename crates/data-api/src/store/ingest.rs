//! Storing state changes: all batches that wait together are one transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use common::api::events::Origin;
use database::{EngineTransaction, Statement, Transaction};

use super::contexts::{self, ContextKeys};
use super::dictionary::{self, AttributesHash, Dictionaries};
use super::inline_state::is_inline;
use super::sqlite::tail::Key;
use super::{Appended, Store, StoreFailure, ValidEvent, postgres, sqlite};

/// Bit of `events.flags`: written while Home Assistant was starting.
pub(super) const STARTUP: i64 = 4;
/// From this bit of `events.flags` on: the id of the person, 0 for nobody.
pub(super) const USER_SHIFT: u32 = 3;
/// Microseconds of a day of `event_days`.
pub(super) const DAY_US: i64 = 86_400_000_000;
/// Most rows of one statement.
const ROWS_OF_A_STATEMENT: usize = 500;

/// `events.flags` of an event.
fn flags(event: &ValidEvent, user: i64) -> i64 {
    let origin = match event.origin {
        Origin::Live => 0,
        Origin::Backfill => 1,
        Origin::Import => 2,
    };
    origin | if event.startup { STARTUP } else { 0 } | user << USER_SHIFT
}

/// The origin in `events.flags`.
pub(super) fn origin(flags: i64) -> Origin {
    match flags & 3 {
        1 => Origin::Backfill,
        2 => Origin::Import,
        _ => Origin::Live,
    }
}

/// A row of `events`.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) entity: i64,
    pub(super) last_updated_us: i64,
    pub(super) unchanged_us: i64,
    /// Its id in the dictionary, where it has one.
    pub(super) state_id: Option<i64>,
    pub(super) state: Option<&'a str>,
    pub(super) attributes: Option<i64>,
    pub(super) context: Option<Vec<u8>>,
    pub(super) context_parent: Option<Vec<u8>>,
    pub(super) flags: i64,
}

impl Store {
    /// Stores batches in one transaction; when this returns, they are on disk. Rows that are there already are counted, not
    /// changed.
    pub async fn append(&self, batches: &[Vec<ValidEvent>]) -> Result<Vec<Appended>, StoreFailure> {
        let appended = self.append_all(batches).await;
        if appended.is_err() {
            self.partitions.forget();
        }
        appended
    }

    async fn append_all(&self, batches: &[Vec<ValidEvent>]) -> Result<Vec<Appended>, StoreFailure> {
        let instants = || {
            let events = batches.iter().flatten();
            events.map(|event| event.last_updated.get())
        };
        let span = instants().min().zip(instants().max());
        if let Some((_, newest)) = span {
            self.top.raise(newest);
        }
        let mut transaction = self.database.write().await?;
        self.forget_what_others_swept(&mut transaction).await?;
        let mut found = Dictionaries::default();
        let mut keys = Vec::new();
        let mut appended = Vec::with_capacity(batches.len());
        for batch in batches {
            let insert = self.insert(&mut transaction, batch, &mut found, &mut keys);
            appended.push(insert.await?);
        }
        let stored: usize = appended.iter().map(|batch| batch.stored).sum();
        if stored > 0 {
            let stored = i64::try_from(stored).unwrap_or(i64::MAX);
            transaction
                .execute(Statement::with(
                    "UPDATE event_totals SET stored = stored + $1, sweeper = CASE sweeper WHEN $2 THEN sweeper ELSE 0 END",
                    [stored.into(), self.sweeping.program.into()],
                ))
                .await?;
        }
        // The right to write is still held: a rename, which takes ids away, cannot come between the commit and what follows.
        let writing = transaction.commit().await?;
        if !found.entities.is_empty() {
            // Where something is may be told with its events.
            self.recent.forget();
        }
        self.dictionaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .absorb(found);
        self.recent.add(&keys);
        // The writer stores every batch to its end: nobody gives this up between the commit and what follows.
        self.keep_committed(&writing, &keys).await;
        // Only now may a question for the newest page look for them.
        self.tail.add(&keys);
        if let Some(span) = span {
            self.edges.extend(span);
        }
        drop(writing);
        Ok(appended)
    }

    /// One batch within a transaction; ids that it found or made are added to `found`, and where its rows are to `keys`.
    async fn insert(
        &self,
        transaction: &mut Transaction,
        batch: &[ValidEvent],
        found: &mut Dictionaries,
        keys: &mut Vec<Key>,
    ) -> Result<Appended, StoreFailure> {
        if batch.is_empty() {
            return Ok(Appended::default());
        }
        let hashes: Vec<_> = batch
            .iter()
            .map(|event| event.attributes.as_deref().map(dictionary::hash))
            .collect();
        let batch = &*self.under_names_of_now(transaction, batch).await?;
        let context_keys: Vec<_> = batch.iter().map(ContextKeys::of).collect();
        let mut known = self.known(batch, &hashes, &context_keys);
        known.absorb(found.clone());
        let new = dictionary::resolve(transaction, &known, batch, &hashes, &context_keys).await?;
        if !new.entities.is_empty() {
            // What the registry knows of an entity holds also where its first event does not say it.
            self.place_entities(transaction).await?;
        }
        known.absorb(new.clone());
        let mut rows: Vec<Row<'_>> = batch
            .iter()
            .zip(&hashes)
            .zip(context_keys)
            .filter_map(|((event, hash), keys)| row(&known, event, hash.as_ref(), keys))
            .collect();
        if rows.len() != batch.len() {
            return Err(StoreFailure::Statement(sqlx::Error::Protocol(
                "an id that was just made is missing".into(),
            )));
        }
        self.note_stored(&rows, new.bases.values().flatten());
        found.absorb(new);
        // In the order of the table: rows of an entity then go to the same page, one after the other.
        rows.sort_unstable_by_key(|row| (row.entity, row.last_updated_us));
        let stored = match &mut transaction.engine {
            EngineTransaction::Sqlite(transaction) => {
                keys.extend(rows.iter().map(|row| (row.last_updated_us, row.entity)));
                sqlite::insert::insert(transaction, &rows).await?
            }
            EngineTransaction::Postgres(transaction) => {
                postgres::insert::insert(transaction, &rows, &self.partitions).await?
            }
        };
        let stored = usize::try_from(stored).unwrap_or(usize::MAX);
        count_days(transaction, &rows, stored == rows.len()).await?;
        Ok(Appended {
            stored,
            duplicates: batch.len() - stored,
        })
    }

    /// The part of the memory that this batch needs.
    fn known(
        &self,
        batch: &[ValidEvent],
        hashes: &[Option<AttributesHash>],
        keys: &[ContextKeys],
    ) -> Dictionaries {
        let all = self
            .dictionaries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut known = Dictionaries::default();
        for ((event, hash), keys) in batch.iter().zip(hashes).zip(keys) {
            if !known.entities.contains_key(event.entity_id.as_str())
                && let Some((entity_id, entity)) =
                    all.entities.get_key_value(event.entity_id.as_str())
            {
                known.entities.insert(entity_id.clone(), entity.clone());
            }
            copy(event.state.as_ref(), &all.states, &mut known.states);
            match hash.map(|hash| (hash, all.attributes.get(&hash))) {
                Some((hash, Some(number))) => {
                    known.attributes.insert(hash, *number);
                }
                Some((_, None)) if !known.bases.contains_key(event.entity_id.as_str()) => {
                    if let Some(bases) = all.bases.get(event.entity_id.as_str()) {
                        known.set_bases(event.entity_id.as_str().to_owned(), bases.clone());
                    }
                }
                _ => {}
            }
            for key in keys.shareable() {
                if let Some(id) = all.contexts.get(key) {
                    known.contexts.insert(key.clone(), *id);
                }
            }
            copy(event.context.user_id.as_ref(), &all.users, &mut known.users);
        }
        known
    }
}

/// Takes over one entry, unless it is there.
fn copy(key: Option<&String>, from: &HashMap<String, i64>, to: &mut HashMap<String, i64>) {
    if let Some(key) = key
        && !to.contains_key(key)
        && let Some(id) = from.get(key)
    {
        to.insert(key.clone(), *id);
    }
}

/// The row of an event; none when an id is missing.
fn row<'a>(
    known: &Dictionaries,
    event: &'a ValidEvent,
    hash: Option<&AttributesHash>,
    keys: ContextKeys,
) -> Option<Row<'a>> {
    let at = event.last_updated;
    let state = event.state.as_deref();
    let key = |key: Option<Vec<u8>>| contexts::shared_or_own(key, &known.contexts);
    Some(Row {
        entity: known.entities.get(event.entity_id.as_str())?.0,
        last_updated_us: at.get(),
        unchanged_us: event
            .last_changed
            .map_or(0, |changed| at.get() - changed.get()),
        state_id: state
            .filter(|state| !is_inline(state))
            .and_then(|state| known.states.get(state).copied()),
        state,
        attributes: match hash {
            Some(hash) => Some(*known.attributes.get(hash)?),
            None => None,
        },
        context: key(keys.own),
        context_parent: key(keys.parent),
        flags: flags(
            event,
            match &event.context.user_id {
                Some(user) => *known.users.get(user)?,
                None => 0,
            },
        ),
    })
}

/// Keeps `event_days` exact: adds what a batch brought; where part of it was there before, those days are counted anew.
async fn count_days(
    transaction: &mut Transaction,
    rows: &[Row<'_>],
    all_new: bool,
) -> Result<(), StoreFailure> {
    let mut days: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for row in rows {
        *days
            .entry((row.last_updated_us.div_euclid(DAY_US), row.entity))
            .or_default() += 1;
    }
    if !all_new {
        for (day, entity) in days.into_keys() {
            recount(transaction, day, entity).await?;
        }
        return Ok(());
    }
    let days: Vec<_> = days.into_iter().collect();
    for part in days.chunks(ROWS_OF_A_STATEMENT) {
        let statement = dictionary::rows(
            Statement::new("INSERT INTO event_days (day, entity, events) VALUES "),
            part,
            |((day, entity), events)| vec![(*day).into(), (*entity).into(), (*events).into()],
        );
        let statement = statement.push(
            " ON CONFLICT (day, entity) DO UPDATE SET events = event_days.events + excluded.events",
        );
        transaction.execute(statement).await?;
    }
    Ok(())
}

/// Counts the events of an entity on a day anew.
pub(super) async fn recount(
    transaction: &mut Transaction,
    day: i64,
    entity: i64,
) -> Result<(), StoreFailure> {
    let of_day = [
        day.into(),
        entity.into(),
        (day * DAY_US).into(),
        ((day + 1) * DAY_US - 1).into(),
    ];
    transaction
        .execute(Statement::with(
            "INSERT INTO event_days (day, entity, events) SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), COUNT(*) FROM events \
             WHERE entity = $2 AND last_updated_us BETWEEN $3 AND $4 \
             ON CONFLICT (day, entity) DO UPDATE SET events = excluded.events",
            of_day,
        ))
        .await?;
    transaction
        .execute(Statement::with(
            "DELETE FROM event_days WHERE day = $1 AND entity = $2 AND events = 0",
            [day.into(), entity.into()],
        ))
        .await?;
    Ok(())
}
