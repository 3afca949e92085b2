//! Complete lists of the registry: what they no longer name is marked as removed, and stays.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use common::instant::UtcMicros;
use serde_json::json;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Row, query};

use super::Store;

/// A part of the registry of which Home Assistant has complete lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Devices,
    Entities,
    Areas,
    Floors,
    Labels,
}

/// What became of the rows of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upserted {
    /// Rows written; those without a usable key are left out.
    pub rows: usize,
    /// Rows that are marked as removed now.
    pub removed: usize,
    /// Rows that were not marked, because the list was empty and the one before was not.
    pub held_back: usize,
    /// Entities that have another id than before.
    pub renamed: usize,
}

/// Parts whose last complete list was empty although rows are there.
///
/// Home Assistant answers an empty list also where something is wrong with its storage. One such answer removes nothing; a second one
/// in a row is believed. In memory only: after a start two are needed again.
#[derive(Debug, Default)]
pub(super) struct EmptyLists(Mutex<BTreeSet<Part>>);

impl EmptyLists {
    /// Marks what is present and not among `named`. Returns how many were marked, and how many were held back.
    async fn mark(
        &self,
        connection: &mut SqliteConnection,
        part: Part,
        named: &[String],
        now: UtcMicros,
    ) -> Result<(usize, usize), sqlx::Error> {
        let (count, mark) = statements(part);
        if named.is_empty() {
            let present: i64 = query(count).fetch_one(&mut *connection).await?.try_get(0)?;
            let first = present > 0 && self.note(part);
            if first {
                return Ok((0, usize::try_from(present).unwrap_or(usize::MAX)));
            }
        }
        self.forget(part);
        let marked = query(mark)
            .bind(now.get())
            .bind(json!(named).to_string())
            .execute(connection)
            .await?
            .rows_affected();
        Ok((usize::try_from(marked).unwrap_or(usize::MAX), 0))
    }

    /// Whether this empty list is the first one.
    fn note(&self, part: Part) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(part)
    }

    fn forget(&self, part: Part) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&part);
    }
}

impl Store {
    /// What became of a list whose rows are written: a complete one marks what it does not name.
    pub(super) async fn upserted(
        &self,
        connection: &mut SqliteConnection,
        part: Part,
        named: &[String],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, sqlx::Error> {
        let (removed, held_back) = if complete {
            self.empty_lists.mark(connection, part, named, now).await?
        } else {
            (0, 0)
        };
        Ok(Upserted {
            rows: named.len(),
            removed,
            held_back,
            ..Upserted::default()
        })
    }
}

/// How many rows of a part are there; and what marks those that are not named.
const fn statements(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Devices => (
            "SELECT COUNT(*) FROM devices WHERE removed_us IS NULL",
            "UPDATE devices SET removed_us = $1 WHERE removed_us IS NULL AND device_id NOT IN (SELECT value FROM json_each($2))",
        ),
        Part::Entities => (
            "SELECT COUNT(*) FROM entities WHERE removed_us IS NULL",
            "UPDATE entities SET removed_us = $1 WHERE removed_us IS NULL AND entity_id NOT IN (SELECT value FROM json_each($2))",
        ),
        Part::Areas => (
            "SELECT COUNT(*) FROM areas WHERE removed_us IS NULL",
            "UPDATE areas SET removed_us = $1 WHERE removed_us IS NULL AND area_id NOT IN (SELECT value FROM json_each($2))",
        ),
        Part::Floors => (
            "SELECT COUNT(*) FROM floors WHERE removed_us IS NULL",
            "UPDATE floors SET removed_us = $1 WHERE removed_us IS NULL AND floor_id NOT IN (SELECT value FROM json_each($2))",
        ),
        Part::Labels => (
            "SELECT COUNT(*) FROM labels WHERE removed_us IS NULL",
            "UPDATE labels SET removed_us = $1 WHERE removed_us IS NULL AND label_id NOT IN (SELECT value FROM json_each($2))",
        ),
    }
}
