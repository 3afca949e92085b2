//! Events that data-api has not taken yet, on disk, in order, bounded.
//!
//! A folder of numbered files to which records are only ever added; each addition is synced before it is answered. What data-api has
//! committed is passed over by moving a position, and a file that was passed over whole is deleted. The position may be
//! older than the truth after a sudden end: then some events are sent twice, which data-api counts and does not store.

mod record;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use common::api::events::NewEvent;
use common::instant::UtcMicros;

use record::{Found, MAGIC};

/// A file that has grown to this size is followed by a new one.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
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
}

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: u64,
    records: u64,
    first: Option<UtcMicros>,
    last: Option<UtcMicros>,
}

/// What was found at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Events that wait.
    pub(crate) records: u64,
    /// Files with damage in their middle; what stood before the damage is kept, the file is set aside.
    pub(crate) damaged: u64,
}

/// Events that had to go because the spool is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) records: u64,
    pub(crate) span: Option<(UtcMicros, UtcMicros)>,
}

/// The next events to send, and where they end.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) events: Vec<NewEvent>,
    /// The file that they are in: it may be gone when they have been sent.
    segment: u64,
    end: usize,
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
            .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        let mut spool = Self {
            folder: folder.to_owned(),
            max_bytes,
            segments: VecDeque::new(),
            offset: MAGIC.len(),
            passed: 0,
        };
        let position = spool.read_position();
        let mut opened = Opened::default();
        let newest = numbers.last().copied();
        for number in numbers {
            if position.is_some_and(|(segment, _)| number < segment) {
                std::fs::remove_file(spool.path(number))?;
                continue;
            }
            spool.check(number, Some(number) == newest, &mut opened)?;
        }
        if let Some((segment, offset)) = position
            && spool
                .segments
                .front()
                .is_some_and(|first| first.number == segment)
        {
            spool.pass_to(offset)?;
        }
        opened.records = spool.records();
        Ok((spool, opened))
    }

    /// Adds events; when this returns they are on disk. A full spool lets its oldest file go.
    pub(crate) fn append(&mut self, events: &[NewEvent]) -> io::Result<Lost> {
        let mut bytes = Vec::with_capacity(events.len() * 512);
        for event in events {
            record::write(&mut bytes, event)?;
        }
        let lost = self.make_room(bytes.len() as u64)?;
        if self
            .segments
            .back()
            .is_none_or(|last| last.bytes >= SEGMENT_BYTES)
        {
            self.new_segment()?;
        }
        let Some(path) = self.segments.back().map(|last| self.path(last.number)) else {
            return Err(io::Error::other("the spool has no file to write to"));
        };
        let mut file = OpenOptions::new().append(true).open(&path)?;
        let before = file.metadata()?.len();
        if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_data()) {
            // Half a batch must not stay: what follows would be taken for damage.
            file.set_len(before)?;
            return Err(error);
        }
        if let Some(last) = self.segments.back_mut() {
            last.bytes = before + bytes.len() as u64;
            last.note(events);
        }
        Ok(lost)
    }

    /// The oldest events, at most `max`.
    pub(crate) fn peek(&self, max: usize) -> io::Result<Batch> {
        let Some(first) = self.segments.front() else {
            return Ok(Batch::default());
        };
        let mut file = File::open(self.path(first.number))?;
        file.seek(io::SeekFrom::Start(self.offset as u64))?;
        let mut rest = Vec::new();
        file.read_to_end(&mut rest)?;
        let (mut events, mut at) = (Vec::new(), 0);
        while events.len() < max {
            let Found::Record { event, next } = record::read(&rest, at) else {
                break;
            };
            events.push(*event);
            at = next;
        }
        if events.is_empty() && !rest.is_empty() {
            let what = format!("{} is damaged", self.path(first.number).display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Batch {
            events,
            segment: first.number,
            end: self.offset + at,
        })
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
            span: first.first.zip(first.last),
        };
        self.offset = MAGIC.len();
        self.passed = 0;
        self.write_position()?;
        Ok(lost)
    }

    /// Passes over a batch that data-api has committed.
    pub(crate) fn pass(&mut self, batch: &Batch) -> io::Result<()> {
        if self
            .segments
            .front()
            .is_none_or(|first| first.number != batch.segment)
        {
            // A full spool let the file go while the batch was on its way.
            return Ok(());
        }
        self.offset = batch.end;
        self.passed += batch.events.len() as u64;
        if self
            .segments
            .front()
            .is_some_and(|first| self.offset as u64 >= first.bytes)
            && let Some(first) = self.segments.pop_front()
        {
            std::fs::remove_file(self.path(first.number))?;
            self.offset = MAGIC.len();
            self.passed = 0;
        }
        self.write_position()
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
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:010}.log"))
    }

    fn new_segment(&mut self) -> io::Result<()> {
        let number = self.segments.back().map_or(1, |last| last.number + 1);
        let mut file = File::create(self.path(number))?;
        file.write_all(MAGIC)?;
        file.sync_all()?;
        // The name of the file must survive a power cut, too.
        File::open(&self.folder)?.sync_all()?;
        self.segments.push_back(Segment {
            number,
            bytes: MAGIC.len() as u64,
            records: 0,
            first: None,
            last: None,
        });
        if self.segments.len() == 1 {
            self.offset = MAGIC.len();
            self.passed = 0;
            self.write_position()?;
        }
        Ok(())
    }

    fn make_room(&mut self, more: u64) -> io::Result<Lost> {
        let mut lost = Lost::default();
        while self.bytes() + more > self.max_bytes
            && let Some(oldest) = self.segments.pop_front()
        {
            std::fs::remove_file(self.path(oldest.number))?;
            lost.records += oldest.records - self.passed;
            let start = lost.span.map(|span| span.0).or(oldest.first);
            lost.span = start.zip(oldest.last.or(lost.span.map(|span| span.1)));
            self.offset = MAGIC.len();
            self.passed = 0;
        }
        Ok(lost)
    }

    /// Reads a file once, to know what it holds.
    fn check(&mut self, number: u64, is_newest: bool, opened: &mut Opened) -> io::Result<()> {
        let path = self.path(number);
        let file = std::fs::read(&path)?;
        let mut segment = Segment {
            number,
            bytes: file.len() as u64,
            records: 0,
            first: None,
            last: None,
        };
        let mut at = MAGIC.len();
        let is_ours = file.starts_with(MAGIC);
        let whole = is_ours
            && loop {
                match record::read(&file, at) {
                    Found::Record { event, next } => {
                        segment.note(&[*event]);
                        at = next;
                    }
                    Found::End => break true,
                    Found::Broken => break false,
                }
            };
        if !whole {
            // The end of the newest file is torn by a sudden end; anything else is damage, kept aside for a person to look at.
            if !is_newest || !is_ours {
                opened.damaged += 1;
                std::fs::write(path.with_extension("damaged"), &file)?;
            }
            if !is_ours {
                return std::fs::remove_file(&path);
            }
            let keep = OpenOptions::new().write(true).open(&path)?;
            keep.set_len(at as u64)?;
            keep.sync_all()?;
            segment.bytes = at as u64;
        }
        if segment.records == 0 {
            return std::fs::remove_file(&path);
        }
        self.segments.push_back(segment);
        Ok(())
    }

    /// Passes over what was sent before the last end.
    fn pass_to(&mut self, offset: usize) -> io::Result<()> {
        let Some(first) = self.segments.front() else {
            return Ok(());
        };
        let file = std::fs::read(self.path(first.number))?;
        let mut batch = Batch {
            events: Vec::new(),
            segment: first.number,
            end: self.offset,
        };
        while batch.end < offset {
            let Found::Record { event, next } = record::read(&file, batch.end) else {
                break;
            };
            batch.events.push(*event);
            batch.end = next;
        }
        self.pass(&batch)
    }

    /// Segment and offset of the first event that was not sent.
    fn read_position(&self) -> Option<(u64, usize)> {
        let text = std::fs::read_to_string(self.folder.join(POSITION)).ok()?;
        let (segment, offset) = text.trim().split_once(' ')?;
        Some((segment.parse().ok()?, offset.parse().ok()?))
    }

    fn write_position(&self) -> io::Result<()> {
        let Some(first) = self.segments.front() else {
            return Ok(());
        };
        let partial = self.folder.join("position.partial");
        std::fs::write(&partial, format!("{} {}\n", first.number, self.offset))?;
        std::fs::rename(partial, self.folder.join(POSITION))
    }
}

impl Segment {
    fn note(&mut self, events: &[NewEvent]) {
        self.records += events.len() as u64;
        for event in events {
            self.first = Some(
                self.first
                    .map_or(event.last_updated, |first| first.min(event.last_updated)),
            );
            self.last = Some(
                self.last
                    .map_or(event.last_updated, |last| last.max(event.last_updated)),
            );
        }
    }
}

#[cfg(test)]
mod tests;
