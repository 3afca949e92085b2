//! Habits, and what is known of them.

use common::instant::UtcMicros;
use common::pattern::Pattern;
use database::failure::StoreFailure;
use database::{Row, Statement, Transaction};

use super::{PatternFilter, RunRecord, Store, StoredPattern, Trend, runs};
use crate::ledger::{Known, News};

/// Runs over which a trend is told.
const TREND_RUNS: i64 = 7;
/// Runs of history that are kept for each habit.
const HISTORY_RUNS: i64 = 400;

const KNOWN: &str = "SELECT pattern_metadata, missed_runs, deprecated FROM patterns ORDER BY id";
const LISTED: &str = "SELECT id, pattern_metadata, created_at, updated_at, trend_direction, trend_strength, \
     confidence_history_count, deprecated, told_at FROM patterns WHERE TRUE";
const UPSERT: &str = "INSERT INTO patterns (pattern_key, pattern_type, device_id, pattern_metadata, confidence, \
     occurrences, created_at, updated_at, first_seen, last_seen, confidence_history_count) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, 1) \
     ON CONFLICT (pattern_key) DO UPDATE SET pattern_type = excluded.pattern_type, device_id = excluded.device_id, \
     pattern_metadata = excluded.pattern_metadata, confidence = excluded.confidence, \
     occurrences = excluded.occurrences, updated_at = excluded.updated_at, \
     first_seen = CASE WHEN excluded.first_seen < patterns.first_seen THEN excluded.first_seen ELSE patterns.first_seen END, \
     last_seen = CASE WHEN excluded.last_seen > patterns.last_seen THEN excluded.last_seen ELSE patterns.last_seen END, \
     confidence_history_count = patterns.confidence_history_count + 1, missed_runs = 0, deprecated = FALSE, deprecated_at = NULL, \
     told_at = CASE WHEN patterns.deprecated THEN NULL ELSE patterns.told_at END \
     RETURNING id";
const REMEMBER: &str = "INSERT INTO pattern_history (pattern_id, confidence, occurrences, recorded_at) VALUES ($1, $2, $3, $4)";
const OLDEST_OF_TREND: &str = "SELECT confidence FROM (SELECT confidence, recorded_at FROM pattern_history \
     WHERE pattern_id = $1 ORDER BY recorded_at DESC LIMIT $2) AS newest ORDER BY recorded_at LIMIT 1";
const SET_TREND: &str =
    "UPDATE patterns SET trend_direction = $2, trend_strength = $3 WHERE id = $1";
const FORGET_OLD: &str = "DELETE FROM pattern_history WHERE pattern_id = $1 AND id NOT IN \
     (SELECT id FROM pattern_history WHERE pattern_id = $1 ORDER BY recorded_at DESC LIMIT $2)";
const MISS: &str = "UPDATE patterns SET missed_runs = missed_runs + 1, updated_at = $2, deprecated = deprecated OR $3, \
     deprecated_at = CASE WHEN $3 THEN $2 ELSE deprecated_at END WHERE pattern_key = $1";
const UNTOLD: &str = "SELECT pattern_metadata FROM patterns WHERE told_at IS NULL AND NOT deprecated ORDER BY confidence DESC, id LIMIT $1";
const MARK_TOLD: &str =
    "UPDATE patterns SET told_at = $2 WHERE pattern_key = $1 AND told_at IS NULL";

impl Store {
    /// Every habit that was ever found, gone or not.
    pub async fn known(&self) -> Result<Vec<Known>, StoreFailure> {
        let rows = self.database.fetch_all(KNOWN).await?;
        let known = rows.iter().map(|row| {
            Ok(Known {
                pattern: metadata(row)?,
                missed_runs: u32::try_from(row.count("missed_runs")?).unwrap_or(u32::MAX),
                gone: row.get("deprecated")?,
            })
        });
        known.collect()
    }

    /// Keeps what a run found, and the run itself, in one transaction.
    pub async fn keep_run(
        &self,
        lines: &[(&Pattern, News)],
        run: &RunRecord,
    ) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let now = run.ended_at;
        for &(pattern, news) in lines {
            match news {
                News::New | News::Revived | News::Changed | News::Same => {
                    keep(&mut transaction, pattern, now).await?;
                }
                News::Missed | News::Gone => {
                    let is_gone = news == News::Gone;
                    let values = [(&pattern.id).into(), now.get().into(), is_gone.into()];
                    transaction.execute(Statement::with(MISS, values)).await?;
                }
            }
        }
        runs::keep(&mut transaction, run).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Habits, surest first.
    pub async fn patterns(
        &self,
        asked: &PatternFilter,
    ) -> Result<Vec<StoredPattern>, StoreFailure> {
        let mut statement = Statement::new(LISTED)
            .bind_some(" AND pattern_type = ", asked.pattern_type.as_ref())
            .bind_some(" AND device_id = ", asked.device_id.as_ref())
            .bind_some(" AND confidence >= ", asked.min_confidence)
            .bind_some(" AND last_seen >= ", asked.seen_since.map(UtcMicros::get));
        if !asked.include_gone {
            statement = statement.push(" AND NOT deprecated");
        }
        let statement = statement
            .push(" ORDER BY confidence DESC, id LIMIT ")
            .bind(asked.limit);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(stored).collect()
    }

    /// Habits that are alive and that nobody was told of, surest first.
    pub async fn untold(&self, limit: u32) -> Result<Vec<Pattern>, StoreFailure> {
        let statement = Statement::with(UNTOLD, [limit.into()]);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(metadata).collect()
    }

    /// Remembers that the message about a habit has arrived.
    pub async fn mark_told(&self, id: &str, at: UtcMicros) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let statement = Statement::with(MARK_TOLD, [id.into(), at.get().into()]);
        transaction.execute(statement).await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn keep(
    transaction: &mut Transaction,
    pattern: &Pattern,
    now: UtcMicros,
) -> Result<(), StoreFailure> {
    let json = serde_json::to_string(pattern).expect("a habit is texts and numbers");
    let upsert = Statement::with(
        UPSERT,
        [
            (&pattern.id).into(),
            pattern.kind.as_str().into(),
            device_id(pattern).into(),
            json.into(),
            pattern.confidence.into(),
            pattern.days_seen.into(),
            now.get().into(),
            pattern.first_seen.get().into(),
            pattern.last_seen.get().into(),
        ],
    );
    let number: i64 = transaction.fetch_one(upsert).await?.get(0)?;
    let remember = [
        number.into(),
        pattern.confidence.into(),
        pattern.days_seen.into(),
        now.get().into(),
    ];
    transaction
        .execute(Statement::with(REMEMBER, remember))
        .await?;
    let oldest = Statement::with(OLDEST_OF_TREND, [number.into(), TREND_RUNS.into()]);
    let oldest: f64 = transaction.fetch_one(oldest).await?.get(0)?;
    let change = ((pattern.confidence - oldest) * 1000.0).round() / 1000.0;
    let trend = [
        number.into(),
        Trend::of(change).as_str().into(),
        change.into(),
    ];
    transaction
        .execute(Statement::with(SET_TREND, trend))
        .await?;
    let forget = Statement::with(FORGET_OLD, [number.into(), HISTORY_RUNS.into()]);
    transaction.execute(forget).await?;
    Ok(())
}

/// Entity ids in order, joined by `+`, as the replaced service wrote them.
fn device_id(pattern: &Pattern) -> String {
    pattern
        .entities
        .iter()
        .map(common::entity::EntityId::as_str)
        .collect::<Vec<_>>()
        .join("+")
}

fn metadata(row: &Row) -> Result<Pattern, StoreFailure> {
    let json: String = row.get("pattern_metadata")?;
    serde_json::from_str(&json)
        .map_err(|error| StoreFailure::Statement(sqlx::Error::Decode(error.into())))
}

fn stored(row: &Row) -> Result<StoredPattern, StoreFailure> {
    let instant = |micros: i64| UtcMicros::new(micros).unwrap_or_default();
    Ok(StoredPattern {
        number: row.get("id")?,
        pattern: metadata(row)?,
        created_at: instant(row.get("created_at")?),
        updated_at: instant(row.get("updated_at")?),
        trend: Trend::from_word(&row.get::<String>("trend_direction")?),
        trend_strength: row.get("trend_strength")?,
        history_count: row.get("confidence_history_count")?,
        gone: row.get("deprecated")?,
        told_at: row.get::<Option<i64>>("told_at")?.map(instant),
    })
}
