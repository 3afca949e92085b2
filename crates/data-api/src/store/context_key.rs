//! Context ids in as few bytes as they need.
//!
//! Home Assistant's ids are ULIDs (26 characters of Crockford's base 32, 128 bits: 48 of a time in milliseconds, 80 of chance); older
//! versions used UUIDs in hex. Where nobody acted, a state gets a context of its own, made with the time of the state itself: then the
//! time need not be kept. Forms: 10 bytes are a ULID of the millisecond of the event; 16 bytes any other ULID; `1` and 16 bytes a UUID in
//! lower-case hex; `2` and UTF-8 any other text, or `3`, `0` and UTF-8 where the whole would have 10 or 16 bytes otherwise; `4` and up to
//! eight bytes the id of a context in `event_contexts`, which has one of the other forms.

use crate::hex;

/// Crockford's base 32, <https://www.crockford.com/base32.html>.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const HEX: u8 = 1;
const TEXT: u8 = 2;
const TEXT_OF_9_OR_15: u8 = 3;
const SHARED: u8 = 4;

/// Bytes of a ULID that are its time.
const TIME_BYTES: usize = 6;

/// The bytes of the context id of an event at `at_us`.
pub fn encode(id: &str, at_us: i64) -> Vec<u8> {
    if let Some(ulid) = ulid_bits(id) {
        let bytes = ulid.to_be_bytes();
        let of_the_event = time_bytes(at_us).is_some_and(|time| bytes.starts_with(&time));
        return bytes[if of_the_event { TIME_BYTES } else { 0 }..].to_vec();
    }
    if let Some(uuid) = hex_bits(id) {
        return [&[HEX][..], &uuid.to_be_bytes()].concat();
    }
    let tag: &[u8] = if matches!(id.len(), 9 | 15) {
        &[TEXT_OF_9_OR_15, 0]
    } else {
        &[TEXT]
    };
    [tag, id.as_bytes()].concat()
}

/// The context id that was encoded for an event at `at_us`. Bytes of no known form come back as hex, so that a damaged row can still be
/// read.
pub fn decode(bytes: &[u8], at_us: i64) -> String {
    if let Ok(ulid) = <[u8; 16]>::try_from(bytes) {
        return ulid_text(ulid);
    }
    if bytes.len() == 16 - TIME_BYTES
        && let Some(time) = time_bytes(at_us)
    {
        let mut ulid = [0; 16];
        ulid[..TIME_BYTES].copy_from_slice(&time);
        ulid[TIME_BYTES..].copy_from_slice(bytes);
        return ulid_text(ulid);
    }
    match bytes.split_first() {
        Some((&HEX, uuid)) if uuid.len() == 16 => hex::encode(uuid),
        Some((&TEXT, text) | (&TEXT_OF_9_OR_15, [0, text @ ..])) => {
            String::from_utf8_lossy(text).into_owned()
        }
        _ => hex::encode(bytes),
    }
}

/// The bytes that refer to a context in `event_contexts`.
pub fn shared(id: i64) -> Vec<u8> {
    let bytes = id.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    [&[SHARED], &bytes[zeros..]].concat()
}

/// The id in `event_contexts` that these bytes refer to, if they do.
pub fn shared_id(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [SHARED, id @ ..] if (1..=8).contains(&id.len()) => {
            let id = id.iter().fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
            i64::try_from(id).ok()
        }
        _ => None,
    }
}

/// Whether these bytes stand for the same context whatever the instant of the event is.
pub fn is_without_time(bytes: &[u8]) -> bool {
    bytes.len() != 16 - TIME_BYTES
}

/// The millisecond of an instant as a ULID has it.
fn time_bytes(at_us: i64) -> Option<[u8; TIME_BYTES]> {
    let millis = u64::try_from(at_us.div_euclid(1000)).ok()?.to_be_bytes();
    (millis[..2] == [0, 0]).then(|| {
        let mut time = [0; TIME_BYTES];
        time.copy_from_slice(&millis[2..]);
        time
    })
}

fn ulid_text(ulid: [u8; 16]) -> String {
    let bits = u128::from_be_bytes(ulid);
    (0..26)
        .map(|i| char::from(ALPHABET[(bits >> (125 - 5 * i)) as usize & 31]))
        .collect()
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

    const AT: i64 = 1_795_428_090_000_000;

    #[test]
    fn a_ulid_takes_16_bytes_and_10_where_its_time_is_that_of_the_event() {
        for id in [
            "01M8PY9AEYK6XKGQ1J50FTM3RV",
            "00000000000000000000000000",
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        ] {
            assert_eq!(encode(id, AT).len(), 16, "{id}");
            assert_eq!(decode(&encode(id, AT), AT), id);
        }
        // 01M8PY9AEY is 1796066290142 ms.
        let (id, at) = ("01M8PY9AEYK6XKGQ1J50FTM3RV", 1_796_066_290_142_999);
        assert_eq!(encode(id, at).len(), 10);
        assert_eq!(decode(&encode(id, at), at), id);
        assert_eq!(encode(id, at + 1).len(), 16);
        assert_eq!(encode("00000000000000000000000000", -1).len(), 16);
    }

    #[test]
    fn a_reference_is_no_other_form_and_no_other_form_is_a_reference() {
        for id in [1, 255, 256, 70_000, i64::MAX] {
            let bytes = shared(id);
            assert_eq!(shared_id(&bytes), Some(id));
            assert!(bytes.len() <= 9 && is_without_time(&bytes));
        }
        assert_eq!(shared(300), [4, 1, 44]);
        for id in [
            "01M8PY9AEYK6XKGQ1J50FTM3RV",
            "8f0f2bd5b3d94ef1a3b6b0a4a7a6c1de",
            "\u{4}",
            "",
            "\u{4}12345678",
        ] {
            for at in [AT, 1_796_066_290_142_999] {
                assert_eq!(shared_id(&encode(id, at)), None, "{id:?}");
            }
        }
        assert_eq!(shared_id(&[4]), None);
        assert_eq!(
            shared_id(&[4, 255, 255, 255, 255, 255, 255, 255, 255]),
            None
        );
    }

    #[test]
    fn every_other_text_comes_back_too() {
        for id in [
            "8f0f2bd5b3d94ef1a3b6b0a4a7a6c1de",
            "CTX1",
            "",
            "ä\0",
            "01m8py9aeyk6xkgq1j50ftm3rv",
            "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "8F0F2BD5B3D94EF1A3B6B0A4A7A6C1DE",
        ] {
            assert_eq!(decode(&encode(id, AT), AT), id, "{id:?}");
        }
        for length in 0..40 {
            let id = "x".repeat(length);
            assert_eq!(decode(&encode(&id, AT), AT), id);
        }
    }
}
