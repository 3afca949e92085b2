//! Spans of time from which events may be missing.

use common::api::gaps::{Gap, GapClosure, GapReason};
use common::instant::UtcMicros;
use database::{Row, Statement};

use super::{Store, StoreFailure, row};

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
        let mut transaction = self.database.write().await?;
        for gap in gaps {
            transaction
                .execute(Statement::with(
                    "INSERT INTO gaps (start_us, end_us, reason, closed_by, rows, recorded_us) VALUES ($1, $2, $3, $4, $5, $6) \
                     ON CONFLICT (start_us, reason) DO UPDATE SET end_us = excluded.end_us, closed_by = excluded.closed_by, \
                     rows = excluded.rows",
                    [
                        gap.start.get().into(),
                        gap.end.get().into(),
                        gap.reason.as_str().into(),
                        gap.closed_by.map(GapClosure::as_str).into(),
                        gap.rows
                            .map(|rows| i64::try_from(rows).unwrap_or(i64::MAX))
                            .into(),
                        now.get().into(),
                    ],
                ))
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Gaps, latest first.
    pub async fn gaps(&self, asked: GapFilter) -> Result<Vec<Gap>, StoreFailure> {
        let mut statement =
            Statement::new("SELECT start_us, end_us, reason, closed_by, rows FROM gaps WHERE true")
                .bind_some(" AND end_us >= ", asked.start.map(UtcMicros::get))
                .bind_some(" AND start_us <= ", asked.end.map(UtcMicros::get));
        if asked.open_only {
            statement = statement.push(" AND closed_by IS NULL");
        }
        let statement = statement
            .push(" ORDER BY end_us DESC, id DESC LIMIT ")
            .bind(asked.limit);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(gap).collect()
    }
}

fn gap(row: &Row) -> Result<Gap, StoreFailure> {
    let unknown =
        |word: &str| sqlx::Error::Decode(format!("'{word}' is not known by this version").into());
    let reason: String = row.get("reason")?;
    let closed_by: Option<String> = row.get("closed_by")?;
    let reasons = [
        GapReason::Disconnected,
        GapReason::NotRunning,
        GapReason::BufferFull,
        GapReason::SpoolFull,
        GapReason::SpoolDamaged,
        GapReason::Unreadable,
        GapReason::Damaged,
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
        rows: row.get::<Option<i64>>("rows")?.map(i64::unsigned_abs),
    })
}
