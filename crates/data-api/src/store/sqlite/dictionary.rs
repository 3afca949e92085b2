//! Ids of entities, states, attribute sets and users: looked up in memory, else in the tables, else made.
//!
//! What a transaction looked up or made reaches the memory only after its commit: ids of a transaction that was rolled back
//! must not be used again.

use std::collections::{HashMap, HashSet};

use common::category;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Row, query};

use crate::hex;
use crate::store::{Placement, ValidEvent};

/// Most states, and most attribute sets, that are held in memory; when full, that dictionary begins anew.
const MAX_CACHED: usize = 100_000;

/// First 16 bytes of the SHA-256 of an attribute set.
pub(super) type AttributesHash = [u8; 16];

/// What is known in memory.
#[derive(Debug, Default, Clone)]
pub(in crate::store) struct Dictionaries {
    pub(super) entities: HashMap<String, (i64, Placement)>,
    pub(super) states: HashMap<String, i64>,
    pub(super) attributes: HashMap<AttributesHash, i64>,
    pub(super) users: HashMap<String, i64>,
}

impl Dictionaries {
    pub(in crate::store) fn len(&self) -> usize {
        self.entities.len() + self.states.len() + self.attributes.len() + self.users.len()
    }

    /// Takes over what a committed transaction found.
    pub(super) fn absorb(&mut self, found: Self) {
        if self.states.len() + found.states.len() > MAX_CACHED {
            self.states.clear();
        }
        if self.attributes.len() + found.attributes.len() > MAX_CACHED {
            self.attributes.clear();
        }
        self.entities.extend(found.entities);
        self.states.extend(found.states);
        self.attributes.extend(found.attributes);
        self.users.extend(found.users);
    }

    /// Forgets where entities are, after the registry changed that.
    pub(in crate::store) fn forget_placements(&mut self) {
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
    connection: &mut SqliteConnection,
    known: &Dictionaries,
    batch: &[ValidEvent],
    hashes: &[Option<AttributesHash>],
) -> Result<Dictionaries, sqlx::Error> {
    Ok(Dictionaries {
        entities: entities(connection, known, batch).await?,
        states: states(connection, known, batch).await?,
        attributes: attributes(connection, known, batch, hashes).await?,
        users: users(connection, known, batch).await?,
    })
}

async fn entities(
    connection: &mut SqliteConnection,
    known: &Dictionaries,
    batch: &[ValidEvent],
) -> Result<HashMap<String, (i64, Placement)>, sqlx::Error> {
    // The last event of an entity that says where it is decides.
    let mut wanted: HashMap<&str, (&Placement, Option<&str>)> = HashMap::new();
    for event in batch {
        let cached = known.entities.get(event.entity_id.as_str());
        let says = event.placement != Placement::default();
        if cached.is_none_or(|(_, placement)| says && *placement != event.placement) {
            let entry = wanted
                .entry(event.entity_id.as_str())
                .or_insert((&event.placement, event.attributes.as_deref()));
            if says {
                entry.0 = &event.placement;
            }
        }
    }
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = wanted
        .iter()
        .map(|(entity_id, (placement, attributes))| {
            let domain = common::entity::domain_of(entity_id);
            let class = attributes.and_then(device_class);
            json!([
                entity_id,
                domain,
                placement.device_id,
                placement.area_id,
                category::of(domain, class.as_deref())
            ])
        })
        .collect();
    let found = query(
        "INSERT INTO event_entities (entity_id, domain, device_id, area_id, category) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each($1) WHERE true \
         ON CONFLICT (entity_id) DO UPDATE SET device_id = coalesce(excluded.device_id, device_id), \
         area_id = coalesce(excluded.area_id, area_id) \
         RETURNING entity_id, id, device_id, area_id",
    )
    .bind(json!(rows).to_string())
    .fetch_all(connection)
    .await?;
    found
        .into_iter()
        .map(|row| {
            let placement = Placement {
                device_id: row.try_get(2)?,
                area_id: row.try_get(3)?,
            };
            Ok((row.try_get(0)?, (row.try_get(1)?, placement)))
        })
        .collect()
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
    connection: &mut SqliteConnection,
    known: &Dictionaries,
    batch: &[ValidEvent],
) -> Result<HashMap<String, i64>, sqlx::Error> {
    let used = batch.iter().filter_map(|event| event.state.as_deref());
    texts(
        connection,
        used.filter(|state| !known.states.contains_key(*state)).collect(),
        "INSERT INTO event_states (state) SELECT value FROM json_each($1) WHERE true ON CONFLICT DO NOTHING",
        "SELECT state, id FROM event_states WHERE state IN (SELECT value FROM json_each($1))",
    )
    .await
}

async fn users(
    connection: &mut SqliteConnection,
    known: &Dictionaries,
    batch: &[ValidEvent],
) -> Result<HashMap<String, i64>, sqlx::Error> {
    let used = batch
        .iter()
        .filter_map(|event| event.context.user_id.as_deref());
    texts(
        connection,
        used.filter(|user| !known.users.contains_key(*user)).collect(),
        "INSERT INTO event_users (user_id) SELECT value FROM json_each($1) WHERE true ON CONFLICT DO NOTHING",
        "SELECT user_id, id FROM event_users WHERE user_id IN (SELECT value FROM json_each($1))",
    )
    .await
}

/// Ids of texts in a table that has each once: makes those that are missing, then reads all.
async fn texts(
    connection: &mut SqliteConnection,
    wanted: HashSet<&str>,
    make: &'static str,
    read: &'static str,
) -> Result<HashMap<String, i64>, sqlx::Error> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let list = json!(wanted).to_string();
    query(make).bind(&list).execute(&mut *connection).await?;
    let found = query(read).bind(&list).fetch_all(connection).await?;
    found
        .into_iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect()
}

async fn attributes(
    connection: &mut SqliteConnection,
    known: &Dictionaries,
    batch: &[ValidEvent],
    hashes: &[Option<AttributesHash>],
) -> Result<HashMap<AttributesHash, i64>, sqlx::Error> {
    let wanted: HashMap<AttributesHash, &str> = batch
        .iter()
        .zip(hashes)
        .filter_map(|(event, hash)| Some(((*hash)?, event.attributes.as_deref()?)))
        .filter(|(hash, _)| !known.attributes.contains_key(hash))
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = wanted
        .iter()
        .map(|(hash, attributes)| json!([hex::encode(hash), attributes]))
        .collect();
    let rows = json!(rows).to_string();
    query(
        "INSERT INTO event_attributes (hash, attributes) SELECT unhex(value ->> 0), value ->> 1 FROM json_each($1) \
         WHERE true ON CONFLICT DO NOTHING",
    )
    .bind(&rows)
    .execute(&mut *connection)
    .await?;
    let found = query(
        "SELECT hash, id FROM event_attributes WHERE hash IN (SELECT unhex(value ->> 0) FROM json_each($1))",
    )
    .bind(&rows)
    .fetch_all(connection)
    .await?;
    found
        .into_iter()
        .map(|row| {
            let hash: Vec<u8> = row.try_get(0)?;
            let hash = AttributesHash::try_from(hash)
                .map_err(|_| sqlx::Error::Decode("a hash of another length".into()))?;
            Ok((hash, row.try_get(1)?))
        })
        .collect()
}
