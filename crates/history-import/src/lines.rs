//! A file of lines, plain or packed with gzip or zstd, read from where an earlier run has come to.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::entities::Entities;
use crate::failure::ImportFailed;
use crate::page::{PAGE_ROWS, Page};
use crate::position::Position;

/// Longest line that is read; of a longer one only the beginning is.
const LINE_BYTES: u64 = 1024 * 1024;
/// The first bytes of a file that gzip made.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The first bytes of a file that zstd made.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Into how many bytes one of a packed file becomes, about.
const UNPACKED: u64 = 10;

/// An open file.
pub(crate) struct Lines {
    path: PathBuf,
    place: String,
    text: Box<dyn BufRead + Send>,
    /// Bytes of the text before the next line.
    at: i64,
    /// Bytes of the file.
    size: u64,
    is_packed: bool,
}

impl Lines {
    /// Opens it.
    pub(crate) fn open(place: &str, hint: &'static str) -> Result<Self, ImportFailed> {
        let path = PathBuf::from(place);
        let size = ImportFailed::unless_file(&path, hint)?;
        let (text, is_packed) = text_of(&path).map_err(|error| unreadable(&path, error))?;
        Ok(Self {
            place: path.display().to_string(),
            path,
            text,
            at: 0,
            size,
            is_packed,
        })
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// See [`crate::source::Reader::begin`]. What an earlier run has read is read again, and passed over: a packed file has no other way.
    pub(crate) fn begin(
        &mut self,
        from: Option<&Position>,
    ) -> Result<(Position, u64), ImportFailed> {
        let behind = from.map_or(0, |from| from.at);
        let mut left = behind.max(0).unsigned_abs();
        while left > 0 {
            let here = self
                .text
                .fill_buf()
                .map_err(|error| unreadable(&self.path, error))?
                .len();
            if here == 0 {
                // The file is shorter than it was: another one.
                (self.text, _) =
                    text_of(&self.path).map_err(|error| unreadable(&self.path, error))?;
                return Ok((Position::default(), self.total()));
            }
            let taken = left.min(here as u64);
            self.text.consume(usize::try_from(taken).unwrap_or(here));
            left -= taken;
        }
        self.at = behind;
        let position = Position {
            at: behind,
            ..Position::default()
        };
        Ok((position, self.total().saturating_sub(behind.unsigned_abs())))
    }

    /// Bytes of text, about.
    fn total(&self) -> u64 {
        if self.is_packed {
            self.size * UNPACKED
        } else {
            self.size
        }
    }

    /// See [`crate::source::Reader::page`]. Lines for which `is_row` is false are no rows; the others are given to `push`.
    pub(crate) fn page(
        &mut self,
        after: &Position,
        entities: &mut Entities,
        is_row: fn(&str) -> bool,
        push: fn(&mut Page, &mut Entities, &str),
    ) -> Result<Option<Page>, ImportFailed> {
        let mut page = Page::default();
        let mut line = Vec::new();
        while page.read < PAGE_ROWS as u64 && !page.is_full() {
            line.clear();
            let read = self
                .next_line(&mut line)
                .map_err(|error| unreadable(&self.path, error))?;
            if read == 0 {
                break;
            }
            self.at += i64::try_from(read).unwrap_or(i64::MAX);
            let text = String::from_utf8_lossy(&line);
            let text = text.trim();
            if !text.is_empty() && is_row(text) {
                page.read += 1;
                push(&mut page, entities, text);
            }
        }
        page.position.at = self.at;
        page.done = (self.at - after.at).max(0).unsigned_abs();
        Ok((page.done > 0).then_some(page))
    }

    /// Reads to the end of a line, and of a line that is too long only the beginning; how many bytes it has.
    fn next_line(&mut self, line: &mut Vec<u8>) -> std::io::Result<usize> {
        let mut read = self
            .text
            .by_ref()
            .take(LINE_BYTES)
            .read_until(b'\n', line)?;
        while line.len() as u64 == LINE_BYTES && line.last() != Some(&b'\n') {
            let mut rest = Vec::new();
            let more = self
                .text
                .by_ref()
                .take(LINE_BYTES)
                .read_until(b'\n', &mut rest)?;
            read += more;
            if more == 0 || rest.last() == Some(&b'\n') {
                break;
            }
        }
        Ok(read)
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> ImportFailed {
    ImportFailed::Unreadable {
        path: path.to_owned(),
        error,
    }
}

/// The text of a file, and whether it was packed.
fn text_of(path: &Path) -> std::io::Result<(Box<dyn BufRead + Send>, bool)> {
    const BUFFER: usize = 1 << 20;
    let mut file = BufReader::with_capacity(BUFFER, File::open(path)?);
    let head = file.fill_buf()?;
    if head.starts_with(&GZIP) {
        let text = BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file));
        return Ok((Box::new(text), true));
    }
    if head.starts_with(&ZSTD) {
        let text = zstd::stream::read::Decoder::with_buffer(file)?;
        return Ok((Box::new(BufReader::with_capacity(BUFFER, text)), true));
    }
    Ok((Box::new(file), false))
}
