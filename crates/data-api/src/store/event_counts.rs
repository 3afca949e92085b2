//! Counts of events, and the newest row of entities. Every statement goes entity by entity through their ranges of the table.

use std::collections::BTreeMap;

use common::api::event_summaries::ActiveEntity;
use common::instant::UtcMicros;
use database::Statement;

use super::ingest::{DAY_US, USER_SHIFT};
use super::{Store, StoreFailure, attributes};

/// The newest state change of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestRow {
    /// Id of the entity in `event_entities`, for [`Store::scan`].
    pub entity: i64,
    /// The entity.
    pub entity_id: String,
    /// Its domain.
    pub domain: String,
    /// Its device.
    pub device_id: Option<String>,
    /// When it changed last.
    pub last_updated: UtcMicros,
    /// Its attributes then, a JSON object.
    pub attributes: Option<String>,
}

impl Store {
    /// State changes from `start` to `end`, inclusive, by category of their entity.
    pub async fn counts_by_category(
        &self,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<BTreeMap<String, u64>, StoreFailure> {
        let counts = self.counts(start, end).await?;
        let rows = self
            .database
            .fetch_all("SELECT id, category FROM event_entities")
            .await?;
        let mut categories = BTreeMap::new();
        for row in &rows {
            if let Some(events) = counts.get(&row.get::<i64>(0)?) {
                *categories.entry(row.get(1)?).or_default() += events;
            }
        }
        Ok(categories)
    }

    /// State changes in each of `intervals` intervals of `width_us` microseconds from `start` on.
    ///
    /// Row by row: no interval is as long as a day, and none begins with one, so the counts of days say only which entities to look at.
    pub async fn counts_by_interval(
        &self,
        start: UtcMicros,
        width_us: i64,
        intervals: usize,
    ) -> Result<Vec<u64>, StoreFailure> {
        let end = start.plus_micros(width_us.saturating_mul(intervals as i64));
        let rows = self
            .database
            .fetch_all(Statement::with(
                "SELECT (e.last_updated_us - $1) / $3 AS slot, COUNT(*) AS events \
                 FROM (SELECT DISTINCT entity FROM event_days WHERE day BETWEEN $4 AND $5) d CROSS JOIN events e \
                 WHERE e.entity = d.entity AND e.last_updated_us >= $1 AND e.last_updated_us < $2 GROUP BY 1",
                [
                    start.get().into(),
                    end.get().into(),
                    width_us.into(),
                    start.get().div_euclid(DAY_US).into(),
                    end.get().div_euclid(DAY_US).into(),
                ],
            ))
            .await?;
        let mut counts = vec![0; intervals];
        for row in &rows {
            let slot = usize::try_from(row.get::<i64>("slot")?).unwrap_or(usize::MAX);
            if let Some(count) = counts.get_mut(slot) {
                *count = row.count("events")?;
            }
        }
        Ok(counts)
    }

    /// When users did something, from `start` to `end`, inclusive, in order; at most `limit`.
    pub async fn user_actions(
        &self,
        start: UtcMicros,
        end: UtcMicros,
        limit: u32,
    ) -> Result<Vec<UtcMicros>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::with(
                "SELECT e.last_updated_us FROM (SELECT DISTINCT entity FROM event_days WHERE day BETWEEN $4 AND $5) d CROSS JOIN events e \
                 WHERE e.entity = d.entity AND e.last_updated_us BETWEEN $1 AND $2 AND e.flags >= $6 ORDER BY 1 LIMIT $3",
                [
                    start.get().into(),
                    end.get().into(),
                    limit.into(),
                    start.get().div_euclid(DAY_US).into(),
                    end.get().div_euclid(DAY_US).into(),
                    (1_i64 << USER_SHIFT).into(),
                ],
            ))
            .await?;
        rows.iter()
            .map(|row| Ok(UtcMicros::new(row.get(0)?).unwrap_or_default()))
            .collect()
    }

    /// The entities that changed last.
    pub async fn active_entities(&self, limit: u32) -> Result<Vec<ActiveEntity>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::with(
                "SELECT n.id, n.entity_id, n.domain, n.category, n.device_id, n.area_id, t.newest \
                 FROM (SELECT m.id AS id, (SELECT MAX(e.last_updated_us) FROM events e WHERE e.entity = m.id) AS newest \
                 FROM event_entities m ORDER BY 2 DESC NULLS LAST LIMIT $1) t JOIN event_entities n ON n.id = t.id \
                 WHERE t.newest IS NOT NULL ORDER BY t.newest DESC, n.entity_id",
                [i64::from(limit).into()],
            ))
            .await?;
        let counts = self.counts(UtcMicros::MIN, UtcMicros::MAX).await?;
        rows.iter()
            .map(|row| {
                Ok(ActiveEntity {
                    event_count: counts.get(&row.get(0)?).copied().unwrap_or_default(),
                    entity_id: row.get(1)?,
                    domain: row.get(2)?,
                    category: row.get(3)?,
                    device_id: row.get(4)?,
                    area_id: row.get(5)?,
                    last_activity: UtcMicros::new(row.get(6)?).ok(),
                    service: "websocket-ingestion".to_owned(),
                })
            })
            .collect()
    }

    /// The newest row of every entity of these domains that changed at or after `since`, by name; at most `limit`.
    pub async fn newest_rows(
        &self,
        domains: &[&'static str],
        since: UtcMicros,
        limit: u32,
    ) -> Result<Vec<NewestRow>, StoreFailure> {
        let statement = Statement::new(
            "SELECT n.id AS id, n.entity_id AS entity_id, n.domain AS domain, n.device_id AS device_id, \
             e.last_updated_us AS last_updated_us, e.attributes AS attributes \
             FROM event_entities n CROSS JOIN events e WHERE e.entity = n.id AND e.last_updated_us = (SELECT MAX(q.last_updated_us) FROM events q WHERE q.entity = n.id) \
             AND e.last_updated_us >= ",
        )
        .bind(since.get())
        .push(" AND n.domain IN (")
        .list(domains.iter().map(|domain| (*domain).to_owned()))
        .push(") ORDER BY n.entity_id LIMIT ")
        .bind(i64::from(limit));
        let rows = self.database.fetch_all(statement).await?;
        let sets = attributes::of_rows(&self.database, &rows).await?;
        rows.iter()
            .map(|row| {
                Ok(NewestRow {
                    entity: row.get("id")?,
                    entity_id: row.get("entity_id")?,
                    domain: row.get("domain")?,
                    device_id: row.get("device_id")?,
                    last_updated: UtcMicros::new(row.get("last_updated_us")?).unwrap_or_default(),
                    attributes: attributes::of_row(row, &sets)?.cloned(),
                })
            })
            .collect()
    }
}
