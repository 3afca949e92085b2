//! How far the time before the first start has been read. Kept on disk, beside the spool, so that a restart goes on from there.
//!
//! The oldest stored event would not do in its place: a stop in the middle of a span has stored some entities of it and not the
//! others, and an event with a wrong clock is older than all. The mark moves only when a span is stored for every entity.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use common::instant::UtcMicros;
use serde::{Deserialize, Serialize};

/// Name of the file in the spool's folder.
const FILE: &str = "history.json";
/// Time without any row after which the history is taken to have begun. A home may have been off for a holiday.
const EMPTY_SECONDS: i64 = 14 * 86_400;

/// The state of the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The first start: what came later was seen live, or is a gap.
    pub(crate) since: UtcMicros,
    /// Everything between here and `since` has been read.
    pub(crate) back_to: UtcMicros,
    /// How much of that, at its beginning, had no rows.
    pub(crate) empty_seconds: i64,
    /// The time just before `since` was read again when the recorder had written it.
    pub(crate) settled: bool,
}

impl Mark {
    /// A start with nothing read.
    pub(crate) fn at(now: UtcMicros) -> Self {
        Self {
            since: now,
            back_to: now,
            empty_seconds: 0,
            settled: false,
        }
    }

    /// Moves back to `start`, from where on so many rows were there.
    pub(crate) fn moved(self, start: UtcMicros, rows: usize) -> Self {
        let seconds = self.back_to.seconds_since(start) as i64;
        Self {
            back_to: start,
            empty_seconds: if rows == 0 {
                self.empty_seconds + seconds
            } else {
                0
            },
            ..self
        }
    }

    /// Whether nothing older is wanted, or there.
    pub(crate) fn is_done(&self, floor: Option<UtcMicros>) -> bool {
        self.empty_seconds >= EMPTY_SECONDS || floor.is_some_and(|floor| self.back_to <= floor)
    }
}

/// The mark of this process.
#[derive(Debug)]
pub(crate) struct Past {
    path: PathBuf,
    mark: Mutex<Option<Mark>>,
}

impl Past {
    /// Keeps its mark in this folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self {
            path: folder.join(FILE),
            mark: Mutex::default(),
        }
    }

    /// Goes on from the mark on disk. Not for a store that is empty: then the mark is of another one.
    pub(crate) fn resume(&self) {
        let kept = std::fs::read_to_string(&self.path).ok();
        if let Some(mark) = kept.and_then(|text| serde_json::from_str(&text).ok()) {
            self.set(mark);
        }
    }

    /// Where the reading stands; it begins at `now` where nothing was read.
    pub(crate) fn begin(&self, now: UtcMicros) -> Mark {
        *self
            .mark
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| Mark::at(now))
    }

    /// Moves the mark, on disk as well. Without the disk a restart reads some of it again, which stores nothing twice.
    pub(crate) fn keep(&self, mark: Mark) {
        self.set(mark);
        let written = serde_json::to_vec(&mark)
            .map_err(std::io::Error::other)
            .and_then(|text| {
                let new = self.path.with_extension("new");
                std::fs::write(&new, text)?;
                std::fs::rename(&new, &self.path)
            });
        if let Err(error) = written {
            tracing::warn!(path = %self.path.display(), %error,
                "cannot note how far the history has been read; a restart will read some of it again");
        }
    }

    fn set(&self, mark: Mark) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(day: i64) -> UtcMicros {
        UtcMicros::default().plus_seconds(day * DAY)
    }

    #[test]
    fn a_restart_goes_on_and_an_empty_store_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let past = Past::new(folder.path());
        past.resume();
        let mark = past.begin(at(100)).moved(at(97), 5);
        past.keep(mark);
        assert_eq!(past.begin(at(101)), mark);
        let again = Past::new(folder.path());
        again.resume();
        assert_eq!(again.begin(at(102)), mark);
        let empty_store = Past::new(folder.path());
        assert_eq!(empty_store.begin(at(103)), Mark::at(at(103)));
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let torn = Past::new(folder.path());
        torn.resume();
        assert_eq!(torn.begin(at(104)), Mark::at(at(104)));
    }

    #[test]
    fn the_beginning_of_the_history_is_two_weeks_without_a_row() {
        let mut mark = Mark::at(at(100)).moved(at(99), 3);
        for day in (86..99).rev() {
            mark = mark.moved(at(day), 0);
            assert!(!mark.is_done(None));
        }
        assert!(mark.moved(at(85), 0).is_done(None));
        assert!(!mark.moved(at(85), 1).is_done(None));
        assert!(mark.is_done(Some(at(86))) && !mark.is_done(Some(at(85))));
    }
}
