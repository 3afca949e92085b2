//! One file of the spool.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use common::instant::UtcMicros;

use super::record::{self, Found, MAGIC};
use crate::lines::Line;

/// Bytes that are given to the disk at once.
const WRITE_BYTES: usize = 64 * 1024;

/// What is known of a file without reading it again.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) bytes: usize,
    pub(super) records: u64,
    /// The earliest and the latest instant.
    pub(super) span: Option<(UtcMicros, UtcMicros)>,
    /// It ends with a part of a record, so that nothing can be added any more.
    pub(super) is_torn: bool,
}

/// What a look at a file found.
#[derive(Debug)]
pub(super) struct Checked {
    /// None: nothing of it can be used, and it was deleted.
    pub(super) segment: Option<Segment>,
    /// Something in its middle was damaged; a copy was set aside.
    pub(super) is_damaged: bool,
}

impl Segment {
    /// Makes an empty file, open for additions.
    pub(super) fn create(path: &Path, number: u64) -> io::Result<(Self, File)> {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        if let Err(error) = file.write_all(MAGIC) {
            // A disk that is full must not be filled with names of files.
            drop(std::fs::remove_file(path));
            return Err(error);
        }
        Ok((Self::empty(number, MAGIC.len()), file))
    }

    fn empty(number: u64, bytes: usize) -> Self {
        Self {
            number,
            bytes,
            records: 0,
            span: None,
            is_torn: false,
        }
    }

    /// Adds lines to the file; if that fails, it is as it was. The disk has them after a sync.
    pub(super) fn append(&mut self, file: &mut File, lines: &[Line]) -> io::Result<()> {
        let write = |file: &mut File| -> io::Result<usize> {
            let (mut chunk, mut written) = (Vec::with_capacity(WRITE_BYTES), 0);
            for line in lines {
                record::write(&mut chunk, line);
                if chunk.len() >= WRITE_BYTES {
                    file.write_all(&chunk)?;
                    written += chunk.len();
                    chunk.clear();
                }
            }
            file.write_all(&chunk)?;
            Ok(written + chunk.len())
        };
        match write(file) {
            Ok(written) => {
                self.bytes += written;
                for line in lines {
                    self.note(line.at);
                }
                Ok(())
            }
            Err(error) => {
                // Half a batch must not stay: what follows would be taken for damage. Where even that fails, nothing may follow.
                self.is_torn = file.set_len(self.bytes as u64).is_err();
                Err(error)
            }
        }
    }

    /// Reads at most `max` bytes from an offset on.
    pub(super) fn read(
        &self,
        path: &Path,
        offset: usize,
        max: usize,
        into: &mut Vec<u8>,
    ) -> io::Result<()> {
        let mut file = File::open(path)?;
        file.seek(io::SeekFrom::Start(offset as u64))?;
        let wanted = self.bytes.saturating_sub(offset).min(max);
        into.clear();
        file.take(wanted as u64).read_to_end(into)?;
        Ok(())
    }

    /// Reads a whole file once, to know what it holds. The end of the newest file may be torn by a sudden end; anything else
    /// that is not whole is damage, of which a copy is kept for a person to look at.
    pub(super) fn check(path: &Path, number: u64, is_newest: bool) -> io::Result<Checked> {
        let file = std::fs::read(path)?;
        let mut segment = Self::empty(number, MAGIC.len());
        let is_ours = file.starts_with(MAGIC);
        let is_whole = is_ours
            && loop {
                match record::read(&file, segment.bytes) {
                    Found::Record { at, next, .. } => {
                        segment.note(at);
                        segment.bytes = next;
                    }
                    Found::End => break true,
                    Found::Broken => break false,
                }
            };
        // It was just being made.
        let is_unborn = is_newest && MAGIC.starts_with(&file);
        let is_torn = is_newest && is_ours && !record::is_followed(&file, segment.bytes);
        let is_damaged = !is_whole && !is_torn && !is_unborn;
        let aside = path.with_extension("damaged");
        if is_damaged && std::fs::write(&aside, &file).is_err() {
            // A full disk must not keep us from starting; half a copy is of no use.
            drop(std::fs::remove_file(aside));
        }
        if segment.records == 0 {
            std::fs::remove_file(path)?;
            return Ok(Checked {
                segment: None,
                is_damaged,
            });
        }
        if !is_whole {
            let keep = OpenOptions::new().write(true).open(path)?;
            keep.set_len(segment.bytes as u64)?;
            keep.sync_all()?;
        }
        Ok(Checked {
            segment: Some(segment),
            is_damaged,
        })
    }

    fn note(&mut self, at: UtcMicros) {
        self.records += 1;
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
    }
}
