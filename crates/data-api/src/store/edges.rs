//! The span of the stored events, kept in memory: in the table it is a look at every entity of its first and its last day.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ingest::DAY_US;

/// Oldest and newest instant, in microseconds.
pub(super) type Span = (i64, i64);

/// What is known of the span. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Edges(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Grows with every commit, so that what was read before one is not taken for what is there after it.
    commits: u64,
    span: Option<Span>,
}

impl Edges {
    /// The span, if it is known and lies on these days: another program may have written to the tables.
    pub(super) fn within(&self, first_day: i64, last_day: i64) -> Option<Span> {
        self.known().span.filter(|(oldest, newest)| {
            oldest.div_euclid(DAY_US) == first_day && newest.div_euclid(DAY_US) == last_day
        })
    }

    /// How many commits there were: to be asked before the table is.
    pub(super) fn commits(&self) -> u64 {
        self.known().commits
    }

    /// This was read from the table after so many commits.
    pub(super) fn keep(&self, commits: u64, span: Span) {
        let mut known = self.known();
        if known.commits == commits {
            known.span = Some(span);
        }
    }

    /// Events between these instants, both included, were committed.
    pub(super) fn extend(&self, added: Span) {
        let mut known = self.known();
        known.commits += 1;
        known.span = known
            .span
            .map(|(oldest, newest)| (oldest.min(added.0), newest.max(added.1)));
    }

    /// Events were deleted.
    pub(super) fn forget(&self) {
        let mut known = self.known();
        known.commits += 1;
        known.span = None;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_commits_and_is_forgotten_with_deletions() {
        let edges = Edges::default();
        edges.extend((5, 6));
        assert_eq!(edges.within(0, 0), None, "nothing was read yet");
        edges.keep(edges.commits(), (5, 8));
        assert_eq!(edges.within(0, 0), Some((5, 8)));
        edges.extend((3, 7));
        assert_eq!(edges.within(0, 0), Some((3, 8)));
        edges.extend((4, DAY_US));
        assert_eq!(edges.within(0, 0), None, "the table says another day");
        assert_eq!(edges.within(0, 1), Some((3, DAY_US)));
        edges.forget();
        assert_eq!(edges.within(0, 1), None);
    }

    #[test]
    fn what_was_read_before_a_commit_is_not_kept() {
        let edges = Edges::default();
        let before = edges.commits();
        edges.extend((1, 2));
        edges.keep(before, (5, 6));
        assert_eq!(edges.within(0, 0), None);
    }
}
