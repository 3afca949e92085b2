//! A line of InfluxDB's line protocol, taken apart.
//!
//! `measurement,tag=value,tag=value field=1.5,field="text" 1700000000000000000`; see
//! <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>.

use std::borrow::Cow;

/// A point.
#[derive(Debug, PartialEq)]
pub(super) struct Point<'a> {
    pub(super) measurement: Cow<'a, str>,
    pub(super) tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) fields: Vec<(Cow<'a, str>, Value<'a>)>,
    /// As it stands there; which unit that is, is not.
    pub(super) time: i64,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Number(f64),
    Text(Cow<'a, str>),
    Bool(bool),
}

impl<'a> Point<'a> {
    /// Reads a line; none where it is not one.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let (key, rest) = cut(line, ' ', false)?;
        let (fields, time) = cut(rest, ' ', true)?;
        let mut parts = split(key, false);
        let measurement = plain(parts.next()?);
        let tags = parts
            .map(|part| {
                let (name, value) = cut(part, '=', false)?;
                Some((plain(name), plain(value)))
            })
            .collect::<Option<_>>()?;
        let fields = split(fields, true)
            .map(|part| {
                let (name, value) = cut(part, '=', false)?;
                Some((plain(name), Value::read(value)?))
            })
            .collect::<Option<_>>()?;
        Some(Self {
            measurement,
            tags,
            fields,
            time: time.trim().parse().ok()?,
        })
    }

    pub(super) fn tag(&self, name: &str) -> Option<&str> {
        let found = self.tags.iter().find(|(tag, _)| tag == name);
        found.map(|(_, value)| &**value)
    }

    pub(super) fn field(&self, name: &str) -> Option<&Value<'a>> {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value)
    }
}

impl<'a> Value<'a> {
    fn read(text: &'a str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('"') {
            let inner = inner.strip_suffix('"')?;
            return Some(Self::Text(if inner.contains('\\') {
                Cow::Owned(inner.replace("\\\"", "\"").replace("\\\\", "\\"))
            } else {
                Cow::Borrowed(inner)
            }));
        }
        match text {
            "t" | "T" | "true" | "True" | "TRUE" => return Some(Self::Bool(true)),
            "f" | "F" | "false" | "False" | "FALSE" => return Some(Self::Bool(false)),
            _ => {}
        }
        let number = text.strip_suffix(['i', 'u']).unwrap_or(text);
        number
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
            .map(Self::Number)
    }
}

/// The text before and behind the first `at` that stands behind no backslash and, where quotes count, in none.
fn cut(text: &str, at: char, quotes: bool) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped) = (false, false);
    for (position, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if quotes && c == '"' {
            quoted = !quoted;
        } else if c == at && !quoted {
            return Some((&text[..position], &text[position + c.len_utf8()..]));
        }
    }
    None
}

/// The parts between commas.
fn split(text: &str, quotes: bool) -> impl Iterator<Item = &str> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let text = left?;
        match cut(text, ',', quotes) {
            Some((part, rest)) => {
                left = Some(rest);
                Some(part)
            }
            None => left.take(),
        }
    })
}

/// Without the backslashes before commas, blanks and equal signs.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\'
            && chars
                .peek()
                .is_some_and(|next| matches!(next, ',' | ' ' | '=' | '\\'))
        {
            plain.extend(chars.next());
        } else {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_or_quoted_does_not_end_a_part() {
        let line = r#"°C,domain=sensor,entity_id=kit\ chen,friendly_name=A\,\ b\=c value=21.5,note_str="say \"a, b\" = c \\ d",on=true,n=5i 1700000000123456000"#;
        let point = Point::read(line).unwrap();
        assert_eq!(point.measurement, "°C");
        assert_eq!(point.tag("entity_id"), Some("kit chen"));
        assert_eq!(point.tag("friendly_name"), Some("A, b=c"));
        assert_eq!(point.field("value"), Some(&Value::Number(21.5)));
        assert_eq!(
            point.field("note_str"),
            Some(&Value::Text(r#"say "a, b" = c \ d"#.into()))
        );
        assert_eq!(point.field("on"), Some(&Value::Bool(true)));
        assert_eq!(point.field("n"), Some(&Value::Number(5.0)));
        assert_eq!(point.time, 1_700_000_000_123_456_000);
    }

    #[test]
    fn what_is_no_line_is_none() {
        for line in [
            "",
            "# a comment",
            "m f=1",
            "m,t f=1 5",
            "m f=1 yesterday",
            "m f=x 5",
            "m f=\"open 5",
            "m  5",
        ] {
            assert_eq!(Point::read(line), None, "{line}");
        }
    }
}
