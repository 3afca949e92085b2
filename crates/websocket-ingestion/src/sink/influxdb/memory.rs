//! What each entity was before: a point tells it besides what the entity is now.

use std::collections::HashMap;

use common::api::events::NewEvent;
use common::instant::UtcMicros;

/// Most entities that are remembered, those heard of last.
const MAX_ENTITIES: usize = 10_000;
/// Changes of one entity that are remembered: a batch that went to disk is seen twice, and shall say the same again.
const KEPT: usize = 8;

/// The last changes of the entities heard of last, in two halves: when the newer is full, it becomes the older.
#[derive(Debug, Default)]
pub(super) struct Memory {
    newer: HashMap<String, Vec<Known>>,
    older: HashMap<String, Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    at: UtcMicros,
    state: Option<String>,
    /// Since when it was that.
    since: UtcMicros,
}

/// What an entity was before a change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Before {
    pub(super) state: String,
    /// From the moment it became that to the change.
    pub(super) seconds: f64,
}

impl Memory {
    /// Remembers a change. Returns what the entity was before, going by the instants; none where that is not known, or it was not there.
    pub(super) fn note(&mut self, event: &NewEvent) -> Option<Before> {
        let (id, at) = (event.entity_id.as_str(), event.last_updated);
        let mut known = self
            .newer
            .remove(id)
            .or_else(|| self.older.remove(id))
            .unwrap_or_default();
        let place = known.partition_point(|one| one.at < at);
        let before = place.checked_sub(1).and_then(|last| {
            let last = &known[last];
            Some(Before {
                state: last.state.clone()?,
                seconds: at.seconds_since(last.since).max(0.0),
            })
        });
        if known.get(place).is_none_or(|one| one.at != at) {
            let one = Known {
                at,
                state: event.state.clone(),
                since: event.last_changed.unwrap_or(at),
            };
            known.insert(place, one);
            if known.len() > KEPT {
                known.remove(0);
            }
        }
        if self.newer.len() >= MAX_ENTITIES / 2 {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(id.to_owned(), known);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, state: Option<&str>, at: i64) -> NewEvent {
        let json = serde_json::json!({"entity_id": id, "state": state, "last_updated": at});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_was_before_goes_by_the_instants_and_is_the_same_when_asked_again() {
        let mut memory = Memory::default();
        let mut before = |state, at| memory.note(&event("light.a", state, at));
        let off = Some(Before {
            state: "off".to_owned(),
            seconds: 2.0,
        });
        assert_eq!(before(Some("off"), 1_000_000), None);
        assert_eq!(before(Some("on"), 3_000_000), off);
        assert_eq!(before(None, 4_000_000).unwrap().state, "on");
        assert_eq!(before(Some("on"), 3_000_000), off);
        // Nothing is known from before the first, and after a removal there is nothing to know.
        assert_eq!(before(Some("x"), 500_000), None);
        assert_eq!(before(Some("on"), 5_000_000), None);
    }

    #[test]
    fn it_is_bounded_and_forgets_who_was_not_heard_of_for_longest() {
        let mut memory = Memory::default();
        for n in 0..3 * i64::try_from(MAX_ENTITIES).unwrap() {
            memory.note(&event(&format!("sensor.n{n}"), Some("1"), n));
            memory.note(&event("light.a", Some("on"), n));
        }
        assert!(memory.newer.len() + memory.older.len() <= MAX_ENTITIES);
        assert!(memory.newer["light.a"].len() <= KEPT);
        assert!(
            memory
                .note(&event("light.a", Some("on"), i64::from(u32::MAX)))
                .is_some()
        );
        assert!(
            memory
                .note(&event("sensor.n0", Some("1"), i64::from(u32::MAX)))
                .is_none()
        );
    }
}
