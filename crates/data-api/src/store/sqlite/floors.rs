//! Floors of the home.

use common::api::places::Floor;
use common::instant::UtcMicros;
use sqlx::{Connection, FromRow, Row, query, query_as};

use super::areas::title_case;
use super::complete::{Part, Upserted};
use super::{Store, row};
use crate::store::StoreFailure;
use crate::store::reported::{Object, first_text, set_text, set_texts};

/// A row of the table.
#[derive(Debug, Clone, Default, FromRow)]
struct FloorRow {
    floor_id: String,
    name: Option<String>,
    level: Option<i64>,
    icon: Option<String>,
    aliases: String,
}

impl FloorRow {
    fn new(floor_id: String) -> Self {
        Self {
            floor_id,
            aliases: "[]".to_owned(),
            ..Self::default()
        }
    }

    /// Takes over what was sent; what was not sent stays.
    fn merge(&mut self, sent: &Object) {
        set_text(&mut self.name, sent, "name");
        set_text(&mut self.icon, sent, "icon");
        set_texts(&mut self.aliases, sent, "aliases");
        if let Some(level) = sent.get("level") {
            self.level = level.as_i64();
        }
    }
}

impl Store {
    /// Writes floors, in one transaction; objects without id are left out. What a complete list does not name is marked as removed.
    pub async fn upsert_floors(
        &self,
        sent: &[Object],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        let mut writer = self.sqlite().writer.acquire().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut named = Vec::with_capacity(sent.len());
        for object in sent {
            let Some(floor_id) = first_text(object, &["floor_id"]) else {
                continue;
            };
            let known = query_as("SELECT * FROM floors WHERE floor_id = $1")
                .bind(&floor_id)
                .fetch_optional(&mut *transaction)
                .await?;
            named.push(floor_id.clone());
            let mut floor = known.unwrap_or_else(|| FloorRow::new(floor_id));
            floor.merge(object);
            query(
                "INSERT OR REPLACE INTO floors (floor_id, name, level, icon, aliases, last_seen_us) VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(floor.floor_id)
            .bind(floor.name)
            .bind(floor.level)
            .bind(floor.icon)
            .bind(floor.aliases)
            .bind(now.get())
            .execute(&mut *transaction)
            .await?;
        }
        let upserted = self
            .upserted(&mut transaction, Part::Floors, &named, complete, now)
            .await?;
        transaction.commit().await?;
        Ok(upserted)
    }

    /// All floors that are reported or that an area names, from the lowest to the highest; those without a level come last.
    pub async fn floors(&self, include_removed: bool) -> Result<Vec<Floor>, StoreFailure> {
        let rows = query(
            "WITH named AS (SELECT floor_id FROM floors WHERE removed_us IS NULL OR $1 \
             UNION SELECT floor_id FROM areas WHERE floor_id IS NOT NULL AND removed_us IS NULL) \
             SELECT n.floor_id, f.name, f.level, f.icon, f.aliases, f.last_seen_us, f.removed_us, \
             (SELECT json_group_array(a.area_id ORDER BY a.area_id) FROM areas a WHERE a.floor_id = n.floor_id AND a.removed_us IS NULL) \
             AS areas FROM named n LEFT JOIN floors f ON f.floor_id = n.floor_id ORDER BY f.level IS NULL, f.level, n.floor_id",
        )
        .bind(include_removed)
        .fetch_all(&self.sqlite().readers)
        .await?;
        rows.iter()
            .map(|row| {
                let floor_id: String = row.try_get("floor_id")?;
                let name: Option<String> = row.try_get("name")?;
                Ok(Floor {
                    name: name.unwrap_or_else(|| title_case(&floor_id)),
                    floor_id,
                    level: row.try_get("level")?,
                    icon: row.try_get("icon")?,
                    aliases: row::texts(row, "aliases")?,
                    areas: row::texts(row, "areas")?,
                    timestamp: row::instant(row, "last_seen_us")?,
                    removed_at: row::instant(row, "removed_us")?,
                })
            })
            .collect()
    }
}
