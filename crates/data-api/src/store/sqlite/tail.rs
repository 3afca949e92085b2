//! Where the newest events lie, kept in memory: the newest page is then read by key, without a look at every entity.
//!
//! It is complete: every event after `since` is in it. What is taken out of the table behind its back (deletion, entities that become
//! one) shows as a key without a row; it then begins anew, and the question is answered from the table alone.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::instant::UtcMicros;

use crate::store::{EventFilter, filter};

/// Most events that are remembered: several pages.
const CAPACITY: usize = 2_000;

/// Instant in microseconds, and id of the entity: the order of all events.
pub(crate) type Key = (i64, i64);

/// The newest keys of the table. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    /// Every stored event with a greater key is in `keys`.
    since: Key,
    keys: BTreeSet<Key>,
    /// Grows with every commit of something older than `since`, so that what was read before one is not taken for all that is there
    /// after it. What is newer is in `keys` in any case.
    late: u64,
}

impl Default for Known {
    /// Knows nothing: no key is greater.
    fn default() -> Self {
        Self {
            since: (i64::MAX, i64::MAX),
            keys: BTreeSet::new(),
            late: 0,
        }
    }
}

impl Known {
    fn shrink(&mut self) {
        while self.keys.len() > CAPACITY
            && let Some(oldest) = self.keys.pop_first()
        {
            self.since = oldest;
        }
    }
}

impl Tail {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table was read: this is the instant of its newest event. What comes after it is remembered from now on.
    pub(crate) fn begin(&self, newest_us: i64) {
        let mut known = self.known();
        known.since = (newest_us, i64::MAX);
        known.keys.clear();
    }

    /// How many commits came late.
    pub(crate) fn late(&self) -> u64 {
        self.known().late
    }

    /// These keys were read from the table after so many late commits: the newest of all, newest first; `all` where there are no more.
    /// A commit that the reading may have missed is one that is not here yet, and what it stored is still to be added.
    pub(crate) fn reach_back(&self, late: u64, keys: &[Key], all: bool) {
        let mut known = self.known();
        let all = all && keys.len() <= CAPACITY;
        let keys = &keys[..keys.len().min(CAPACITY)];
        let reaches = if all {
            Some((i64::MIN, i64::MIN))
        } else {
            keys.last().copied()
        };
        if known.late != late || reaches.is_none_or(|reaches| reaches >= known.since) {
            return;
        }
        known.keys.extend(keys);
        known.since = reaches.unwrap_or(known.since);
        known.shrink();
    }

    /// These were committed; the right to write is still held, so that commits come in their order.
    pub(crate) fn add(&self, keys: &[Key]) {
        let mut known = self.known();
        let mut is_late = false;
        for key in keys {
            if *key > known.since {
                known.keys.insert(*key);
                known.shrink();
            } else {
                is_late = true;
            }
        }
        known.late += u64::from(is_late);
    }

    /// A key of it has no row any more.
    pub(crate) fn begin_anew(&self) {
        let mut known = self.known();
        if let Some(newest) = known.keys.last().copied() {
            known.since = newest;
        }
        known.keys.clear();
    }

    /// Keys of the newest `rows` events that pass, after `asked.offset` of them, newest first; nothing where the table has to say it.
    pub(crate) fn newest(&self, asked: &EventFilter, rows: u32) -> Option<Vec<Key>> {
        if filter::names_entities(asked) {
            return None;
        }
        let end = asked
            .end
            .map_or((i64::MAX, i64::MAX), |end| (end.get(), i64::MAX));
        let start = asked.start.map_or(i64::MIN, UtcMicros::get);
        let known = self.known();
        let mut passing = known.keys.range(..=end).rev();
        let mut keys = Vec::with_capacity(rows as usize);
        let mut skip = asked.offset;
        let is_below = |key: &Key| {
            asked
                .cursor
                .is_none_or(|cursor| *key < (cursor.last_updated_us, cursor.entity))
        };
        while keys.len() < rows as usize {
            match passing.next() {
                Some(key) if !is_below(key) => {}
                Some(key) if key.0 < start => return Some(keys),
                Some(_) if skip > 0 => skip -= 1,
                Some(key) => keys.push(*key),
                // What lies before may pass as well, unless all of it is too old.
                None if known.since.0 < start => return Some(keys),
                None => return None,
            }
        }
        Some(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Cursor;

    fn asked(change: impl FnOnce(&mut EventFilter)) -> EventFilter {
        let mut asked = EventFilter::default();
        change(&mut asked);
        asked
    }

    #[test]
    fn only_what_is_known_whole_is_answered() {
        let tail = Tail::default();
        tail.add(&[(5, 1)]);
        assert_eq!(tail.newest(&asked(|_| {}), 1), None, "nothing was read yet");
        tail.begin(10);
        tail.add(&[(12, 1), (11, 2), (12, 2), (10, 9), (3, 1)]);
        let newest = |rows| tail.newest(&asked(|_| {}), rows);
        assert_eq!(newest(3), Some(vec![(12, 2), (12, 1), (11, 2)]));
        assert_eq!(newest(4), None, "older ones are in the table");
        let since = |micros| asked(|asked| asked.start = UtcMicros::new(micros).ok());
        assert_eq!(tail.newest(&since(12), 9), Some(vec![(12, 2), (12, 1)]));
        assert_eq!(tail.newest(&since(11), 9).map(|keys| keys.len()), Some(3));
        assert_eq!(tail.newest(&since(10), 9), None);
        let until = asked(|asked| asked.end = UtcMicros::new(11).ok());
        assert_eq!(tail.newest(&until, 1), Some(vec![(11, 2)]));
        let next = asked(|asked| {
            asked.cursor = Some(Cursor {
                last_updated_us: 12,
                entity: 2,
            });
        });
        assert_eq!(tail.newest(&next, 2), Some(vec![(12, 1), (11, 2)]));
        let skipping = asked(|asked| asked.offset = 2);
        assert_eq!(tail.newest(&skipping, 1), Some(vec![(11, 2)]));
        let one = asked(|asked| asked.area_id = Some("kitchen".to_owned()));
        assert_eq!(tail.newest(&one, 1), None);
        tail.begin_anew();
        assert_eq!(newest(1), None);
        tail.add(&[(12, 2), (13, 1)]);
        assert_eq!(newest(1), Some(vec![(13, 1)]));
        assert_eq!(newest(2), None);
    }

    #[test]
    fn a_page_of_the_table_is_what_it_knows_from_then_on() {
        let tail = Tail::default();
        let newest = |rows| tail.newest(&asked(|_| {}), rows);
        tail.begin(10);
        let late = tail.late();
        // Committed while the page was read: newer than all that was there.
        tail.add(&[(11, 1)]);
        tail.reach_back(late, &[(10, 2), (10, 1), (8, 3)], false);
        let page = [(11, 1), (10, 2), (10, 1), (8, 3)];
        assert_eq!(newest(4), Some(page.to_vec()));
        assert_eq!(newest(5), None, "older ones are in the table");
        // A late event, committed after the page was read: what is below it is not all that there is.
        let late = tail.late();
        tail.add(&[(7, 1)]);
        tail.reach_back(late, &[(11, 1), (10, 2), (10, 1), (8, 3), (6, 1)], false);
        assert_eq!(newest(5), None);
        let page = [(11, 1), (10, 2), (10, 1), (8, 3), (7, 1), (6, 1)];
        tail.reach_back(tail.late(), &page, true);
        assert_eq!(newest(6), Some(page.to_vec()));
        let since = asked(|asked| asked.start = UtcMicros::new(1).ok());
        assert_eq!(tail.newest(&since, 9), Some(page.to_vec()), "these are all");
        tail.reach_back(tail.late(), &[(11, 1)], false);
        assert_eq!(
            newest(6),
            Some(page.to_vec()),
            "what is known is not forgotten"
        );
    }

    #[test]
    fn it_does_not_grow() {
        let tail = Tail::default();
        tail.begin(i64::MIN);
        for at in 0..5_000 {
            tail.add(&[(at, 1)]);
        }
        assert_eq!(tail.known().keys.len(), CAPACITY);
        assert_eq!(
            tail.newest(&asked(|_| {}), 2_000).map(|keys| keys.len()),
            Some(2_000)
        );
        assert_eq!(tail.newest(&asked(|_| {}), 2_001), None);
    }
}
