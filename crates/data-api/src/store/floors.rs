//! Floors of the home.

use common::api::places::Floor;
use common::instant::UtcMicros;
use database::{Row, Statement};

use super::areas::title_case;
use super::complete::{Part, Upserted};
use super::reported::{Object, first_text, set_text, set_texts};
use super::{Store, StoreFailure, row};

/// A row of the table.
#[derive(Debug, Clone, Default)]
struct FloorRow {
    floor_id: String,
    name: Option<String>,
    level: Option<i64>,
    icon: Option<String>,
    aliases: String,
}

impl FloorRow {
    fn read(row: &Row) -> Result<Self, StoreFailure> {
        Ok(Self {
            floor_id: row.get("floor_id")?,
            name: row.get("name")?,
            level: row.get("level")?,
            icon: row.get("icon")?,
            aliases: row.get("aliases")?,
        })
    }

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
        let mut transaction = self.database.write().await?;
        let mut named = Vec::with_capacity(sent.len());
        for object in sent {
            let Some(floor_id) = first_text(object, &["floor_id"]) else {
                continue;
            };
            let known = transaction
                .fetch_optional(Statement::with(
                    "SELECT * FROM floors WHERE floor_id = $1",
                    [(&floor_id).into()],
                ))
                .await?
                .map(|row| FloorRow::read(&row))
                .transpose()?;
            named.push(floor_id.clone());
            let mut floor = known.unwrap_or_else(|| FloorRow::new(floor_id));
            floor.merge(object);
            transaction
                .execute(Statement::with(
                    "INSERT INTO floors (floor_id, name, level, icon, aliases, last_seen_us) VALUES ($1, $2, $3, $4, \
                     $5, $6) ON CONFLICT (floor_id) DO UPDATE SET name = excluded.name, level = excluded.level, icon = \
                     excluded.icon, aliases = excluded.aliases, last_seen_us = excluded.last_seen_us, removed_us = NULL",
                    [
                        floor.floor_id.into(),
                        floor.name.into(),
                        floor.level.into(),
                        floor.icon.into(),
                        floor.aliases.into(),
                        now.get().into(),
                    ],
                ))
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
        let rows = self
            .database
            .fetch_all(Statement::with(
                "WITH named AS (SELECT floor_id FROM floors WHERE removed_us IS NULL OR $1 \
                 UNION SELECT floor_id FROM areas WHERE floor_id IS NOT NULL AND removed_us IS NULL) \
                 SELECT n.floor_id, f.name, f.level, f.icon, f.aliases, f.last_seen_us, f.removed_us, a.area_id \
                 FROM named n LEFT JOIN floors f ON f.floor_id = n.floor_id \
                 LEFT JOIN areas a ON a.floor_id = n.floor_id AND a.removed_us IS NULL \
                 ORDER BY f.level IS NULL, f.level, n.floor_id, a.area_id",
                [include_removed.into()],
            ))
            .await?;
        // One row an area, and those of a floor together.
        let mut floors: Vec<Floor> = Vec::new();
        for row in &rows {
            let floor_id: String = row.get("floor_id")?;
            if floors.last().is_none_or(|last| last.floor_id != floor_id) {
                floors.push(floor(row, floor_id)?);
            }
            if let Some(floor) = floors.last_mut() {
                floor.areas.extend(row.get::<Option<String>>("area_id")?);
            }
        }
        Ok(floors)
    }
}

/// A floor without its areas.
fn floor(row: &Row, floor_id: String) -> Result<Floor, StoreFailure> {
    let name: Option<String> = row.get("name")?;
    Ok(Floor {
        name: name.unwrap_or_else(|| title_case(&floor_id)),
        floor_id,
        level: row.get("level")?,
        icon: row.get("icon")?,
        aliases: row::texts(row, "aliases")?,
        areas: Vec::new(),
        timestamp: row::instant(row, "last_seen_us")?,
        removed_at: row::instant(row, "removed_us")?,
    })
}
