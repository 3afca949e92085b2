//! Ids of entities, states, attribute sets and users: looked up in memory, else in the tables, else made.
//!
//! What a transaction looked up or made reaches the memory only after its commit: ids of a transaction that was rolled back
//! must not be used again.

use std::collections::{HashMap, HashSet};

use common::category;
use database::{EngineTransaction, Statement, Transaction, Value};
use sha2::{Digest, Sha256};

use super::attributes::sets::{self, Base};
use super::contexts::{self, ContextKeys};
use super::inline_state::is_inline;
use super::{Placement, StoreFailure, ValidEvent};

/// Most states, and most attribute sets, that are held in memory; when full, that dictionary begins anew.
const MAX_CACHED: usize = 100_000;
/// Most bytes of bases in memory; when full, all are forgotten, and read again as they are needed.
const MAX_BASES_BYTES: usize = 8 * 1024 * 1024;
/// Most shared contexts that are held in memory; when full, they begin anew.
const MAX_CONTEXTS: usize = 10_000;
/// Most rows of one statement.
const ROWS_OF_A_STATEMENT: usize = 500;

/// First 16 bytes of the SHA-256 of an attribute set.
pub(super) type AttributesHash = [u8; 16];
/// Ids and places of entities by their names.
pub(super) type Entities = HashMap<String, (i64, Placement)>;

/// What is known in memory.
#[derive(Debug, Default, Clone)]
pub(super) struct Dictionaries {
    pub(super) entities: Entities,
    pub(super) states: HashMap<String, i64>,
    /// What `events.attributes` has for a set.
    pub(super) attributes: HashMap<AttributesHash, i64>,
    /// Sets that others of the entity are kept as differences from.
    pub(super) bases: HashMap<String, Vec<Base>>,
    bases_bytes: usize,
    pub(super) users: HashMap<String, i64>,
    /// Contexts that several rows refer to.
    pub(super) contexts: HashMap<Vec<u8>, i64>,
    /// `event_totals.sweeps` when it was looked at last.
    sweeps: i64,
}

impl Dictionaries {
    pub(super) fn len(&self) -> usize {
        self.entities.len()
            + self.states.len()
            + self.attributes.len()
            + self.users.len()
            + self.contexts.len()
    }

    /// Takes over what a committed transaction found.
    pub(super) fn absorb(&mut self, found: Self) {
        if self.states.len() + found.states.len() > MAX_CACHED {
            self.states.clear();
        }
        if self.attributes.len() + found.attributes.len() > MAX_CACHED {
            self.attributes.clear();
        }
        if self.contexts.len() + found.contexts.len() > MAX_CONTEXTS {
            self.contexts.clear();
        }
        if self.bases_bytes + found.bases_bytes > MAX_BASES_BYTES {
            self.bases.clear();
            self.bases_bytes = 0;
        }
        for (entity_id, bases) in found.bases {
            self.set_bases(entity_id, bases);
        }
        self.entities.extend(found.entities);
        self.states.extend(found.states);
        self.attributes.extend(found.attributes);
        self.users.extend(found.users);
        self.contexts.extend(found.contexts);
    }

    /// Knows these bases of an entity, and no others.
    pub(super) fn set_bases(&mut self, entity_id: String, bases: Vec<Base>) {
        let bytes = |bases: &[Base]| bases.iter().map(|base| base.text.len()).sum::<usize>();
        self.bases_bytes += bytes(&bases);
        if let Some(before) = self.bases.insert(entity_id, bases) {
            self.bases_bytes -= bytes(&before);
        }
    }

    /// Forgets attribute sets and contexts unless they were learnt after so many sweeps.
    pub(super) fn hold_after(&mut self, sweeps: i64) {
        if self.sweeps != sweeps {
            self.forget_swept();
            self.sweeps = sweeps;
        }
    }

    /// Forgets attribute sets and contexts, after unused ones were deleted.
    pub(super) fn forget_swept(&mut self) {
        self.attributes.clear();
        self.bases.clear();
        self.bases_bytes = 0;
        self.contexts.clear();
    }

    /// Forgets where entities are, after the registry changed that.
    pub(super) fn forget_placements(&mut self) {
        self.entities.clear();
    }
}

/// The hash by which an attribute set is found.
pub(super) fn hash(attributes: &str) -> AttributesHash {
    let digest = Sha256::digest(attributes.as_bytes());
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// Finds or makes every id that `batch` needs and `known` does not have.
pub(super) async fn resolve(
    transaction: &mut Transaction,
    known: &Dictionaries,
    batch: &[ValidEvent],
    hashes: &[Option<AttributesHash>],
    keys: &[ContextKeys],
) -> Result<Dictionaries, StoreFailure> {
    let entities = entities(transaction, known, batch).await?;
    let sets = sets::resolve(transaction, known, &entities, batch, hashes).await?;
    let mut found = Dictionaries {
        entities,
        states: states(transaction, known, batch).await?,
        attributes: sets.ids,
        users: users(transaction, known, batch).await?,
        contexts: contexts::share(transaction, known, keys).await?,
        ..Dictionaries::default()
    };
    for (entity_id, bases) in sets.bases {
        found.set_bases(entity_id, bases);
    }
    Ok(found)
}

/// What an event says of its entity.
struct Said<'a> {
    placement: &'a Placement,
    attributes: Option<&'a str>,
}

async fn entities(
    transaction: &mut Transaction,
    known: &Dictionaries,
    batch: &[ValidEvent],
) -> Result<Entities, StoreFailure> {
    // The last event of an entity that says where it is decides.
    let mut wanted: HashMap<&str, Said<'_>> = HashMap::new();
    for event in batch {
        let cached = known.entities.get(event.entity_id.as_str());
        let says = event.placement != Placement::default();
        if cached.is_none_or(|(_, placement)| says && *placement != event.placement) {
            let entry = wanted.entry(event.entity_id.as_str()).or_insert(Said {
                placement: &event.placement,
                attributes: event.attributes.as_deref(),
            });
            if says {
                entry.placement = &event.placement;
            }
        }
    }
    let mut found = HashMap::new();
    let wanted: Vec<_> = wanted.into_iter().collect();
    for part in wanted.chunks(ROWS_OF_A_STATEMENT) {
        let statement = Statement::new(
            "INSERT INTO event_entities (entity_id, domain, device_id, area_id, category) VALUES ",
        );
        let statement = rows(statement, part, |(entity_id, said)| {
            let domain = common::entity::domain_of(entity_id);
            let class = said.attributes.and_then(device_class);
            vec![
                (*entity_id).into(),
                domain.into(),
                said.placement.device_id.clone().into(),
                said.placement.area_id.clone().into(),
                category::of(domain, class.as_deref()).into(),
            ]
        });
        let statement = statement.push(
            " ON CONFLICT (entity_id) DO UPDATE SET device_id = coalesce(excluded.device_id, event_entities.device_id), \
             area_id = coalesce(excluded.area_id, event_entities.area_id) \
             RETURNING entity_id, id, device_id, area_id",
        );
        for row in transaction.fetch_all(statement).await? {
            let placement = Placement {
                device_id: row.get(2)?,
                area_id: row.get(3)?,
            };
            found.insert(row.get(0)?, (row.get(1)?, placement));
        }
    }
    Ok(found)
}

/// Adds rows of values: `(…), (…)`.
pub(super) fn rows<T>(
    mut statement: Statement,
    rows: &[T],
    values: impl Fn(&T) -> Vec<Value>,
) -> Statement {
    for (position, row) in rows.iter().enumerate() {
        statement = statement.push(if position == 0 { "(" } else { ", (" });
        statement = statement.list(values(row)).push(")");
    }
    statement
}

fn device_class(attributes: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Classified {
        device_class: Option<String>,
    }
    serde_json::from_str::<Classified>(attributes)
        .ok()?
        .device_class
}

async fn states(
    transaction: &mut Transaction,
    known: &Dictionaries,
    batch: &[ValidEvent],
) -> Result<HashMap<String, i64>, StoreFailure> {
    // PostgreSQL has states in the rows themselves: a number there would save less than the padding of its rows costs.
    if matches!(transaction.engine, EngineTransaction::Postgres(_)) {
        return Ok(HashMap::new());
    }
    let used = batch.iter().filter_map(|event| event.state.as_deref());
    texts(
        transaction,
        used.filter(|state| !is_inline(state) && !known.states.contains_key(*state))
            .collect(),
        "INSERT INTO event_states (state) VALUES ",
        "SELECT state, id FROM event_states WHERE state IN (",
    )
    .await
}

async fn users(
    transaction: &mut Transaction,
    known: &Dictionaries,
    batch: &[ValidEvent],
) -> Result<HashMap<String, i64>, StoreFailure> {
    let used = batch
        .iter()
        .filter_map(|event| event.context.user_id.as_deref());
    texts(
        transaction,
        used.filter(|user| !known.users.contains_key(*user))
            .collect(),
        "INSERT INTO event_users (user_id) VALUES ",
        "SELECT user_id, id FROM event_users WHERE user_id IN (",
    )
    .await
}

/// Ids of texts in a table that has each once: makes those that are missing, then reads all.
async fn texts(
    transaction: &mut Transaction,
    wanted: HashSet<&str>,
    make: &'static str,
    read: &'static str,
) -> Result<HashMap<String, i64>, StoreFailure> {
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let mut found = HashMap::new();
    for part in wanted.chunks(ROWS_OF_A_STATEMENT) {
        let statement = rows(Statement::new(make), part, |text| vec![(*text).into()]);
        transaction
            .execute(statement.push(" ON CONFLICT DO NOTHING"))
            .await?;
        let statement = Statement::new(read).list(part.iter().copied()).push(")");
        for row in transaction.fetch_all(statement).await? {
            found.insert(row.get(0)?, row.get(1)?);
        }
    }
    Ok(found)
}
