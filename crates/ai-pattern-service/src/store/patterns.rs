//! Habits, and what is known of them.

use common::instant::UtcMicros;
use database::failure::StoreFailure;
use database::{Row, Statement, Transaction};
use pattern_mining::pattern::{Instants, Pattern, Status};

use super::{
    HabitAutomation, NewMessage, PatternFilter, RunRecord, Store, StoredPattern, Trend, outbox,
    runs,
};
use crate::ledger::{Feedback, Known, News};

/// Runs over which a trend is told.
const TREND_RUNS: i64 = 7;
/// Runs of history that are kept for each habit.
const HISTORY_RUNS: i64 = 400;

const KNOWN: &str = "SELECT pattern_metadata, missed_runs, deprecated, feedback, later_until, told_at FROM patterns ORDER BY id";
const LISTED: &str = "SELECT id, pattern_metadata, created_at, updated_at, trend_direction, trend_strength, \
     confidence_history_count, deprecated, told_at, feedback, later_until, rating, covered_by, contradicted_by, effect_rating, \
     (SELECT automation_id FROM pattern_automations WHERE pattern_id = patterns.id) AS automation_id, \
     (SELECT entity_id FROM pattern_automations WHERE pattern_id = patterns.id) AS automation_entity, \
     (SELECT fired FROM pattern_automations WHERE pattern_id = patterns.id) AS fired, \
     (SELECT undone FROM pattern_automations WHERE pattern_id = patterns.id) AS undone FROM patterns WHERE TRUE";
/// A rating of 3 leaves the rank as the confidence has it; each star more or less moves it by a tenth; so do the stars that follow from
/// how often people take back what its automation did. What was accepted comes first among equals.
const RANK: &str = " ORDER BY confidence + 0.1 * (COALESCE(rating, 3) - 3 + COALESCE(effect_rating, 3) - 3) DESC, CASE feedback WHEN 'accept' THEN 0 ELSE 1 END, id LIMIT ";
const UPSERT: &str = "INSERT INTO patterns (pattern_key, pattern_type, device_id, pattern_metadata, confidence, \
     occurrences, created_at, updated_at, first_seen, last_seen, confidence_history_count, status, evidence, deprecated, deprecated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, 1, $10, $11, $12, CASE WHEN $12 THEN $7 END) \
     ON CONFLICT (pattern_key) DO UPDATE SET pattern_type = excluded.pattern_type, device_id = excluded.device_id, \
     pattern_metadata = excluded.pattern_metadata, confidence = excluded.confidence, \
     occurrences = excluded.occurrences, updated_at = excluded.updated_at, \
     first_seen = CASE WHEN excluded.first_seen < patterns.first_seen THEN excluded.first_seen ELSE patterns.first_seen END, \
     last_seen = CASE WHEN excluded.last_seen > patterns.last_seen THEN excluded.last_seen ELSE patterns.last_seen END, \
     confidence_history_count = patterns.confidence_history_count + 1, missed_runs = 0, \
     status = excluded.status, evidence = excluded.evidence, \
     told_at = CASE WHEN patterns.deprecated AND NOT excluded.deprecated THEN NULL ELSE patterns.told_at END, \
     deprecated_at = CASE WHEN NOT excluded.deprecated THEN NULL WHEN patterns.deprecated THEN patterns.deprecated_at \
     ELSE excluded.deprecated_at END, deprecated = excluded.deprecated \
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
const UNTOLD: &str = "SELECT pattern_metadata FROM patterns WHERE told_at IS NULL AND NOT deprecated AND covered_by IS NULL \
     AND COALESCE(feedback, '') <> 'dismiss' ORDER BY confidence DESC, id LIMIT $1";

impl Store {
    /// Every habit that was ever found, gone or not.
    pub async fn known(&self) -> Result<Vec<Known>, StoreFailure> {
        let rows = self.database.fetch_all(KNOWN).await?;
        let known = rows.iter().map(|row| {
            Ok(Known {
                pattern: metadata(row)?,
                missed_runs: u32::try_from(row.count("missed_runs")?).unwrap_or(u32::MAX),
                gone: row.get("deprecated")?,
                feedback: feedback(row)?,
                later_until: later_until(row)?,
                told: row.get::<Option<i64>>("told_at")?.is_some(),
            })
        });
        known.collect()
    }

    /// Keeps what a run found, the run itself, and what is to be told of it, in one transaction.
    pub async fn keep_run(
        &self,
        lines: &[(&Pattern, News)],
        run: &RunRecord,
        messages: &[NewMessage],
    ) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let now = run.ended_at;
        for &(pattern, news) in lines {
            match news {
                News::New | News::Revived | News::Changed | News::Same | News::Past => {
                    keep(&mut transaction, pattern, now).await?;
                }
                News::Gone if pattern.status == Status::Stopped => {
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
        let dropped = outbox::post(&mut transaction, messages, now).await?;
        transaction.commit().await?;
        dropped.count_and_log();
        self.signals.posted.notify_one();
        self.habits_changed();
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
            statement = statement
                .push(" AND NOT deprecated AND COALESCE(feedback, '') <> 'dismiss' AND COALESCE(later_until, 0) <= ")
                .bind(asked.now.get());
        }
        let statement = statement.push(RANK).bind(asked.limit);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(stored).collect()
    }

    /// One habit, by its key or by the number of its row.
    pub async fn pattern(&self, id: &str) -> Result<Option<StoredPattern>, StoreFailure> {
        let statement = Statement::new(LISTED).push(" AND (pattern_key = ").bind(id);
        let statement = match id.parse::<i64>() {
            Ok(number) => statement.push(" OR id = ").bind(number),
            Err(_) => statement,
        };
        let row = self.database.fetch_optional(statement.push(")")).await?;
        row.as_ref().map(stored).transpose()
    }

    /// Every occurrence and every miss of a habit.
    pub async fn evidence(&self, number: i64) -> Result<Instants, StoreFailure> {
        let statement = Statement::with(
            "SELECT evidence FROM patterns WHERE id = $1",
            [number.into()],
        );
        let text: String = self.database.fetch_one(statement).await?.get(0)?;
        json(&text)
    }

    /// What a habit's confidence was, run by run, newest first: instant, confidence, occurrences.
    pub async fn pattern_history(
        &self,
        number: i64,
        limit: u32,
    ) -> Result<Vec<(UtcMicros, f64, u64)>, StoreFailure> {
        let statement = Statement::with(
            "SELECT recorded_at, confidence, occurrences FROM pattern_history WHERE pattern_id = $1 ORDER BY recorded_at DESC LIMIT $2",
            [number.into(), limit.into()],
        );
        let rows = self.database.fetch_all(statement).await?;
        rows.iter()
            .map(|row| {
                Ok((
                    UtcMicros::new(row.get(0)?).unwrap_or_default(),
                    row.get(1)?,
                    row.count(2)?,
                ))
            })
            .collect()
    }

    /// Habits that are alive and that nobody was told of, surest first.
    pub async fn untold(&self, limit: u32) -> Result<Vec<Pattern>, StoreFailure> {
        let statement = Statement::with(UNTOLD, [limit.into()]);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(metadata).collect()
    }
}

async fn keep(
    transaction: &mut Transaction,
    pattern: &Pattern,
    now: UtcMicros,
) -> Result<(), StoreFailure> {
    let evidence = serde_json::to_string(&pattern.evidence).expect("instants are JSON");
    let bare = Pattern {
        evidence: Instants::default(),
        ..pattern.clone()
    };
    let json = serde_json::to_string(&bare).expect("a habit is texts and numbers");
    let upsert = Statement::with(
        UPSERT,
        [
            (&pattern.id).into(),
            pattern.kind.as_str().into(),
            device_id(pattern).into(),
            json.into(),
            pattern.confidence.into(),
            pattern.occurrences.into(),
            now.get().into(),
            pattern.first_seen.get().into(),
            pattern.last_seen.get().into(),
            pattern.status.as_str().into(),
            evidence.into(),
            (pattern.status == Status::Stopped).into(),
        ],
    );
    let number: i64 = transaction.fetch_one(upsert).await?.get(0)?;
    let remember = [
        number.into(),
        pattern.confidence.into(),
        pattern.occurrences.into(),
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
    pattern.entities.join("+")
}

pub(super) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreFailure> {
    serde_json::from_str(text)
        .map_err(|error| StoreFailure::Statement(sqlx::Error::Decode(error.into())))
}

pub(super) fn metadata(row: &Row) -> Result<Pattern, StoreFailure> {
    json(&row.get::<String>("pattern_metadata")?)
}

fn feedback(row: &Row) -> Result<Option<Feedback>, StoreFailure> {
    let word: Option<String> = row.get("feedback")?;
    Ok(word.as_deref().and_then(Feedback::from_word))
}

fn later_until(row: &Row) -> Result<Option<UtcMicros>, StoreFailure> {
    let micros: Option<i64> = row.get("later_until")?;
    Ok(micros.and_then(|micros| UtcMicros::new(micros).ok()))
}

fn ids(row: &Row, column: &str) -> Result<Vec<String>, StoreFailure> {
    let text: Option<String> = row.get(column)?;
    text.map_or(Ok(Vec::new()), |text| json(&text))
}

fn automation(row: &Row) -> Result<Option<HabitAutomation>, StoreFailure> {
    let Some(automation_id) = row.get("automation_id")? else {
        return Ok(None);
    };
    Ok(Some(HabitAutomation {
        automation_id,
        entity_id: row.get("automation_entity")?,
        fired: row.count("fired")?,
        undone: row.count("undone")?,
        rating: row.get("effect_rating")?,
    }))
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
        feedback: feedback(row)?,
        later_until: later_until(row)?,
        rating: row.get("rating")?,
        covered_by: ids(row, "covered_by")?,
        contradicted_by: ids(row, "contradicted_by")?,
        automation: automation(row)?,
    })
}
