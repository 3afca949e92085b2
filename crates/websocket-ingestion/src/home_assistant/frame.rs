//! Messages of Home Assistant's WebSocket API. Keys may come in any order; unknown ones are passed over.

use std::borrow::Cow;

use common::api::events::Context;
use common::instant::UtcMicros;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A message. State changes are read to the end at once: they are nearly all there is.
#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(default)]
    pub(crate) id: Option<u64>,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) success: bool,
    #[serde(borrow, default)]
    pub(crate) result: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) error: Option<CommandError>,
    #[serde(borrow, default)]
    pub(crate) event: Option<Event<'a>>,
}

/// The kinds of messages that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    AuthRequired,
    AuthOk,
    AuthInvalid,
    Result,
    Event,
    Pong,
    #[serde(other)]
    Other,
}

/// Why a command was refused.
#[derive(Debug, Clone, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct CommandError {
    #[serde(default)]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
}

/// An event of any type.
#[derive(Debug, Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(borrow, default)]
    pub(crate) event_type: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) data: Option<Data<'a>>,
    #[serde(default)]
    pub(crate) time_fired: Option<UtcMicros>,
    #[serde(default)]
    pub(crate) context: Option<Context>,
}

/// Of the data of an event, what a state change says, and a rename. Other events have other keys, which are passed over.
#[derive(Debug, Deserialize)]
pub(crate) struct Data<'a> {
    #[serde(borrow, default)]
    pub(crate) entity_id: Cow<'a, str>,
    /// In `entity_registry_updated`: the entity had this id until now.
    #[serde(borrow, default)]
    pub(crate) old_entity_id: Option<Cow<'a, str>>,
    /// None: it is not there. Null: the entity was removed.
    #[serde(borrow, default, deserialize_with = "present")]
    #[expect(
        clippy::option_option,
        reason = "absent, null and a state are three things"
    )]
    pub(crate) new_state: Option<Option<State<'a>>>,
}

/// A state object.
#[derive(Debug, Deserialize)]
pub(crate) struct State<'a> {
    #[serde(borrow)]
    pub(crate) state: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) attributes: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) last_changed: Option<UtcMicros>,
    pub(crate) last_updated: UtcMicros,
    #[serde(default)]
    pub(crate) context: Option<Context>,
}

#[expect(
    clippy::option_option,
    reason = "absent, null and a state are three things"
)]
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<State<'de>>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Why a message is left out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is no message.
    #[error("{0}")]
    Message(serde_json::Error),
    /// It is an event whose content is not of the documented form.
    #[error("{0}")]
    Event(serde_json::Error),
}

/// The messages of a frame: an object is one, an array holds several. A message that cannot be read is an error of its own.
pub(crate) fn messages(frame: &str) -> Vec<Result<Message<'_>, Unreadable>> {
    let is_array = frame.trim_start().starts_with('[');
    let all_at_once = if is_array {
        serde_json::from_str::<Vec<Message<'_>>>(frame)
    } else {
        serde_json::from_str(frame).map(|message| vec![message])
    };
    match all_at_once {
        Ok(messages) => messages.into_iter().map(Ok).collect(),
        // One bad message must not take the others with it: each by itself.
        Err(_) if is_array => match serde_json::from_str::<Vec<&RawValue>>(frame) {
            Ok(list) => list.into_iter().map(|text| message(text.get())).collect(),
            Err(error) => vec![Err(Unreadable::Message(error))],
        },
        Err(_) => vec![message(frame)],
    }
}

fn message(text: &str) -> Result<Message<'_>, Unreadable> {
    #[derive(Deserialize)]
    struct IsEvent {
        #[serde(rename = "type")]
        kind: Kind,
    }
    serde_json::from_str(text).map_err(|error| match serde_json::from_str::<IsEvent>(text) {
        Ok(IsEvent { kind: Kind::Event }) => Unreadable::Event(error),
        _ => Unreadable::Message(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_message_or_several_and_a_bad_one_spoils_only_itself() {
        assert_eq!(
            messages(r#"{"success":true,"result":null,"type":"result","id":3}"#).len(),
            1
        );
        let three =
            messages(r#"[{"type":"pong","id":1},{"type":5},{"id":2,"type":"something_new"}]"#);
        assert_eq!(three.len(), 3);
        assert_eq!(three[0].as_ref().unwrap().kind, Kind::Pong);
        assert!(three[1].is_err());
        assert_eq!(three[2].as_ref().unwrap().kind, Kind::Other);
        assert!(messages("[{\"type\":").iter().all(Result::is_err));
    }

    #[test]
    fn every_frame_that_real_versions_sent_is_read() {
        for version in ["2024.3.3", "2025.4.4", "2026.11.0"] {
            let path = format!(
                "{}/../../shared/fixtures/homeassistant/{version}/frames.jsonl",
                env!("CARGO_MANIFEST_DIR")
            );
            let text = std::fs::read_to_string(&path).unwrap();
            let mut changes = 0;
            for frame in text.lines() {
                for message in messages(frame) {
                    let message =
                        message.unwrap_or_else(|error| panic!("{version}: {error}: {frame}"));
                    assert_ne!(message.kind, Kind::Other, "{version}: {frame}");
                    if let Some(event) = message
                        .event
                        .filter(|event| event.event_type == "state_changed")
                    {
                        assert!(
                            event.data.unwrap().new_state.is_some(),
                            "{version}: {frame}"
                        );
                        changes += 1;
                    }
                }
            }
            assert!(changes > 0, "{version}");
        }
    }
}
