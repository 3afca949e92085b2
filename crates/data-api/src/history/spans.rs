//! States and how long they held. When there are more than a chart can show, each bucket shows the state that held longest in it.

use std::collections::HashMap;
use std::sync::Arc;

use common::api::history::HistorySpan;
use common::instant::UtcMicros;

use super::Buckets;

/// A state; none: the entity was removed.
type State = Option<Arc<str>>;

/// Gathers spans in one pass.
#[derive(Debug)]
pub(super) struct Spans {
    buckets: Buckets,
    /// What holds, and since when; outer none: nothing is known.
    held: Option<Piece>,
    /// All pieces, until they are too many.
    exact: Option<Vec<Piece>>,
    condensed: Condensed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    start: i64,
    end: i64,
    state: State,
    changes: u64,
}

impl Spans {
    pub(super) fn new(buckets: Buckets) -> Self {
        Self {
            buckets,
            held: None,
            exact: Some(Vec::new()),
            condensed: Condensed::new(buckets),
        }
    }

    /// From `at` on this state holds. `is_row`: somebody stored it then.
    pub(super) fn hold(&mut self, at: i64, state: State, is_row: bool) {
        let at = at.max(self.buckets.start);
        if at >= self.buckets.end || self.held.as_ref().is_some_and(|held| held.state == state) {
            return;
        }
        self.pass_until(at);
        self.held = Some(Piece {
            start: at,
            end: at,
            state,
            changes: u64::from(is_row),
        });
    }

    fn pass_until(&mut self, at: i64) {
        let Some(mut piece) = self.held.take() else {
            return;
        };
        if at <= piece.start {
            return;
        }
        piece.end = at;
        self.condensed.add(&piece);
        if let Some(exact) = &mut self.exact {
            if exact.len() < self.buckets.len() {
                exact.push(piece);
            } else {
                self.exact = None;
            }
        }
    }

    /// The spans, earliest first; what holds now holds until the end.
    pub(super) fn finish(mut self) -> Vec<HistorySpan> {
        self.pass_until(self.buckets.end);
        let pieces = match self.exact {
            Some(exact) => exact,
            None => self.condensed.finish(),
        };
        let instant = |micros| UtcMicros::default().plus_micros(micros);
        pieces
            .into_iter()
            .map(|piece| HistorySpan {
                start: instant(piece.start),
                end: instant(piece.end),
                state: piece.state.as_deref().map(str::to_owned),
                changes: piece.changes,
            })
            .collect()
    }
}

/// One state a bucket, neighbours of the same state as one.
#[derive(Debug)]
struct Condensed {
    buckets: Buckets,
    pieces: Vec<Piece>,
    open: usize,
    /// Of the open bucket: how long each state held.
    held: HashMap<State, i64>,
    known_from: Option<i64>,
    known_to: i64,
    changes: u64,
}

impl Condensed {
    fn new(buckets: Buckets) -> Self {
        Self {
            buckets,
            pieces: Vec::new(),
            open: 0,
            held: HashMap::new(),
            known_from: None,
            known_to: 0,
            changes: 0,
        }
    }

    fn add(&mut self, piece: &Piece) {
        let begun_in = self.buckets.index(piece.start);
        if begun_in != self.open {
            self.close();
            self.open = begun_in;
        }
        self.changes += piece.changes;
        for (index, from, to) in self.buckets.cut(piece.start, piece.end) {
            if index != self.open {
                self.close();
                self.open = index;
            }
            *self.held.entry(piece.state.clone()).or_default() += to - from;
            self.known_from.get_or_insert(from);
            self.known_to = to;
        }
    }

    fn close(&mut self) {
        let Some(start) = self.known_from.take() else {
            return;
        };
        // Of two that held equally long the word that comes first: the same question has the same answer.
        let longest = self
            .held
            .drain()
            .max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
        let Some((state, _)) = longest else {
            return;
        };
        let changes = std::mem::take(&mut self.changes);
        match self.pieces.last_mut() {
            Some(last) if last.state == state && last.end == start => {
                last.end = self.known_to;
                last.changes += changes;
            }
            _ => self.pieces.push(Piece {
                start,
                end: self.known_to,
                state,
                changes,
            }),
        }
    }

    fn finish(mut self) -> Vec<Piece> {
        self.close();
        self.pieces
    }
}
