//! From what Home Assistant sends to what is stored.

use common::api::events::{NewEvent, Origin};
use common::entity::EntityId;

use crate::home_assistant::frame::Event;

/// Why an event cannot be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("it has no data")]
    NoData,
    #[error("its data has no new_state")]
    NoState,
    #[error("{0}")]
    EntityId(#[from] common::entity::InvalidEntityId),
    #[error("a removal without time_fired")]
    NoInstant,
}

/// The state change in a `state_changed` event.
pub(crate) fn state_change(event: Event<'_>, startup: bool) -> Result<NewEvent, Unusable> {
    let data = event.data.ok_or(Unusable::NoData)?;
    let entity_id: EntityId = data.entity_id.parse()?;
    let startup = startup.then_some(true);
    Ok(match data.new_state.ok_or(Unusable::NoState)? {
        Some(new) => NewEvent {
            entity_id,
            state: Some(new.state.into_owned()),
            attributes: new.attributes.map(ToOwned::to_owned),
            last_changed: new.last_changed,
            last_updated: new.last_updated,
            context: new.context.or(event.context),
            origin: Origin::Live,
            startup,
            device_id: None,
            area_id: None,
        },
        // The entity was removed: the instant of the event is all there is.
        None => NewEvent {
            entity_id,
            state: None,
            attributes: None,
            last_changed: None,
            last_updated: event.time_fired.ok_or(Unusable::NoInstant)?,
            context: event.context,
            origin: Origin::Live,
            startup,
            device_id: None,
            area_id: None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home_assistant::frame::{Unreadable, messages};

    #[test]
    fn every_recorded_case_of_real_versions_is_normalised() {
        for version in ["2024.3.3", "2025.4.4", "2026.11.0"] {
            let path = format!(
                "{}/../../shared/fixtures/homeassistant/{version}/state_changed.json",
                env!("CARGO_MANIFEST_DIR")
            );
            let recorded: serde_json::Value =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let cases = recorded.as_array().unwrap();
            let (mut removed, mut with_context) = (0, 0);
            for case in cases {
                let message = case.get("message").unwrap_or(case);
                let text = message.to_string();
                let event = messages(&text).pop().unwrap().unwrap().event.unwrap();
                let change = state_change(event, false)
                    .unwrap_or_else(|error| panic!("{version}: {error}: {text}"));
                let sent = &message["event"]["data"]["new_state"];
                assert_eq!(change.state.as_deref(), sent["state"].as_str(), "{version}");
                removed += usize::from(change.state.is_none());
                with_context +=
                    usize::from(change.context.is_some_and(|context| context.id.is_some()));
            }
            assert!(
                removed > 0 && with_context == cases.len(),
                "{version}: {removed} {with_context}"
            );
        }
    }

    #[test]
    fn what_cannot_be_stored_says_why() {
        for (data, why) in [
            (r#"{"entity_id":"nodot","new_state":null}"#, "nodot"),
            (r#"{"entity_id":"light.a"}"#, "new_state"),
            (
                r#"{"entity_id":"light.a","new_state":{"last_updated":"2026-11-23T10:00:00+00:00"}}"#,
                "state",
            ),
            (r#"{"entity_id":"light.a","new_state":null}"#, "time_fired"),
        ] {
            let text = format!(
                r#"{{"type":"event","event":{{"event_type":"state_changed","data":{data}}}}}"#
            );
            let told = match messages(&text).pop().unwrap() {
                Ok(message) => state_change(message.event.unwrap(), false)
                    .unwrap_err()
                    .to_string(),
                Err(error @ Unreadable::Event(_)) => error.to_string(),
                Err(error) => panic!("{error}"),
            };
            assert!(told.contains(why), "{told}");
        }
    }
}
