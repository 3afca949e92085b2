//! Characters of a URL that are written as `%40` and so on.

use super::InvalidBroker;

/// A part of a URL as its writer meant it; nothing for an empty part.
pub(super) fn percent_decoded(text: &str) -> Result<Option<String>, InvalidBroker> {
    let wrong = || {
        InvalidBroker(
            "a '%' in the name or password that is not followed by two hex digits".to_owned(),
        )
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.split_at_checked(2).ok_or_else(wrong)?;
        let hex = std::str::from_utf8(digits.0).map_err(|_| wrong())?;
        bytes.push(u8::from_str_radix(hex, 16).map_err(|_| wrong())?);
        rest = digits.1;
    }
    let decoded = String::from_utf8(bytes).map_err(|_| wrong())?;
    Ok((!decoded.is_empty()).then_some(decoded))
}
