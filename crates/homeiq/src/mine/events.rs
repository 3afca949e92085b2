//! Reads state changes line by line, without a copy of what need not be kept.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use common::lifecycle::Failure;
use flate2::read::MultiGzDecoder;
use pattern_mining::Timeline;
use pattern_mining::line::{self, Order};

/// Bytes read at once.
const BUFFER: usize = 1 << 18;
/// Changes that wait before they are put in order.
const SETTLE_EVERY: usize = 1 << 16;
/// A longer line is not a change of state, in bytes; Home Assistant's states have at most 255 characters.
const MAX_LINE: u64 = 1 << 20;

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct ReadLines {
    /// Lines that were a change.
    pub(crate) changes: u64,
    /// Lines that were not.
    pub(crate) bad: u64,
    /// The first of those: its number and what is wrong.
    pub(crate) first_bad: Option<(u64, String)>,
}

/// Reads a file of changes into a timeline.
///
/// # Errors
/// The file cannot be read, or not one of its lines is a change.
pub(crate) fn read(path: &Path, timeline: &mut Timeline) -> Result<ReadLines, Failure> {
    let told = |error: std::io::Error| Failure::from(format!("{}: {error}", path.display()));
    let mut input = open(path).map_err(told)?;
    let mut lines = ReadLines::default();
    let mut bytes = Vec::with_capacity(1024);
    let mut order = Order::Time;
    loop {
        bytes.clear();
        let read = (&mut input)
            .take(MAX_LINE)
            .read_until(b'\n', &mut bytes)
            .map_err(told)?;
        if read == 0 {
            break;
        }
        if lines.changes + lines.bad == 0 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match line::take(&bytes, timeline) {
            Ok(of_line) => {
                lines.changes += 1;
                if of_line == Order::Entity {
                    order = of_line;
                }
            }
            Err(wrong) => {
                lines.bad += 1;
                let number = lines.changes + lines.bad;
                lines.first_bad.get_or_insert((number, wrong));
            }
        }
        if order == Order::Time && timeline.waiting() >= SETTLE_EVERY {
            timeline.settle();
        }
    }
    timeline.settle();
    match &lines.first_bad {
        Some((number, wrong)) if lines.changes == 0 => Err(format!(
            "{}: none of its {} lines is a state change (line {number}: {wrong}); want one JSON object a line, with \"t\", \"entity_id\" and \"state\"",
            path.display(),
            lines.bad
        )
        .into()),
        None if timeline.seen() == 0 => {
            Err(format!("{}: there is no line in it", path.display()).into())
        }
        _ => Ok(lines),
    }
}

fn open(path: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let file: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path)?)
    };
    let mut input = BufReader::with_capacity(BUFFER, file);
    // The first bytes tell the compression, whatever the name.
    let start = input.fill_buf()?;
    let unpacked: Box<dyn Read> = match start {
        [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(input)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(input)?),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            return Err(std::io::Error::other(
                "packed with xz, which is not read here; unpack it: xz -dc FILE | homeiq mine - …",
            ));
        }
        _ => return Ok(Box::new(input)),
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER, unpacked)))
}
