//! What waits for a broker, and what a broker is to keep. It outlives this process and the broker.

use std::collections::BTreeMap;

use common::instant::UtcMicros;
use database::failure::StoreFailure;
use database::{Row, Statement, Transaction};

use super::Store;

/// Seconds after which a message about a moment is no longer worth telling.
const EXPIRES_AFTER_SECONDS: i64 = 24 * 3600;
/// Messages about moments that wait at most; beyond that the oldest are dropped and counted.
pub const MAX_WAITING: u32 = 5_000;

const EXPIRE: &str = "DELETE FROM mqtt_outbox WHERE expires_at <= $1";
const TRIM: &str = "DELETE FROM mqtt_outbox WHERE expires_at IS NOT NULL AND id <= \
     (SELECT id FROM mqtt_outbox WHERE expires_at IS NOT NULL ORDER BY id DESC LIMIT 1 OFFSET $1)";
const POST: &str = "INSERT INTO mqtt_outbox (topic, payload, pattern_key, created_at, expires_at) \
     SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS BIGINT) \
     WHERE NOT EXISTS (SELECT 1 FROM mqtt_outbox WHERE pattern_key = $3)";
const WAITING: &str = "SELECT id, topic, payload, pattern_key, expires_at FROM mqtt_outbox WHERE id > $1 ORDER BY id LIMIT $2";
const WAITING_STATES: &str = "SELECT topic, payload, version FROM mqtt_states WHERE NOT told \
     ORDER BY CASE WHEN payload = '' THEN 0 WHEN family = 'discovery' THEN 1 ELSE 2 END, topic LIMIT $1";
const SET_STATE: &str = "INSERT INTO mqtt_states (topic, family, payload, version, told) VALUES ($1, $2, $3, 1, FALSE) \
     ON CONFLICT (topic) DO UPDATE SET family = excluded.family, payload = excluded.payload, \
     version = mqtt_states.version + 1, told = FALSE";
const STATE_ARRIVED: &str = "UPDATE mqtt_states SET told = TRUE WHERE topic = $1 AND version = $2";
// With a new version, so that the receipt of what is on its way does not count as this one's.
const TELL_AGAIN: &str = "UPDATE mqtt_states SET told = FALSE, version = version + 1";
const CLEARED: &str = "DELETE FROM mqtt_states WHERE topic = $1 AND version = $2 AND payload = ''";
const MARK_TOLD: &str =
    "UPDATE patterns SET told_at = $2 WHERE pattern_key = $1 AND told_at IS NULL";

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// Where.
    pub topic: String,
    /// What: UTF-8.
    pub payload: String,
    /// The habit that counts as told with it. A habit that waits already does not wait twice.
    pub pattern_id: Option<String>,
    /// Whether it is of no use after a day. What is, is also dropped when too much waits.
    pub expires: bool,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingMessage {
    /// Its number; later ones have larger ones.
    pub number: i64,
    /// Where it is told.
    pub topic: String,
    /// What is told.
    pub payload: String,
    /// The habit that counts as told with it.
    pub pattern_id: Option<String>,
    /// When it is of no use any more.
    pub expires_at: Option<UtcMicros>,
}

/// A retained message that a broker does not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingState {
    /// Where.
    pub topic: String,
    /// What; empty: the topic is cleared.
    pub payload: String,
    /// Which of the topic's payloads this is.
    pub version: i64,
}

/// Something that a broker has acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// A message.
    Message {
        /// Its number.
        number: i64,
        /// The habit that is told now.
        pattern_id: Option<String>,
    },
    /// A retained message.
    State {
        /// Where.
        topic: String,
        /// Which of the topic's payloads.
        version: i64,
    },
}

impl Store {
    /// Puts messages in the queue, in their order.
    pub async fn post(&self, messages: &[NewMessage], now: UtcMicros) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let dropped = post(&mut transaction, messages, now).await?;
        transaction.commit().await?;
        dropped.count_and_log();
        self.signals.posted.notify_one();
        Ok(())
    }

    /// Messages that wait, in order, from after this number on.
    pub async fn waiting(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<Vec<WaitingMessage>, StoreFailure> {
        let statement = Statement::with(WAITING, [after.into(), limit.into()]);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(waiting).collect()
    }

    /// Retained messages that the broker does not have.
    pub async fn waiting_states(&self, limit: u32) -> Result<Vec<WaitingState>, StoreFailure> {
        let statement = Statement::with(WAITING_STATES, [limit.into()]);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(WaitingState {
                    topic: row.get(0)?,
                    payload: row.get(1)?,
                    version: row.get(2)?,
                })
            })
            .collect()
    }

    /// How many messages wait, retained ones included.
    pub async fn waiting_count(&self) -> Result<u64, StoreFailure> {
        let statement = "SELECT (SELECT COUNT(*) FROM mqtt_outbox) + (SELECT COUNT(*) FROM mqtt_states WHERE NOT told)";
        self.database.fetch_one(statement).await?.count(0)
    }

    /// Takes out what the broker has acknowledged, and marks the habits that are told now.
    pub async fn arrived(&self, receipts: &[Receipt], now: UtcMicros) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        for receipt in receipts {
            match receipt {
                Receipt::Message { number, pattern_id } => {
                    transaction
                        .execute(Statement::with(
                            "DELETE FROM mqtt_outbox WHERE id = $1",
                            [(*number).into()],
                        ))
                        .await?;
                    if let Some(id) = pattern_id {
                        let values = [id.into(), now.get().into()];
                        transaction
                            .execute(Statement::with(MARK_TOLD, values))
                            .await?;
                    }
                }
                Receipt::State { topic, version } => {
                    for text in [STATE_ARRIVED, CLEARED] {
                        let values = [topic.into(), (*version).into()];
                        transaction.execute(Statement::with(text, values)).await?;
                    }
                }
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes out what is of no use any more.
    pub async fn expire(&self, now: UtcMicros) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let expired = transaction
            .execute(Statement::with(EXPIRE, [now.get().into()]))
            .await?;
        transaction.commit().await?;
        Dropped {
            expired,
            too_many: 0,
        }
        .count_and_log();
        Ok(())
    }

    /// What a family of retained messages says, by topic, waiting or told.
    pub async fn states(&self, family: &str) -> Result<BTreeMap<String, String>, StoreFailure> {
        let statement = Statement::with(
            "SELECT topic, payload FROM mqtt_states WHERE family = $1",
            [family.into()],
        );
        let rows = self.database.fetch_all(statement).await?;
        rows.iter()
            .map(|row| Ok((row.get(0)?, row.get(1)?)))
            .collect()
    }

    /// Says what a family of retained messages is from now on: what differs waits for the broker, topics that are not among them are
    /// cleared. Messages that must come with the change go into the queue in the same transaction. Returns whether anything differs.
    pub async fn set_states(
        &self,
        family: &str,
        wanted: &BTreeMap<String, String>,
        with: &[NewMessage],
        now: UtcMicros,
    ) -> Result<bool, StoreFailure> {
        let before = self.states(family).await?;
        let set = wanted
            .iter()
            .filter(|(topic, payload)| before.get(*topic) != Some(payload));
        let cleared = before
            .iter()
            .filter(|(topic, payload)| !payload.is_empty() && !wanted.contains_key(*topic));
        let changes: Vec<(&str, &str)> = set
            .map(|(topic, payload)| (topic.as_str(), payload.as_str()))
            .chain(cleared.map(|(topic, _)| (topic.as_str(), "")))
            .collect();
        if changes.is_empty() && with.is_empty() {
            return Ok(false);
        }
        let mut transaction = self.database.write().await?;
        let dropped = post(&mut transaction, with, now).await?;
        for (topic, payload) in changes {
            let values = [topic.into(), family.into(), payload.into()];
            transaction
                .execute(Statement::with(SET_STATE, values))
                .await?;
        }
        transaction.commit().await?;
        dropped.count_and_log();
        self.signals.posted.notify_one();
        Ok(true)
    }

    /// Lets every retained message wait again: a broker, or a home, that has just come may have none of them.
    pub async fn tell_states_again(&self) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        transaction.execute(TELL_AGAIN).await?;
        transaction.commit().await?;
        self.signals.posted.notify_one();
        Ok(())
    }

    /// Resolves when something was put in the queue since the last time.
    pub(crate) async fn posted(&self) {
        self.signals.posted.notified().await;
    }
}

/// What had to be given up.
#[derive(Debug, Clone, Copy, Default)]
#[must_use]
pub(super) struct Dropped {
    expired: u64,
    too_many: u64,
}

impl Dropped {
    /// Counts it, once it is certain.
    pub(super) fn count_and_log(self) {
        for (reason, count) in [("expired", self.expired), ("queue_full", self.too_many)] {
            if count > 0 {
                metrics::counter!("homeiq_mqtt_dropped_total", "reason" => reason).increment(count);
                tracing::warn!(
                    reason,
                    count,
                    "messages that no broker took are dropped; habits among them are told after the next analysis"
                );
            }
        }
    }
}

/// Puts messages in the queue; what is too old or too much goes.
pub(super) async fn post(
    transaction: &mut Transaction,
    messages: &[NewMessage],
    now: UtcMicros,
) -> Result<Dropped, StoreFailure> {
    if messages.is_empty() {
        return Ok(Dropped::default());
    }
    let expires_at = now.plus_seconds(EXPIRES_AFTER_SECONDS);
    for message in messages {
        let values = [
            (&message.topic).into(),
            (&message.payload).into(),
            message.pattern_id.clone().into(),
            now.get().into(),
            message.expires.then_some(expires_at.get()).into(),
        ];
        transaction.execute(Statement::with(POST, values)).await?;
    }
    Ok(Dropped {
        expired: transaction
            .execute(Statement::with(EXPIRE, [now.get().into()]))
            .await?,
        too_many: transaction
            .execute(Statement::with(TRIM, [MAX_WAITING.into()]))
            .await?,
    })
}

fn waiting(row: &Row) -> Result<WaitingMessage, StoreFailure> {
    let expires_at: Option<i64> = row.get(4)?;
    Ok(WaitingMessage {
        number: row.get(0)?,
        topic: row.get(1)?,
        payload: row.get(2)?,
        pattern_id: row.get(3)?,
        expires_at: expires_at.and_then(|micros| UtcMicros::new(micros).ok()),
    })
}
