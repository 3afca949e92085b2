//! A file of line protocol with what Home Assistant's integration `influxdb` wrote, or websocket-ingestion of this project; plain or
//! packed with gzip or zstd.
//!
//! Such a file is what `influx_inspect export -lponly` and `influxd inspect export-lp` write.

mod line_protocol;

use common::api::events::Origin;
use serde_json::value::RawValue;
use serde_json::{Map, json};

use self::line_protocol::{Point, Value};
use crate::entities::Entities;
use crate::failure::ImportFailed;
use crate::line::{Change, Id};
use crate::lines::Lines;
use crate::page::Page;
use crate::position::Position;

const HINT: &str = "It is a file of line protocol, as `influx_inspect export -lponly` (InfluxDB 1) and `influxd inspect export-lp` (2) write it";
/// An open file.
pub(crate) struct Influx(Lines);

/// A point as a state change.
struct Found {
    entity_id: String,
    state: String,
    attributes: Option<String>,
    at: i64,
    ids: [Option<String>; 3],
}

impl Influx {
    /// Opens it.
    pub(crate) fn open(place: &str) -> Result<Self, ImportFailed> {
        Lines::open(place, HINT).map(Self)
    }

    pub(crate) fn place(&self) -> &str {
        self.0.place()
    }

    /// See [`crate::source::Reader::begin`].
    pub(crate) fn begin(
        &mut self,
        from: Option<&Position>,
    ) -> Result<(Position, u64), ImportFailed> {
        self.0.begin(from)
    }

    /// See [`crate::source::Reader::page`].
    pub(crate) fn page(
        &mut self,
        after: &Position,
        entities: &mut Entities,
    ) -> Result<Option<Page>, ImportFailed> {
        // Comments and the statements of an export of InfluxDB 1 are no points.
        let is_row = |text: &str| !text.starts_with('#') && !text.starts_with("CREATE ");
        self.0.page(after, entities, is_row, push)
    }
}

fn push(page: &mut Page, entities: &mut Entities, text: &str) {
    let Some(point) = Point::read(text) else {
        return page.rejected.add("not a line of line protocol", 1);
    };
    let found = match change(&point) {
        Ok(found) => found,
        Err(reason) => return page.rejected.add(reason, 1),
    };
    let number = entities.number(&found.entity_id);
    let [context, parent, user] = found.ids.each_ref().map(|id| id.as_deref().map(Id::Text));
    let change = Change {
        entity: &entities.get(number).json.clone(),
        state: (!found.state.is_empty()).then_some(found.state.as_str()),
        attributes: found.attributes.as_deref(),
        last_changed: None,
        last_updated: found.at,
        context,
        parent,
        user,
        origin: Origin::Import,
        is_startup: false,
    };
    page.push(entities, number, &change);
}

/// What a point says of an entity.
fn change(point: &Point<'_>) -> Result<Found, &'static str> {
    let name = point.tag("entity_id").ok_or("it has no tag entity_id")?;
    let entity_id = match point.tag("domain") {
        Some(domain)
            if !name
                .strip_prefix(domain)
                .is_some_and(|rest| rest.starts_with('.')) =>
        {
            format!("{domain}.{name}")
        }
        Some(_) | None => name.to_owned(),
    };
    let at = micros(point.time).ok_or("its time is not one of the years 2000 to 2100")?;
    let text = |name: &str| match point.field(name) {
        Some(Value::Text(text)) => Some(text.to_string()),
        Some(Value::Number(_) | Value::Bool(_)) | None => None,
    };
    // As websocket-ingestion writes a point: everything is there.
    if let Some(state) = text("state_value") {
        let is_removal = point.field("removed") == Some(&Value::Bool(true));
        let attributes = text("attributes").filter(|text| {
            text.starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok()
        });
        return Ok(Found {
            entity_id,
            state: if is_removal { String::new() } else { state },
            attributes: attributes.map(|text| text.replace(['\n', '\r'], " ")),
            at,
            ids: ["context_id", "context_parent_id", "context_user_id"].map(text),
        });
    }
    // As Home Assistant writes one: a number, and the word where the state is none.
    let state = match (point.field("state"), point.field("value")) {
        (Some(Value::Text(word)), _) | (_, Some(Value::Text(word))) => word.to_string(),
        (_, Some(Value::Number(number))) => number.to_string(),
        (Some(Value::Number(_) | Value::Bool(_)) | None, Some(Value::Bool(_)) | None) => {
            return Err("it has neither a field state nor value: only an attribute");
        }
    };
    Ok(Found {
        attributes: attributes(point, &entity_id),
        entity_id,
        state,
        at,
        ids: [None, None, None],
    })
}

/// The fields that are no state are attributes: `name_str` the text, `name` a number that stands in it.
fn attributes(point: &Point<'_>, entity_id: &str) -> Option<String> {
    let mut all = Map::new();
    for (name, value) in &point.fields {
        if matches!(&**name, "state" | "value") {
            continue;
        }
        match value {
            Value::Text(text) => {
                let name = name.strip_suffix("_str").unwrap_or(name);
                all.insert(name.to_owned(), json!(text));
            }
            Value::Number(number) if !all.contains_key(&**name) => {
                all.insert(name.to_string(), json!(number));
            }
            Value::Bool(value) => {
                all.insert(name.to_string(), json!(value));
            }
            Value::Number(_) => {}
        }
    }
    if let Some(name) = point.tag("friendly_name") {
        all.insert("friendly_name".to_owned(), json!(name));
    }
    // A measurement is the unit, where there is one.
    let measurement = &*point.measurement;
    let is_unit = measurement != entity_id
        && !matches!(measurement, "state" | "homeassistant" | "units")
        && point.tag("domain") != Some(measurement)
        && matches!(point.field("value"), Some(Value::Number(_)))
        && measurement.chars().count() <= 8;
    if is_unit {
        all.insert("unit_of_measurement".to_owned(), json!(measurement));
    }
    (!all.is_empty()).then(|| serde_json::Value::Object(all).to_string())
}

/// Microseconds of a time whose unit its size tells: seconds, milli-, micro- or nanoseconds of the years 2000 to 2100.
fn micros(time: i64) -> Option<i64> {
    const YEARS: std::ops::RangeInclusive<i64> = 946_684_800..=4_102_444_800;
    [(1, 1_000_000), (1_000, 1_000), (1_000_000, 1)]
        .into_iter()
        .find(|(a_second, _)| YEARS.contains(&(time / a_second)))
        .map(|(_, micros)| time * micros)
        .or_else(|| {
            YEARS
                .contains(&(time / 1_000_000_000))
                .then_some(time / 1_000)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_time_tells_its_unit() {
        for time in [
            1_700_000_000,
            1_700_000_000_000,
            1_700_000_000_000_000,
            1_700_000_000_000_000_000,
        ] {
            assert_eq!(micros(time), Some(1_700_000_000_000_000), "{time}");
        }
        assert_eq!(micros(5), None);
        assert_eq!(micros(-1), None);
    }

    #[test]
    fn home_assistants_points_become_the_states_they_were() {
        let found = |line: &str| {
            change(&Point::read(line).unwrap())
                .map(|found| (found.entity_id, found.state, found.attributes))
        };
        let temperature = found(r#"°C,domain=sensor,entity_id=hall,friendly_name=Hall value=21.5,device_class_str="temperature",battery=80 1700000000000000000"#).unwrap();
        assert_eq!(
            (temperature.0.as_str(), temperature.1.as_str()),
            ("sensor.hall", "21.5")
        );
        assert_eq!(
            temperature.2.unwrap(),
            r#"{"battery":80.0,"device_class":"temperature","friendly_name":"Hall","unit_of_measurement":"°C"}"#
        );
        let light = found(
            r#"light.hall,domain=light,entity_id=hall state="on",value=1 1700000000000000000"#,
        )
        .unwrap();
        assert_eq!(
            (light.0.as_str(), light.1.as_str(), light.2),
            ("light.hall", "on", None)
        );
        assert!(found("x,domain=light,entity_id=hall brightness=5 1700000000000000000").is_err());
        assert!(found("cpu,host=a value=5 1700000000000000000").is_err());
    }
}
