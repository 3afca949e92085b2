//! Habits, and what is known of them.

use common::instant::UtcMicros;
use common::pattern::Pattern;
use database::failure::StoreFailure;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, Transaction};

use super::Store;
use crate::ledger::{Known, News};
use crate::store::{PatternFilter, RunRecord, StoredPattern, Trend};

/// Runs over which a trend is told.
const TREND_RUNS: i64 = 7;
/// Runs of history that are kept for each habit.
const HISTORY_RUNS: i64 = 400;

const KNOWN: &str = "SELECT pattern_metadata, missed_runs, deprecated FROM patterns ORDER BY id";
const LISTED: &str = "SELECT id, pattern_metadata, created_at, updated_at, trend_direction, trend_strength, \
     confidence_history_count, deprecated, told_at FROM patterns WHERE 1 = 1";
const UPSERT: &str = "INSERT INTO patterns (pattern_key, pattern_type, device_id, pattern_metadata, confidence, \
     occurrences, created_at, updated_at, first_seen, last_seen, confidence_history_count) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, 1) \
     ON CONFLICT (pattern_key) DO UPDATE SET pattern_type = excluded.pattern_type, device_id = excluded.device_id, \
     pattern_metadata = excluded.pattern_metadata, confidence = excluded.confidence, \
     occurrences = excluded.occurrences, updated_at = excluded.updated_at, \
     first_seen = MIN(first_seen, excluded.first_seen), last_seen = MAX(last_seen, excluded.last_seen), \
     confidence_history_count = confidence_history_count + 1, missed_runs = 0, deprecated = 0, deprecated_at = NULL, \
     told_at = CASE WHEN deprecated = 1 THEN NULL ELSE told_at END \
     RETURNING id";
const REMEMBER: &str = "INSERT INTO pattern_history (pattern_id, confidence, occurrences, recorded_at) VALUES ($1, $2, $3, $4)";
const OLDEST_OF_TREND: &str = "SELECT confidence FROM (SELECT confidence, recorded_at FROM pattern_history \
     WHERE pattern_id = $1 ORDER BY recorded_at DESC LIMIT $2) ORDER BY recorded_at LIMIT 1";
const SET_TREND: &str =
    "UPDATE patterns SET trend_direction = $2, trend_strength = $3 WHERE id = $1";
const FORGET_OLD: &str = "DELETE FROM pattern_history WHERE pattern_id = $1 AND id NOT IN \
     (SELECT id FROM pattern_history WHERE pattern_id = $1 ORDER BY recorded_at DESC LIMIT $2)";
const MISS: &str = "UPDATE patterns SET missed_runs = missed_runs + 1, updated_at = $2, \
     deprecated = CASE WHEN $3 THEN 1 ELSE deprecated END, deprecated_at = CASE WHEN $3 THEN $2 ELSE deprecated_at END \
     WHERE pattern_key = $1";
const UNTOLD: &str = "SELECT pattern_metadata FROM patterns WHERE told_at IS NULL AND deprecated = 0 ORDER BY confidence DESC, id LIMIT $1";
const MARK_TOLD: &str =
    "UPDATE patterns SET told_at = $2 WHERE pattern_key = $1 AND told_at IS NULL";

impl Store {
    /// Every habit that was ever found, gone or not.
    pub async fn known(&self) -> Result<Vec<Known>, StoreFailure> {
        let rows = sqlx::query(KNOWN).fetch_all(&self.database.readers).await?;
        let known = rows.iter().map(|row| {
            Ok(Known {
                pattern: metadata(row)?,
                missed_runs: row.try_get::<u32, _>("missed_runs")?,
                gone: row.try_get::<bool, _>("deprecated")?,
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
        let mut transaction = self.database.writer.begin().await?;
        let now = run.ended_at;
        for &(pattern, news) in lines {
            match news {
                News::New | News::Revived | News::Changed | News::Same => {
                    keep(&mut transaction, pattern, now).await?;
                }
                News::Missed | News::Gone => {
                    let miss = sqlx::query(MISS)
                        .bind(&pattern.id)
                        .bind(now.get())
                        .bind(news == News::Gone);
                    miss.execute(&mut *transaction).await?;
                }
            }
        }
        super::runs::keep(&mut transaction, run).await?;
        Ok(transaction.commit().await?)
    }

    /// Habits, surest first.
    pub async fn patterns(
        &self,
        asked: &PatternFilter,
    ) -> Result<Vec<StoredPattern>, StoreFailure> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(LISTED);
        if let Some(kind) = &asked.pattern_type {
            query.push(" AND pattern_type = ").push_bind(kind.clone());
        }
        if let Some(device) = &asked.device_id {
            query.push(" AND device_id = ").push_bind(device.clone());
        }
        if let Some(least) = asked.min_confidence {
            query.push(" AND confidence >= ").push_bind(least);
        }
        if let Some(since) = asked.seen_since {
            query.push(" AND last_seen >= ").push_bind(since.get());
        }
        if !asked.include_gone {
            query.push(" AND deprecated = 0");
        }
        query
            .push(" ORDER BY confidence DESC, id LIMIT ")
            .push_bind(asked.limit);
        let rows = query.build().fetch_all(&self.database.readers).await?;
        rows.iter().map(stored).collect()
    }

    /// Habits that are alive and that nobody was told of, surest first.
    pub async fn untold(&self, limit: u32) -> Result<Vec<Pattern>, StoreFailure> {
        let rows = sqlx::query(UNTOLD)
            .bind(limit)
            .fetch_all(&self.database.readers)
            .await?;
        rows.iter().map(metadata).collect()
    }

    /// Remembers that the message about a habit has arrived.
    pub async fn mark_told(&self, id: &str, at: UtcMicros) -> Result<(), StoreFailure> {
        sqlx::query(MARK_TOLD)
            .bind(id)
            .bind(at.get())
            .execute(&self.database.writer)
            .await?;
        Ok(())
    }
}

async fn keep(
    transaction: &mut Transaction<'_, Sqlite>,
    pattern: &Pattern,
    now: UtcMicros,
) -> Result<(), StoreFailure> {
    let json = serde_json::to_string(pattern).expect("a habit is texts and numbers");
    let row = sqlx::query(UPSERT)
        .bind(&pattern.id)
        .bind(pattern.kind.as_str())
        .bind(device_id(pattern))
        .bind(json)
        .bind(pattern.confidence)
        .bind(pattern.days_seen)
        .bind(now.get())
        .bind(pattern.first_seen.get())
        .bind(pattern.last_seen.get())
        .fetch_one(&mut **transaction)
        .await?;
    let number: i64 = row.try_get(0)?;
    let remember = sqlx::query(REMEMBER)
        .bind(number)
        .bind(pattern.confidence)
        .bind(pattern.days_seen)
        .bind(now.get());
    remember.execute(&mut **transaction).await?;
    let oldest: f64 = sqlx::query(OLDEST_OF_TREND)
        .bind(number)
        .bind(TREND_RUNS)
        .fetch_one(&mut **transaction)
        .await?
        .try_get(0)?;
    let change = ((pattern.confidence - oldest) * 1000.0).round() / 1000.0;
    let trend = sqlx::query(SET_TREND)
        .bind(number)
        .bind(Trend::of(change).as_str())
        .bind(change);
    trend.execute(&mut **transaction).await?;
    sqlx::query(FORGET_OLD)
        .bind(number)
        .bind(HISTORY_RUNS)
        .execute(&mut **transaction)
        .await?;
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

fn metadata(row: &SqliteRow) -> Result<Pattern, StoreFailure> {
    let json: String = row.try_get("pattern_metadata")?;
    serde_json::from_str(&json)
        .map_err(|error| StoreFailure::Statement(sqlx::Error::Decode(error.into())))
}

fn stored(row: &SqliteRow) -> Result<StoredPattern, StoreFailure> {
    let instant = |micros: i64| UtcMicros::new(micros).unwrap_or_default();
    Ok(StoredPattern {
        number: row.try_get("id")?,
        pattern: metadata(row)?,
        created_at: instant(row.try_get("created_at")?),
        updated_at: instant(row.try_get("updated_at")?),
        trend: Trend::from_word(row.try_get("trend_direction")?),
        trend_strength: row.try_get("trend_strength")?,
        history_count: row.try_get("confidence_history_count")?,
        gone: row.try_get("deprecated")?,
        told_at: row.try_get::<Option<i64>, _>("told_at")?.map(instant),
    })
}
