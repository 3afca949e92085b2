//! A page of rows on its way from a source to data-api: the bodies of its requests, and what was not put into them.

use std::collections::BTreeMap;

use common::api::events::MAX_STATE_CHARS;

use crate::entities::{Entities, LANES, Verdict};
use crate::line::Change;
use crate::position::Position;

/// Rows that are read at once.
pub(crate) const PAGE_ROWS: usize = 10_000;
/// Bytes of bodies in a page: with attributes of 16 KiB, a few rows are much.
const PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Reasons that are told apart; beyond, rows are counted together.
const REASONS: usize = 50;

/// Rows that could not be stored, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections(pub(crate) BTreeMap<String, u64>);

impl Rejections {
    pub(crate) fn add(&mut self, reason: &str, rows: u64) {
        if rows == 0 {
            return;
        }
        let known = self.0.contains_key(reason) || self.0.len() < REASONS;
        let reason = if known { reason } else { "other reasons" };
        *self.0.entry(reason.to_owned()).or_default() += rows;
    }

    pub(crate) fn absorb(&mut self, others: &Self) {
        for (reason, rows) in &others.0 {
            self.add(reason, *rows);
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// The body of one request.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) body: Vec<u8>,
    pub(crate) rows: u64,
}

/// What was read at once.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// A request for each lane.
    pub(crate) parts: [Part; LANES],
    /// Rows of the source.
    pub(crate) read: u64,
    /// Rows that a filter left out.
    pub(crate) left_out: u64,
    /// Rows that data-api would not take.
    pub(crate) rejected: Rejections,
    /// Rows that go without their attributes, which are not a JSON object.
    pub(crate) without_attributes: u64,
    /// Where it ends.
    pub(crate) position: Position,
    /// How far this is on the way, in the measure of the source.
    pub(crate) done: u64,
}

impl Page {
    /// Adds a row of an entity, or says why not.
    pub(crate) fn push(&mut self, entities: &mut Entities, number: usize, change: &Change<'_>) {
        let is_long =
            |state: &str| state.len() > MAX_STATE_CHARS && state.chars().count() > MAX_STATE_CHARS;
        if !self.takes(entities, number, change.last_updated) {
            return;
        }
        if change.state.is_some_and(is_long) {
            return self
                .rejected
                .add("its state has more than 255 characters", 1);
        }
        let body = self.count(entities, number, change.last_updated);
        change.write(body);
    }

    /// Whether a row is wanted; counts it where it is not.
    pub(crate) fn takes(&mut self, entities: &Entities, number: usize, at: i64) -> bool {
        match entities.get(number).verdict {
            Verdict::Wanted if entities.is_within(at) => return true,
            Verdict::Wanted | Verdict::LeftOut => self.left_out += 1,
            Verdict::NoEntity => self.rejected.add("not an entity id", 1),
        }
        false
    }

    /// Counts a row that is wanted; the body that it is to be written to.
    pub(crate) fn count(
        &mut self,
        entities: &mut Entities,
        number: usize,
        at: i64,
    ) -> &mut Vec<u8> {
        entities.count(number, at);
        let part = &mut self.parts[entities.get(number).lane];
        part.rows += 1;
        &mut part.body
    }

    /// Whether no more should be added.
    pub(crate) fn is_full(&self) -> bool {
        self.parts.iter().map(|part| part.body.len()).sum::<usize>() > PAGE_BYTES
    }
}
