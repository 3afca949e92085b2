//! Emptying the registry, and counting the events of devices.

use std::collections::BTreeMap;

use common::instant::UtcMicros;

use super::{Store, StoreFailure};

/// By what to group devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceGroup {
    /// Who made them.
    Manufacturer,
    /// Which product they are.
    Model,
}

impl Store {
    /// Deletes all devices and entities of the registry, in one transaction; events stay. How many devices and entities those were.
    pub async fn clear_registry(&self) -> Result<(u64, u64), StoreFailure> {
        let mut transaction = self.database.write().await?;
        let entities = transaction.execute("DELETE FROM entities").await?;
        let devices = transaction.execute("DELETE FROM devices").await?;
        transaction.commit().await?;
        self.forget_placements();
        Ok((devices, entities))
    }

    /// Events from `start` to `end`, inclusive, by manufacturer or model of their device. Under none: those of which it is not known.
    pub async fn counts_by_device_group(
        &self,
        group: DeviceGroup,
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<BTreeMap<Option<String>, u64>, StoreFailure> {
        let counts = self.counts(start, end).await?;
        let rows = self
            .database
            .fetch_all(match group {
                DeviceGroup::Manufacturer => {
                    "SELECT n.id, d.manufacturer FROM event_entities n LEFT JOIN entities r ON r.entity_id = n.entity_id \
                     LEFT JOIN devices d ON d.device_id = coalesce(r.device_id, n.device_id)"
                }
                DeviceGroup::Model => {
                    "SELECT n.id, d.model FROM event_entities n LEFT JOIN entities r ON r.entity_id = n.entity_id \
                     LEFT JOIN devices d ON d.device_id = coalesce(r.device_id, n.device_id)"
                }
            })
            .await?;
        let mut groups = BTreeMap::new();
        for row in &rows {
            let name: Option<String> = row.get(1)?;
            if let Some(events) = counts.get(&row.get::<i64>(0)?) {
                *groups
                    .entry(name.filter(|name| !name.is_empty()))
                    .or_default() += events;
            }
        }
        Ok(groups)
    }
}
