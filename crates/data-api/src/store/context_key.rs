//! Context ids in as few bytes as they need.
//!
//! Home Assistant's ids are ULIDs (26 characters of Crockford's base 32, 128 bits); older versions used UUIDs in hex. Both fit into
//! 16 bytes. Forms: 16 bytes are a ULID; `1` and 16 bytes a UUID in lower-case hex; `2` and UTF-8 any other text, or `3`, `0` and
//! UTF-8 where the whole would have 16 bytes otherwise.

use crate::hex;

/// Crockford's base 32, <https://www.crockford.com/base32.html>.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HEX: u8 = 1;
const TEXT: u8 = 2;
const TEXT_OF_15: u8 = 3;

/// The bytes of a context id.
pub fn encode(id: &str) -> Vec<u8> {
    if let Some(ulid) = ulid_bits(id) {
        return ulid.to_be_bytes().to_vec();
    }
    if let Some(uuid) = hex_bits(id) {
        return [&[HEX][..], &uuid.to_be_bytes()].concat();
    }
    let tag: &[u8] = if id.len() == 15 {
        &[TEXT_OF_15, 0]
    } else {
        &[TEXT]
    };
    [tag, id.as_bytes()].concat()
}

/// The context id that was encoded. Bytes of no known form come back as hex, so that a damaged row can still be read.
pub fn decode(bytes: &[u8]) -> String {
    if let Ok(ulid) = <[u8; 16]>::try_from(bytes) {
        let bits = u128::from_be_bytes(ulid);
        return (0..26)
            .map(|i| char::from(ALPHABET[(bits >> (125 - 5 * i)) as usize & 31]))
            .collect();
    }
    match bytes.split_first() {
        Some((&HEX, uuid)) if uuid.len() == 16 => hex::encode(uuid),
        Some((&TEXT, text) | (&TEXT_OF_15, [0, text @ ..])) => {
            String::from_utf8_lossy(text).into_owned()
        }
        _ => hex::encode(bytes),
    }
}

fn ulid_bits(id: &str) -> Option<u128> {
    // The first of 26 characters carries three bits only.
    if id.len() != 26 || !(b'0'..=b'7').contains(&id.as_bytes()[0]) {
        return None;
    }
    id.bytes().try_fold(0_u128, |bits, byte| {
        let digit = ALPHABET.iter().position(|&letter| letter == byte)?;
        Some(bits << 5 | digit as u128)
    })
}

fn hex_bits(id: &str) -> Option<u128> {
    let is_lower_hex = id.len() == 32
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_lower_hex
        .then(|| u128::from_str_radix(id, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulid_takes_16_bytes_and_comes_back() {
        for id in [
            "01M8PY9AEYK6XKGQ1J50FTM3RV",
            "00000000000000000000000000",
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        ] {
            assert_eq!(encode(id).len(), 16, "{id}");
            assert_eq!(decode(&encode(id)), id);
        }
    }

    #[test]
    fn every_other_text_comes_back_too() {
        let sixteen = "x".repeat(15);
        for id in [
            "8f0f2bd5b3d94ef1a3b6b0a4a7a6c1de",
            "CTX1",
            "",
            &sixteen,
            &"y".repeat(16),
            "ä\0",
            "01m8py9aeyk6xkgq1j50ftm3rv",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "8F0F2BD5B3D94EF1A3B6B0A4A7A6C1DE",
        ] {
            assert_eq!(decode(&encode(id)), id, "{id:?}");
        }
    }
}
