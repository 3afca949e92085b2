//! One event in a spool file: length, checksum, JSON.
//!
//! ```text
//! file   = magic record*
//! record = length (u32, little endian) crc32 of the payload (u32, little endian) payload (one event as JSON)
//! ```

use common::api::events::NewEvent;

/// First bytes of every file of the spool.
pub(super) const MAGIC: &[u8; 8] = b"HIQSPL1\n";
/// Bytes before each payload.
const HEADER: usize = 8;
/// Longest payload; a longer length is a sign of damage.
const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// What stands at a place of a file.
#[derive(Debug)]
pub(super) enum Found {
    /// A whole record, and where the next one begins.
    Record { event: Box<NewEvent>, next: usize },
    /// The file ends here, between two records.
    End,
    /// What stands here is no record: torn by a sudden end, or damaged.
    Broken,
}

/// Adds the record of an event. An event that is no JSON does not exist: it came from JSON.
pub(super) fn write(to: &mut Vec<u8>, event: &NewEvent) -> Result<(), serde_json::Error> {
    let start = to.len();
    to.extend_from_slice(&[0; HEADER]);
    serde_json::to_writer(&mut *to, event)?;
    let payload = &to[start + HEADER..];
    let (length, checksum) = (payload.len() as u32, crc32fast::hash(payload));
    to[start..start + 4].copy_from_slice(&length.to_le_bytes());
    to[start + 4..start + HEADER].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Reads what stands at `at`.
pub(super) fn read(file: &[u8], at: usize) -> Found {
    if at == file.len() {
        return Found::End;
    }
    let number = |from: usize| {
        file.get(from..from + 4)?
            .try_into()
            .ok()
            .map(u32::from_le_bytes)
    };
    let (Some(length), Some(checksum)) = (number(at), number(at + 4)) else {
        return Found::Broken;
    };
    let length = length as usize;
    let Some(payload) = file
        .get(at + HEADER..at + HEADER + length)
        .filter(|_| length <= MAX_PAYLOAD)
    else {
        return Found::Broken;
    };
    if crc32fast::hash(payload) != checksum {
        return Found::Broken;
    }
    match serde_json::from_slice(payload) {
        Ok(event) => Found::Record {
            event: Box::new(event),
            next: at + HEADER + length,
        },
        Err(_) => Found::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::tests::event;

    #[test]
    fn a_record_comes_back_and_every_cut_or_flipped_bit_is_seen() {
        let mut file = MAGIC.to_vec();
        write(&mut file, &event(1)).unwrap();
        let second = file.len();
        write(&mut file, &event(2)).unwrap();
        let Found::Record { event: first, next } = read(&file, MAGIC.len()) else {
            panic!()
        };
        assert_eq!((first.state.as_deref(), next), (Some("1"), second));
        assert!(matches!(read(&file, file.len()), Found::End));
        for cut in second + 1..file.len() {
            assert!(
                matches!(read(&file[..cut], second), Found::Broken),
                "cut at {cut}"
            );
        }
        for at in second..file.len() {
            let mut flipped = file.clone();
            flipped[at] ^= 1;
            assert!(
                matches!(read(&flipped, second), Found::Broken),
                "flipped at {at}"
            );
        }
    }
}
