//! Areas of the home.

use common::api::places::Area;
use common::instant::UtcMicros;
use sqlx::{Connection, FromRow, Row, query, query_as};

use super::complete::{Part, Upserted};
use super::{Store, row};
use crate::store::StoreFailure;
use crate::store::reported::{Object, first_text, set_text, set_texts};

/// A row of the table.
#[derive(Debug, Clone, Default, FromRow)]
struct AreaRow {
    area_id: String,
    name: Option<String>,
    floor_id: Option<String>,
    icon: Option<String>,
    picture: Option<String>,
    aliases: String,
    labels: String,
    temperature_entity_id: Option<String>,
    humidity_entity_id: Option<String>,
}

impl AreaRow {
    fn new(area_id: String) -> Self {
        Self {
            area_id,
            aliases: "[]".to_owned(),
            labels: "[]".to_owned(),
            ..Self::default()
        }
    }

    /// Takes over what was sent; what was not sent stays.
    fn merge(&mut self, sent: &Object) {
        for (column, key) in [
            (&mut self.name, "name"),
            (&mut self.floor_id, "floor_id"),
            (&mut self.icon, "icon"),
            (&mut self.picture, "picture"),
            (&mut self.temperature_entity_id, "temperature_entity_id"),
            (&mut self.humidity_entity_id, "humidity_entity_id"),
        ] {
            set_text(column, sent, key);
        }
        set_texts(&mut self.aliases, sent, "aliases");
        set_texts(&mut self.labels, sent, "labels");
    }
}

impl Store {
    /// Writes areas, in one transaction; objects without id are left out. What a complete list does not name is marked as removed.
    pub async fn upsert_areas(
        &self,
        sent: &[Object],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        let mut writer = self.sqlite().writer.acquire().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut named = Vec::with_capacity(sent.len());
        for object in sent {
            let Some(area_id) = first_text(object, &["area_id"]) else {
                continue;
            };
            let known = query_as("SELECT * FROM areas WHERE area_id = $1")
                .bind(&area_id)
                .fetch_optional(&mut *transaction)
                .await?;
            named.push(area_id.clone());
            let mut area = known.unwrap_or_else(|| AreaRow::new(area_id));
            area.merge(object);
            query(
                "INSERT OR REPLACE INTO areas (area_id, name, floor_id, icon, picture, aliases, labels, temperature_entity_id, \
                 humidity_entity_id, last_seen_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(area.area_id)
            .bind(area.name)
            .bind(area.floor_id)
            .bind(area.icon)
            .bind(area.picture)
            .bind(area.aliases)
            .bind(area.labels)
            .bind(area.temperature_entity_id)
            .bind(area.humidity_entity_id)
            .bind(now.get())
            .execute(&mut *transaction)
            .await?;
        }
        let upserted = self
            .upserted(&mut transaction, Part::Areas, &named, complete, now)
            .await?;
        transaction.commit().await?;
        Ok(upserted)
    }

    /// All areas that are reported or that an entity names, by id.
    pub async fn areas(&self, include_removed: bool) -> Result<Vec<Area>, StoreFailure> {
        let rows = query(
            "WITH placed AS (SELECT e.domain AS domain, coalesce(e.area_id, d.area_id, p.area_id) AS area_id FROM entities e \
             LEFT JOIN devices d ON d.device_id = e.device_id LEFT JOIN devices p ON p.device_id = d.parent_device_id \
             WHERE e.removed_us IS NULL), \
             named AS (SELECT area_id FROM areas WHERE removed_us IS NULL OR $1 \
             UNION SELECT area_id FROM placed WHERE area_id IS NOT NULL) \
             SELECT n.area_id, a.name, a.floor_id, a.icon, a.picture, a.aliases, a.labels, a.temperature_entity_id, \
             a.humidity_entity_id, a.removed_us, COUNT(p.domain) AS entity_count, \
             json_group_array(DISTINCT p.domain) FILTER (WHERE p.domain IS NOT NULL) AS domains \
             FROM named n LEFT JOIN areas a ON a.area_id = n.area_id LEFT JOIN placed p ON p.area_id = n.area_id \
             GROUP BY n.area_id ORDER BY n.area_id",
        )
        .bind(include_removed)
        .fetch_all(&self.sqlite().readers)
        .await?;
        rows.iter()
            .map(|row| {
                let area_id: String = row.try_get("area_id")?;
                let name: Option<String> = row.try_get("name")?;
                let mut domains = row::texts(row, "domains")?;
                domains.sort();
                Ok(Area {
                    display_name: name.unwrap_or_else(|| title_case(&area_id)),
                    area_id,
                    floor_id: row.try_get("floor_id")?,
                    icon: row.try_get("icon")?,
                    picture: row.try_get("picture")?,
                    aliases: row::texts(row, "aliases")?,
                    labels: row::texts(row, "labels")?,
                    temperature_entity_id: row.try_get("temperature_entity_id")?,
                    humidity_entity_id: row.try_get("humidity_entity_id")?,
                    entity_count: row.try_get::<i64, _>("entity_count")?.unsigned_abs(),
                    domains,
                    removed_at: row::instant(row, "removed_us")?,
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
