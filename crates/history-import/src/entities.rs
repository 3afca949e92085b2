//! The entities of a source: their names, whether they are wanted, and how many rows they had.

use std::collections::{BTreeMap, HashMap};

use common::entity::{EntityId, domain_of};

use crate::line;
use crate::source::Filter;

/// Lanes on which rows travel; see [`crate::sending`].
pub(crate) const LANES: usize = 2;

/// One entity.
#[derive(Debug)]
pub(crate) struct Entity {
    /// Its id as JSON.
    pub(crate) json: String,
    /// Its lane.
    pub(crate) lane: usize,
    /// Whether its rows are taken.
    pub(crate) verdict: Verdict,
    domain: String,
    rows: u64,
}

/// What happens to the rows of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They are taken.
    Wanted,
    /// A filter leaves them out.
    LeftOut,
    /// data-api would not take such an id.
    NoEntity,
}

/// All entities seen so far.
#[derive(Debug)]
pub(crate) struct Entities {
    all: Vec<Entity>,
    by_name: HashMap<String, usize>,
    filter: Filter,
    oldest: Option<i64>,
    newest: Option<i64>,
}

impl Entities {
    pub(crate) fn new(filter: Filter) -> Self {
        Self {
            all: Vec::new(),
            by_name: HashMap::new(),
            filter,
            oldest: None,
            newest: None,
        }
    }

    /// The number of an entity, a new one where it was not seen yet.
    pub(crate) fn number(&mut self, name: &str) -> usize {
        if let Some(number) = self.by_name.get(name) {
            return *number;
        }
        let number = self.all.len();
        let verdict = match name.parse::<EntityId>() {
            Err(_) => Verdict::NoEntity,
            Ok(_) if !self.filter.wants(name) => Verdict::LeftOut,
            Ok(_) => Verdict::Wanted,
        };
        self.all.push(Entity {
            json: line::quoted(name),
            lane: number % LANES,
            verdict,
            domain: domain_of(name).chars().take(64).collect(),
            rows: 0,
        });
        self.by_name.insert(name.to_owned(), number);
        number
    }

    /// An entity by its number.
    pub(crate) fn get(&self, number: usize) -> &Entity {
        &self.all[number]
    }

    /// Whether an instant is within what was asked for.
    pub(crate) fn is_within(&self, at: i64) -> bool {
        self.filter.is_within(at)
    }

    /// Counts a row that is taken.
    pub(crate) fn count(&mut self, number: usize, at: i64) {
        self.all[number].rows += 1;
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
    }

    /// Rows taken, by domain.
    pub(crate) fn by_domain(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for entity in self.all.iter().filter(|entity| entity.rows > 0) {
            *counts.entry(entity.domain.clone()).or_default() += entity.rows;
        }
        counts
    }

    /// Entities with rows that were taken.
    pub(crate) fn with_rows(&self) -> u64 {
        self.all.iter().filter(|entity| entity.rows > 0).count() as u64
    }

    /// First and last instant that were taken, in microseconds.
    pub(crate) fn span(&self) -> Option<(i64, i64)> {
        self.oldest.zip(self.newest)
    }
}
