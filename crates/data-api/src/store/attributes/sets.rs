//! Attribute sets of a batch: found in memory, else in the tables, else stored, as a whole or as a difference.
//!
//! An entity has a few bases. A set that differs from one of them in little is stored as that difference; one that differs in more
//! becomes a base of its own. A difference is looked for among the newest sets of its entity only, not in an index: most of them never
//! come again, and an entry would take as much room as they do. One that comes again after it was forgotten is stored a second time.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use database::{Statement, Transaction};

use super::{patch, texts};
use crate::store::dictionary::{self, AttributesHash, Dictionaries, Entities};
use crate::store::{StoreFailure, ValidEvent};

/// Most rows of one statement.
const ROWS_OF_A_STATEMENT: usize = 500;
/// Bases of one entity.
const MOST_BASES: usize = 4;
/// The newest rows of an entity, whose sets are read when nothing is known of it in memory.
const NEWEST_ROWS: i64 = 64;
/// A difference is worth it when it takes at most this part of the whole.
const MOST_OF_THE_WHOLE: usize = 2;
/// While an entity has fewer than its most bases, a set whose differences take more than this part of the whole becomes one.
const LITTLE_OF_THE_WHOLE: usize = 8;

/// A set that others are kept as differences from.
#[derive(Debug, Clone)]
pub(in crate::store) struct Base {
    hash: AttributesHash,
    /// Its id in `event_attributes`; 0: it is about to be stored.
    id: i64,
    pub(in crate::store) text: Arc<str>,
}

impl Base {
    /// Its id in `event_attributes`.
    pub(in crate::store) fn id(&self) -> i64 {
        self.id
    }

    fn number(&self, stored: &HashMap<AttributesHash, i64>) -> Result<i64, StoreFailure> {
        match stored.get(&self.hash) {
            Some(&id) if self.id == 0 => Ok(id),
            None if self.id == 0 => Err(broken("a base that was just stored has no id")),
            _ => Ok(self.id),
        }
    }
}

/// What a batch found or made.
#[derive(Debug, Default)]
pub(in crate::store) struct Found {
    pub(in crate::store) ids: HashMap<AttributesHash, i64>,
    pub(in crate::store) bases: HashMap<String, Vec<Base>>,
}

/// A set without a number.
struct Wanted<'a> {
    hash: AttributesHash,
    entity_id: &'a str,
    text: &'a str,
}

/// A set that will be stored as a difference.
struct Difference {
    hash: AttributesHash,
    base: Base,
    patch: Vec<u8>,
}

/// Numbers of all sets of `batch` that `known` does not have.
pub(in crate::store) async fn resolve(
    transaction: &mut Transaction,
    known: &Dictionaries,
    entities: &Entities,
    batch: &[ValidEvent],
    hashes: &[Option<AttributesHash>],
) -> Result<Found, StoreFailure> {
    let mut seen = HashSet::new();
    let wanted: Vec<Wanted<'_>> = batch
        .iter()
        .zip(hashes)
        .filter_map(|(event, hash)| {
            Some(Wanted {
                hash: (*hash)?,
                entity_id: event.entity_id.as_str(),
                text: event.attributes.as_deref()?,
            })
        })
        .filter(|set| !known.attributes.contains_key(&set.hash) && seen.insert(set.hash))
        .collect();
    let mut found = Found::default();
    if wanted.is_empty() {
        return Ok(found);
    }
    for part in wanted.chunks(ROWS_OF_A_STATEMENT) {
        ids(transaction, part.iter().map(|set| set.hash), &mut found.ids).await?;
    }
    let (mut whole, mut differences) = (Vec::new(), Vec::new());
    for set in wanted {
        if found.ids.contains_key(&set.hash) {
            continue;
        }
        if !found.bases.contains_key(set.entity_id) {
            let bases = match known.bases.get(set.entity_id) {
                Some(bases) => bases.clone(),
                None => read_newest(transaction, entities, known, &set, &mut found.ids).await?,
            };
            found.bases.insert(set.entity_id.to_owned(), bases);
            if found.ids.contains_key(&set.hash) {
                continue;
            }
        }
        let Some(bases) = found.bases.get_mut(set.entity_id) else {
            continue;
        };
        if let Some(difference) = difference(bases, &set) {
            differences.push(difference);
            continue;
        }
        if bases.len() >= MOST_BASES {
            bases.remove(0);
        }
        bases.push(Base {
            hash: set.hash,
            id: 0,
            text: set.text.into(),
        });
        whole.push(set);
    }
    store_whole(transaction, &whole, &mut found.ids).await?;
    store_differences(transaction, &differences, &mut found.ids).await?;
    for base in found.bases.values_mut().flatten() {
        base.id = base.number(&found.ids)?;
    }
    Ok(found)
}

/// The smallest difference from one of `bases`; none when the set had better be stored as a whole.
fn difference(bases: &[Base], set: &Wanted<'_>) -> Option<Difference> {
    let differences = bases.iter().map(|base| Difference {
        hash: set.hash,
        base: base.clone(),
        patch: patch::diff(&base.text, set.text),
    });
    let smallest = differences.min_by_key(|difference| difference.patch.len())?;
    let part = if bases.len() < MOST_BASES {
        LITTLE_OF_THE_WHOLE
    } else {
        MOST_OF_THE_WHOLE
    };
    (smallest.patch.len() <= set.text.len() / part).then_some(smallest)
}

/// Numbers of sets that are stored as a whole.
async fn ids(
    transaction: &mut Transaction,
    hashes: impl Iterator<Item = AttributesHash>,
    found: &mut HashMap<AttributesHash, i64>,
) -> Result<(), StoreFailure> {
    let statement = Statement::new("SELECT hash, id FROM event_attributes WHERE hash IN (")
        .list(hashes.map(Vec::from))
        .push(")");
    for row in transaction.fetch_all(statement).await? {
        let hash: Vec<u8> = row.get(0)?;
        let hash =
            AttributesHash::try_from(hash).map_err(|_| broken("a hash of another length"))?;
        found.insert(hash, row.get(1)?);
    }
    Ok(())
}

fn broken(what: &'static str) -> StoreFailure {
    StoreFailure::Statement(sqlx::Error::Decode(what.into()))
}

/// The bases that the newest rows of an entity have, newest last. Numbers of the sets of these rows are added to `found`.
async fn read_newest(
    transaction: &mut Transaction,
    entities: &Entities,
    known: &Dictionaries,
    set: &Wanted<'_>,
    found: &mut HashMap<AttributesHash, i64>,
) -> Result<Vec<Base>, StoreFailure> {
    let entity = entities
        .get(set.entity_id)
        .or_else(|| known.entities.get(set.entity_id));
    let Some((entity, _)) = entity else {
        return Ok(Vec::new());
    };
    let statement = Statement::with(
        "SELECT attributes FROM events WHERE entity = $1 ORDER BY last_updated_us DESC LIMIT $2",
        [(*entity).into(), NEWEST_ROWS.into()],
    );
    let (mut newest, mut distinct) = (Vec::new(), HashSet::new());
    for row in transaction.fetch_all(statement).await? {
        if let Some(number) = row.get::<Option<i64>>(0)?
            && distinct.insert(number)
        {
            newest.push(number);
        }
    }
    if newest.is_empty() {
        return Ok(Vec::new());
    }
    let mut base_of = HashMap::new();
    let patches: Vec<i64> = newest.iter().filter(|n| **n < 0).map(|n| -n).collect();
    if !patches.is_empty() {
        let statement =
            Statement::new("SELECT id, base FROM event_attribute_patches WHERE id IN (")
                .list(patches)
                .push(")");
        for row in transaction.fetch_all(statement).await? {
            base_of.insert(-row.get::<i64>(0)?, row.get::<i64>(1)?);
        }
    }
    let whole = newest.iter().filter(|n| **n > 0).copied();
    let all = newest.iter().copied().chain(base_of.values().copied());
    let texts = texts(&mut *transaction, all).await?;
    for (number, text) in &texts {
        found.insert(dictionary::hash(text), *number);
    }
    let mut bases: Vec<Base> = Vec::new();
    for number in newest
        .iter()
        .filter_map(|number| base_of.get(number).copied())
        .chain(whole)
    {
        let Some(text) = texts.get(&number) else {
            continue;
        };
        let hash = dictionary::hash(text);
        if bases.len() < MOST_BASES && bases.iter().all(|base| base.hash != hash) {
            bases.push(Base {
                hash,
                id: number,
                text: text.as_str().into(),
            });
        }
    }
    bases.reverse();
    Ok(bases)
}

async fn store_whole(
    transaction: &mut Transaction,
    sets: &[Wanted<'_>],
    found: &mut HashMap<AttributesHash, i64>,
) -> Result<(), StoreFailure> {
    for part in sets.chunks(ROWS_OF_A_STATEMENT) {
        let statement = dictionary::rows(
            Statement::new("INSERT INTO event_attributes (hash, attributes) VALUES "),
            part,
            |set| vec![set.hash.as_slice().into(), set.text.into()],
        );
        transaction
            .execute(statement.push(" ON CONFLICT DO NOTHING"))
            .await?;
        ids(transaction, part.iter().map(|set| set.hash), found).await?;
    }
    Ok(())
}

async fn store_differences(
    transaction: &mut Transaction,
    differences: &[Difference],
    found: &mut HashMap<AttributesHash, i64>,
) -> Result<(), StoreFailure> {
    for part in differences.chunks(ROWS_OF_A_STATEMENT) {
        let mut hashes: HashMap<(i64, &[u8]), AttributesHash> = HashMap::new();
        for Difference { hash, base, patch } in part {
            hashes.insert((base.number(found)?, patch), *hash);
        }
        let rows: Vec<(i64, &[u8])> = hashes.keys().copied().collect();
        let statement = dictionary::rows(
            Statement::new("INSERT INTO event_attribute_patches (base, patch) VALUES "),
            &rows,
            |(base, patch)| vec![(*base).into(), (*patch).into()],
        );
        let statement = statement.push(" RETURNING id, base, patch");
        for row in transaction.fetch_all(statement).await? {
            let (base, patch): (i64, Vec<u8>) = (row.get(1)?, row.get(2)?);
            if let Some(hash) = hashes.get(&(base, patch.as_slice())) {
                found.insert(*hash, -row.get::<i64>(0)?);
            }
        }
    }
    Ok(())
}
