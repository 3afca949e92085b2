//! Analyses that are over.

use common::instant::UtcMicros;
use database::failure::StoreFailure;
use database::{Engine, Statement, Transaction};

use super::{NewMessage, RunRecord, Store, outbox};

/// Runs that are remembered.
const KEPT: i64 = 1_000;

const INSERT: &str = "INSERT INTO analysis_runs (cause, started_at, ended_at, status, patterns_found, patterns_new, \
     patterns_changed, patterns_gone, errors, report) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const FORGET: &str = "DELETE FROM analysis_runs WHERE id NOT IN (SELECT id FROM analysis_runs ORDER BY id DESC LIMIT $1)";
const LAST: &str = "SELECT * FROM analysis_runs ORDER BY id DESC LIMIT 1";
impl Store {
    /// Keeps a run that found nothing because it failed, and what is to be told of it.
    pub async fn keep_failed_run(
        &self,
        run: &RunRecord,
        messages: &[NewMessage],
    ) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        keep(&mut transaction, run).await?;
        let dropped = outbox::post(&mut transaction, messages, run.ended_at).await?;
        transaction.commit().await?;
        dropped.count_and_log();
        self.signals.posted.notify_one();
        self.signals.changed.notify_one();
        Ok(())
    }

    /// The newest run.
    pub async fn last_run(&self) -> Result<Option<RunRecord>, StoreFailure> {
        let Some(row) = self.database.fetch_optional(LAST).await? else {
            return Ok(None);
        };
        let instant = |micros: i64| UtcMicros::new(micros).unwrap_or_default();
        let number = |column: &str| -> Result<u32, StoreFailure> {
            Ok(u32::try_from(row.count(column)?).unwrap_or(u32::MAX))
        };
        Ok(Some(RunRecord {
            cause: row.get("cause")?,
            started_at: instant(row.get("started_at")?),
            ended_at: instant(row.get("ended_at")?),
            status: row.get("status")?,
            patterns_found: number("patterns_found")?,
            patterns_new: number("patterns_new")?,
            patterns_changed: number("patterns_changed")?,
            patterns_gone: number("patterns_gone")?,
            errors: serde_json::from_str(&row.get::<String>("errors")?).unwrap_or_default(),
            report: serde_json::from_str(&row.get::<String>("report")?).unwrap_or_default(),
        }))
    }

    /// Whether any completed run had at least so many days to look at.
    pub async fn has_looked_at(&self, days: u32) -> Result<bool, StoreFailure> {
        let text = match &self.database.engine {
            Engine::Sqlite(_) => {
                "SELECT COUNT(*) FROM analysis_runs WHERE status = 'completed' AND report ->> 'days' >= $1"
            }
            Engine::Postgres(_) => {
                "SELECT COUNT(*) FROM analysis_runs WHERE status = 'completed' AND CAST(report AS json) ->> 'days' IS NOT NULL \
                 AND CAST(CAST(report AS json) ->> 'days' AS BIGINT) >= $1"
            }
        };
        let row = self
            .database
            .fetch_one(Statement::with(text, [days.into()]))
            .await?;
        Ok(row.count(0)? > 0)
    }
}

pub(super) async fn keep(
    transaction: &mut Transaction,
    run: &RunRecord,
) -> Result<(), StoreFailure> {
    let errors = serde_json::to_string(&run.errors).expect("texts are JSON");
    let values = [
        (&run.cause).into(),
        run.started_at.get().into(),
        run.ended_at.get().into(),
        (&run.status).into(),
        run.patterns_found.into(),
        run.patterns_new.into(),
        run.patterns_changed.into(),
        run.patterns_gone.into(),
        errors.into(),
        run.report.to_string().into(),
    ];
    transaction.execute(Statement::with(INSERT, values)).await?;
    transaction
        .execute(Statement::with(FORGET, [KEPT.into()]))
        .await?;
    Ok(())
}
