//! Counts of events: whole days from `event_days`, what is left of a span from the events themselves.

use std::collections::BTreeMap;

use common::instant::UtcMicros;
use database::Statement;

use super::edges::Span;
use super::ingest::DAY_US;
use super::{COUNTED_EVENTS, Store, StoreFailure};

/// The size of the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Events.
    pub events: u64,
    /// Instant of the oldest.
    pub oldest: Option<UtcMicros>,
    /// Instant of the newest.
    pub newest: Option<UtcMicros>,
}

/// Counts of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodCounts {
    /// Events.
    pub events: u64,
    /// Entities that they are of.
    pub entities: u64,
}

impl Store {
    /// Number of events. Cheaper than [`Store::totals`], which looks for the span at every entity.
    pub async fn stored_events(&self) -> Result<u64, StoreFailure> {
        self.database.fetch_one(COUNTED_EVENTS).await?.count(0)
    }

    /// Number of events, and their span.
    pub async fn totals(&self) -> Result<Totals, StoreFailure> {
        let commits = self.edges.commits();
        let row = self
            .database
            .fetch_one(
                "SELECT (SELECT stored FROM event_totals), (SELECT MIN(day) FROM event_days), (SELECT MAX(day) FROM event_days)",
            )
            .await?;
        let events = row.count(0)?;
        let (Some(first), Some(last)) = (row.get(1)?, row.get(2)?) else {
            return Ok(Totals {
                events,
                oldest: None,
                newest: None,
            });
        };
        let span = match self.edges.within(first, last) {
            Some(span) => Some(span),
            None => self.read_span(first, last).await?.inspect(|span| {
                self.edges.keep(commits, *span);
            }),
        };
        let instant = |at: i64| UtcMicros::new(at).ok();
        Ok(Totals {
            events,
            oldest: span.and_then(|span| instant(span.0)),
            newest: span.and_then(|span| instant(span.1)),
        })
    }

    /// The span of the events, which lie on these days and between them; none when they went away meanwhile.
    async fn read_span(&self, first: i64, last: i64) -> Result<Option<Span>, StoreFailure> {
        let oldest = self
            .edge(
                first,
                "SELECT MIN((SELECT MIN(e.last_updated_us) FROM events e WHERE e.entity = d.entity \
                 AND e.last_updated_us BETWEEN $2 AND $3)) FROM event_days d WHERE d.day = $1",
            )
            .await?;
        let newest = self
            .edge(
                last,
                "SELECT MAX((SELECT MAX(e.last_updated_us) FROM events e WHERE e.entity = d.entity \
                 AND e.last_updated_us BETWEEN $2 AND $3)) FROM event_days d WHERE d.day = $1",
            )
            .await?;
        Ok(oldest.zip(newest))
    }

    async fn edge(&self, day: i64, text: &'static str) -> Result<Option<i64>, StoreFailure> {
        let (start, end) = (day * DAY_US, (day + 1) * DAY_US - 1);
        let row = self
            .database
            .fetch_one(Statement::with(
                text,
                [day.into(), start.into(), end.into()],
            ))
            .await?;
        row.get(0)
    }

    /// How many events each entity has from `start` to `end`, inclusive, by its id in `event_entities`. Entities without are left out.
    pub async fn counts(
        &self,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<BTreeMap<i64, u64>, StoreFailure> {
        let mut counts = BTreeMap::new();
        let (start, end) = (start.get(), end.get());
        if start > end {
            return Ok(counts);
        }
        let first_whole = start.div_euclid(DAY_US) + i64::from(start.rem_euclid(DAY_US) != 0);
        let last_whole = end.div_euclid(DAY_US) - i64::from(end.rem_euclid(DAY_US) != DAY_US - 1);
        if first_whole <= last_whole {
            let statement = Statement::with(
                "SELECT entity, CAST(SUM(events) AS BIGINT) FROM event_days WHERE day BETWEEN $1 AND $2 GROUP BY entity",
                [first_whole.into(), last_whole.into()],
            );
            self.add(&mut counts, statement).await?;
        }
        // The days that the span has a part of: the first, and the last if that is another.
        let mut parts = vec![start.div_euclid(DAY_US), end.div_euclid(DAY_US)];
        parts.dedup();
        parts.retain(|day| !(first_whole..=last_whole).contains(day));
        for day in parts {
            let from = start.max(day * DAY_US);
            let to = end.min((day + 1) * DAY_US - 1);
            let statement = Statement::with(
                "SELECT d.entity, (SELECT COUNT(*) FROM events e WHERE e.entity = d.entity \
                 AND e.last_updated_us BETWEEN $2 AND $3) FROM event_days d WHERE d.day = $1",
                [day.into(), from.into(), to.into()],
            );
            self.add(&mut counts, statement).await?;
        }
        counts.retain(|_, events| *events > 0);
        Ok(counts)
    }

    async fn add(
        &self,
        counts: &mut BTreeMap<i64, u64>,
        statement: Statement,
    ) -> Result<(), StoreFailure> {
        for row in self.database.fetch_all(statement).await? {
            *counts.entry(row.get(0)?).or_default() += row.count(1)?;
        }
        Ok(())
    }

    /// Counts of the events from `start` to `end`, inclusive.
    pub async fn period_counts(
        &self,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<PeriodCounts, StoreFailure> {
        let counts = self.counts(start, end).await?;
        Ok(PeriodCounts {
            events: counts.values().sum(),
            entities: counts.len() as u64,
        })
    }
}
