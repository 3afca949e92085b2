//! One state change as a line of NDJSON, written by hand: an import writes a hundred thousand of them a second.
//!
//! The form is that of `common::api::events::NewEvent`; a test reads it back as one.

use std::io::Write as _;

use common::api::events::Origin;

/// Crockford's base 32, <https://www.crockford.com/base32.html>.
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Id of a context or of a person, as sources keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Id<'a> {
    /// The 16 bytes of a ULID: contexts.
    Ulid(&'a [u8]),
    /// The 16 bytes of a UUID: people.
    Uuid(&'a [u8]),
    /// As text.
    Text(&'a str),
}

/// What stands in a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    /// The entity id as JSON, with its quotes.
    pub(crate) entity: &'a str,
    /// The state; none for a removal.
    pub(crate) state: Option<&'a str>,
    /// A JSON object on one line.
    pub(crate) attributes: Option<&'a str>,
    /// Microseconds; none where it is `last_updated`.
    pub(crate) last_changed: Option<i64>,
    /// Microseconds.
    pub(crate) last_updated: i64,
    pub(crate) context: Option<Id<'a>>,
    pub(crate) parent: Option<Id<'a>>,
    pub(crate) user: Option<Id<'a>>,
    /// How it first reached a store of this project.
    pub(crate) origin: Origin,
    /// Written while Home Assistant was starting.
    pub(crate) is_startup: bool,
}

impl Change<'_> {
    /// Adds the line, with its end.
    pub(crate) fn write(&self, body: &mut Vec<u8>) {
        body.extend_from_slice(b"{\"entity_id\":");
        body.extend_from_slice(self.entity.as_bytes());
        body.extend_from_slice(b",\"state\":");
        match self.state {
            Some(state) => text(body, state),
            None => body.extend_from_slice(b"null"),
        }
        if let Some(attributes) = self.attributes {
            body.extend_from_slice(b",\"attributes\":");
            body.extend_from_slice(attributes.as_bytes());
        }
        if let Some(at) = self.last_changed {
            body.extend_from_slice(b",\"last_changed\":");
            number(body, at);
        }
        body.extend_from_slice(b",\"last_updated\":");
        number(body, self.last_updated);
        let ids = [
            (&b"\"id\":"[..], self.context),
            (b"\"parent_id\":", self.parent),
            (b"\"user_id\":", self.user),
        ];
        let mut before: &[u8] = b",\"context\":{";
        for (name, id) in ids {
            if let Some(id) = id {
                body.extend_from_slice(before);
                body.extend_from_slice(name);
                id.write(body);
                before = b",";
            }
        }
        if before == b"," {
            body.push(b'}');
        }
        if self.is_startup {
            body.extend_from_slice(b",\"startup\":true");
        }
        body.extend_from_slice(match self.origin {
            Origin::Live => b",\"origin\":\"live\"}\n",
            Origin::Backfill => b",\"origin\":\"backfill\"}\n",
            Origin::Import => b",\"origin\":\"import\"}\n",
        });
    }
}

impl Id<'_> {
    fn write(self, body: &mut Vec<u8>) {
        match self {
            Self::Text(id) => text(body, id),
            Self::Ulid(bytes) => match <[u8; 16]>::try_from(bytes) {
                Ok(bytes) => {
                    let bits = u128::from_be_bytes(bytes);
                    body.push(b'"');
                    body.extend((0..26).map(|i| BASE32[(bits >> (125 - 5 * i)) as usize & 31]));
                    body.push(b'"');
                }
                Err(_) => hex(body, bytes),
            },
            Self::Uuid(bytes) => hex(body, bytes),
        }
    }
}

fn hex(body: &mut Vec<u8>, bytes: &[u8]) {
    body.push(b'"');
    body.extend(
        bytes
            .iter()
            .flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
    );
    body.push(b'"');
}

fn number(body: &mut Vec<u8>, value: i64) {
    // Writing to memory cannot fail.
    write!(body, "{value}").ok();
}

/// A text as JSON.
fn text(body: &mut Vec<u8>, value: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if value.bytes().all(plain) {
        body.push(b'"');
        body.extend_from_slice(value.as_bytes());
        body.push(b'"');
    } else {
        // Writing a text to memory cannot fail.
        serde_json::to_writer(body, value).ok();
    }
}

/// A text as JSON, to be used many times.
pub(crate) fn quoted(value: &str) -> String {
    let mut body = Vec::with_capacity(value.len() + 2);
    text(&mut body, value);
    String::from_utf8(body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use common::api::events::{Context, NewEvent};

    use super::*;

    #[test]
    fn a_line_is_read_back_as_the_change_that_it_was_made_of() {
        let ulid = 0x0198_7f00_1122_3344_5566_7788_99aa_bbcc_u128.to_be_bytes();
        let mut body = Vec::new();
        let change = Change {
            entity: &quoted("sensor.zoë"),
            state: Some("say \"21\" \\ \u{1} 🏠"),
            attributes: Some(r#"{"unit":"°C","x":1.10}"#),
            last_changed: Some(5),
            last_updated: 1_795_421_580_211_807,
            context: Some(Id::Ulid(&ulid)),
            parent: Some(Id::Text("old-parent")),
            user: Some(Id::Uuid(&ulid)),
            origin: Origin::Import,
            is_startup: true,
        };
        change.write(&mut body);
        Change {
            state: None,
            attributes: None,
            last_changed: None,
            context: None,
            parent: None,
            user: None,
            origin: Origin::Backfill,
            is_startup: false,
            ..change
        }
        .write(&mut body);
        let lines: Vec<NewEvent> = body
            .trim_ascii()
            .split(|&byte| byte == b'\n')
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        let [full, removal] = &lines[..] else {
            panic!("{}", String::from_utf8_lossy(&body));
        };
        assert_eq!(full.entity_id.as_str(), "sensor.zoë");
        assert_eq!(full.state.as_deref(), change.state);
        assert_eq!(
            full.attributes.as_ref().map(|raw| raw.get()),
            change.attributes
        );
        assert_eq!(
            full.last_changed.map(common::instant::UtcMicros::get),
            Some(5)
        );
        assert_eq!(full.last_updated.get(), change.last_updated);
        assert_eq!((full.origin, full.startup), (Origin::Import, Some(true)));
        assert_eq!((removal.origin, removal.startup), (Origin::Backfill, None));
        // As ulid-transform, which Home Assistant uses, writes these bytes.
        let context = Context {
            id: Some("01K1ZG04926D25ASKQH2CTNEYC".to_owned()),
            parent_id: Some("old-parent".to_owned()),
            user_id: Some("01987f00112233445566778899aabbcc".to_owned()),
        };
        assert_eq!(full.context, Some(context));
        assert_eq!(removal.state, None);
        assert!(removal.context.is_none() && removal.last_changed.is_none());
    }
}
