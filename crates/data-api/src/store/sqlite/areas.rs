//! Areas of the home.

use common::api::registry::Area;
use common::instant::UtcMicros;
use sqlx::{Connection, Row, query};

use super::{Store, row};
use crate::store::StoreFailure;

/// An area as Home Assistant reports it.
#[derive(Debug, Clone)]
pub struct ReportedArea {
    /// Home Assistant's id of it.
    pub area_id: String,
    /// The name that people gave it.
    pub name: Option<String>,
    /// Its floor.
    pub floor_id: Option<String>,
}

impl Store {
    /// Writes areas, in one transaction.
    pub async fn upsert_areas(
        &self,
        areas: &[ReportedArea],
        now: UtcMicros,
    ) -> Result<(), StoreFailure> {
        let mut writer = self.database.writer.acquire().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        for area in areas {
            query(
                "INSERT INTO areas (area_id, name, floor_id, last_seen_us) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (area_id) DO UPDATE SET name = excluded.name, floor_id = excluded.floor_id, \
                 last_seen_us = excluded.last_seen_us",
            )
            .bind(&area.area_id)
            .bind(&area.name)
            .bind(&area.floor_id)
            .bind(now.get())
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// All areas that are reported or that an entity names, by id.
    pub async fn areas(&self) -> Result<Vec<Area>, StoreFailure> {
        let rows = query(
            "WITH placed AS (SELECT e.domain AS domain, coalesce(e.area_id, d.area_id, p.area_id) AS area_id FROM entities e \
             LEFT JOIN devices d ON d.device_id = e.device_id LEFT JOIN devices p ON p.device_id = d.parent_device_id), \
             named AS (SELECT area_id FROM areas UNION SELECT area_id FROM placed WHERE area_id IS NOT NULL) \
             SELECT n.area_id, a.name, COUNT(p.domain), json_group_array(DISTINCT p.domain) FILTER (WHERE p.domain IS NOT NULL) \
             FROM named n LEFT JOIN areas a ON a.area_id = n.area_id LEFT JOIN placed p ON p.area_id = n.area_id \
             GROUP BY n.area_id ORDER BY n.area_id",
        )
        .fetch_all(&self.database.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let area_id: String = row.try_get(0)?;
                let name: Option<String> = row.try_get(1)?;
                let mut domains = row::texts(row, 3)?;
                domains.sort();
                Ok(Area {
                    display_name: name.unwrap_or_else(|| title_case(&area_id)),
                    area_id,
                    entity_count: row.try_get::<i64, _>(2)?.unsigned_abs(),
                    domains,
                })
            })
            .collect()
    }
}

/// `living_room` as `Living Room`.
pub(super) fn title_case(id: &str) -> String {
    id.split(['_', ' '])
        .filter(|word| !word.is_empty())
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(letters).collect()
            })
        })
        .collect::<Vec<_>>()
        .join(" ")
}
