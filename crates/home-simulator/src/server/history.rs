//! History as Home Assistant's recorder tells it.

use std::collections::BTreeMap;

use common::instant::UtcMicros;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::house::House;
use super::wire::Iso;
use crate::home::{Attributes, StateChange};

/// What is asked of history.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are the switches of the command"
)]
pub(super) struct Query {
    pub(super) start: UtcMicros,
    pub(super) end: UtcMicros,
    pub(super) entity_ids: Vec<String>,
    pub(super) include_start_time_state: bool,
    pub(super) significant_changes_only: bool,
    pub(super) minimal_response: bool,
    pub(super) no_attributes: bool,
}

/// Domains whose changes of attributes are significant.
const SIGNIFICANT_DOMAINS: [&str; 4] = ["climate", "device_tracker", "humidifier", "water_heater"];

/// One row, with what the query leaves of it.
pub(super) struct Row {
    change: StateChange,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Whole,
    NoAttributes,
    /// State and instant only.
    Minimal,
}

/// Rows by entity, in the order of time; entities without rows are left out.
pub(super) fn rows(house: &House, query: &Query) -> BTreeMap<String, Vec<Row>> {
    let mut answer = BTreeMap::new();
    for entity_id in &query.entity_ids {
        let (before, changes) = house.rows(entity_id, query.start, query.end);
        let mut kept = Vec::with_capacity(changes.len() + 1);
        if query.include_start_time_state {
            // What was before is told as if it had begun at the start.
            let at_start = |row| StateChange {
                last_changed: query.start,
                last_updated: query.start,
                ..row
            };
            kept.extend(before.filter(|row| !row.removed).map(at_start));
        }
        let domain = common::entity::domain_of(entity_id);
        let only_states = query.significant_changes_only && !SIGNIFICANT_DOMAINS.contains(&domain);
        let moved = |row: &StateChange| !only_states || row.last_changed == row.last_updated;
        kept.extend(changes.into_iter().filter(moved));
        if query.minimal_response && domain != "climate" {
            kept.dedup_by(|later, earlier| later.state == earlier.state);
        }
        if !kept.is_empty() {
            let shaped = kept.into_iter().enumerate().map(|(number, change)| {
                let shape = if query.minimal_response && number > 0 && domain != "climate" {
                    Shape::Minimal
                } else if query.no_attributes {
                    Shape::NoAttributes
                } else {
                    Shape::Whole
                };
                Row { change, shape }
            });
            answer.insert(entity_id.clone(), shaped.collect());
        }
    }
    answer
}

/// Attributes that Home Assistant's integrations keep out of the recorder.
fn is_recorded(domain: &str, attribute: &str) -> bool {
    match domain {
        "light" => !matches!(
            attribute,
            "brightness" | "color_mode" | "supported_color_modes"
        ),
        "automation" | "script" => {
            !matches!(attribute, "id" | "last_triggered" | "mode" | "current")
        }
        "climate" => !matches!(
            attribute,
            "hvac_modes" | "min_temp" | "max_temp" | "target_temp_step"
        ),
        _ => true,
    }
}

struct Recorded<'a>(&'a StateChange);

impl Serialize for Recorded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(recorded(&self.0.entity_id, &self.0.attributes))
    }
}

/// The attributes that the recorder keeps.
fn recorded<'a>(
    entity_id: &str,
    attributes: &'a Attributes,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let domain = common::entity::domain_of(entity_id);
    attributes
        .iter()
        .filter(move |(name, _)| *name != "supported_features" && is_recorded(domain, name))
}

/// The same as a set of their own.
pub(super) fn recorded_attributes(entity_id: &str, attributes: &Attributes) -> Attributes {
    let kept = recorded(entity_id, attributes);
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The form of the WebSocket command: `{s, a?, lc?, lu}` with floats of seconds.
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // A removal is a row without state.
        map.serialize_entry("s", &(!self.change.removed).then_some(&*self.change.state))?;
        match self.shape {
            Shape::Whole => map.serialize_entry("a", &Recorded(&self.change))?,
            Shape::NoAttributes => map.serialize_entry("a", &Attributes::new())?,
            Shape::Minimal => {}
        }
        map.serialize_entry("lu", &seconds(self.change.last_updated))?;
        if self.shape != Shape::Minimal && self.change.last_changed != self.change.last_updated {
            map.serialize_entry("lc", &(self.change.last_changed.get() as f64 / 1e6))?;
        }
        map.end()
    }
}

/// The form of REST: whole names, ISO texts.
pub(super) struct RestRow(pub(super) Row);

impl Serialize for RestRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Row { change, shape } = &self.0;
        let mut map = serializer.serialize_map(None)?;
        if *shape != Shape::Minimal {
            map.serialize_entry("entity_id", &*change.entity_id)?;
        }
        map.serialize_entry("state", &*change.state)?;
        match shape {
            Shape::Whole => map.serialize_entry("attributes", &Recorded(change))?,
            Shape::NoAttributes => map.serialize_entry("attributes", &Attributes::new())?,
            Shape::Minimal => {}
        }
        map.serialize_entry("last_changed", &Iso(change.last_changed))?;
        if *shape != Shape::Minimal {
            map.serialize_entry("last_updated", &Iso(change.last_updated))?;
        }
        map.end()
    }
}

/// Seconds as a float, as the recorder stores them. Home Assistant takes the float from the clock and derives the microseconds, so
/// that the float is mostly not the nearest one to the microseconds; a reader that rounds carelessly must fail here as well.
pub(super) fn seconds(at: UtcMicros) -> f64 {
    let nearest = at.get() as f64 / 1e6;
    let neighbour = match at.get() % 3 {
        0 => nearest.next_down(),
        1 => nearest.next_up(),
        _ => nearest,
    };
    if UtcMicros::from_history_seconds(neighbour) == Ok(at) {
        neighbour
    } else {
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float_reads_back_as_its_microseconds() {
        for micros in (1_795_421_580_000_000..1_795_421_581_000_000).step_by(37) {
            let at = UtcMicros::new(micros).unwrap();
            assert_eq!(UtcMicros::from_history_seconds(seconds(at)).unwrap(), at);
        }
    }
}
