//! Areas of the home.

use common::api::places::Area;
use common::instant::UtcMicros;
use database::{Row, Statement, Value};

use super::complete::{Part, Upserted};
use super::registry_row::RegistryRow;
use super::reported::{Object, first_text, set_text, set_texts};
use super::{Store, StoreFailure, row};

/// A row of the table.
#[derive(Debug, Clone, Default)]
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

impl RegistryRow for AreaRow {
    const PART: Part = Part::Areas;

    fn id_of(sent: &Object) -> Option<String> {
        first_text(sent, &["area_id"])
    }

    fn read(row: &Row) -> Result<Self, StoreFailure> {
        Ok(Self {
            area_id: row.get("area_id")?,
            name: row.get("name")?,
            floor_id: row.get("floor_id")?,
            icon: row.get("icon")?,
            picture: row.get("picture")?,
            aliases: row.get("aliases")?,
            labels: row.get("labels")?,
            temperature_entity_id: row.get("temperature_entity_id")?,
            humidity_entity_id: row.get("humidity_entity_id")?,
        })
    }

    fn new(area_id: String, _now: UtcMicros) -> Self {
        Self {
            area_id,
            aliases: "[]".to_owned(),
            labels: "[]".to_owned(),
            ..Self::default()
        }
    }

    fn merge(&mut self, sent: &Object, _complete: bool) {
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

    fn columns(self) -> Vec<(&'static str, Value)> {
        vec![
            ("area_id", self.area_id.into()),
            ("name", self.name.into()),
            ("floor_id", self.floor_id.into()),
            ("icon", self.icon.into()),
            ("picture", self.picture.into()),
            ("aliases", self.aliases.into()),
            ("labels", self.labels.into()),
            ("temperature_entity_id", self.temperature_entity_id.into()),
            ("humidity_entity_id", self.humidity_entity_id.into()),
        ]
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
        self.upsert::<AreaRow>(sent, complete, now).await
    }

    /// All areas that are reported or that an entity names, by id.
    pub async fn areas(&self, include_removed: bool) -> Result<Vec<Area>, StoreFailure> {
        let rows = self
            .database
            .fetch_all(Statement::with(
                "WITH placed AS (SELECT e.domain AS domain, coalesce(e.area_id, d.area_id, p.area_id) AS area_id, COUNT(*) AS entities \
                 FROM entities e LEFT JOIN devices d ON d.device_id = e.device_id \
                 LEFT JOIN devices p ON p.device_id = d.parent_device_id WHERE e.removed_us IS NULL GROUP BY 1, 2), \
                 named AS (SELECT area_id FROM areas WHERE removed_us IS NULL OR $1 \
                 UNION SELECT area_id FROM placed WHERE area_id IS NOT NULL) \
                 SELECT n.area_id, a.name, a.floor_id, a.icon, a.picture, a.aliases, a.labels, a.temperature_entity_id, \
                 a.humidity_entity_id, a.removed_us, p.domain, p.entities \
                 FROM named n LEFT JOIN areas a ON a.area_id = n.area_id LEFT JOIN placed p ON p.area_id = n.area_id \
                 ORDER BY n.area_id, p.domain",
                [include_removed.into()],
            ))
            .await?;
        // One row a domain, and those of an area together.
        let mut areas: Vec<Area> = Vec::new();
        for row in &rows {
            let area_id: String = row.get("area_id")?;
            if areas.last().is_none_or(|last| last.area_id != area_id) {
                areas.push(area(row, area_id)?);
            }
            if let Some(area) = areas.last_mut()
                && let Some(domain) = row.get("domain")?
            {
                area.domains.push(domain);
                area.entity_count += row.count("entities")?;
            }
        }
        Ok(areas)
    }
}

/// An area without its entities.
fn area(row: &Row, area_id: String) -> Result<Area, StoreFailure> {
    let name: Option<String> = row.get("name")?;
    Ok(Area {
        display_name: name.unwrap_or_else(|| title_case(&area_id)),
        area_id,
        floor_id: row.get("floor_id")?,
        icon: row.get("icon")?,
        picture: row.get("picture")?,
        aliases: row::texts(row, "aliases")?,
        labels: row::texts(row, "labels")?,
        temperature_entity_id: row.get("temperature_entity_id")?,
        humidity_entity_id: row.get("humidity_entity_id")?,
        entity_count: 0,
        domains: Vec::new(),
        removed_at: row::instant(row, "removed_us")?,
    })
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
