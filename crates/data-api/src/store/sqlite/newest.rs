//! Newest events first from SQLite, which has no index by time: it would be a third of the file.
//!
//! `event_days` says which entities have events on a day and how many. Each of them is a range of the table, so the newest rows of a
//! span are found by one look for each entity that was active on that day. The span is chosen so that it holds about as many rows as
//! are wanted, and grows where it does not. The cost is a look for each active entity and the rows wanted, whatever the size of the
//! table.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use database::{Database, Statement};
use futures_util::future::try_join_all;

use crate::store::change::Change;
use crate::store::ingest::DAY_US;
use crate::store::{Cursor, EventFilter, StoreFailure, filter};

use super::tail::{Key, Tail};

/// The part of the density of its day that a first span is made for: a day is seldom even, and what is looked at in vain costs more
/// than a second look.
const CAUTION: f64 = 0.25;
/// How much longer a span is than the one before it.
const GROWTH: i64 = 4;
/// Shortest span, in microseconds.
const LEAST_SPAN_US: i64 = 50_000;
/// How many times the span that held the rows before is looked at for as many rows.
const SPARE: f64 = 1.3;
/// Parts of a page that are read at the same time; one connection is left to others.
const PARTS_AT_ONCE: usize = 3;
/// Rows that are not worth a part of their own.
const LEAST_PART: usize = 20;

/// What is remembered of the newest end of the table, so that it need not be looked for. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Top(Arc<Known>);

#[derive(Debug)]
struct Known {
    /// No event is newer; the largest integer: not known.
    newest_us: AtomicI64,
    /// Microseconds for each event, when it was read last; 0: not known.
    spacing_us: AtomicI64,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            newest_us: AtomicI64::new(i64::MAX),
            spacing_us: AtomicI64::new(0),
        }
    }
}

impl Top {
    /// The table was read: this is its newest event.
    pub(crate) fn begin(&self, newest_us: i64) {
        self.0.newest_us.store(newest_us, Ordering::Relaxed);
    }

    /// Events up to this instant are about to be stored: to be said before their commit, so that no reader looks too low.
    pub(crate) fn raise(&self, newest_us: i64) {
        self.0.newest_us.fetch_max(newest_us, Ordering::Relaxed);
    }

    fn newest(&self) -> Option<i64> {
        Some(self.0.newest_us.load(Ordering::Relaxed)).filter(|&at| at != i64::MAX)
    }

    fn spacing(&self) -> Option<i64> {
        Some(self.0.spacing_us.load(Ordering::Relaxed)).filter(|&spacing| spacing > 0)
    }

    fn learn(&self, span: i64, rows: usize) {
        let spacing = span / i64::try_from(rows.max(1)).unwrap_or(i64::MAX);
        self.0.spacing_us.store(spacing.max(1), Ordering::Relaxed);
    }
}

const SELECT: &str = "SELECT e.entity, e.last_updated_us, e.unchanged_us, \
     CASE typeof(e.state) WHEN 'integer' THEN e.state END AS state_id, \
     CASE typeof(e.state) WHEN 'text' THEN e.state END AS state_text, \
     e.attributes, e.context, e.context_parent, e.flags, p.last_updated_us AS before_us, p.unchanged_us AS before_unchanged_us, \
     CASE typeof(p.state) WHEN 'integer' THEN p.state END AS before_state_id, \
     CASE typeof(p.state) WHEN 'text' THEN p.state END AS before_state_text, p.attributes AS before_attributes FROM (SELECT e.* FROM ";
const BEFORE: &str = ") e LEFT JOIN events p ON p.entity = e.entity AND p.last_updated_us = \
     (SELECT MAX(q.last_updated_us) FROM events q WHERE q.entity = e.entity AND q.last_updated_us < e.last_updated_us) \
     ORDER BY e.last_updated_us DESC, e.entity DESC";
const ORDER: &str = " ORDER BY e.last_updated_us DESC, e.entity DESC LIMIT ";

/// The newest `rows` events that pass, after `asked.offset` of them.
pub(crate) async fn newest(
    database: &Database,
    top: &Top,
    tail: &Tail,
    asked: &EventFilter,
    rows: u32,
) -> Result<Vec<Change>, StoreFailure> {
    if let Some(keys) = tail.newest(asked, rows) {
        let found = by_key(database, &keys).await?;
        if found.len() == keys.len() {
            return Ok(found);
        }
        tail.begin_anew();
    }
    let reader = Reader {
        database,
        top,
        asked,
    };
    let start = asked
        .start
        .map_or(i64::MIN, common::instant::UtcMicros::get);
    let mut end = asked.end.map_or(i64::MAX, common::instant::UtcMicros::get);
    if let Some(cursor) = asked.cursor {
        end = end.min(cursor.last_updated_us);
    }
    if asked.entity_id.is_some() {
        let span = Span { start, end };
        return reader.one_entity(span, rows, asked.offset).await;
    }
    let (mut found, mut skip) = (Vec::new(), i64::from(asked.offset));
    let mut day = end.div_euclid(DAY_US);
    while let Some(next) = reader
        .day_with_events(day, start.div_euclid(DAY_US))
        .await?
    {
        let of_day = Span {
            start: start.max(next.day * DAY_US),
            end: end.min((next.day + 1).saturating_mul(DAY_US) - 1),
        };
        let is_whole = of_day.end - of_day.start == DAY_US - 1;
        if is_whole && asked.cursor.is_none() && next.events <= skip {
            skip -= next.events;
        } else {
            reader
                .day(next, of_day, rows as usize, &mut skip, &mut found)
                .await?;
        }
        if found.len() >= rows as usize || next.day == i64::MIN {
            break;
        }
        day = next.day - 1;
    }
    Ok(found)
}

/// The events with these keys, newest first. They lie in as many places of the disk, so parts of them are asked for at the same time.
pub(crate) async fn by_key(database: &Database, keys: &[Key]) -> Result<Vec<Change>, StoreFailure> {
    let length = keys.len().div_ceil(PARTS_AT_ONCE).max(LEAST_PART);
    let parts = keys.chunks(length).map(|part| part_by_key(database, part));
    Ok(try_join_all(parts).await?.into_iter().flatten().collect())
}

async fn part_by_key(database: &Database, keys: &[Key]) -> Result<Vec<Change>, StoreFailure> {
    let keys = serde_json::to_string(keys).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let statement = Statement::new(SELECT).push("json_each(").bind(keys).push(
        ") k CROSS JOIN events e ON e.last_updated_us = k.value ->> 0 AND e.entity = k.value ->> 1",
    );
    let rows = database.fetch_all(statement.push(BEFORE)).await?;
    rows.iter().map(Change::read).collect()
}

/// Both ends belong to it, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: i64,
    end: i64,
}

/// A day and how many events of the entities asked for it has.
#[derive(Debug, Clone, Copy)]
struct Day {
    day: i64,
    events: i64,
}

struct Reader<'a> {
    database: &'a Database,
    top: &'a Top,
    asked: &'a EventFilter,
}

impl Reader<'_> {
    /// The latest day from `latest` back to `earliest` that has events.
    async fn day_with_events(
        &self,
        latest: i64,
        earliest: i64,
    ) -> Result<Option<Day>, StoreFailure> {
        let statement = Statement::new(
            "SELECT d.day, CAST(SUM(d.events) AS INTEGER) FROM event_days d WHERE d.day = (SELECT MAX(d.day) FROM event_days d WHERE d.day BETWEEN ",
        )
        .bind(earliest)
        .push(" AND ")
        .bind(latest);
        let statement = filter::entities(statement, " AND d.entity", self.asked).push(")");
        let statement = filter::entities(statement, " AND d.entity", self.asked);
        let row = self
            .database
            .fetch_optional(statement.push(" GROUP BY d.day"))
            .await?;
        row.map(|row| {
            Ok(Day {
                day: row.get(0)?,
                events: row.get(1)?,
            })
        })
        .transpose()
    }

    /// Reads a day from its end, span by span, until there is enough.
    async fn day(
        &self,
        day: Day,
        of_day: Span,
        rows: usize,
        skip: &mut i64,
        found: &mut Vec<Change>,
    ) -> Result<(), StoreFailure> {
        let wanted = i64::try_from(rows - found.len())
            .unwrap_or(i64::MAX)
            .saturating_add(*skip);
        let of_all = !filter::names_entities(self.asked);
        let is_top = of_all
            && self
                .top
                .newest()
                .is_some_and(|at| (of_day.start..=of_day.end).contains(&at));
        let mut end = of_day.end;
        let mut span = end - of_day.start + 1;
        if day.events > wanted.saturating_mul(2) {
            let newest = match self.top.newest().filter(|_| is_top) {
                Some(newest) => Some(newest),
                None => self.newest_of(day.day, of_day).await?,
            };
            let Some(newest) = newest else {
                return Ok(());
            };
            end = newest;
            let length = end - of_day.start + 1;
            let share = wanted as f64 / day.events as f64 * CAUTION;
            let likely = match self.top.spacing().filter(|_| is_top) {
                Some(spacing) => spacing as f64 * wanted as f64 * SPARE,
                None => length as f64 * share,
            };
            span = (likely as i64).clamp(LEAST_SPAN_US, length.max(LEAST_SPAN_US));
        }
        let (top_end, before) = (end, found.len());
        loop {
            let part = Span {
                start: of_day.start.max(end.saturating_sub(span - 1)),
                end,
            };
            if *skip > 0 {
                let there = self.count(day.day, part).await?;
                if there > *skip {
                    self.read(day.day, part, rows - found.len(), *skip, found)
                        .await?;
                }
                *skip -= there.min(*skip);
            } else {
                self.read(day.day, part, rows - found.len(), 0, found)
                    .await?;
            }
            if found.len() >= rows || part.start == of_day.start {
                if is_top && found.len() > before {
                    let oldest = found.last().map_or(part.start, Change::at_us);
                    self.top.learn(top_end - oldest, found.len() - before);
                }
                return Ok(());
            }
            end = part.start - 1;
            span = span.saturating_mul(GROWTH);
        }
    }

    /// The instant of the newest event of a day that lies within a span.
    async fn newest_of(&self, day: i64, span: Span) -> Result<Option<i64>, StoreFailure> {
        let statement = Statement::new(
            "SELECT MAX((SELECT MAX(e.last_updated_us) FROM events e WHERE e.entity = d.entity AND e.last_updated_us BETWEEN ",
        )
        .bind(span.start)
        .push(" AND ")
        .bind(span.end)
        .push(")) FROM event_days d WHERE d.day = ")
        .bind(day);
        let statement = filter::entities(statement, " AND d.entity", self.asked);
        self.database.fetch_one(statement).await?.get(0)
    }

    async fn count(&self, day: i64, span: Span) -> Result<i64, StoreFailure> {
        let statement = Statement::new("SELECT COUNT(*) FROM ");
        self.database
            .fetch_one(self.events_of(statement, day, span))
            .await?
            .get(0)
    }

    async fn read(
        &self,
        day: i64,
        span: Span,
        rows: usize,
        skip: i64,
        found: &mut Vec<Change>,
    ) -> Result<(), StoreFailure> {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let statement = self.events_of(Statement::new(SELECT), day, span);
        let statement = statement.push(ORDER).bind(rows).push(" OFFSET ").bind(skip);
        self.fetch(statement.push(BEFORE), found).await
    }

    /// The events of a day within a span, as a source of rows `e`. CROSS JOIN: the days first, then a range of the table for each.
    fn events_of(&self, statement: Statement, day: i64, span: Span) -> Statement {
        let statement = statement
            .push("event_days d CROSS JOIN events e ON e.entity = d.entity AND e.last_updated_us BETWEEN ")
            .bind(span.start)
            .push(" AND ")
            .bind(span.end)
            .push(" WHERE d.day = ")
            .bind(day);
        let statement = filter::entities(statement, " AND d.entity", self.asked);
        after(statement, self.asked.cursor)
    }

    /// One entity is one range, whatever the days.
    async fn one_entity(
        &self,
        span: Span,
        rows: u32,
        skip: u32,
    ) -> Result<Vec<Change>, StoreFailure> {
        let statement = Statement::new(SELECT)
            .push("events e WHERE e.last_updated_us BETWEEN ")
            .bind(span.start)
            .push(" AND ")
            .bind(span.end);
        let statement = filter::entities(statement, " AND e.entity", self.asked);
        let statement = after(statement, self.asked.cursor);
        let statement = statement.push(ORDER).bind(rows).push(" OFFSET ").bind(skip);
        let mut found = Vec::new();
        self.fetch(statement.push(BEFORE), &mut found).await?;
        Ok(found)
    }

    async fn fetch(
        &self,
        statement: Statement,
        found: &mut Vec<Change>,
    ) -> Result<(), StoreFailure> {
        for row in self.database.fetch_all(statement).await? {
            found.push(Change::read(&row)?);
        }
        Ok(())
    }
}

fn after(statement: Statement, cursor: Option<Cursor>) -> Statement {
    match cursor {
        Some(cursor) => statement
            .push(" AND (e.last_updated_us, e.entity) < (")
            .list([cursor.last_updated_us, cursor.entity])
            .push(")"),
        None => statement,
    }
}
