//! Home Assistant's JSON, key by key in its order.

use common::instant::UtcMicros;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::home::{Attributes, Context, StateChange};

/// An instant as Home Assistant writes it: microseconds are left out when they are zero.
pub(super) struct Iso(pub(super) UtcMicros);

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_string();
        match text.strip_suffix(".000000+00:00") {
            Some(whole) => serializer.collect_str(&format_args!("{whole}+00:00")),
            None => serializer.serialize_str(&text),
        }
    }
}

#[derive(Serialize)]
struct ContextBody {
    id: String,
    parent_id: Option<String>,
    user_id: Option<String>,
}

impl From<&Context> for ContextBody {
    fn from(context: &Context) -> Self {
        Self {
            id: context.id(),
            parent_id: context.parent_id(),
            user_id: context.user_id(),
        }
    }
}

/// A context on its own.
pub(super) fn context(context: &Context) -> Value {
    json!({"id": context.id(), "parent_id": context.parent_id(), "user_id": context.user_id()})
}

#[derive(Serialize)]
struct StateBody<'a> {
    entity_id: &'a str,
    state: &'a str,
    attributes: &'a Attributes,
    last_changed: Iso,
    last_reported: Iso,
    last_updated: Iso,
    context: ContextBody,
}

impl<'a> From<&'a StateChange> for StateBody<'a> {
    fn from(change: &'a StateChange) -> Self {
        Self {
            entity_id: &change.entity_id,
            state: &change.state,
            attributes: &change.attributes,
            last_changed: Iso(change.last_changed),
            last_reported: Iso(change.last_updated),
            last_updated: Iso(change.last_updated),
            context: (&change.context).into(),
        }
    }
}

#[derive(Serialize)]
struct EventBody<D> {
    event_type: &'static str,
    data: D,
    origin: &'static str,
    time_fired: Iso,
    context: ContextBody,
}

#[derive(Serialize)]
struct StateChangedBody<'a> {
    entity_id: &'a str,
    old_state: Option<StateBody<'a>>,
    new_state: Option<StateBody<'a>>,
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

/// A state, as `get_states` and REST give it.
pub(super) fn state(change: &StateChange) -> String {
    text(&StateBody::from(change))
}

/// Several states, as an array.
pub(super) fn states<'a>(changes: impl Iterator<Item = &'a StateChange>) -> String {
    text(&changes.map(StateBody::from).collect::<Vec<_>>())
}

/// The event of a state that was set, or removed when `new` is nothing.
pub(super) fn state_changed(
    old: Option<&StateChange>,
    new: Option<&StateChange>,
    (at, context): (UtcMicros, &Context),
) -> String {
    let entity_id = new.or(old).map_or("", |change| &change.entity_id);
    event(
        "state_changed",
        at,
        context,
        StateChangedBody {
            entity_id,
            old_state: old.map(StateBody::from),
            new_state: new.map(StateBody::from),
        },
    )
}

/// Any event.
pub(super) fn event(
    event_type: &'static str,
    at: UtcMicros,
    context: &Context,
    data: impl Serialize,
) -> String {
    let context = context.into();
    text(&EventBody {
        event_type,
        data,
        origin: "LOCAL",
        time_fired: Iso(at),
        context,
    })
}

/// An event as the message of a subscription. The id comes last, as Home Assistant puts it.
pub(super) fn event_message(event: &str, subscription: u64) -> String {
    format!(r#"{{"type":"event","event":{event},"id":{subscription}}}"#)
}

/// The successful answer to a command; `result` is JSON.
pub(super) fn result(id: u64, result: &str) -> String {
    format!(r#"{{"id":{id},"type":"result","success":true,"result":{result}}}"#)
}

/// The answer to a command that cannot be carried out.
pub(super) fn error(id: Option<u64>, code: &str, message: &str) -> String {
    let error = json!({"code": code, "message": message});
    let id = id.map_or_else(|| "null".to_owned(), |id| id.to_string());
    format!(r#"{{"id":{id},"type":"result","success":false,"error":{error}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_are_left_out_when_they_are_zero() {
        let whole = UtcMicros::new(1_795_421_580_000_000).unwrap();
        assert_eq!(text(&Iso(whole)), r#""2026-11-23T08:13:00+00:00""#);
        assert_eq!(
            text(&Iso(whole.plus_micros(10))),
            r#""2026-11-23T08:13:00.000010+00:00""#
        );
    }
}
