//! Spans of time from which events may be missing.

use common::api::gaps::{Gap, GapClosure, GapReason};
use common::instant::UtcMicros;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, QueryBuilder, Row, query};

use super::{Store, row};
use crate::store::StoreFailure;

/// Which gaps to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct GapFilter {
    /// Gaps that end at or after this instant.
    pub start: Option<UtcMicros>,
    /// Gaps that begin at or before this instant.
    pub end: Option<UtcMicros>,
    /// Only those that are not closed.
    pub open_only: bool,
    /// Rows to read.
    pub limit: u32,
}

impl Store {
    /// Writes gaps, in one transaction; a known one (same start and reason) is replaced.
    pub async fn upsert_gaps(&self, gaps: &[Gap], now: UtcMicros) -> Result<(), StoreFailure> {
        let mut writer = self.sqlite().writer.acquire().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        for gap in gaps {
            query(
                "INSERT INTO gaps (start_us, end_us, reason, closed_by, rows, recorded_us) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (start_us, reason) DO UPDATE SET end_us = excluded.end_us, closed_by = excluded.closed_by, \
                 rows = excluded.rows",
            )
            .bind(gap.start.get())
            .bind(gap.end.get())
            .bind(gap.reason.as_str())
            .bind(gap.closed_by.map(GapClosure::as_str))
            .bind(gap.rows.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX)))
            .bind(now.get())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Gaps, latest first.
    pub async fn gaps(&self, asked: GapFilter) -> Result<Vec<Gap>, StoreFailure> {
        let mut sql = QueryBuilder::new(
            "SELECT start_us, end_us, reason, closed_by, rows FROM gaps WHERE true",
        );
        if let Some(start) = asked.start {
            sql.push(" AND end_us >= ").push_bind(start.get());
        }
        if let Some(end) = asked.end {
            sql.push(" AND start_us <= ").push_bind(end.get());
        }
        if asked.open_only {
            sql.push(" AND closed_by IS NULL");
        }
        sql.push(" ORDER BY end_us DESC, id DESC LIMIT ")
            .push_bind(i64::from(asked.limit));
        let rows = sql.build().fetch_all(&self.sqlite().readers).await?;
        Ok(rows.iter().map(gap).collect::<Result<_, _>>()?)
    }
}

fn gap(row: &SqliteRow) -> Result<Gap, sqlx::Error> {
    let unknown =
        |word: &str| sqlx::Error::Decode(format!("'{word}' is not known by this version").into());
    let reason: String = row.try_get("reason")?;
    let closed_by: Option<String> = row.try_get("closed_by")?;
    let reasons = [
        GapReason::Disconnected,
        GapReason::NotRunning,
        GapReason::BufferFull,
        GapReason::SpoolFull,
        GapReason::SpoolDamaged,
        GapReason::Unreadable,
    ];
    let closures = [GapClosure::Backfill, GapClosure::Unrecoverable];
    Ok(Gap {
        start: row::instant_or_default(row, "start_us")?,
        end: row::instant_or_default(row, "end_us")?,
        reason: reasons
            .into_iter()
            .find(|known| known.as_str() == reason)
            .ok_or_else(|| unknown(&reason))?,
        closed_by: match closed_by {
            Some(word) => Some(
                closures
                    .into_iter()
                    .find(|known| known.as_str() == word)
                    .ok_or_else(|| unknown(&word))?,
            ),
            None => None,
        },
        rows: row
            .try_get::<Option<i64>, _>("rows")?
            .map(i64::unsigned_abs),
    })
}
