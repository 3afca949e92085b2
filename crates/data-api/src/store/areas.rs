//! Areas of the home.

use common::api::places::Area;
use common::instant::UtcMicros;
use database::{Row, Statement};

use super::complete::{Part, Upserted};
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

impl AreaRow {
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
        let mut transaction = self.database.write().await?;
        let mut named = Vec::with_capacity(sent.len());
        for object in sent {
            let Some(area_id) = first_text(object, &["area_id"]) else {
                continue;
            };
            let known = transaction
                .fetch_optional(Statement::with(
                    "SELECT * FROM areas WHERE area_id = $1",
                    [(&area_id).into()],
                ))
                .await?
                .map(|row| AreaRow::read(&row))
                .transpose()?;
            named.push(area_id.clone());
            let mut area = known.unwrap_or_else(|| AreaRow::new(area_id));
            area.merge(object);
            transaction
                .execute(Statement::with(
                    "INSERT INTO areas (area_id, name, floor_id, icon, picture, aliases, labels, temperature_entity_id, \
                     humidity_entity_id, last_seen_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT \
                     (area_id) DO UPDATE SET name = excluded.name, floor_id = excluded.floor_id, icon = excluded.icon, \
                     picture = excluded.picture, aliases = excluded.aliases, labels = excluded.labels, \
                     temperature_entity_id = excluded.temperature_entity_id, humidity_entity_id = \
                     excluded.humidity_entity_id, last_seen_us = excluded.last_seen_us, removed_us = NULL",
                    [
                        area.area_id.into(),
                        area.name.into(),
                        area.floor_id.into(),
                        area.icon.into(),
                        area.picture.into(),
                        area.aliases.into(),
                        area.labels.into(),
                        area.temperature_entity_id.into(),
                        area.humidity_entity_id.into(),
                        now.get().into(),
                    ],
                ))
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
