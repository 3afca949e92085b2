//! Complete lists of the registry: what they no longer name is marked as removed, and stays.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use common::instant::UtcMicros;
use database::{Statement, Transaction};

use super::{Store, StoreFailure};

/// Most ids in one statement.
const IDS_IN_A_STATEMENT: usize = 500;

/// A part of the registry of which Home Assistant has complete lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Devices,
    Entities,
    Areas,
    Floors,
    Labels,
    ConfigEntries,
}

impl Part {
    /// Its table.
    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Entities => "entities",
            Self::Areas => "areas",
            Self::Floors => "floors",
            Self::Labels => "labels",
            Self::ConfigEntries => "config_entries",
        }
    }

    /// The column of its ids.
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Devices => "device_id",
            Self::Entities => "entity_id",
            Self::Areas => "area_id",
            Self::Floors => "floor_id",
            Self::Labels => "label_id",
            Self::ConfigEntries => "entry_id",
        }
    }
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
        transaction: &mut Transaction,
        part: Part,
        named: &[String],
        now: UtcMicros,
    ) -> Result<(usize, usize), StoreFailure> {
        let present = Statement::new("SELECT ")
            .push(part.id())
            .push(" FROM ")
            .push(part.table())
            .push(" WHERE removed_us IS NULL");
        let rows = transaction.fetch_all(present).await?;
        if named.is_empty() && !rows.is_empty() && self.note(part) {
            return Ok((0, rows.len()));
        }
        self.forget(part);
        let named: HashSet<&str> = named.iter().map(String::as_str).collect();
        let mut gone: Vec<String> = Vec::new();
        for row in rows {
            let id: String = row.get(0)?;
            if !named.contains(id.as_str()) {
                gone.push(id);
            }
        }
        for ids in gone.chunks(IDS_IN_A_STATEMENT) {
            let mark = Statement::new("UPDATE ")
                .push(part.table())
                .push(" SET removed_us = ")
                .bind(now.get())
                .push(" WHERE ")
                .push(part.id())
                .push(" IN (")
                .list(ids)
                .push(")");
            transaction.execute(mark).await?;
        }
        Ok((gone.len(), 0))
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
        transaction: &mut Transaction,
        part: Part,
        named: &[String],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        let (removed, held_back) = if complete {
            self.empty_lists.mark(transaction, part, named, now).await?
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
