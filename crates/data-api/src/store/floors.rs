//! Floors of the home.

use common::api::places::Floor;
use common::instant::UtcMicros;
use database::{Row, Statement, Value};

use super::areas::title_case;
use super::complete::{Part, Upserted};
use super::registry_row::RegistryRow;
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

impl RegistryRow for FloorRow {
    const PART: Part = Part::Floors;

    fn id_of(sent: &Object) -> Option<String> {
        first_text(sent, &["floor_id"])
    }

    fn read(row: &Row) -> Result<Self, StoreFailure> {
        Ok(Self {
            floor_id: row.get("floor_id")?,
            name: row.get("name")?,
            level: row.get("level")?,
            icon: row.get("icon")?,
            aliases: row.get("aliases")?,
        })
    }

    fn new(floor_id: String, _now: UtcMicros) -> Self {
        Self {
            floor_id,
            aliases: "[]".to_owned(),
            ..Self::default()
        }
    }

    fn merge(&mut self, sent: &Object, _complete: bool) {
        set_text(&mut self.name, sent, "name");
        set_text(&mut self.icon, sent, "icon");
        set_texts(&mut self.aliases, sent, "aliases");
        if let Some(level) = sent.get("level") {
            self.level = level.as_i64();
        }
    }

    fn columns(self) -> Vec<(&'static str, Value)> {
        vec![
            ("floor_id", self.floor_id.into()),
            ("name", self.name.into()),
            ("level", self.level.into()),
            ("icon", self.icon.into()),
            ("aliases", self.aliases.into()),
        ]
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
        self.upsert::<FloorRow>(sent, complete, now).await
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
