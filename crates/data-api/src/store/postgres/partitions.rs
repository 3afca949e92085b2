//! The months of `events`: a partition for each, made when its first event comes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use sqlx::postgres::PgConnection;
use sqlx::{Postgres, QueryBuilder};

use crate::store::StoreFailure;

/// Months that are known to have a partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partitions(Arc<Mutex<BTreeSet<Date>>>);

impl Partitions {
    /// Makes the partitions that events of these instants need.
    pub(crate) async fn make(
        &self,
        connection: &mut PgConnection,
        instants: impl Iterator<Item = i64>,
    ) -> Result<(), StoreFailure> {
        let wanted: BTreeSet<Date> = instants.filter_map(month_of).collect();
        let missing: Vec<Date> = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.difference(&known).copied().collect()
        };
        // Whoever has made `events` in another way (docs/SCALING.md) has seen to where its rows go.
        if missing.is_empty() || !is_partitioned(connection).await? {
            return Ok(());
        }
        for month in missing {
            let Some((start, end)) = bounds(month) else {
                continue;
            };
            let mut sql = QueryBuilder::<Postgres>::new("CREATE TABLE IF NOT EXISTS ");
            sql.push(format_args!(
                "events_{:04}_{:02}",
                month.year(),
                month.month()
            ))
            .push(format_args!(
                " PARTITION OF events FOR VALUES FROM ({start}) TO ({end})"
            ));
            sql.build()
                .persistent(false)
                .execute(&mut *connection)
                .await?;
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(month);
        }
        Ok(())
    }

    /// After a transaction that was rolled back: what it made is not there.
    pub(crate) fn forget(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

async fn is_partitioned(connection: &mut PgConnection) -> Result<bool, StoreFailure> {
    Ok(
        sqlx::query_scalar("SELECT relkind = 'p' FROM pg_class WHERE oid = 'events'::regclass")
            .fetch_one(connection)
            .await?,
    )
}

/// The first day of the month of an instant, in UTC.
fn month_of(micros: i64) -> Option<Date> {
    let at = Timestamp::from_microsecond(micros).ok()?;
    Some(at.to_zoned(TimeZone::UTC).date().first_of_month())
}

/// From when to when a month lasts, in microseconds; the end is outside.
fn bounds(month: Date) -> Option<(i64, i64)> {
    let start = |day: Date| {
        let at = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(at.as_microsecond())
    };
    Some((start(month)?, start(month.checked_add(1.month()).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_meet_without_a_hole() {
        let month = month_of(1_795_428_090_000_000).unwrap();
        assert_eq!(month.to_string(), "2026-11-01");
        let (start, end) = bounds(month).unwrap();
        assert_eq!(month_of(start), Some(month));
        assert_eq!(month_of(end - 1), Some(month));
        assert_eq!(month_of(end).unwrap().to_string(), "2026-12-01");
        assert_eq!(bounds(month_of(end).unwrap()).unwrap().0, end);
    }
}
