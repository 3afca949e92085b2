//! Events that data-api has not taken yet, on disk, in order, bounded.
//!
//! A folder of numbered files to which records are only ever added. What was added survives the end of the process at once, and the
//! end of the machine after the next sync. What data-api has
//! committed is passed over by moving a position, and a file that was passed over whole is deleted. The position may be
//! older than the truth after a sudden end: then some events are sent twice, which data-api counts and does not store.

mod opened;
mod record;
mod segment;
mod upkeep;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use common::instant::UtcMicros;

use crate::lines::{Line, Lines, LinesBuilder};
pub(crate) use opened::Opened;
use record::{Found, MAGIC};
use segment::Segment;
use upkeep::Upkeep;

/// A file that has grown to this size is followed by a new one.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
/// Bytes that are read at once.
const READ_BYTES: usize = 2 * 1024 * 1024;
const POSITION: &str = "position";

/// The spool.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    max_bytes: u64,
    segments: VecDeque<Segment>,
    /// Bytes of the first segment that were passed over.
    offset: usize,
    /// Records of the first segment that were passed over.
    passed: u64,
    lost: Lost,
    /// Number of the newest file that there ever was: none is used twice, or a place in a file that is gone would be one in
    /// its namesake.
    newest: u64,
    /// The newest file, open for additions.
    open: Option<File>,
    /// Files with additions that the disk may not have yet.
    unsynced: Vec<File>,
    /// Files that were passed over whole.
    passed_over: Vec<PathBuf>,
    /// What was read last; kept so that memory of this size is asked for once.
    scratch: Vec<u8>,
}

/// Events that had to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) records: u64,
    pub(crate) span: Option<(UtcMicros, UtcMicros)>,
}

/// Behind which record something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// The file: it may be gone by the time that the place is used.
    segment: u64,
    offset: usize,
}

/// The next events to send, and where they end.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) lines: Lines,
    pub(crate) end: Place,
}

impl Spool {
    /// Opens the folder, making it where needed, and checks every record.
    pub(crate) fn open(folder: &Path, max_bytes: u64) -> io::Result<(Self, Opened)> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        let mut numbers: Vec<u64> = std::fs::read_dir(folder)?
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let is_log = path.extension().is_some_and(|extension| extension == "log");
                path.file_stem()?.to_str()?.parse().ok().filter(|_| is_log)
            })
            .collect();
        numbers.sort_unstable();
        let mut spool = Self {
            folder: folder.to_owned(),
            max_bytes,
            segments: VecDeque::new(),
            offset: MAGIC.len(),
            passed: 0,
            lost: Lost::default(),
            newest: 0,
            open: None,
            unsynced: Vec::new(),
            passed_over: Vec::new(),
            scratch: Vec::new(),
        };
        let position = spool.read_position();
        let mut opened = Opened::default();
        let newest = numbers.last().copied();
        spool.newest = newest
            .max(position.map(|place| place.segment))
            .unwrap_or_default();
        for number in numbers {
            if position.is_some_and(|place| number < place.segment) {
                std::fs::remove_file(spool.path(number))?;
                continue;
            }
            let checked = Segment::check(&spool.path(number), number, Some(number) == newest)?;
            let spans = spool.segments.iter().filter_map(|segment| segment.span);
            opened.note(spans.map(|(_, last)| last).max(), &checked);
            spool.segments.extend(checked.segment);
        }
        if let Some(place) = position {
            spool.pass_to(place)?;
        }
        opened.records = spool.records();
        Ok((spool, opened))
    }

    /// Adds lines; the disk has them after the next [`Spool::upkeep`]. A full spool lets its oldest file go: see [`Spool::take_lost`].
    pub(crate) fn append(&mut self, lines: &[Line]) -> io::Result<()> {
        self.make_room(lines.iter().map(|line| line.json.len() as u64 + 16).sum())?;
        let is_full = |last: &Segment| last.bytes >= SEGMENT_BYTES;
        if self.open.is_none() || self.segments.back().is_none_or(is_full) {
            self.new_segment()?;
        }
        let (appended, is_torn) = match (self.segments.back_mut(), &mut self.open) {
            (Some(last), Some(file)) => (last.append(file, lines), last.is_torn),
            _ => return Err(io::Error::other("the spool has no file to write to")),
        };
        if is_torn {
            self.unsynced.extend(self.open.take());
        }
        appended
    }

    /// What is to be done on the disk to make it agree with what is known here; done without holding up the spool.
    pub(crate) fn upkeep(&mut self) -> io::Result<Upkeep> {
        let mut to_sync = std::mem::take(&mut self.unsynced);
        if let Some(open) = &self.open {
            to_sync.push(open.try_clone()?);
        }
        Ok(Upkeep {
            to_sync,
            to_delete: std::mem::take(&mut self.passed_over),
            position: self.position(),
            folder: self.folder.clone(),
        })
    }

    /// What had to go since this was asked last.
    pub(crate) fn take_lost(&mut self) -> Lost {
        std::mem::take(&mut self.lost)
    }

    /// The oldest lines, at most `max`; those behind a place, if one is given.
    pub(crate) fn peek(
        &mut self,
        behind: Option<Place>,
        max: usize,
        mut lines: LinesBuilder,
    ) -> io::Result<Batch> {
        let mut file = std::mem::take(&mut self.scratch);
        let peeked = self.read(behind, max, &mut lines, &mut file);
        self.scratch = file;
        self.scratch.shrink_to(READ_BYTES);
        let end = peeked?;
        Ok(Batch {
            lines: lines.finish(),
            end,
        })
    }

    fn read(
        &self,
        behind: Option<Place>,
        max: usize,
        lines: &mut LinesBuilder,
        file: &mut Vec<u8>,
    ) -> io::Result<Place> {
        let Some((segment, offset)) = self.behind(behind) else {
            return Ok(Place::default());
        };
        let path = self.path(segment.number);
        segment.read(&path, offset, READ_BYTES, file)?;
        if matches!(record::read(file, 0), Found::Broken) {
            // It may only be longer than what is read usually.
            segment.read(&path, offset, record::MAX_RECORD, file)?;
        }
        let mut read = 0;
        while lines.len() < max
            && let Found::Record { json, at, next } = record::read(file, read)
        {
            lines.push(json, at);
            read = next;
        }
        if read == 0 && behind.is_none() {
            let what = format!("{} is damaged", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Place {
            segment: segment.number,
            offset: offset + read,
        })
    }

    /// The file and the offset in it from which to read on.
    fn behind(&self, place: Option<Place>) -> Option<(&Segment, usize)> {
        let first = self.segments.front()?;
        let from = match place {
            Some(place) if place.segment >= first.number => place,
            _ => return Some((first, self.offset)),
        };
        let here = self
            .segments
            .iter()
            .find(|segment| segment.number == from.segment && from.offset < segment.bytes);
        let later = || {
            self.segments
                .iter()
                .find(|segment| segment.number > from.segment)
                .map(|segment| (segment, MAGIC.len()))
        };
        here.map(|segment| (segment, from.offset)).or_else(later)
    }

    /// Sets the oldest file aside, because what stands next in it cannot be read.
    pub(crate) fn set_aside(&mut self) -> io::Result<Lost> {
        let Some(first) = self.segments.pop_front() else {
            return Ok(Lost::default());
        };
        let path = self.path(first.number);
        std::fs::rename(&path, path.with_extension("damaged"))?;
        let lost = Lost {
            records: first.records - self.passed,
            span: first.span,
        };
        self.let_go_of_open();
        self.rewind();
        Ok(lost)
    }

    /// Passes over a batch that data-api has committed.
    pub(crate) fn pass(&mut self, batch: &Batch) {
        let Some(first) = self
            .segments
            .front()
            .filter(|first| first.number == batch.end.segment && batch.end.offset > self.offset)
        else {
            // A full spool let the file go while the batch was on its way.
            return;
        };
        let is_through = batch.end.offset >= first.bytes;
        self.offset = batch.end.offset;
        self.passed += batch.lines.len() as u64;
        if is_through && let Some(first) = self.segments.pop_front() {
            self.passed_over.push(self.path(first.number));
            self.let_go_of_open();
            self.rewind();
        }
    }

    /// Events that wait.
    pub(crate) fn records(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.records)
            .sum::<u64>()
            - self.passed
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.bytes as u64)
            .sum()
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:010}.log"))
    }

    /// The last file is gone: the next addition makes another.
    fn let_go_of_open(&mut self) {
        if self.segments.is_empty() {
            self.open = None;
            self.unsynced.clear();
        }
    }

    fn rewind(&mut self) {
        self.offset = MAGIC.len();
        self.passed = 0;
    }

    fn new_segment(&mut self) -> io::Result<()> {
        self.newest += 1;
        let (segment, file) = Segment::create(&self.path(self.newest), self.newest)?;
        self.segments.push_back(segment);
        self.unsynced.extend(self.open.replace(file));
        // The name of the file must survive a power cut, too.
        self.unsynced.push(File::open(&self.folder)?);
        if self.segments.len() == 1 {
            self.rewind();
        }
        Ok(())
    }

    fn make_room(&mut self, more: u64) -> io::Result<()> {
        while self.bytes() + more > self.max_bytes
            && let Some(oldest) = self.segments.pop_front()
        {
            std::fs::remove_file(self.path(oldest.number))?;
            self.let_go_of_open();
            self.lost.records += oldest.records - self.passed;
            self.lost.span = match (self.lost.span, oldest.span) {
                (Some(before), Some(also)) => Some((before.0.min(also.0), before.1.max(also.1))),
                (before, also) => before.or(also),
            };
            self.rewind();
        }
        Ok(())
    }

    /// Passes over what was sent before the last end.
    fn pass_to(&mut self, place: Place) -> io::Result<()> {
        let Some(first) = self
            .segments
            .front()
            .filter(|first| first.number == place.segment)
        else {
            return Ok(());
        };
        let mut file = Vec::new();
        first.read(&self.path(first.number), 0, first.bytes, &mut file)?;
        let (mut lines, mut end) = (LinesBuilder::default(), self.offset);
        while end < place.offset
            && let Found::Record { json, at, next } = record::read(&file, end)
        {
            lines.push(json, at);
            end = next;
        }
        let end = Place {
            segment: place.segment,
            offset: end,
        };
        self.pass(&Batch {
            lines: lines.finish(),
            end,
        });
        Ok(())
    }

    /// Where the first event begins that was not sent.
    fn read_position(&self) -> Option<Place> {
        let text = std::fs::read_to_string(self.folder.join(POSITION)).ok()?;
        let (segment, offset) = text.trim().split_once(' ')?;
        Some(Place {
            segment: segment.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }

    /// Where the next event to send begins, as it is written down.
    fn position(&self) -> String {
        let first = self.segments.front();
        let segment = first.map_or(self.newest + 1, |first| first.number);
        format!("{segment} {}\n", self.offset)
    }
}

#[cfg(test)]
mod tests;
