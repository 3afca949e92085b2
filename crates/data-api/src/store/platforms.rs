//! What the entities of an integration are, and what was stored of them.

use common::api::integrations::DomainCount;
use common::instant::UtcMicros;
use database::{Engine, Statement};

use super::{Store, StoreFailure, row};

/// Most ids in one statement.
const IDS_IN_A_STATEMENT: usize = 500;

/// What an integration brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlatformSize {
    /// Devices that have an entity of it.
    pub devices: u64,
    /// Entities by domain, the most first.
    pub domains: Vec<DomainCount>,
    /// When Home Assistant named one of its entities last; none: it has none.
    pub last_seen: Option<UtcMicros>,
}

/// Stored events of some entities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// Events.
    pub events: u64,
    /// Events with another state than before.
    pub changes: u64,
    /// Of those, the ones to `unavailable`.
    pub unavailable: u64,
}

impl Store {
    /// How much an integration brought, without what was removed.
    pub async fn platform_size(&self, platform: &str) -> Result<PlatformSize, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::with(
                "SELECT domain, COUNT(*) AS entities, MAX(last_seen_us) AS last_seen_us FROM entities \
                 WHERE removed_us IS NULL AND platform = $1 GROUP BY domain ORDER BY COUNT(*) DESC, domain",
                [platform.into()],
            ))
            .await?;
        let devices = self
            .database
            .fetch_one(Statement::with(
                "SELECT COUNT(DISTINCT d.device_id) FROM entities e JOIN devices d ON d.device_id = e.device_id \
                 WHERE e.removed_us IS NULL AND d.removed_us IS NULL AND e.platform = $1",
                [platform.into()],
            ))
            .await?;
        let mut size = PlatformSize {
            devices: devices.count(0)?,
            ..PlatformSize::default()
        };
        for row in &rows {
            size.last_seen = size.last_seen.max(row::instant(row, "last_seen_us")?);
            size.domains.push(DomainCount {
                domain: row.get("domain")?,
                count: row.count("entities")?,
            });
        }
        Ok(size)
    }

    /// Events of the entities of an integration from `start` to `end`, inclusive.
    pub async fn platform_counts(
        &self,
        platform: &str,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<StateCounts, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::with(
                "SELECT n.id FROM event_entities n JOIN entities e ON e.entity_id = n.entity_id WHERE e.platform = $1",
                [platform.into()],
            ))
            .await?;
        let entities: Vec<i64> = rows
            .iter()
            .map(|row| row.get(0))
            .collect::<Result<_, _>>()?;
        let unavailable = match &self.database.engine {
            Engine::Sqlite(_) => {
                "e.state = (SELECT id FROM event_states WHERE state = 'unavailable')"
            }
            Engine::Postgres(_) => "e.state = 'unavailable'",
        };
        let mut counts = StateCounts::default();
        // One range of the primary key for each entity.
        for some in entities.chunks(IDS_IN_A_STATEMENT) {
            let statement = Statement::new(
                "SELECT COUNT(*), COUNT(CASE WHEN e.unchanged_us = 0 THEN 1 END), \
                 COUNT(CASE WHEN e.unchanged_us = 0 AND ",
            )
            .push(unavailable)
            .push(" THEN 1 END) FROM events e WHERE e.entity IN (")
            .list(some.iter().copied())
            .push(") AND e.last_updated_us BETWEEN ")
            .bind(start.get())
            .push(" AND ")
            .bind(end.get());
            let row = self.database.fetch_one(statement).await?;
            counts.events += row.count(0)?;
            counts.changes += row.count(1)?;
            counts.unavailable += row.count(2)?;
        }
        Ok(counts)
    }
}
