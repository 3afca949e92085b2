//! A year of a home, row by row: the same rows for data-api and for what it is compared with.
//!
//! Nothing is random: row `n` is always the same. A few entities change often and many seldom, as in a home.

use std::fmt::Write as _;

use common::instant::UtcMicros;

/// Entities of the home.
pub(crate) const ENTITIES: u64 = 500;
/// 2026-01-01T00:00:00Z.
const START_US: i64 = 1_767_225_600_000_000;
const YEAR_US: i64 = 365 * 86_400_000_000;
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Attribute sets that a light goes through.
const BRIGHTNESSES: u64 = 16;

/// So many rows, evenly over a year.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) count: u64,
}

/// One row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) entity: u64,
    pub(crate) at_us: i64,
    pub(crate) state: String,
    /// Which attribute set of the entity.
    variant: u64,
    context: u128,
    context_parent: Option<u128>,
}

impl Rows {
    /// Row `n`. Rows at and after `count` go on beyond the year.
    pub(crate) fn row(self, n: u64) -> Row {
        let chance = mix(n);
        // Squared: the density of entity k falls with its number.
        let unit = (chance >> 11) as f64 / (1_u64 << 53) as f64;
        let entity = ((unit * unit) * ENTITIES as f64) as u64;
        let spacing = YEAR_US / self.count as i64;
        let at_us = START_US + n as i64 * spacing + (chance % spacing.max(2).unsigned_abs()) as i64;
        let more = mix(chance);
        let ulid = |salt: u64, at: i64| {
            u128::from(at.unsigned_abs() / 1000) << 80
                | (u128::from(mix(more ^ salt)) << 16 | u128::from(more & 0xffff))
        };
        let is_light = entity % 6 == 4;
        Row {
            entity,
            at_us,
            state: match entity % 6 {
                4 | 5 => if more & 1 == 0 { "on" } else { "off" }.to_owned(),
                // A meter that only rises.
                3 => format!("{}.{:03}", n / 50, more % 1000),
                _ => format!("{:.1}", 15.0 + (more % 300) as f64 / 10.0),
            },
            variant: if is_light { more % BRIGHTNESSES } else { 0 },
            context: ulid(1, at_us),
            context_parent: (is_light && more.is_multiple_of(4))
                .then(|| ulid(2, at_us - 1_500_000)),
        }
    }

    /// The last instant before the end of the year.
    pub(crate) fn end() -> UtcMicros {
        UtcMicros::new(START_US + YEAR_US).unwrap_or_default()
    }

    /// Rows as data-api takes them.
    pub(crate) fn ndjson(self, range: std::ops::Range<u64>) -> String {
        let mut text = String::with_capacity((range.end - range.start) as usize * 400);
        for n in range {
            self.row(n).ndjson(&mut text);
        }
        text
    }
}

impl Row {
    pub(crate) fn entity_id(&self) -> String {
        entity_id(self.entity)
    }

    pub(crate) fn attributes(&self) -> String {
        attributes(self.entity, self.variant)
    }

    pub(crate) fn context_hex(&self) -> String {
        format!("{:032x}", self.context)
    }

    pub(crate) fn parent_hex(&self) -> Option<String> {
        self.context_parent.map(|parent| format!("{parent:032x}"))
    }

    /// Number of its attribute set, from 1.
    pub(crate) fn attributes_number(&self) -> u64 {
        self.entity * BRIGHTNESSES + self.variant + 1
    }

    fn ndjson(&self, text: &mut String) {
        let Self { at_us, state, .. } = self;
        write!(
            text,
            r#"{{"entity_id":"{}","state":"{state}","attributes":{},"last_updated":{at_us},"context":{{"id":"{}","parent_id":"#,
            self.entity_id(),
            self.attributes(),
            ulid(self.context)
        )
        .ok();
        match self.context_parent {
            Some(parent) => write!(text, r#""{}""#, ulid(parent)).ok(),
            None => write!(text, "null").ok(),
        };
        text.push_str("}}\n");
    }

    /// As a line of CSV with everything in it.
    pub(crate) fn csv(&self, text: &mut String) {
        writeln!(
            text,
            r#"{},{},"{}",{},{},{},{}"#,
            self.entity_id(),
            self.state,
            self.attributes().replace('"', "\"\""),
            self.at_us,
            self.at_us,
            self.context_hex(),
            self.parent_hex().unwrap_or_default()
        )
        .ok();
    }
}

/// Every attribute set: its number and its text.
pub(crate) fn attribute_sets() -> impl Iterator<Item = (u64, String)> {
    (0..ENTITIES).flat_map(|entity| {
        let variants = if entity % 6 == 4 { BRIGHTNESSES } else { 1 };
        (0..variants).map(move |variant| {
            (
                entity * BRIGHTNESSES + variant + 1,
                attributes(entity, variant),
            )
        })
    })
}

pub(crate) fn entity_id(entity: u64) -> String {
    match entity % 6 {
        4 => format!("light.room_{entity:03}_ceiling"),
        5 => format!("binary_sensor.window_{entity:03}_contact"),
        3 => format!("sensor.meter_{entity:03}_energy"),
        _ => format!("sensor.room_{entity:03}_temperature"),
    }
}

fn attributes(entity: u64, variant: u64) -> String {
    match entity % 6 {
        4 => format!(
            r#"{{"supported_color_modes":["color_temp"],"color_mode":"color_temp","brightness":{},"color_temp_kelvin":2700,"min_color_temp_kelvin":2000,"max_color_temp_kelvin":6535,"friendly_name":"Room {entity} ceiling","supported_features":40}}"#,
            10 + variant * 15
        ),
        5 => format!(
            r#"{{"device_class":"window","battery_level":87,"linkquality":120,"voltage":3005,"friendly_name":"Window {entity} contact"}}"#
        ),
        3 => format!(
            r#"{{"state_class":"total_increasing","unit_of_measurement":"kWh","device_class":"energy","friendly_name":"Meter {entity} energy"}}"#
        ),
        _ => format!(
            r#"{{"state_class":"measurement","unit_of_measurement":"°C","device_class":"temperature","friendly_name":"Room {entity} temperature"}}"#
        ),
    }
}

/// `SplitMix64`, <https://prng.di.unimi.it/splitmix64.c>: spreads a number over all bits.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

fn ulid(bits: u128) -> String {
    (0..26)
        .map(|i| char::from(CROCKFORD[(bits >> (125 - 5 * i)) as usize & 31]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_events_and_none_is_twice() {
        let rows = Rows { count: 100_000 };
        let mut seen = std::collections::HashSet::new();
        for line in rows.ndjson(0..5000).lines() {
            let event: common::api::events::NewEvent = serde_json::from_str(line).unwrap();
            assert!(event.last_updated < Rows::end());
            assert!(seen.insert((event.entity_id, event.last_updated)));
        }
        assert_eq!(seen.len(), 5000);
    }
}
