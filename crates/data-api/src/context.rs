//! Home Assistant's contexts: when one was made, which events it has, and how they follow from each other.

use std::collections::{BTreeMap, BTreeSet};

use common::api::event_summaries::{TraceDetails, TraceStep};
use common::api::events::Event;
use common::instant::UtcMicros;

/// When a context was made: its id, a ULID, begins with that in milliseconds. None for ids of another form.
pub(crate) fn made_at(context_id: &str) -> Option<UtcMicros> {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    if context_id.len() != 26 {
        return None;
    }
    let digits = context_id
        .bytes()
        .map(|byte| ALPHABET.iter().position(|&letter| letter == byte));
    let digits: Vec<i64> = digits.map(|d| d.map(|d| d as i64)).collect::<Option<_>>()?;
    // The first character carries three bits.
    (digits[0] < 8).then_some(())?;
    let millis = digits[..10].iter().fold(0, |sum, digit| sum << 5 | digit);
    UtcMicros::new(millis.checked_mul(1000)?).ok()
}

/// What follows from `root`: its own events at depth 0, those of contexts that it caused at depth 1, and so on to `max_depth`
/// (inclusive). Events of one depth are in the order of time. A circle of contexts ends where it would begin again.
pub(crate) fn follow(
    events: &[Event],
    root: &str,
    max_depth: u32,
    details: bool,
) -> Vec<TraceStep> {
    let mut own: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    let mut caused: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for event in events {
        let Some(id) = event.context_id.as_deref() else {
            continue;
        };
        own.entry(id).or_default().push(event);
        if let Some(parent) = event.context_parent_id.as_deref() {
            caused.entry(parent).or_default().insert(id);
        }
    }
    let (mut steps, mut seen) = (Vec::new(), BTreeSet::from([root]));
    let mut level = vec![root];
    for depth in 0..=max_depth {
        let mut here: Vec<&Event> = level
            .iter()
            .flat_map(|id| own.get(id).into_iter().flatten().copied())
            .collect();
        here.sort_by(|a, b| (a.timestamp, &a.entity_id).cmp(&(b.timestamp, &b.entity_id)));
        steps.extend(here.into_iter().map(|event| step(event, depth, details)));
        level = level
            .iter()
            .flat_map(|id| caused.get(id).into_iter().flatten().copied())
            .filter(|id| seen.insert(id))
            .collect();
        if level.is_empty() {
            break;
        }
    }
    steps
}

fn step(event: &Event, depth: u32, details: bool) -> TraceStep {
    TraceStep {
        depth,
        context_id: event.context_id.clone().unwrap_or_default(),
        context_parent_id: event.context_parent_id.clone(),
        timestamp: event.timestamp,
        details: details.then(|| TraceDetails {
            event_id: event.id.clone(),
            entity_id: event.entity_id.clone(),
            event_type: event.event_type.clone(),
            state: event.state.clone(),
            old_state: event.previous_state.clone(),
            context_user_id: event.context_user_id.clone(),
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An event `second` seconds after 2026-11-23T12:00:00Z.
    pub(crate) fn event(
        second: i64,
        entity_id: &str,
        state: &str,
        context: Option<&str>,
        parent: Option<&str>,
        user: Option<&str>,
    ) -> Event {
        let at = "2026-11-23T12:00:00Z"
            .parse::<UtcMicros>()
            .unwrap()
            .plus_seconds(second);
        serde_json::from_value(serde_json::json!({
            "id": format!("{entity_id}@{}", at.get()), "timestamp": at, "entity_id": entity_id, "event_type": "state_changed",
            "old_state": null, "new_state": null, "attributes": {}, "tags": {}, "state": state, "previous_state": null,
            "device_id": null, "area_id": null, "domain": entity_id.split('.').next(), "context_id": context,
            "context_parent_id": parent, "context_user_id": user, "duration_in_state": null,
            "friendly_name": null, "origin": "live", "startup": false,
        }))
        .unwrap()
    }

    #[test]
    fn a_ulid_says_when_it_was_made() {
        // 2016-07-30T22:36:16.385Z
        let made = made_at("01ARYZ6S41TSV4RRFFQ69G5FAV").unwrap();
        assert_eq!(made.get(), 1_469_918_176_385_000);
        for other in [
            "",
            "CTX1",
            "8f0f2bd5b3d94ef1a3b6b0a4a7a6c1de",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "ää01ARYZ6S41TSV4RRFFQ69G5F",
        ] {
            assert_eq!(made_at(other), None, "{other}");
        }
    }

    #[test]
    fn what_follows_is_found_level_by_level_and_a_circle_ends() {
        let events = [
            event(0, "binary_sensor.motion", "on", Some("A"), Some("C"), None),
            event(2, "light.b", "on", Some("B"), Some("A"), None),
            event(1, "automation.x", "on", Some("B"), Some("A"), None),
            event(3, "switch.c", "on", Some("C"), Some("B"), None),
            event(4, "switch.other", "on", Some("D"), None, None),
            event(5, "switch.none", "on", None, None, None),
        ];
        let steps = follow(&events, "A", 10, true);
        let got: Vec<_> = steps
            .iter()
            .map(|s| (s.depth, s.details.as_ref().unwrap().entity_id.as_str()))
            .collect();
        assert_eq!(
            got,
            [
                (0, "binary_sensor.motion"),
                (1, "automation.x"),
                (1, "light.b"),
                (2, "switch.c")
            ]
        );
        assert_eq!(follow(&events, "A", 1, false).len(), 3);
        assert!(follow(&events, "unknown", 10, true).is_empty());
    }
}
