//! Puts changes in order and decides which are evidence.

use super::{
    AUTOMATION_LAG, EVIDENCE, FROM_UNAVAILABLE, GONE, HAS_PARENT, KNOWN_PREVIOUS, REMOVED,
    REPEATED, Record, STARTUP, Timeline, Waiting,
};
use crate::report::Reason;

/// An automation's context is remembered this long, in microseconds: its later steps have it too.
const RUN_LENGTH: i64 = 24 * 3_600_000_000;
/// Old records are let go of when they are more than one in so many: then each is moved a few times at most.
const FORGET_PART: usize = 4;
/// Contexts remembered before the oldest are looked for.
const MAX_CONTEXTS: usize = 200_000;

impl Timeline {
    /// Settles what can be settled, for input in time order: everything but the last moments, for which the row of an automation
    /// may still come. Changes that are older than what was settled and come later are left out and counted.
    pub fn settle(&mut self) {
        if let Some((_, last)) = self.covered {
            self.settle_until(last - AUTOMATION_LAG);
        }
    }

    fn settle_until(&mut self, horizon: i64) {
        if !self.sorted {
            // Stable: changes of the same instant stay in the order in which they came.
            self.waiting.sort_by_key(|waiting| waiting.at);
            self.sorted = true;
        }
        let ready = self
            .waiting
            .partition_point(|waiting| waiting.at <= horizon);
        let rest = self.waiting.split_off(ready);
        let ready = std::mem::replace(&mut self.waiting, rest);
        let settled = self.settled;
        self.records.reserve(ready.len());
        for waiting in &ready {
            if waiting.at <= settled {
                self.left_out.add(Reason::Late, 1);
                continue;
            }
            let record = self.record(waiting);
            self.records.push(record);
        }
        self.settled = settled.max(horizon);
        self.forget();
        if self.automated.len() > MAX_CONTEXTS {
            self.automated.retain(|_, at| *at > horizon - RUN_LENGTH);
        }
    }

    /// Lets go of what no run will look at again, once it is a good part of everything.
    pub(super) fn forget(&mut self) {
        let from = self.horizon();
        let old = self.records.partition_point(|record| record.at < from);
        if old > self.records.len() / FORGET_PART {
            self.records.drain(..old);
            self.left_out.add(Reason::Older, old as u64);
            self.samples.retain(|sample| sample.at >= from);
        }
    }

    /// A copy in which everything is settled, for a run: what still waits is judged by what is known now, and waits on in the original.
    pub(crate) fn tail(&self) -> Vec<Record> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let mut copy = Self {
            records: Vec::new(),
            samples: Vec::new(),
            ..self.without_records()
        };
        copy.settle_until(i64::MAX);
        copy.records
    }

    fn without_records(&self) -> Self {
        Self {
            time_zone: self.time_zone.clone(),
            place: self.place,
            entities: self.entities.clone(),
            by_id: std::collections::HashMap::default(),
            waiting: self.waiting.clone(),
            sorted: self.sorted,
            records: Vec::new(),
            samples: Vec::new(),
            automated: self.automated.clone(),
            left_out: crate::report::LeftOut::default(),
            seen: self.seen,
            covered: self.covered,
            settled: self.settled,
            counted: None,
        }
    }

    fn record(&mut self, waiting: &Waiting) -> Record {
        let why = match self.verdict(waiting) {
            Ok(()) => EVIDENCE,
            Err(reason) => reason as u8,
        };
        Record {
            at: waiting.at,
            entity: waiting.entity,
            state: waiting.state,
            why,
        }
    }

    /// Whether a change, the next of its entity, is evidence.
    fn verdict(&mut self, waiting: &Waiting) -> Result<(), Reason> {
        let entity = &mut self.entities[waiting.entity as usize];
        let previous = entity.before.replace((waiting.state, waiting.at));
        if let Some(reason) = entity.excluded {
            return Err(reason);
        }
        if waiting.flags & REMOVED != 0 {
            return Err(Reason::Removed);
        }
        if waiting.flags & STARTUP != 0 {
            return Err(Reason::Startup);
        }
        if waiting.state == GONE || waiting.flags & FROM_UNAVAILABLE != 0 {
            return Err(Reason::Unavailable);
        }
        match previous {
            Some((GONE, _)) => return Err(Reason::Unavailable),
            Some((state, at)) if state == waiting.state || at == waiting.at => {
                return Err(Reason::Repeated);
            }
            // Where the store knows no earlier state either, this is how things stood, not something that happened.
            None if waiting.flags & KNOWN_PREVIOUS == 0 => return Err(Reason::FirstSight),
            Some(_) | None => {}
        }
        if waiting.flags & REPEATED != 0 {
            return Err(Reason::Repeated);
        }
        if waiting.flags & HAS_PARENT != 0
            || (waiting.context != 0 && self.automated.contains_key(&waiting.context))
        {
            return Err(Reason::Automation);
        }
        Ok(())
    }
}
