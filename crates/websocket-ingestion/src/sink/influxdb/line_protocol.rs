//! A state change as a point in the line protocol of InfluxDB.

use std::fmt::Write;

use common::api::events::NewEvent;
use common::category;
use serde::Deserialize;

use super::memory::Before;

/// All points are of this measurement.
const MEASUREMENT: &str = "home_assistant_events";

#[derive(Deserialize)]
struct Classed {
    device_class: String,
}

/// The point of an event, without the end of the line. Its time is in microseconds: two changes in one millisecond are two points.
pub(super) fn point(event: &NewEvent, before: Option<&Before>) -> String {
    let attributes = event.attributes.as_ref().map(|raw| raw.get());
    let class = attributes
        .and_then(|text| serde_json::from_str::<Classed>(text).ok())
        .map(|classed| classed.device_class);
    let domain = event.entity_id.domain();
    let mut line = MEASUREMENT.to_owned();
    line.reserve(512 + attributes.map_or(0, str::len));
    // Sorted, as InfluxDB would have them.
    tag(&mut line, "area_id", event.area_id.as_deref());
    tag(&mut line, "device_class", class.as_deref());
    tag(&mut line, "device_id", event.device_id.as_deref());
    tag(&mut line, "domain", Some(domain));
    tag(&mut line, "entity_id", Some(event.entity_id.as_str()));
    let category = category::of(domain, class.as_deref());
    tag(&mut line, "event_category", Some(category));
    tag(&mut line, "event_type", Some("state_changed"));
    line.push(' ');
    text(
        &mut line,
        "state_value",
        event.state.as_deref().unwrap_or_default(),
    );
    if event.state.is_none() {
        line.push_str(",removed=true");
    }
    let mut more = |name, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            line.push(',');
            text(&mut line, name, value);
        }
    };
    more("attributes", attributes);
    more("previous_state", before.map(|before| before.state.as_str()));
    if let Some(context) = &event.context {
        more("context_id", context.id.as_deref());
        more("context_parent_id", context.parent_id.as_deref());
        more("context_user_id", context.user_id.as_deref());
    }
    // Writing to a text cannot fail.
    if let Some(before) = before {
        write!(line, ",duration_in_state_seconds={}", before.seconds).ok();
    }
    write!(line, " {}", event.last_updated.get()).ok();
    line
}

/// A tag must not be empty, and cannot hold an end of the line: that is written as `\n`, in two characters.
fn tag(line: &mut String, name: &str, value: Option<&str>) {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return;
    };
    line.push(',');
    line.push_str(name);
    line.push('=');
    for c in value.chars() {
        match c {
            ',' | ' ' | '=' | '\\' => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            c => line.push(c),
        }
    }
}

/// A field of text: only the quote and the backslash mean something in it.
fn text(line: &mut String, name: &str, value: &str) {
    line.push_str(name);
    line.push_str("=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            line.push('\\');
        }
        line.push(c);
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Pairs = BTreeMap<String, String>;

    /// Splits where `at` stands neither behind a backslash nor in quotes.
    fn split(line: &str, at: char) -> Vec<String> {
        let (mut parts, mut quoted, mut escaped) = (vec![String::new()], false, false);
        for c in line.chars() {
            if c == at && !quoted && !escaped {
                parts.push(String::new());
                continue;
            }
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = c == '\\' && !escaped;
            parts.last_mut().unwrap().push(c);
        }
        assert!(!quoted && !escaped, "{line}");
        parts
    }

    fn plain(text: &str) -> String {
        let text = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        let (mut out, mut escaped) = (String::new(), false);
        for c in text.chars() {
            escaped = c == '\\' && !escaped;
            if !escaped {
                out.push(c);
            }
        }
        out
    }

    fn pairs(parts: &[String]) -> Pairs {
        let pair = |part: &String| {
            let pair = split(part, '=');
            assert_eq!(pair.len(), 2, "{part}");
            (plain(&pair[0]), plain(&pair[1]))
        };
        parts.iter().map(pair).collect()
    }

    fn read(line: &str) -> (Pairs, Pairs, i64) {
        let parts = split(line, ' ');
        assert_eq!(parts.len(), 3, "{line}");
        let tags = split(&parts[0], ',');
        assert_eq!(tags[0], MEASUREMENT);
        let fields = split(&parts[1], ',');
        (pairs(&tags[1..]), pairs(&fields), parts[2].parse().unwrap())
    }

    #[test]
    fn a_change_is_written_with_all_that_is_known() {
        let event = r#"{"entity_id":"light.lamp","state":"on","attributes":{"brightness":7},
            "last_updated":1795421580211807,"context":{"id":"C","parent_id":"P","user_id":"U"},
            "device_id":"dev1","area_id":"kitchen"}"#;
        let before = Before {
            state: "off".to_owned(),
            seconds: 1.5,
        };
        assert_eq!(
            point(&serde_json::from_str(event).unwrap(), Some(&before)),
            concat!(
                "home_assistant_events,area_id=kitchen,device_id=dev1,domain=light,entity_id=light.lamp,",
                "event_category=lighting,event_type=state_changed ",
                r#"state_value="on",attributes="{\"brightness\":7}",previous_state="off","#,
                r#"context_id="C",context_parent_id="P",context_user_id="U",duration_in_state_seconds=1.5 1795421580211807"#
            )
        );
    }

    #[test]
    fn a_removal_has_an_empty_state_and_says_so() {
        let gone = r#"{"entity_id":"binary_sensor.a","state":null,"last_updated":5}"#;
        let (tags, fields, at) = read(&point(&serde_json::from_str(gone).unwrap(), None));
        assert_eq!((fields["state_value"].as_str(), at), ("", 5));
        assert_eq!(fields["removed"], "true");
        assert!(!tags.contains_key("device_id") && !fields.contains_key("previous_state"));
    }

    #[test]
    fn hostile_texts_come_back_as_they_were() {
        for hostile in [
            "two words",
            "a,b=c",
            r"back\slash",
            r"ends in \",
            r"\\",
            "tab\tand nul \0",
            "line\nbreak\r\nand light.b state_value=\"x\" 1",
            "Küche 🏠 \u{202e}",
            "' OR 1=1 --",
            "quote\"in, the=middle",
        ] {
            let attributes =
                serde_json::json!({"friendly_name": hostile, "device_class": hostile}).to_string();
            let event = serde_json::json!({"entity_id": "sensor.a,b=c\"", "state": hostile, "last_updated": 7,
                "attributes": serde_json::from_str::<serde_json::Value>(&attributes).unwrap()});
            let mut event: NewEvent = serde_json::from_value(event).unwrap();
            event.area_id = Some("a b,c=d\\".to_owned());
            event.device_id = Some(String::new());
            let before = Before {
                state: hostile.to_owned(),
                seconds: 0.0,
            };
            let line = point(&event, Some(&before));
            let class = split_tags(&line);
            let fields = line.strip_prefix(&class).unwrap().trim_start_matches(' ');
            let parts = split(fields, ' ');
            assert_eq!(parts.len(), 2, "{line}");
            let fields = pairs(&split(&parts[0], ','));
            assert_eq!(fields["state_value"], hostile);
            assert_eq!(fields["previous_state"], hostile);
            let told: serde_json::Value = serde_json::from_str(&fields["attributes"]).unwrap();
            assert_eq!(told["friendly_name"], hostile);
            assert!(!class.contains(['\n', '\r']), "{class}");
            assert!(class.contains(r",area_id=a\ b\,c\=d\\,"), "{class}");
            assert!(!class.contains("device_id"), "{class}");
        }
    }

    /// Everything up to the first space that stands behind no backslash.
    fn split_tags(line: &str) -> String {
        let mut escaped = false;
        let end = line.char_indices().find(|(_, c)| {
            let ends = *c == ' ' && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        line[..end.unwrap().0].to_owned()
    }
}
