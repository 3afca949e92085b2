//! Analyses that are over.

use common::instant::UtcMicros;
use database::failure::StoreFailure;
use sqlx::{Row, Sqlite, Transaction};

use super::Store;
use crate::store::RunRecord;

/// Runs that are remembered.
const KEPT: i64 = 1_000;

const INSERT: &str = "INSERT INTO analysis_runs (cause, started_at, ended_at, status, patterns_found, patterns_new, \
     patterns_changed, patterns_gone, errors, report) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const FORGET: &str = "DELETE FROM analysis_runs WHERE id NOT IN (SELECT id FROM analysis_runs ORDER BY id DESC LIMIT $1)";
const LAST: &str = "SELECT * FROM analysis_runs ORDER BY id DESC LIMIT 1";
const LOOKED_AT: &str = "SELECT EXISTS (SELECT 1 FROM analysis_runs WHERE status = 'completed' \
     AND json_extract(report, '$.days') >= $1)";

impl Store {
    /// Keeps a run that found nothing because it failed.
    pub async fn keep_failed_run(&self, run: &RunRecord) -> Result<(), StoreFailure> {
        let mut transaction = self.database.writer.begin().await?;
        keep(&mut transaction, run).await?;
        Ok(transaction.commit().await?)
    }

    /// The newest run.
    pub async fn last_run(&self) -> Result<Option<RunRecord>, StoreFailure> {
        let Some(row) = sqlx::query(LAST)
            .fetch_optional(&self.database.readers)
            .await?
        else {
            return Ok(None);
        };
        let instant = |micros: i64| UtcMicros::new(micros).unwrap_or_default();
        Ok(Some(RunRecord {
            cause: row.try_get("cause")?,
            started_at: instant(row.try_get("started_at")?),
            ended_at: instant(row.try_get("ended_at")?),
            status: row.try_get("status")?,
            patterns_found: row.try_get("patterns_found")?,
            patterns_new: row.try_get("patterns_new")?,
            patterns_changed: row.try_get("patterns_changed")?,
            patterns_gone: row.try_get("patterns_gone")?,
            errors: serde_json::from_str(row.try_get("errors")?).unwrap_or_default(),
            report: serde_json::from_str(row.try_get("report")?).unwrap_or_default(),
        }))
    }

    /// Whether any completed run had at least so many days to look at.
    pub async fn has_looked_at(&self, days: u32) -> Result<bool, StoreFailure> {
        Ok(sqlx::query(LOOKED_AT)
            .bind(days)
            .fetch_one(&self.database.readers)
            .await?
            .try_get(0)?)
    }
}

pub(super) async fn keep(
    transaction: &mut Transaction<'_, Sqlite>,
    run: &RunRecord,
) -> Result<(), StoreFailure> {
    let errors = serde_json::to_string(&run.errors).expect("texts are JSON");
    sqlx::query(INSERT)
        .bind(&run.cause)
        .bind(run.started_at.get())
        .bind(run.ended_at.get())
        .bind(&run.status)
        .bind(run.patterns_found)
        .bind(run.patterns_new)
        .bind(run.patterns_changed)
        .bind(run.patterns_gone)
        .bind(errors)
        .bind(run.report.to_string())
        .execute(&mut **transaction)
        .await?;
    sqlx::query(FORGET)
        .bind(KEPT)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
