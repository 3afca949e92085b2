//! How much room entities take, the rules that give some back, and the deletion of rows.

use std::collections::BTreeSet;

use common::api::storage::{NewStorageRule, StorageRule};
use common::instant::UtcMicros;
use database::{Row, Statement};

use super::{Store, StoreFailure, ingest};
use crate::retention::Target;

/// Changes of one entity, in all and since a day.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    pub(crate) entity_id: String,
    pub(crate) domain: String,
    pub(crate) events: u64,
    pub(crate) recent: u64,
}

impl Store {
    /// Bytes on disk for each stored event; everything is laid on them.
    pub(crate) async fn bytes_per_event(&self) -> Result<f64, StoreFailure> {
        let row = self
            .database
            .fetch_one("SELECT stored FROM event_totals")
            .await?;
        Ok(self.size_bytes().await? as f64 / row.count(0)?.max(1) as f64)
    }

    /// What each entity has stored, in all and on the days from `first` to `last`, inclusive. From the counts of days: the events are not
    /// looked at.
    pub(crate) async fn usage(&self, first: i64, last: i64) -> Result<Vec<Usage>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::with(
                "SELECT n.entity_id, n.domain, CAST(SUM(d.events) AS BIGINT), \
                 CAST(SUM(CASE WHEN d.day BETWEEN $1 AND $2 THEN d.events ELSE 0 END) AS BIGINT) \
                 FROM event_days d JOIN event_entities n ON n.id = d.entity GROUP BY n.entity_id, n.domain ORDER BY 3 DESC, 1",
                [first.into(), last.into()],
            ))
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Usage {
                    entity_id: row.get(0)?,
                    domain: row.get(1)?,
                    events: row.count(2)?,
                    recent: row.count(3)?,
                })
            })
            .collect()
    }

    /// The first day that has events.
    pub(crate) async fn first_day(&self) -> Result<Option<i64>, StoreFailure> {
        self.database
            .fetch_one("SELECT MIN(day) FROM event_days")
            .await?
            .get(0)
    }

    /// All entities as rules see them.
    pub(crate) async fn storage_targets(&self) -> Result<Vec<Target>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(
                "SELECT n.id, n.entity_id, n.domain, r.device_class FROM event_entities n \
                 LEFT JOIN entities r ON r.entity_id = n.entity_id ORDER BY n.id",
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Target {
                    id: row.get(0)?,
                    entity_id: row.get(1)?,
                    domain: row.get(2)?,
                    device_class: row.get(3)?,
                })
            })
            .collect()
    }

    /// The instant of the newest row of an entity.
    pub(crate) async fn newest_row(&self, entity: i64) -> Result<Option<i64>, StoreFailure> {
        self.database
            .fetch_one(Statement::with(
                "SELECT MAX(last_updated_us) FROM events WHERE entity = $1",
                [entity.into()],
            ))
            .await?
            .get(0)
    }

    /// The rules, oldest first.
    pub(crate) async fn storage_rules(&self) -> Result<Vec<StorageRule>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(
                "SELECT id, entity_id, domain, device_class, keep_days, thin_seconds, older_than_days, exclude, created_us \
                 FROM storage_rules ORDER BY id",
            )
            .await?;
        rows.iter().map(rule).collect()
    }

    /// Keeps a rule; none when there are `most` already.
    pub(crate) async fn add_storage_rule(
        &self,
        new: &NewStorageRule,
        now: UtcMicros,
        most: usize,
    ) -> Result<Option<StorageRule>, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let kept = transaction
            .fetch_one("SELECT COUNT(*) FROM storage_rules")
            .await?
            .count(0)?;
        if kept >= most as u64 {
            return Ok(None);
        }
        let row = transaction
            .fetch_one(Statement::with(
                "INSERT INTO storage_rules (entity_id, domain, device_class, keep_days, thin_seconds, older_than_days, exclude, created_us) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id, entity_id, domain, device_class, keep_days, thin_seconds, \
                 older_than_days, exclude, created_us",
                [
                    new.entity_id.as_ref().into(),
                    new.domain.as_ref().into(),
                    new.device_class.as_ref().into(),
                    new.keep_days.into(),
                    new.thin_seconds.into(),
                    new.older_than_days.into(),
                    new.exclude.into(),
                    now.get().into(),
                ],
            ))
            .await?;
        let rule = rule(&row)?;
        transaction.commit().await?;
        Ok(Some(rule))
    }

    /// Forgets a rule; false when there is none with this number.
    pub(crate) async fn remove_storage_rule(&self, id: i64) -> Result<bool, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let removed = transaction
            .execute(Statement::with(
                "DELETE FROM storage_rules WHERE id = $1",
                [id.into()],
            ))
            .await?;
        transaction.commit().await?;
        Ok(removed > 0)
    }

    /// Deletes rows of an entity in one transaction, with their counts; how many were there.
    pub(crate) async fn delete_events(
        &self,
        entity: i64,
        instants: &[i64],
        reason: &'static str,
    ) -> Result<u64, StoreFailure> {
        if instants.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.database.write().await?;
        let statement = Statement::new("DELETE FROM events WHERE entity = ")
            .bind(entity)
            .push(" AND last_updated_us IN (")
            .list(instants.iter().copied())
            .push(")");
        let deleted = transaction.execute(statement).await?;
        let days: BTreeSet<i64> = instants
            .iter()
            .map(|at| at.div_euclid(ingest::DAY_US))
            .collect();
        for day in days {
            ingest::recount(&mut transaction, day, entity).await?;
        }
        let fewer = i64::try_from(deleted).unwrap_or(i64::MAX);
        transaction
            .execute(Statement::with(
                "UPDATE event_totals SET stored = stored - $1, deleted_since_sweep = deleted_since_sweep + $1",
                [fewer.into()],
            ))
            .await?;
        transaction.commit().await?;
        self.edges.forget();
        self.recent.forget();
        metrics::counter!("homeiq_events_deleted_total", "reason" => reason).increment(deleted);
        Ok(deleted)
    }
}

fn rule(row: &Row) -> Result<StorageRule, StoreFailure> {
    let number = |column: &'static str| -> Result<Option<u32>, StoreFailure> {
        let number: Option<i64> = row.get(column)?;
        Ok(number.and_then(|number| u32::try_from(number).ok()))
    };
    Ok(StorageRule {
        id: row.get("id")?,
        rule: NewStorageRule {
            entity_id: row.get("entity_id")?,
            domain: row.get("domain")?,
            device_class: row.get("device_class")?,
            keep_days: number("keep_days")?,
            thin_seconds: number("thin_seconds")?,
            older_than_days: number("older_than_days")?,
            exclude: row.get("exclude")?,
        },
        created: UtcMicros::new(row.get("created_us")?).unwrap_or_default(),
    })
}
