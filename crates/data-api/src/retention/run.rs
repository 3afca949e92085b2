//! Going through the store by the rules, entity after entity, in small steps.

use std::sync::Arc;

use common::api::storage::{Deletion, NewStorageRule, StorageEffect};
use common::clock::Clock;
use common::lifecycle::Failure;
use tokio::sync::Mutex;
use tokio::time::{Duration, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::Policy;
use crate::store::{Store, StoreFailure, Words};

/// Rows that are read at once.
const ROWS_OF_A_PART: u32 = 2_000;
/// Rows of one transaction: it takes some milliseconds, and what is ingested waits no longer.
pub(crate) const ROWS_OF_A_STEP: usize = 500;
/// Entities that an answer names.
const LARGEST: usize = 100;
/// The hour (UTC) in which the rules run by themselves.
const HOUR: i64 = 2;
const LOOK_EVERY: Duration = Duration::from_secs(60);
const HOUR_US: i64 = 3_600_000_000;

/// Runs the rules, once at a time. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Retention {
    store: Store,
    clock: Clock,
    running: Arc<Mutex<()>>,
}

/// What is done to the rows that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Count,
    Delete,
}

impl Retention {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            running: Arc::default(),
        }
    }

    /// What the rules would delete now.
    pub(crate) async fn dry_run(&self, rules: &[NewStorageRule]) -> Result<Deletion, StoreFailure> {
        self.go_through(rules, Deed::Count).await
    }

    /// Deletes by the rules that are kept; none when that is being done already.
    pub(crate) async fn run(&self) -> Result<Option<Deletion>, StoreFailure> {
        let Ok(running) = self.running.try_lock() else {
            return Ok(None);
        };
        let rules: Vec<_> = self.store.storage_rules().await?;
        let rules: Vec<_> = rules.into_iter().map(|kept| kept.rule).collect();
        let done = self.go_through(&rules, Deed::Delete).await?;
        drop(running);
        if done.events > 0 {
            tracing::info!(
                events = done.events,
                entities = done.entities,
                "storage rules deleted stored changes"
            );
        }
        Ok(Some(done))
    }

    /// Deletes attribute sets and contexts that only deleted events had.
    async fn sweep(&self) -> Result<(), StoreFailure> {
        if let Some(swept) = self.store.sweep().await? {
            tracing::info!(
                attribute_sets = swept.attribute_sets,
                contexts = swept.contexts,
                "what no stored change has any more was deleted"
            );
        }
        Ok(())
    }

    /// Runs every night, until the process stops.
    pub(crate) async fn tend(self, stopping: CancellationToken) -> Result<(), Failure> {
        let hour = |clock: &Clock| clock.now().get().div_euclid(HOUR_US);
        let mut last = hour(&self.clock);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                _ = looks.tick() => {}
            }
            let now = hour(&self.clock);
            if now == last || now.rem_euclid(24) != HOUR {
                continue;
            }
            last = now;
            let run = async {
                self.run().await?;
                self.sweep().await
            };
            let run = tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                run = run => run,
            };
            if let Err(failure) = run {
                tracing::error!(
                    error = &failure as &dyn std::error::Error,
                    "storage rules did not run to their end; they go on tomorrow"
                );
            }
        }
    }

    async fn go_through(
        &self,
        rules: &[NewStorageRule],
        deed: Deed,
    ) -> Result<Deletion, StoreFailure> {
        let mut deletion = Deletion::default();
        if rules.is_empty() {
            return Ok(deletion);
        }
        let bytes_per_event = self.store.bytes_per_event().await?;
        let now = self.clock.now().get();
        let mut words = Words::default();
        for target in self.store.storage_targets().await? {
            let Some(newest) = self.store.newest_row(target.id).await? else {
                continue;
            };
            let Some(policy) = Policy::of(rules, &target, now, newest) else {
                continue;
            };
            let events = self.one(target.id, policy, deed, &mut words).await?;
            if events > 0 {
                deletion.events += events;
                deletion.entities += 1;
                deletion.largest.push(StorageEffect {
                    entity_id: target.entity_id,
                    events,
                    bytes: (events as f64 * bytes_per_event) as u64,
                });
            }
        }
        deletion.bytes = (deletion.events as f64 * bytes_per_event) as u64;
        deletion.largest.sort_by(|a, b| {
            b.events
                .cmp(&a.events)
                .then_with(|| a.entity_id.cmp(&b.entity_id))
        });
        deletion.largest.truncate(LARGEST);
        Ok(deletion)
    }

    async fn one(
        &self,
        entity: i64,
        mut policy: Policy,
        deed: Deed,
        words: &mut Words,
    ) -> Result<u64, StoreFailure> {
        let (mut next, mut gone, mut events) = (i64::MIN, Vec::new(), 0);
        let until = policy.until().saturating_sub(1);
        loop {
            let rows = self
                .store
                .history_rows(entity, next, until, ROWS_OF_A_PART, words)
                .await?;
            let read = rows.len();
            if let Some(last) = rows.last() {
                next = last.at.saturating_add(1);
            }
            policy.take(rows, &mut gone);
            if read < ROWS_OF_A_PART as usize {
                policy.finish(&mut gone);
                return Ok(events + self.deal_with(entity, &gone, deed).await?);
            }
            events += self.deal_with(entity, &gone, deed).await?;
            gone.clear();
        }
    }

    async fn deal_with(&self, entity: i64, gone: &[i64], deed: Deed) -> Result<u64, StoreFailure> {
        if deed == Deed::Count {
            return Ok(gone.len() as u64);
        }
        let mut events = 0;
        for step in gone.chunks(ROWS_OF_A_STEP) {
            events += self.store.delete_events(entity, step, "rule").await?;
        }
        Ok(events)
    }

    /// Deletes everything of an entity from `start` to `end`, inclusive.
    pub(crate) async fn delete(
        &self,
        entity: i64,
        start: i64,
        end: i64,
    ) -> Result<u64, StoreFailure> {
        let (mut next, mut events, mut words) = (start, 0, Words::default());
        loop {
            let rows = self
                .store
                .history_rows(entity, next, end, ROWS_OF_A_STEP as u32, &mut words)
                .await?;
            let Some(last) = rows.last() else {
                return Ok(events);
            };
            next = last.at.saturating_add(1);
            let gone: Vec<i64> = rows.iter().map(|row| row.at).collect();
            events += self.store.delete_events(entity, &gone, "request").await?;
        }
    }
}
