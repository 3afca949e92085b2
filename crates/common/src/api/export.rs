//! `GET /api/v1/events/export`: a line of NDJSON, as whoever reads one needs it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::events::Origin;
use crate::instant::UtcMicros;

/// One state change of an export. Texts are borrowed from the line where they need no unescaping.
#[derive(Debug, Deserialize)]
pub struct ExportedEvent<'a> {
    /// The id that the entity has now.
    #[serde(borrow)]
    pub entity_id: Cow<'a, str>,
    /// Null for a removal; it must be there.
    #[serde(borrow, deserialize_with = "present")]
    pub state: Option<Cow<'a, str>>,
    /// When it was stored to have happened.
    pub last_updated: UtcMicros,
    /// When the state became this one.
    #[serde(default)]
    pub last_changed: Option<UtcMicros>,
    /// A JSON object, unless the export was asked to leave it out.
    #[serde(default, borrow)]
    pub attributes: Option<&'a RawValue>,
    /// Context of the change.
    #[serde(default, borrow)]
    pub context_id: Option<Cow<'a, str>>,
    /// Context that caused it.
    #[serde(default, borrow)]
    pub context_parent_id: Option<Cow<'a, str>>,
    /// The person who caused it.
    #[serde(default, borrow)]
    pub context_user_id: Option<Cow<'a, str>>,
    /// Where the row came from.
    #[serde(default)]
    pub origin: Origin,
    /// Written while Home Assistant was starting.
    #[serde(default)]
    pub startup: bool,
}

/// Reads a value that may be null but must be there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_a_removal_is_told_from_a_line_of_another_kind() {
        let line = r#"{"entity_id":"light.a","state":"on","last_changed":"2026-11-23T08:13:45.429374+00:00","last_updated":"2026-11-23T08:13:45.429374+00:00","context_id":"c","context_parent_id":null,"context_user_id":null,"origin":"backfill","startup":true}"#;
        let event: ExportedEvent<'_> = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&*event.entity_id, event.state.as_deref()),
            ("light.a", Some("on"))
        );
        assert!(event.startup && event.origin == Origin::Backfill && event.attributes.is_none());
        let removal = line.replace("\"on\"", "null");
        let event: ExportedEvent<'_> = serde_json::from_str(&removal).unwrap();
        assert_eq!(event.state, None);
        let without = line.replace("\"state\":\"on\",", "");
        assert!(serde_json::from_str::<ExportedEvent<'_>>(&without).is_err());
    }
}
