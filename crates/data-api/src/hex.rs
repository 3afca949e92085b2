//! Bytes as lower-case hex.

use std::fmt::Write;

/// Two digits a byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            write!(text, "{byte:02x}").ok();
            text
        })
}

/// The bytes of digits in either case; none where the text is something else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(encode(&[0, 0x0f, 0xa5]), "000fa5");
        assert_eq!(decode("000Fa5"), Some(vec![0, 0x0f, 0xa5]));
        for broken in ["0", "0g", "ää"] {
            assert_eq!(decode(broken), None, "{broken}");
        }
    }
}
