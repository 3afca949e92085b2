//! One line in a spool file: length, checksum, instant, JSON.
//!
//! ```text
//! file   = magic record*
//! record = length of the JSON (u32) crc32 of the rest (u32) instant in microseconds since 1970 (i64) JSON
//! ```
//!
//! Numbers are little endian.

use common::instant::UtcMicros;

use crate::lines::Line;

/// First bytes of every file of the spool.
pub(super) const MAGIC: &[u8; 8] = b"HIQSPL2\n";
/// Bytes before each JSON.
const HEADER: usize = 16;
/// Longest JSON; a longer length is a sign of damage.
const MAX_JSON: usize = 16 * 1024 * 1024;
/// Longest record.
pub(super) const MAX_RECORD: usize = HEADER + MAX_JSON;

/// What stands at a place of a file.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// A whole record, and where the next one begins.
    Record {
        json: &'a [u8],
        at: UtcMicros,
        next: usize,
    },
    /// The file ends here, between two records.
    End,
    /// What stands here is no record: torn by a sudden end, or damaged.
    Broken,
}

/// Adds the record of a line.
pub(super) fn write(to: &mut Vec<u8>, line: &Line) {
    let start = to.len();
    to.extend_from_slice(&(line.json.len() as u32).to_le_bytes());
    to.extend_from_slice(&[0; 4]);
    to.extend_from_slice(&line.at.get().to_le_bytes());
    to.extend_from_slice(&line.json);
    let checksum = crc32fast::hash(&to[start + 8..]);
    to[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads what stands at this offset.
pub(super) fn read(file: &[u8], offset: usize) -> Found<'_> {
    if offset == file.len() {
        return Found::End;
    }
    whole(file, offset).unwrap_or(Found::Broken)
}

fn whole(file: &[u8], offset: usize) -> Option<Found<'_>> {
    let number = |from: usize| {
        Some(u32::from_le_bytes(
            file.get(from..from + 4)?.try_into().ok()?,
        ))
    };
    let (length, checksum) = (number(offset)? as usize, number(offset + 4)?);
    let next = offset + HEADER + length;
    let rest = file.get(offset + 8..next).filter(|_| length <= MAX_JSON)?;
    let (at, json) = rest.split_at(8);
    let at = UtcMicros::new(i64::from_le_bytes(at.try_into().ok()?)).ok()?;
    (crc32fast::hash(rest) == checksum).then_some(Found::Record { json, at, next })
}

/// Whether a whole record stands anywhere behind `at`, where none could be read. Then this is damage; the torn end that a sudden
/// end leaves has nothing behind it.
pub(super) fn is_followed(file: &[u8], at: usize) -> bool {
    // Text has no bytes that make a length small enough, so that hardly a checksum is computed.
    (at + 1..file.len()).any(|next| matches!(read(file, next), Found::Record { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::tests::line;

    #[test]
    fn a_record_comes_back_and_every_cut_or_flipped_bit_is_seen() {
        let mut file = MAGIC.to_vec();
        write(&mut file, &line(1));
        let second = file.len();
        write(&mut file, &line(2));
        let Found::Record { json, at, next } = read(&file, MAGIC.len()) else {
            panic!()
        };
        assert_eq!((json, at, next), (&line(1).json[..], line(1).at, second));
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
