//! Which times events are missing from.

use std::collections::{BTreeMap, HashMap};

use common::api::gaps::{Gap, GapReason};
use common::instant::UtcMicros;

use super::report::LostEntity;
use crate::store::ingest::DAY_US;

/// Most gaps; those that are nearest to one another become one. Ingestion remembers a hundred.
const MAX_GAPS: usize = 50;
/// Entities in a report.
const MAX_ENTITIES: usize = 1_000;

/// An entity and an instant.
type Key = (i64, i64);

/// How many events of a day are missing.
#[derive(Debug, Clone, Copy)]
pub(super) struct MissingDay {
    pub(super) day: i64,
    pub(super) entity: i64,
    pub(super) events: u64,
}

/// What is missing.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Stretches of keys, both ends excluded.
    stretches: Vec<(Option<Key>, Option<Key>)>,
    /// Counts of whole days, less what was carried over.
    pub(super) missing: Vec<MissingDay>,
    /// Whether every day's count is known.
    pub(super) days_are_whole: bool,
}

impl Lost {
    pub(super) fn between(&mut self, after: Option<Key>, before: Option<Key>) {
        self.stretches.push((after, before));
    }

    /// One event whose words are lost.
    pub(super) fn row(&mut self, entity: i64, at: i64) {
        match self.stretches.last_mut() {
            Some((_, Some(end))) if *end == (entity, at) => end.1 += 1,
            _ => self
                .stretches
                .push((Some((entity, at - 1)), Some((entity, at + 1)))),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// The part of a stretch that is of this entity, between two instants.
    fn part(
        (after, before): (Option<Key>, Option<Key>),
        entity: i64,
        oldest: i64,
        now: i64,
    ) -> Option<(i64, i64)> {
        let start = match after {
            Some((of, _)) if of > entity => return None,
            Some((of, at)) if of == entity => at,
            _ => oldest,
        };
        let end = match before {
            Some((of, _)) if of < entity => return None,
            Some((of, at)) if of == entity => at,
            _ => now,
        };
        (start <= end).then_some((start, end))
    }

    /// Spans of one entity from which something is missing.
    fn spans(&self, oldest: i64, now: i64) -> Vec<(i64, (i64, i64), u64)> {
        let mut spans = Vec::new();
        for day in &self.missing {
            let (begins, ends) = (day.day * DAY_US, (day.day + 1) * DAY_US - 1);
            let mut found = false;
            for stretch in &self.stretches {
                if let Some((start, end)) = Self::part(*stretch, day.entity, begins, ends)
                    && start.max(begins) <= end.min(ends)
                {
                    let events = if found { 0 } else { day.events };
                    spans.push((day.entity, (start.max(begins), end.min(ends)), events));
                    found = true;
                }
            }
            if !found {
                spans.push((day.entity, (begins, ends), day.events));
            }
        }
        if !self.days_are_whole {
            for stretch in &self.stretches {
                let entities = [stretch.0, stretch.1].map(|key| key.map(|key| key.0));
                for entity in entities.into_iter().flatten() {
                    if let Some(span) = Self::part(*stretch, entity, oldest, now) {
                        spans.push((entity, span, 0));
                    }
                }
                // Whole entities may stand between the two.
                if entities[0].is_none() || entities[0] != entities[1] {
                    spans.push((0, (oldest, now), 0));
                }
            }
        }
        spans
    }

    /// The times of all, as gaps.
    pub(super) fn gaps(&self, oldest: i64, now: i64) -> Vec<Gap> {
        let mut spans: Vec<(i64, i64)> = self
            .spans(oldest, now)
            .into_iter()
            .map(|(_, span, _)| span)
            .collect();
        spans.sort_unstable();
        let mut merged: Vec<(i64, i64)> = Vec::new();
        for (start, end) in spans {
            match merged.last_mut() {
                Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        // The shortest times between two are given up until there are few enough.
        if merged.len() > MAX_GAPS {
            let mut between: Vec<i64> = merged.windows(2).map(|two| two[1].0 - two[0].1).collect();
            between.sort_unstable();
            let bound = between[merged.len() - MAX_GAPS - 1];
            let all = std::mem::take(&mut merged);
            for (start, end) in all {
                match merged.last_mut() {
                    Some(last) if start - last.1 <= bound => last.1 = last.1.max(end),
                    _ => merged.push((start, end)),
                }
            }
        }
        merged
            .into_iter()
            .filter_map(|(start, end)| {
                Some(Gap {
                    start: UtcMicros::new(start).ok()?,
                    end: UtcMicros::new(end).ok()?,
                    reason: GapReason::Damaged,
                    closed_by: None,
                    rows: None,
                })
            })
            .collect()
    }

    /// For each entity how many are missing, as far as known, and between which instants.
    pub(super) fn by_entity(
        &self,
        names: &HashMap<i64, String>,
        oldest: i64,
        now: i64,
    ) -> Vec<LostEntity> {
        let mut entities: BTreeMap<i64, (i64, i64, u64)> = BTreeMap::new();
        for (entity, (start, end), events) in self.spans(oldest, now) {
            let known = entities.entry(entity).or_insert((start, end, 0));
            *known = (known.0.min(start), known.1.max(end), known.2 + events);
        }
        entities
            .into_iter()
            .take(MAX_ENTITIES)
            .filter_map(|(entity, (start, end, events))| {
                Some(LostEntity {
                    entity_id: names
                        .get(&entity)
                        .cloned()
                        .unwrap_or_else(|| format!("unknown ({entity})")),
                    start: UtcMicros::new(start).ok()?,
                    end: UtcMicros::new(end).ok()?,
                    events: (events > 0).then_some(events),
                })
            })
            .collect()
    }
}
