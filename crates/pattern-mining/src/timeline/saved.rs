//! A timeline as bytes: what a nightly run starts from instead of the whole past.
//!
//! The form is ours, versioned, and little-endian: a JSON head for the entities, then fixed-size rows.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Entity, LeftOut, Record, Sample, Timeline, Waiting};
use crate::sun::Place;

/// First bytes of the form; the number is its version.
const MAGIC: &[u8; 8] = b"HIQMINE1";

/// Why bytes are no timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(&'static str);

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

impl Timeline {
    /// Everything that a later run needs, as bytes.
    pub fn save(&self) -> Result<Vec<u8>, serde_json::Error> {
        let head = serde_json::to_vec(&self.head())?;
        let rows = 15 * self.records.len()
            + 16 * self.samples.len()
            + 23 * self.waiting.len()
            + 16 * self.automated.len();
        let mut bytes = Vec::with_capacity(MAGIC.len() + 8 + head.len() + rows);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(head.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&head);
        for record in &self.records {
            bytes.extend_from_slice(&record.at.to_le_bytes());
            bytes.extend_from_slice(&record.entity.to_le_bytes());
            bytes.extend_from_slice(&record.state.to_le_bytes());
            bytes.push(record.why);
        }
        for sample in &self.samples {
            bytes.extend_from_slice(&sample.at.to_le_bytes());
            bytes.extend_from_slice(&sample.entity.to_le_bytes());
            bytes.extend_from_slice(&sample.value.to_le_bytes());
        }
        for waiting in &self.waiting {
            bytes.extend_from_slice(&waiting.at.to_le_bytes());
            bytes.extend_from_slice(&waiting.context.to_le_bytes());
            bytes.extend_from_slice(&waiting.entity.to_le_bytes());
            bytes.extend_from_slice(&waiting.state.to_le_bytes());
            bytes.push(waiting.flags);
        }
        for (context, at) in &self.automated {
            bytes.extend_from_slice(&context.to_le_bytes());
            bytes.extend_from_slice(&at.to_le_bytes());
        }
        Ok(bytes)
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
        let mut reader = Reader(bytes);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(Unreadable("it begins otherwise"));
        }
        let head_length = usize::try_from(u64::from_le_bytes(reader.array()?))
            .map_err(|_| Unreadable("its head is too long"))?;
        let head: Head = serde_json::from_slice(reader.take(head_length)?)
            .map_err(|_| Unreadable("its head cannot be read"))?;
        let time_zone =
            TimeZone::get(&head.zone).map_err(|_| Unreadable("its time zone is unknown"))?;
        let entities = head.entities;
        let mut timeline = Self::new(time_zone);
        timeline.place = Place {
            latitude: head.latitude,
            longitude: head.longitude,
        };
        timeline.records = reader.rows(head.records, |row| {
            Ok(Record {
                at: i64::from_le_bytes(row.array()?),
                entity: u32::from_le_bytes(row.array()?),
                state: u16::from_le_bytes(row.array()?),
                why: row.array::<1>()?[0],
            })
        })?;
        timeline.samples = reader.rows(head.samples, |row| {
            Ok(Sample {
                at: i64::from_le_bytes(row.array()?),
                entity: u32::from_le_bytes(row.array()?),
                value: f32::from_le_bytes(row.array()?),
            })
        })?;
        timeline.waiting = reader.rows(head.waiting, |row| {
            Ok(Waiting {
                at: i64::from_le_bytes(row.array()?),
                context: u64::from_le_bytes(row.array()?),
                entity: u32::from_le_bytes(row.array()?),
                state: u16::from_le_bytes(row.array()?),
                flags: row.array::<1>()?[0],
            })
        })?;
        let contexts = reader.rows(head.contexts, |row| {
            Ok((
                u64::from_le_bytes(row.array()?),
                i64::from_le_bytes(row.array()?),
            ))
        })?;
        let count = entities.len();
        let known = |entity: u32| (entity as usize) < count;
        if !timeline.records.iter().all(|row| known(row.entity))
            || !timeline.samples.iter().all(|row| known(row.entity))
            || !timeline.waiting.iter().all(|row| known(row.entity))
        {
            return Err(Unreadable("it names an entity that it does not have"));
        }
        let names = entities.iter().zip(0..);
        timeline.by_id = names
            .map(|(entity, key)| (entity.id.clone(), key))
            .collect();
        timeline.entities = entities;
        timeline.sorted = timeline.waiting.is_sorted_by_key(|waiting| waiting.at);
        timeline.automated = contexts.into_iter().collect::<HashMap<_, _, _>>();
        timeline.left_out = head.left_out;
        timeline.seen = head.seen;
        timeline.covered = head.covered;
        timeline.settled = head.settled;
        Ok(timeline)
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or(Unreadable("it is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (taken, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(Unreadable("it is cut short"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn rows<T>(
        &mut self,
        count: usize,
        row: impl Fn(&mut Self) -> Result<T, Unreadable>,
    ) -> Result<Vec<T>, Unreadable> {
        // A row has at least eleven bytes: a count that cannot be true does not get its memory.
        let mut rows = Vec::with_capacity(count.min(self.0.len() / 11));
        for _ in 0..count {
            rows.push(row(self)?);
        }
        Ok(rows)
    }
}
