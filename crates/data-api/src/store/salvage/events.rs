//! The events: the one table that may not fit into memory.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use database::sqlite::raw::{Found, Row, Value};
use sqlx::{Row as _, query};

use super::lost::Lost;
use super::report::Report;
use super::table::{Columns, Rows, stream};
use super::{CannotSalvage, Damaged, New};
use crate::store::context_key;

/// Bits of `flags` before the user.
const FLAG_BITS: u32 = 3;

/// What the dictionaries of the new file have.
pub(super) struct Known {
    pub(super) entities: HashMap<i64, String>,
    states: HashSet<i64>,
    attributes: HashSet<i64>,
    users: HashSet<i64>,
    contexts: HashSet<i64>,
}

impl Known {
    /// `has_patches`: the tables are of a version that keeps attribute sets as differences, and shares contexts.
    pub(super) async fn read(new: &mut New, has_patches: bool) -> Result<Self, CannotSalvage> {
        let mut entities = HashMap::new();
        for row in query("SELECT id, entity_id FROM event_entities")
            .fetch_all(&mut *new)
            .await?
        {
            entities.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let mut attributes = ids(new, "SELECT id FROM event_attributes").await?;
        let mut contexts = HashSet::new();
        if has_patches {
            attributes.extend(ids(new, "SELECT -id FROM event_attribute_patches").await?);
            contexts = ids(new, "SELECT id FROM event_contexts").await?;
        }
        Ok(Self {
            entities,
            states: ids(new, "SELECT id FROM event_states").await?,
            attributes,
            users: ids(new, "SELECT id FROM event_users").await?,
            contexts,
        })
    }
}

async fn ids(new: &mut New, statement: &'static str) -> Result<HashSet<i64>, CannotSalvage> {
    let rows = query(statement).fetch_all(new).await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get(0))
        .collect::<Result<_, _>>()?)
}

/// Where the columns are that point to dictionaries.
struct Places {
    state: Option<usize>,
    attributes: Option<usize>,
    /// Before version 5.
    user: Option<usize>,
    flags: Option<usize>,
    contexts: [Option<usize>; 2],
}

impl Places {
    /// Puts a row right, or says that it is lost.
    fn settle(&self, known: &Known, row: &mut Row, report: &mut Report) -> bool {
        let at = |place: Option<usize>| place.and_then(|place| row.values.get(place));
        let id = |place: Option<usize>| match at(place) {
            Some(Value::Integer(id)) => Some(*id),
            _ => None,
        };
        let has_entity = matches!(row.values.first(), Some(Value::Integer(id)) if known.entities.contains_key(id));
        if !has_entity || id(self.state).is_some_and(|id| !known.states.contains(&id)) {
            return false;
        }
        let attributes = id(self.attributes).filter(|id| !known.attributes.contains(id));
        let user = id(self.user).filter(|id| !known.users.contains(id));
        let flags = id(self.flags).unwrap_or_default();
        if let (Some(_), Some(place)) = (attributes, self.attributes) {
            row.values[place] = Value::Null;
            report.events_without_attributes += 1;
        }
        if let (Some(_), Some(place)) = (user, self.user) {
            row.values[place] = Value::Null;
            report.events_without_user += 1;
        }
        let named = flags >> FLAG_BITS;
        if let (None, Some(place)) = (self.user, self.flags)
            && named != 0
            && !known.users.contains(&named)
        {
            row.values[place] = Value::Integer(flags & ((1 << FLAG_BITS) - 1));
            report.events_without_user += 1;
        }
        for place in self.contexts.into_iter().flatten() {
            if let Some(Value::Blob(bytes)) = row.values.get(place)
                && context_key::shared_id(bytes).is_some_and(|id| !known.contexts.contains(&id))
            {
                row.values[place] = Value::Null;
                report.contexts_lost += 1;
            }
        }
        true
    }
}

/// The key of an event.
fn key(values: &[Value]) -> Option<(i64, i64)> {
    match values {
        [Value::Integer(entity), Value::Integer(at), ..] => Some((*entity, *at)),
        _ => None,
    }
}

/// Carries the events over.
pub(super) async fn carry(
    damaged: &Arc<Damaged>,
    new: &mut New,
    known: &Known,
    report: &mut Report,
    lost: &mut Lost,
) -> Result<(), CannotSalvage> {
    let columns = Arc::new(Columns::of(new, "events").await?);
    let Some(table) = columns.table(damaged) else {
        report.incomplete.push("events".to_owned());
        report.rows.insert("events".to_owned(), 0);
        return Ok(());
    };
    let places = Places {
        state: columns.place("state"),
        attributes: columns.place("attributes"),
        user: columns.place("context_user"),
        flags: columns.place("flags"),
        contexts: ["context", "context_parent"].map(|name| columns.place(name)),
    };
    let mut found = stream(damaged, table, &columns);
    let mut rows = Rows::new(&columns, "events");
    while let Some(what) = found.recv().await {
        match what {
            Found::Lost { after, before } => lost.between(
                after.as_deref().and_then(key),
                before.as_deref().and_then(key),
            ),
            Found::Row(mut row) => {
                if places.settle(known, &mut row, report) {
                    rows.push(new, row).await?;
                } else if let Some((entity, at)) = key(&row.values) {
                    lost.row(entity, at);
                }
            }
        }
    }
    let written = rows.end(new).await?;
    report.rows.insert("events".to_owned(), written);
    if !lost.is_empty() {
        report.incomplete.push("events".to_owned());
    }
    Ok(())
}
