//! Stored rows on their way out: read as numbers, then given their texts, each text read once for a page.

use std::collections::{BTreeMap, HashMap, HashSet};

use common::api::events::{Event, StateObject};
use common::instant::UtcMicros;
use database::{Database, Row, Statement};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::sqlite::tail::Key;
use super::{Cursor, StoreFailure, attributes, context_key, contexts, ingest};

/// Most ids in one statement.
const IDS_OF_A_STATEMENT: usize = 500;

/// A state as it stands in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StoredState {
    /// The entity was removed.
    Removed,
    /// In the dictionary.
    Id(i64),
    /// In the row.
    Text(String),
}

impl StoredState {
    /// Of the columns `{prefix}state_id` and `{prefix}state_text`.
    fn read(row: &Row, id: &str, text: &str) -> Result<Self, StoreFailure> {
        if let Some(id) = row.get::<Option<i64>>(id)? {
            return Ok(Self::Id(id));
        }
        Ok(row
            .get::<Option<String>>(text)?
            .map_or(Self::Removed, Self::Text))
    }
}

/// What the entity was before.
#[derive(Debug, Clone)]
struct Before {
    at: i64,
    unchanged: i64,
    state: StoredState,
    attributes: Option<i64>,
}

/// One row of `events`, with the row before it.
#[derive(Debug, Clone)]
pub(super) struct Change {
    entity: i64,
    at: i64,
    unchanged: i64,
    state: StoredState,
    attributes: Option<i64>,
    context: Option<Vec<u8>>,
    context_parent: Option<Vec<u8>>,
    flags: i64,
    before: Option<Before>,
}

impl Change {
    /// Reads a row with the columns that both databases' `newest` select.
    pub(super) fn read(row: &Row) -> Result<Self, StoreFailure> {
        let before = match row.get::<Option<i64>>("before_us")? {
            Some(at) => Some(Before {
                at,
                unchanged: row.get("before_unchanged_us")?,
                state: StoredState::read(row, "before_state_id", "before_state_text")?,
                attributes: row.get("before_attributes")?,
            }),
            None => None,
        };
        Ok(Self {
            entity: row.get("entity")?,
            at: row.get("last_updated_us")?,
            unchanged: row.get("unchanged_us")?,
            state: StoredState::read(row, "state_id", "state_text")?,
            attributes: row.get("attributes")?,
            context: row.get("context")?,
            context_parent: row.get("context_parent")?,
            flags: row.get("flags")?,
            before,
        })
    }

    /// Its instant, in microseconds.
    pub(super) fn at_us(&self) -> i64 {
        self.at
    }

    /// Where it stands in the order of all events.
    pub(super) fn key(&self) -> Key {
        (self.at, self.entity)
    }

    /// Where a page that ends with it goes on.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor {
            last_updated_us: self.at,
            entity: self.entity,
        }
    }
}

/// An entity as events tell of it.
struct Named {
    entity_id: String,
    domain: String,
    device_id: Option<String>,
    area_id: Option<String>,
}

/// An attribute set, with what is read of it.
struct Attributes {
    json: Box<RawValue>,
    friendly_name: Option<String>,
    device_class: Option<String>,
}

/// The texts of a page.
struct Texts {
    entities: HashMap<i64, Named>,
    states: HashMap<i64, String>,
    attributes: HashMap<i64, Attributes>,
    users: HashMap<i64, String>,
    /// Contexts that several rows share, as bytes.
    contexts: HashMap<i64, Vec<u8>>,
}

/// Gives rows their texts.
pub(super) async fn events(
    database: &Database,
    changes: Vec<Change>,
    no_attributes: bool,
) -> Result<Vec<Event>, StoreFailure> {
    let texts = Box::pin(Texts::read(database, &changes)).await?;
    let none = RawValue::from_string("{}".to_owned()).map_err(decode)?;
    Ok(changes
        .into_iter()
        .filter_map(|change| texts.event(change, no_attributes, &none))
        .collect())
}

fn decode(error: serde_json::Error) -> StoreFailure {
    StoreFailure::Statement(sqlx::Error::Decode(error.into()))
}

impl Texts {
    async fn read(database: &Database, changes: &[Change]) -> Result<Self, StoreFailure> {
        let mut entities = HashSet::new();
        let (mut states, mut sets) = (HashSet::new(), HashSet::new());
        let (mut users, mut shared) = (HashSet::new(), HashSet::new());
        let mut state = |state: &StoredState| {
            if let StoredState::Id(id) = state {
                states.insert(*id);
            }
        };
        for change in changes {
            entities.insert(change.entity);
            state(&change.state);
            sets.extend(change.attributes);
            for bytes in [&change.context, &change.context_parent] {
                shared.extend(bytes.as_deref().and_then(context_key::shared_id));
            }
            if change.flags >> ingest::USER_SHIFT > 0 {
                users.insert(change.flags >> ingest::USER_SHIFT);
            }
            if let Some(before) = &change.before {
                state(&before.state);
                sets.extend(before.attributes);
            }
        }
        // Five tables, each in places of its own on the disk: none waits for another.
        let (entities, states, attributes, users, contexts) = tokio::try_join!(
            read(
                database,
                "SELECT id, entity_id, domain, device_id, area_id FROM event_entities WHERE id IN (",
                entities,
                |row| {
                    Ok(Named {
                        entity_id: row.get(1)?,
                        domain: row.get(2)?,
                        device_id: row.get(3)?,
                        area_id: row.get(4)?,
                    })
                },
            ),
            read(
                database,
                "SELECT id, state FROM event_states WHERE id IN (",
                states,
                |row| row.get(1),
            ),
            attributes::texts(database, sets),
            read(
                database,
                "SELECT id, user_id FROM event_users WHERE id IN (",
                users,
                |row| row.get(1),
            ),
            contexts::read(database, shared),
        )?;
        let attributes = attributes
            .into_iter()
            .map(|(number, text)| Ok((number, Attributes::read(text)?)));
        Ok(Self {
            entities,
            states,
            attributes: attributes.collect::<Result<_, StoreFailure>>()?,
            users,
            contexts,
        })
    }

    fn state(&self, state: StoredState) -> Option<String> {
        match state {
            StoredState::Removed => None,
            StoredState::Id(id) => self.states.get(&id).cloned(),
            StoredState::Text(text) => Some(text),
        }
    }

    /// None when the entity has been deleted meanwhile.
    fn event(&self, change: Change, no_attributes: bool, none: &RawValue) -> Option<Event> {
        let named = self.entities.get(&change.entity)?;
        let known = |id: Option<i64>| id.and_then(|id| self.attributes.get(&id));
        let json = |id: Option<i64>| {
            known(id)
                .filter(|_| !no_attributes)
                .map_or(none, |attributes| &attributes.json)
                .to_owned()
        };
        let object = |state: String, at: i64, unchanged: i64, attributes| StateObject {
            entity_id: named.entity_id.clone(),
            state,
            attributes: json(attributes),
            last_changed: micros(at - unchanged),
            last_updated: micros(at),
        };
        let state = self.state(change.state);
        let old_state = change.before.and_then(|before| {
            let state = self.state(before.state)?;
            Some(object(
                state,
                before.at,
                before.unchanged,
                before.attributes,
            ))
        });
        let new_state = state
            .clone()
            .map(|state| object(state, change.at, change.unchanged, change.attributes));
        let described = known(change.attributes);
        let last_changed = micros(change.at - change.unchanged);
        let key = |bytes: Option<Vec<u8>>| contexts::id(&bytes?, change.at, &self.contexts);
        Some(Event {
            id: format!("{}@{}", named.entity_id, change.at),
            timestamp: micros(change.at),
            event_type: "state_changed".to_owned(),
            duration_in_state: old_state
                .as_ref()
                .map(|old| last_changed.seconds_since(old.last_changed).max(0.0)),
            previous_state: old_state.as_ref().map(|old| old.state.clone()),
            old_state,
            new_state,
            attributes: json(change.attributes),
            tags: BTreeMap::from([
                ("domain".to_owned(), named.domain.clone()),
                (
                    "device_class".to_owned(),
                    described
                        .and_then(|attributes| attributes.device_class.clone())
                        .unwrap_or_else(|| "unknown".to_owned()),
                ),
            ]),
            state,
            device_id: named.device_id.clone(),
            area_id: named.area_id.clone(),
            domain: named.domain.clone(),
            context_id: key(change.context),
            context_parent_id: key(change.context_parent),
            context_user_id: self
                .users
                .get(&(change.flags >> ingest::USER_SHIFT))
                .cloned(),
            friendly_name: described.and_then(|attributes| attributes.friendly_name.clone()),
            origin: ingest::origin(change.flags),
            startup: change.flags & ingest::STARTUP != 0,
            entity_id: named.entity_id.clone(),
        })
    }
}

impl Attributes {
    fn read(json: String) -> Result<Self, StoreFailure> {
        #[derive(Deserialize, Default)]
        struct Described {
            #[serde(default)]
            friendly_name: Option<serde_json::Value>,
            #[serde(default)]
            device_class: Option<serde_json::Value>,
        }
        let text = |value: Option<serde_json::Value>| match value? {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Null => None,
            other => Some(other.to_string()),
        };
        let described: Described = serde_json::from_str(&json).unwrap_or_default();
        Ok(Self {
            json: RawValue::from_string(json).map_err(decode)?,
            friendly_name: text(described.friendly_name),
            device_class: text(described.device_class),
        })
    }
}

/// Rows of a dictionary by id.
async fn read<T>(
    database: &Database,
    select: &'static str,
    ids: HashSet<i64>,
    of: impl Fn(&Row) -> Result<T, StoreFailure>,
) -> Result<HashMap<i64, T>, StoreFailure> {
    let ids: Vec<i64> = ids.into_iter().collect();
    let mut found = HashMap::with_capacity(ids.len());
    for part in ids.chunks(IDS_OF_A_STATEMENT) {
        let statement = Statement::new(select).list(part.iter().copied()).push(")");
        for row in database.fetch_all(statement).await? {
            found.insert(row.get(0)?, of(&row)?);
        }
    }
    Ok(found)
}

fn micros(at: i64) -> UtcMicros {
    UtcMicros::new(at).unwrap_or_default()
}
