//! Contexts that several rows share: what one script or one call did has one context, and often one parent. Where a batch has such a
//! context more than once it is kept in `event_contexts`, and rows refer to it in a few bytes. The table has no index: a context that
//! is not in memory any more is kept once more.

use std::collections::HashMap;

use database::{Statement, Transaction};

use super::attributes::Reads;
use super::dictionary::{self, Dictionaries};
use super::{StoreFailure, ValidEvent, context_key};

/// Most rows of one statement.
const ROWS_OF_A_STATEMENT: usize = 500;
/// A shorter key takes hardly more than a reference.
const LEAST_BYTES: usize = 10;

/// The contexts of an event as bytes.
#[derive(Debug)]
pub(super) struct ContextKeys {
    pub(super) own: Option<Vec<u8>>,
    pub(super) parent: Option<Vec<u8>>,
}

impl ContextKeys {
    pub(super) fn of(event: &ValidEvent) -> Self {
        let key = |id: &Option<String>| {
            id.as_deref()
                .map(|id| context_key::encode(id, event.last_updated.get()))
        };
        Self {
            own: key(&event.context.id),
            parent: key(&event.context.parent_id),
        }
    }

    /// Those that others may refer to as well.
    pub(super) fn shareable(&self) -> impl Iterator<Item = &Vec<u8>> {
        [&self.own, &self.parent]
            .into_iter()
            .flatten()
            .filter(|key| key.len() >= LEAST_BYTES && context_key::is_without_time(key))
    }
}

/// Keeps the contexts that are more than once in `keys` and not in `known`.
pub(super) async fn share(
    transaction: &mut Transaction,
    known: &Dictionaries,
    keys: &[ContextKeys],
) -> Result<HashMap<Vec<u8>, i64>, StoreFailure> {
    let mut uses: HashMap<&Vec<u8>, usize> = HashMap::new();
    for key in keys.iter().flat_map(ContextKeys::shareable) {
        *uses.entry(key).or_default() += 1;
    }
    let new: Vec<_> = uses
        .into_iter()
        .filter(|(key, uses)| *uses > 1 && !known.contexts.contains_key(*key))
        .map(|(key, _)| key)
        .collect();
    let mut found = HashMap::with_capacity(new.len());
    for part in new.chunks(ROWS_OF_A_STATEMENT) {
        let statement = dictionary::rows(
            Statement::new("INSERT INTO event_contexts (context) VALUES "),
            part,
            |key| vec![key.as_slice().into()],
        );
        for row in transaction
            .fetch_all(statement.push(" RETURNING context, id"))
            .await?
        {
            found.insert(row.get(0)?, row.get(1)?);
        }
    }
    Ok(found)
}

/// What a row has for a context.
pub(super) fn shared_or_own(
    key: Option<Vec<u8>>,
    shared: &HashMap<Vec<u8>, i64>,
) -> Option<Vec<u8>> {
    let key = key?;
    Some(match shared.get(&key) {
        Some(id) => context_key::shared(*id),
        None => key,
    })
}

/// The contexts with these ids, as bytes. One that is lost is left out.
pub(super) async fn read(
    mut from: impl Reads,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Vec<u8>>, StoreFailure> {
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut found = HashMap::with_capacity(ids.len());
    for part in ids.chunks(ROWS_OF_A_STATEMENT) {
        let statement = Statement::new("SELECT id, context FROM event_contexts WHERE id IN (")
            .list(part.iter().copied())
            .push(")");
        for row in from.rows(statement).await? {
            found.insert(row.get(0)?, row.get(1)?);
        }
    }
    Ok(found)
}

/// The id of a context that a row has these bytes for; none when it is lost.
pub(super) fn id(bytes: &[u8], at_us: i64, shared: &HashMap<i64, Vec<u8>>) -> Option<String> {
    match context_key::shared_id(bytes) {
        Some(id) => Some(context_key::decode(shared.get(&id)?, at_us)),
        None => Some(context_key::decode(bytes, at_us)),
    }
}
