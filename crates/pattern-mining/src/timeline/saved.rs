//! A timeline as bytes: what a nightly run starts from instead of the whole past.
//!
//! The form is ours, versioned, and little-endian: a JSON head for the entities, then fixed-size rows. What new changes need comes first,
//! so that they can be taken while the past is still being read. Every part ends with a checksum: damaged bytes are refused, and the past
//! is read anew.

use std::collections::HashMap;
use std::io::{Read, Write};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use std::sync::Arc;

use super::rows::{NewRow, Reader, Row, Writer, write_rows};
use super::{Entity, LeftOut, Record, Sample, Timeline, Waiting};
use crate::detect::screen::{Count, Counted};
use crate::noise;
use crate::sun::Place;

/// First bytes of the form; the number is its version.
const MAGIC: &[u8; 8] = b"HIQMINE3";

/// Why bytes are no timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub(super) &'static str);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not a saved timeline of this version: {}", self.0)
    }
}

impl std::error::Error for Unreadable {}

#[derive(Serialize, Deserialize)]
struct Head {
    zone: String,
    latitude: f64,
    longitude: f64,
    seen: u64,
    covered: Option<(i64, i64)>,
    settled: i64,
    left_out: LeftOut,
    entities: Vec<Entity>,
    records: usize,
    samples: usize,
    waiting: usize,
    contexts: usize,
}

/// What was settled before a timeline was written, not read yet.
pub struct Past<'a> {
    reader: Reader<'a>,
    records: usize,
    samples: usize,
    /// Entities that it may name.
    entities: usize,
}

/// What was settled before a timeline was written.
#[derive(Debug)]
pub struct Settled {
    records: Vec<Record>,
    samples: Vec<Sample>,
    counted: Option<Counted>,
}

impl Timeline {
    /// Everything that a later run needs, as bytes. What a run counts can be written behind it ([`Counted::write`]), so that the later one
    /// counts only what is new.
    pub fn save(&self) -> std::io::Result<Vec<u8>> {
        let rows = 15 * self.records.len()
            + 16 * self.samples.len()
            + 23 * self.waiting.len()
            + 16 * self.automated.len();
        let mut bytes = Vec::with_capacity(rows);
        self.write(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes what [`Timeline::save`] returns, a few bytes at a time.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, to: &mut dyn Write) -> std::io::Result<()> {
        let head = serde_json::to_vec(&self.head())?;
        let to = &mut Writer::new(to);
        to.write_all(MAGIC)?;
        to.write_all(&(head.len() as u64).to_le_bytes())?;
        to.write_all(&head)?;
        write_rows(to, &self.waiting, |row: &mut NewRow<23>, waiting| {
            row.add(waiting.at.to_le_bytes());
            row.add(waiting.context.to_le_bytes());
            row.add(waiting.entity.to_le_bytes());
            row.add(waiting.state.to_le_bytes());
            row.add([waiting.flags]);
        })?;
        write_rows(
            to,
            &self.automated,
            |row: &mut NewRow<16>, (context, at)| {
                row.add(context.to_le_bytes());
                row.add(at.to_le_bytes());
            },
        )?;
        to.sum()?;
        write_rows(to, &self.records, |row: &mut NewRow<15>, record| {
            row.add(record.at.to_le_bytes());
            row.add(record.entity.to_le_bytes());
            row.add(record.state.to_le_bytes());
            row.add([record.why]);
        })?;
        write_rows(to, &self.samples, |row: &mut NewRow<16>, sample| {
            row.add(sample.at.to_le_bytes());
            row.add(sample.entity.to_le_bytes());
            row.add(sample.value.to_le_bytes());
        })?;
        to.sum()
    }

    fn head(&self) -> Head {
        Head {
            zone: self.time_zone.iana_name().unwrap_or("UTC").to_owned(),
            latitude: self.place.latitude,
            longitude: self.place.longitude,
            seen: self.seen,
            covered: self.covered,
            settled: self.settled,
            left_out: self.left_out.clone(),
            entities: self.entities.clone(),
            records: self.records.len(),
            samples: self.samples.len(),
            waiting: self.waiting.len(),
            contexts: self.automated.len(),
        }
    }

    /// The timeline that was saved.
    ///
    /// # Errors
    /// The bytes are of another version, cut short, or not ours.
    pub fn restore(bytes: &[u8]) -> Result<Self, Unreadable> {
        Self::read(bytes, bytes.len() as u64)
    }

    /// The timeline that was written, from a reader that has so many bytes, about: no more memory is asked for than they can fill.
    /// It is read a few bytes at a time.
    ///
    /// # Errors
    /// The bytes are of another version, cut short, cannot be read, or are not ours.
    pub fn read<'a>(from: impl Read + Send + 'a, length: u64) -> Result<Self, Unreadable> {
        let (mut timeline, past) = Self::open(from, length)?;
        timeline.remember(past.read()?);
        Ok(timeline)
    }

    /// The same without its past: it takes changes at once, and is to be given the past before it is looked at.
    ///
    /// # Errors
    /// Those of [`Timeline::read`].
    pub fn open<'a>(
        from: impl Read + Send + 'a,
        length: u64,
    ) -> Result<(Self, Past<'a>), Unreadable> {
        Self::open_boxed(Box::new(from), length)
    }

    /// Behind a pointer, so that a million rows are read by code of this crate, which is compiled as one unit.
    fn open_boxed(
        from: Box<dyn Read + Send + '_>,
        length: u64,
    ) -> Result<(Self, Past<'_>), Unreadable> {
        let mut reader = Reader::new(from, length);
        if reader.array()? != *MAGIC {
            return Err(Unreadable("it begins otherwise"));
        }
        let head = reader.head()?;
        let time_zone =
            TimeZone::get(&head.zone).map_err(|_| Unreadable("its time zone is unknown"))?;
        let mut timeline = Self::new(time_zone);
        timeline.place = Place {
            latitude: head.latitude,
            longitude: head.longitude,
        };
        timeline.waiting = reader.rows(head.waiting, |row: &mut Row<'_, 23>| Waiting {
            at: i64::from_le_bytes(row.next()),
            context: u64::from_le_bytes(row.next()),
            entity: u32::from_le_bytes(row.next()),
            state: u16::from_le_bytes(row.next()),
            flags: u8::from_le_bytes(row.next()),
        })?;
        let contexts = reader.rows(head.contexts, |row: &mut Row<'_, 16>| {
            let context = u64::from_le_bytes(row.next());
            (context, i64::from_le_bytes(row.next()))
        })?;
        reader.check_sum()?;
        let past = Past {
            reader,
            records: head.records,
            samples: head.samples,
            entities: head.entities.len(),
        };
        let entities = timeline.waiting.iter().map(|row| row.entity);
        all_known(entities, past.entities)?;
        timeline.entities = head.entities;
        let names = timeline.entities.iter().zip(0..);
        timeline.by_id = names
            .map(|(entity, key)| (entity.id.clone(), key))
            .collect();
        // By the rules of now: it may have been written by an older version.
        for entity in &mut timeline.entities {
            entity.excluded = entity.excluded.or_else(|| noise::check_id(&entity.id));
        }
        timeline.sorted = timeline.waiting.is_sorted_by_key(|waiting| waiting.at);
        timeline.automated = contexts.into_iter().collect::<HashMap<_, _, _>>();
        timeline.left_out = head.left_out;
        timeline.seen = head.seen;
        timeline.covered = head.covered;
        timeline.settled = head.settled;
        Ok((timeline, past))
    }

    /// Gives the timeline its past. What it has settled since it was opened comes behind.
    pub fn remember(&mut self, past: Settled) {
        let Settled {
            mut records,
            mut samples,
            counted,
        } = past;
        records.append(&mut self.records);
        samples.append(&mut self.samples);
        (self.records, self.samples) = (records, samples);
        self.counted = counted.map(Arc::new);
        self.forget();
    }
}

impl Past<'_> {
    /// Reads it.
    ///
    /// # Errors
    /// The bytes are cut short, cannot be read, or name what is not there.
    pub fn read(mut self) -> Result<Settled, Unreadable> {
        let records = self
            .reader
            .rows(self.records, |row: &mut Row<'_, 15>| Record {
                at: i64::from_le_bytes(row.next()),
                entity: u32::from_le_bytes(row.next()),
                state: u16::from_le_bytes(row.next()),
                why: u8::from_le_bytes(row.next()),
            })?;
        let samples = self
            .reader
            .rows(self.samples, |row: &mut Row<'_, 16>| Sample {
                at: i64::from_le_bytes(row.next()),
                entity: u32::from_le_bytes(row.next()),
                value: f32::from_le_bytes(row.next()),
            })?;
        self.reader.check_sum()?;
        all_known(records.iter().map(|row| row.entity), self.entities)?;
        all_known(samples.iter().map(|row| row.entity), self.entities)?;
        let counted = self.reader.counted()?;
        Ok(Settled {
            records,
            samples,
            counted,
        })
    }
}

impl Counted {
    /// Writes it, behind a timeline.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, to: &mut dyn Write) -> std::io::Result<()> {
        let to = &mut Writer::new(to);
        for number in [
            self.actions,
            self.hash,
            self.series.len() as u64,
            self.counts.len() as u64,
        ] {
            to.write_all(&number.to_le_bytes())?;
        }
        write_rows(to, &self.series, |row: &mut NewRow<8>, &(entity, state)| {
            row.add(entity.to_le_bytes());
            row.add(state.to_le_bytes());
        })?;
        write_rows(to, &self.counts, |row: &mut NewRow<4>, count| {
            row.add(count.short.to_le_bytes());
            row.add(count.long.to_le_bytes());
        })?;
        to.sum()
    }
}

/// Whether these are all among so many entities.
fn all_known(mut named: impl Iterator<Item = u32>, entities: usize) -> Result<(), Unreadable> {
    if named.all(|entity| (entity as usize) < entities) {
        Ok(())
    } else {
        Err(Unreadable("it names an entity that it does not have"))
    }
}

impl Reader<'_> {
    fn head(&mut self) -> Result<Head, Unreadable> {
        let length = u64::from_le_bytes(self.array()?);
        let head = self.bytes(length)?;
        serde_json::from_slice(&head).map_err(|_| Unreadable("its head cannot be read"))
    }

    /// What was counted, where it was written behind the timeline.
    fn counted(&mut self) -> Result<Option<Counted>, Unreadable> {
        let Some(actions) = self.array_or_end()? else {
            return Ok(None);
        };
        let hash = u64::from_le_bytes(self.array()?);
        let length = |bytes: [u8; 8]| usize::try_from(u64::from_le_bytes(bytes));
        let series = length(self.array()?).unwrap_or(usize::MAX);
        let counts = length(self.array()?).unwrap_or(usize::MAX);
        let counted = Counted {
            actions: u64::from_le_bytes(actions),
            hash,
            series: self.rows(series, |row: &mut Row<'_, 8>| {
                let entity = u32::from_le_bytes(row.next());
                (entity, u32::from_le_bytes(row.next()))
            })?,
            counts: self.rows(counts, |row: &mut Row<'_, 4>| Count {
                short: u16::from_le_bytes(row.next()),
                long: u16::from_le_bytes(row.next()),
            })?,
            taken_over: 0,
        };
        self.check_sum()?;
        Ok(Some(counted))
    }
}
