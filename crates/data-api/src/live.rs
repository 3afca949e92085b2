//! What was committed last, in the order of the commits, for streams: a ring in memory that the event writer fills and every stream reads.
//!
//! The order of commits is not that of instants: a row may come late. A stream therefore goes on by the number of the commit. There is
//! no queue for each client: one that is too slow finds that the ring has passed it, and is told so.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::api::events::StateObject;
use common::clock::Clock;
use common::instant::UtcMicros;
use tokio::sync::{OnceCell, watch};

use crate::store::{Store, StoreFailure, ValidEvent};

/// Changes that are kept.
const MAX_KEPT: usize = 20_000;
/// Bytes of their texts, about.
const MAX_KEPT_BYTES: usize = 8 * 1024 * 1024;

/// The ring. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Commits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Tells numbers of this process from those of one before it.
    epoch: i64,
    clock: Clock,
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<Arc<Committed>>,
    bytes: usize,
    /// How many changes were committed so far; the last kept has this number.
    newest: u64,
}

/// A change that was committed.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) event: ValidEvent,
    /// What the entity was before: read when the first stream tells of the change, for all that do.
    before: OnceCell<Option<StateObject>>,
}

impl Committed {
    /// What the entity was before, as it is stored.
    pub(crate) async fn old_state(
        &self,
        store: &Store,
    ) -> Result<Option<&StateObject>, StoreFailure> {
        let read = async || {
            let stored = store
                .event(self.event.entity_id.as_str(), self.event.last_updated)
                .await?;
            Ok::<_, StoreFailure>(stored.and_then(|event| event.old_state))
        };
        Ok(self.before.get_or_try_init(read).await?.as_ref())
    }
}

/// A place between two changes: everything up to the number is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiveCursor {
    epoch: i64,
    /// The number.
    pub(crate) number: u64,
    /// When it was handed out.
    pub(crate) at: UtcMicros,
}

impl fmt::Display for LiveCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.epoch, self.number, self.at.get())
    }
}

impl FromStr for LiveCursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(());
        let mut read = || {
            Ok::<_, ()>(Self {
                epoch: part()?.parse().map_err(drop)?,
                number: part()?.parse().map_err(drop)?,
                at: UtcMicros::new(part()?.parse().map_err(drop)?).map_err(drop)?,
            })
        };
        read().map_err(|()| {
            "not a cursor: take it from the header x-live-cursor of a page, from `id` of this stream, or give the id of an event"
        })
    }
}

impl Commits {
    /// Nothing yet.
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            epoch: clock.now().get(),
            clock,
            ring: Mutex::default(),
            newest: watch::Sender::new(0),
        }))
    }

    /// Takes what was committed.
    pub(crate) fn add(&self, events: impl IntoIterator<Item = ValidEvent>) {
        let mut ring = self.ring();
        for event in events {
            ring.bytes += bytes_of(&event);
            ring.kept.push_back(Arc::new(Committed {
                event,
                before: OnceCell::new(),
            }));
            ring.newest += 1;
        }
        while ring.kept.len() > MAX_KEPT || ring.bytes > MAX_KEPT_BYTES {
            let Some(oldest) = ring.kept.pop_front() else {
                break;
            };
            ring.bytes -= bytes_of(&oldest.event);
        }
        let newest = ring.newest;
        drop(ring);
        self.0.newest.send_replace(newest);
    }

    /// Hears of every commit.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    /// The place after the newest change.
    pub(crate) fn cursor(&self) -> LiveCursor {
        self.cursor_at(self.ring().newest)
    }

    /// The place after the change with this number.
    pub(crate) fn cursor_at(&self, number: u64) -> LiveCursor {
        LiveCursor {
            epoch: self.0.epoch,
            number,
            at: self.0.clock.now(),
        }
    }

    /// The number of a place; none when it is of another process.
    pub(crate) fn number(&self, cursor: LiveCursor) -> Option<u64> {
        (cursor.epoch == self.0.epoch && cursor.number <= self.ring().newest)
            .then_some(cursor.number)
    }

    /// The number of a change that is kept.
    pub(crate) fn find(&self, entity_id: &str, at: UtcMicros) -> Option<u64> {
        let ring = self.ring();
        let back = ring.kept.iter().rev().position(|committed| {
            let event = &committed.event;
            event.last_updated == at && event.entity_id.as_str() == entity_id
        })?;
        Some(ring.newest - back as u64)
    }

    /// At most `limit` changes after a number, with their numbers; none when some of them are no longer kept.
    pub(crate) fn after(&self, number: u64, limit: usize) -> Option<Vec<(u64, Arc<Committed>)>> {
        let ring = self.ring();
        let first = ring.newest - ring.kept.len() as u64;
        let skip = usize::try_from(number.checked_sub(first)?).ok()?;
        let numbered = (number + 1..).zip(ring.kept.iter().skip(skip).cloned());
        Some(numbered.take(limit).collect())
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// About how much a change holds, with what was before, which is about as much.
fn bytes_of(event: &ValidEvent) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    320 + 2 * (event.entity_id.as_str().len() + text(&event.state) + text(&event.attributes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: i64, attributes: usize) -> ValidEvent {
        ValidEvent {
            entity_id: "light.a".parse().unwrap(),
            state: Some(n.to_string()),
            attributes: Some("x".repeat(attributes)),
            last_changed: None,
            last_updated: UtcMicros::new(n).unwrap(),
            context: common::api::events::Context::default(),
            origin: common::api::events::Origin::Live,
            startup: false,
            placement: crate::store::Placement::default(),
        }
    }

    fn numbers(commits: &Commits, after: u64, limit: usize) -> Option<Vec<u64>> {
        let found = commits.after(after, limit)?;
        Some(found.into_iter().map(|(number, _)| number).collect())
    }

    #[test]
    fn everything_after_a_place_is_handed_out_until_it_is_no_longer_kept() {
        let commits = Commits::new(Clock::manual(UtcMicros::new(5).unwrap()));
        assert_eq!(numbers(&commits, 0, 10), Some(vec![]));
        commits.add((0..5).map(|n| event(n, 10)));
        assert_eq!(numbers(&commits, 0, 10), Some(vec![1, 2, 3, 4, 5]));
        assert_eq!(numbers(&commits, 3, 1), Some(vec![4]));
        assert_eq!(numbers(&commits, 5, 10), Some(vec![]));
        assert_eq!(commits.find("light.a", UtcMicros::new(2).unwrap()), Some(3));
        assert_eq!(commits.find("light.b", UtcMicros::new(2).unwrap()), None);
        commits.add((5..20_003).map(|n| event(n, 10)));
        assert_eq!(numbers(&commits, 2, 10), None);
        assert_eq!(numbers(&commits, 3, 2), Some(vec![4, 5]));
        // Two of 3 MiB do not fit, as what was before is as much.
        commits.add([event(1, 3 << 20), event(2, 3 << 20)]);
        assert_eq!(numbers(&commits, 20_003, 10), None);
        assert_eq!(numbers(&commits, 20_004, 10), Some(vec![20_005]));
    }

    #[test]
    fn a_cursor_of_another_process_is_known_as_such() {
        let old = Commits::new(Clock::manual(UtcMicros::new(5).unwrap()));
        let new = Commits::new(Clock::manual(UtcMicros::new(6).unwrap()));
        let cursor: LiveCursor = old.cursor().to_string().parse().unwrap();
        assert_eq!(cursor, old.cursor());
        assert_eq!((old.number(cursor), new.number(cursor)), (Some(0), None));
        for text in ["", "1", "1.2", "1.2.x", "light.a@5", "1.-2.3"] {
            assert!(text.parse::<LiveCursor>().is_err(), "{text}");
        }
    }
}
