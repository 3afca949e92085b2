//! The newest events as they were answered last: whoever asks for the newest page again and again then waits for nothing.
//!
//! While somebody asks, what is committed is read at once by the connection that wrote it, whose memory still has it. Otherwise each new
//! event is read when it is first asked for, and where the disk has to be asked for its page, for the one of the event before it and
//! for its texts, a hundred of them are several milliseconds.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::api::events::Event;

use super::tail::Key;

/// Most bytes of their texts, about: a few pages of what is usual.
const MAX_BYTES: usize = 512 * 1024;
/// Somebody who asked so lately will ask again: a page that shows the newest events asks every few seconds.
const LATELY: Duration = Duration::from_secs(60);
/// Shortest time between two readings at a commit: storing many events comes before showing them.
const BETWEEN: Duration = Duration::from_millis(50);
/// Newest events of a commit, or of a page, that are kept before anybody asks for them: what a page has as a rule.
pub(crate) const OF_A_PAGE: usize = 100;

/// Events that were answered lately. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// Grows with every change of the tables that may bear on events that were there, so that what was read before one is not taken for
    /// what is there after it.
    changes: u64,
    /// The newest instant of all events, in microseconds; none where it is not known.
    newest: Option<i64>,
    events: BTreeMap<Key, Arc<Event>>,
    bytes: usize,
    /// When the newest page was asked for.
    asked: Option<Instant>,
    /// When events were read at a commit.
    read: Option<Instant>,
}

impl Known {
    fn remove(&mut self, key: Key) {
        if let Some(event) = self.events.remove(&key) {
            self.bytes -= bytes_of(&event);
        }
    }
}

impl Recent {
    /// The table was read: this is the instant of its newest event.
    pub(crate) fn begin(&self, newest_us: i64) {
        self.known().newest = Some(newest_us);
    }

    /// Somebody asks for the newest events.
    pub(crate) fn ask(&self) {
        self.known().asked = Some(Instant::now());
    }

    /// How many changes of the tables there were.
    pub(crate) fn changes(&self) -> u64 {
        self.known().changes
    }

    /// The events with these keys, where they are known, and how many changes of the tables there were.
    pub(crate) fn find(&self, keys: &[Key]) -> (u64, Vec<Option<Arc<Event>>>) {
        let known = self.known();
        let found = keys.iter().map(|key| known.events.get(key).cloned());
        (known.changes, found.collect())
    }

    /// Whether what was just committed is to be read now; if so, how many changes of the tables there were.
    pub(crate) fn is_due(&self) -> Option<u64> {
        let mut known = self.known();
        let now = Instant::now();
        let within = |last: Option<Instant>, time| last.is_some_and(|last| now - last < time);
        if !within(known.asked, LATELY) || within(known.read, BETWEEN) {
            return None;
        }
        known.read = Some(now);
        Some(known.changes)
    }

    /// These were read after so many changes of the tables. The newest are kept.
    pub(crate) fn keep(&self, changes: u64, events: impl IntoIterator<Item = (Key, Arc<Event>)>) {
        let mut known = self.known();
        if known.changes != changes {
            return;
        }
        for (key, event) in events {
            known.remove(key);
            known.bytes += bytes_of(&event);
            known.events.insert(key, event);
        }
        while known.bytes > MAX_BYTES
            && let Some((&oldest, _)) = known.events.first_key_value()
        {
            known.remove(oldest);
        }
    }

    /// Events with these keys were committed. One that came late is what an event after it now has as its old state.
    pub(crate) fn add(&self, keys: &[Key]) {
        let mut first: HashMap<i64, i64> = HashMap::new();
        for &(at, entity) in keys {
            let earliest = first.entry(entity).or_insert(at);
            *earliest = at.min(*earliest);
        }
        let span = keys.iter().map(|&(at, _)| at);
        let Some((oldest, newest)) = span.clone().min().zip(span.max()) else {
            return;
        };
        let mut known = self.known();
        let is_newer = known.newest.is_some_and(|before| before < oldest);
        known.newest = known.newest.map(|before| before.max(newest));
        if is_newer {
            // No event comes after any of them.
            return;
        }
        known.changes += 1;
        let later = |(at, entity): &Key| first.get(entity).is_some_and(|first| first <= at);
        let changed: Vec<Key> = known.events.keys().copied().filter(later).collect();
        for key in changed {
            known.remove(key);
        }
    }

    /// Something else was changed: events, names, or where things are.
    pub(crate) fn forget(&self) {
        let mut known = self.known();
        *known = Known {
            changes: known.changes + 1,
            newest: known.newest,
            asked: known.asked,
            read: known.read,
            ..Known::default()
        };
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// About how much an event takes.
fn bytes_of(event: &Event) -> usize {
    let of_old = event.old_state.as_ref();
    let old = of_old.map_or(0, |old| 200 + old.attributes.get().len());
    // The attributes are there twice: in the new state as well.
    800 + old + 2 * event.attributes.get().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(attributes: usize) -> Arc<Event> {
        let text = "x".repeat(attributes);
        let event = serde_json::json!({
            "id": "light.a@1", "timestamp": "2026-11-23T00:00:00+00:00", "entity_id": "light.a", "event_type": "state_changed",
            "domain": "light", "tags": {}, "attributes": {"text": text}, "origin": "live", "startup": false,
        });
        Arc::new(serde_json::from_value(event).unwrap())
    }

    fn known(recent: &Recent, keys: &[Key]) -> Vec<bool> {
        let (_, found) = recent.find(keys);
        found.iter().map(Option::is_some).collect()
    }

    #[test]
    fn what_comes_late_changes_what_is_after_it() {
        let recent = Recent::default();
        let keys = [(30, 1), (20, 1), (20, 2)];
        recent.keep(0, keys.map(|key| (key, event(0))));
        assert_eq!(known(&recent, &keys), [true, true, true]);
        recent.add(&[(40, 1), (40, 2)]);
        assert_eq!(known(&recent, &keys), [true, true, true]);
        recent.add(&[(25, 1)]);
        assert_eq!(known(&recent, &keys), [false, true, true]);
        recent.forget();
        assert_eq!(known(&recent, &keys), [false, false, false]);
    }

    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let recent = Recent::default();
        let (changes, _) = recent.find(&[]);
        recent.add(&[(25, 1)]);
        recent.keep(changes, [((30, 1), event(0))]);
        assert_eq!(known(&recent, &[(30, 1)]), [false]);
        // What is newer than all that there is changes nothing that was read.
        recent.begin(35);
        let changes = recent.changes();
        recent.add(&[(40, 1), (41, 2)]);
        recent.keep(changes, [((30, 1), event(0))]);
        assert_eq!(known(&recent, &[(30, 1)]), [true]);
        recent.add(&[(41, 1)]);
        recent.keep(changes, [((42, 1), event(0))]);
        assert_eq!(known(&recent, &[(42, 1)]), [false]);
        // A late one that is newer than the late one before it is still late.
        recent.keep(recent.changes(), [((41, 3), event(0))]);
        recent.add(&[(20, 3)]);
        recent.keep(recent.changes(), [((41, 3), event(0))]);
        recent.add(&[(30, 3)]);
        assert_eq!(known(&recent, &[(41, 3)]), [false]);
    }

    #[test]
    fn what_is_committed_is_read_at_once_only_while_somebody_asks() {
        let recent = Recent::default();
        assert_eq!(recent.is_due(), None, "nobody asked");
        recent.add(&[(25, 1)]);
        recent.ask();
        assert_eq!(recent.is_due(), Some(1));
        assert_eq!(recent.is_due(), None, "not so soon again");
        recent.known().read = Instant::now().checked_sub(BETWEEN);
        assert_eq!(recent.is_due(), Some(1));
        recent.known().read = Instant::now().checked_sub(BETWEEN);
        recent.known().asked = Instant::now().checked_sub(LATELY);
        assert_eq!(recent.is_due(), None, "nobody asks any more");
    }

    #[test]
    fn it_does_not_grow() {
        let recent = Recent::default();
        let keys: Vec<Key> = (0..1_000).map(|at| (at, 1)).collect();
        recent.keep(0, keys.iter().map(|&key| (key, event(1_000))));
        let kept = known(&recent, &keys).into_iter().filter(|&known| known);
        assert!((100..400).contains(&kept.count()));
        assert_eq!(known(&recent, &[(999, 1), (0, 1)]), [true, false]);
        recent.keep(0, [((999, 1), event(0))]);
        let bytes: usize = recent.known().events.values().map(|e| bytes_of(e)).sum();
        assert_eq!(
            recent.known().bytes,
            bytes,
            "what is replaced is not counted twice"
        );
    }
}
