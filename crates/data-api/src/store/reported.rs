//! Objects of Home Assistant's registries as they come in: every key may be absent, null or of another type than expected.

use common::instant::UtcMicros;
use serde_json::{Map, Value};

/// One object of a registry.
pub type Object = Map<String, Value>;

/// The text of a key: none when it is absent, `Some(None)` when it is null or empty of meaning.
pub fn text(object: &Object, key: &str) -> Option<Option<String>> {
    object.get(key).map(|value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

/// Replaces `column` by the text of `key`, when that key was sent.
pub fn set_text(column: &mut Option<String>, object: &Object, key: &str) {
    if let Some(sent) = text(object, key) {
        *column = sent;
    }
}

/// Replaces `column` by the JSON of `key`, when that key was sent; null empties it.
pub fn set_json(column: &mut Option<String>, object: &Object, key: &str) {
    if let Some(value) = object.get(key) {
        *column = (!value.is_null()).then(|| value.to_string());
    }
}

/// Replaces `column` by the JSON list of texts of `key`, when that key was sent; what is not a text is left out.
pub fn set_texts(column: &mut String, object: &Object, key: &str) {
    if let Some(value) = object.get(key) {
        let texts: Vec<&str> = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        *column = serde_json::json!(texts).to_string();
    }
}

/// The first of `keys` that holds a text.
pub fn first_text(object: &Object, keys: &[&str]) -> Option<String> {
    keys.iter()
        .find_map(|key| text(object, key).flatten().filter(|text| !text.is_empty()))
}

/// The instant of a key: seconds as a number, or ISO 8601. Home Assistant writes 0 where it does not know.
pub fn instant(object: &Object, key: &str) -> Option<UtcMicros> {
    let at = match object.get(key)? {
        Value::Number(seconds) => UtcMicros::from_history_seconds(seconds.as_f64()?).ok()?,
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (at.get() > 0).then_some(at)
}

/// The configuration entry of a device or entity; newer versions of Home Assistant name it, older ones list several.
pub fn config_entry_id(object: &Object) -> Option<String> {
    first_text(object, &["config_entry_id", "primary_config_entry"]).or_else(|| {
        object
            .get("config_entries")?
            .as_array()?
            .first()?
            .as_str()
            .map(str::to_owned)
    })
}
