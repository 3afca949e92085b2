//! Entities of the registry.

use common::api::registry::Entity;
use common::entity::{EntityId, domain_of};
use common::instant::UtcMicros;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, FromRow, QueryBuilder, Row, query, query_as};

use super::areas::title_case;
use super::complete::{Part, Upserted};
use super::{Store, row};
use crate::store::StoreFailure;
use crate::store::reported::{self, Object, first_text, set_json, set_text, set_texts};

/// Which entities to list.
#[derive(Debug, Clone, Default)]
pub struct EntityFilter {
    /// This entity only.
    pub entity_id: Option<String>,
    /// Domain, such as `light`.
    pub domain: Option<String>,
    /// Integration that brought it.
    pub platform: Option<String>,
    /// Device, in any letter case.
    pub device_id: Option<String>,
    /// Area: own, else the device's, else the parent device's.
    pub area_id: Option<String>,
    /// A label.
    pub label: Option<String>,
    /// Also those that Home Assistant no longer has.
    pub include_removed: bool,
    /// Rows to read.
    pub limit: u32,
    /// Rows to pass over.
    pub offset: u32,
}

/// A row of the table.
#[derive(Debug, Clone, Default, FromRow)]
struct EntityRow {
    entity_id: String,
    domain: String,
    device_id: Option<String>,
    platform: Option<String>,
    unique_id: Option<String>,
    area_id: Option<String>,
    disabled: bool,
    entity_category: Option<String>,
    name: Option<String>,
    name_by_user: Option<String>,
    original_name: Option<String>,
    friendly_name: Option<String>,
    supported_features: Option<i64>,
    capabilities: Option<String>,
    icon: Option<String>,
    original_icon: Option<String>,
    device_class: Option<String>,
    unit_of_measurement: Option<String>,
    aliases: String,
    labels: String,
    options: Option<String>,
    config_entry_id: Option<String>,
    registry_id: Option<String>,
    hidden_by: Option<String>,
    created_us: i64,
}

impl EntityRow {
    fn new(entity_id: &EntityId, now: UtcMicros) -> Self {
        Self {
            entity_id: entity_id.as_str().to_owned(),
            domain: entity_id.domain().to_owned(),
            aliases: "[]".to_owned(),
            labels: "[]".to_owned(),
            created_us: now.get(),
            ..Self::default()
        }
    }

    /// Takes over what was sent; what was not sent stays.
    fn merge(&mut self, sent: &Object) {
        for (column, key) in [
            (&mut self.device_id, "device_id"),
            (&mut self.platform, "platform"),
            (&mut self.unique_id, "unique_id"),
            (&mut self.area_id, "area_id"),
            (&mut self.entity_category, "entity_category"),
            (&mut self.name, "name"),
            (&mut self.name_by_user, "name_by_user"),
            (&mut self.original_name, "original_name"),
            (&mut self.icon, "icon"),
            (&mut self.original_icon, "original_icon"),
            (&mut self.device_class, "device_class"),
            (&mut self.unit_of_measurement, "unit_of_measurement"),
            (&mut self.hidden_by, "hidden_by"),
        ] {
            set_text(column, sent, key);
        }
        if self.device_class.is_none() {
            set_text(&mut self.device_class, sent, "original_device_class");
        }
        set_json(&mut self.capabilities, sent, "capabilities");
        set_json(&mut self.options, sent, "options");
        set_texts(&mut self.aliases, sent, "aliases");
        set_texts(&mut self.labels, sent, "labels");
        if let Some(value) = sent.get("disabled_by") {
            self.disabled = !value.is_null();
        }
        if let Some(value) = sent.get("supported_features") {
            self.supported_features = value.as_i64();
        }
        if let Some(entry) = reported::config_entry_id(sent) {
            self.config_entry_id = Some(entry);
        }
        self.friendly_name = first_text(sent, &["name_by_user", "name"])
            .or_else(|| self.name_by_user.clone().or_else(|| self.name.clone()))
            .or_else(|| self.original_name.clone())
            .or_else(|| {
                Some(title_case(
                    self.entity_id
                        .split_once('.')
                        .map_or("", |(_, object)| object),
                ))
            });
    }
}

impl Store {
    /// Writes entities, in one transaction; objects without a usable entity id are left out. A complete list also says who has another
    /// id than before and, by what it does not name, who was removed.
    pub async fn upsert_entities(
        &self,
        sent: &[Object],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        let mut writer = self.sqlite().writer.acquire().await?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        let renamed = if complete {
            self.follow_renames(&mut transaction, sent, now).await?
        } else {
            0
        };
        let mut named = Vec::with_capacity(sent.len());
        for object in sent {
            let Some(entity_id) =
                first_text(object, &["entity_id"]).and_then(|id| id.parse::<EntityId>().ok())
            else {
                continue;
            };
            let known = query_as("SELECT * FROM entities WHERE entity_id = $1")
                .bind(entity_id.as_str())
                .fetch_optional(&mut *transaction)
                .await?;
            let mut entity = known.unwrap_or_else(|| EntityRow::new(&entity_id, now));
            entity.merge(object);
            if complete {
                set_text(&mut entity.registry_id, object, "id");
            }
            named.push(entity.entity_id.clone());
            write(&mut transaction, entity, now).await?;
        }
        let upserted = self
            .upserted(&mut transaction, Part::Entities, &named, complete, now)
            .await?;
        self.place_entities(&mut transaction).await?;
        transaction.commit().await?;
        self.forget_placements();
        Ok(Upserted {
            renamed,
            ..upserted
        })
    }

    /// Makes the events' entities follow the registry: device and area of every entity that it knows.
    pub(super) async fn place_entities(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(), sqlx::Error> {
        query(
            "UPDATE event_entities SET device_id = r.device_id, area_id = r.area_id FROM (SELECT e.entity_id AS entity_id, \
             e.device_id AS device_id, coalesce(e.area_id, d.area_id, p.area_id) AS area_id FROM entities e \
             LEFT JOIN devices d ON d.device_id = e.device_id LEFT JOIN devices p ON p.device_id = d.parent_device_id) AS r \
             WHERE r.entity_id = event_entities.entity_id \
             AND (event_entities.device_id IS NOT r.device_id OR event_entities.area_id IS NOT r.area_id)",
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    pub(super) fn forget_placements(&self) {
        self.dictionaries
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .forget_placements();
    }

    /// Entities by id.
    pub async fn entities(&self, asked: &EntityFilter) -> Result<Vec<Entity>, StoreFailure> {
        let mut sql = QueryBuilder::new(
            "SELECT e.*, coalesce(e.area_id, d.area_id, p.area_id) AS effective_area_id, d.device_id AS known_device, \
             (SELECT json_group_array(s.domain || '.' || s.service_name) FROM services s WHERE s.domain = e.domain) AS available, \
             (SELECT json_group_array(DISTINCT o.old_entity_id) FROM event_entities n JOIN renames o ON o.entity = n.id \
             WHERE n.entity_id = e.entity_id AND o.old_entity_id <> e.entity_id) AS former \
             FROM entities e LEFT JOIN devices d ON d.device_id = e.device_id \
             LEFT JOIN devices p ON p.device_id = d.parent_device_id WHERE true",
        );
        if !asked.include_removed {
            sql.push(" AND e.removed_us IS NULL");
        }
        for (condition, value) in [
            (" AND e.entity_id = ", &asked.entity_id),
            (" AND e.domain = ", &asked.domain),
            (" AND e.platform = ", &asked.platform),
            (
                " AND coalesce(e.area_id, d.area_id, p.area_id) = ",
                &asked.area_id,
            ),
        ] {
            if let Some(value) = value {
                sql.push(condition).push_bind(value.clone());
            }
        }
        if let Some(device_id) = &asked.device_id {
            sql.push(" AND lower(e.device_id) = ")
                .push_bind(device_id.to_lowercase());
        }
        if let Some(label) = &asked.label {
            sql.push(" AND EXISTS (SELECT 1 FROM json_each(e.labels) WHERE value = ")
                .push_bind(label.clone())
                .push(")");
        }
        sql.push(" ORDER BY e.entity_id LIMIT ")
            .push_bind(i64::from(asked.limit));
        sql.push(" OFFSET ").push_bind(i64::from(asked.offset));
        let rows = sql.build().fetch_all(&self.sqlite().readers).await?;
        Ok(rows.iter().map(entity).collect::<Result<_, _>>()?)
    }
}

async fn write(
    connection: &mut SqliteConnection,
    entity: EntityRow,
    now: UtcMicros,
) -> Result<(), sqlx::Error> {
    query(
        "INSERT OR REPLACE INTO entities (entity_id, domain, device_id, platform, unique_id, area_id, disabled, entity_category, \
         name, name_by_user, original_name, friendly_name, supported_features, capabilities, icon, original_icon, \
         device_class, unit_of_measurement, aliases, labels, options, config_entry_id, registry_id, hidden_by, last_seen_us, \
         created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
         $23, $24, $25, $26)",
    )
    .bind(entity.entity_id)
    .bind(entity.domain)
    .bind(entity.device_id)
    .bind(entity.platform)
    .bind(entity.unique_id)
    .bind(entity.area_id)
    .bind(entity.disabled)
    .bind(entity.entity_category)
    .bind(entity.name)
    .bind(entity.name_by_user)
    .bind(entity.original_name)
    .bind(entity.friendly_name)
    .bind(entity.supported_features)
    .bind(entity.capabilities)
    .bind(entity.icon)
    .bind(entity.original_icon)
    .bind(entity.device_class)
    .bind(entity.unit_of_measurement)
    .bind(entity.aliases)
    .bind(entity.labels)
    .bind(entity.options)
    .bind(entity.config_entry_id)
    .bind(entity.registry_id)
    .bind(entity.hidden_by)
    .bind(now.get())
    .bind(entity.created_us)
    .execute(connection)
    .await?;
    Ok(())
}

fn entity(row: &SqliteRow) -> Result<Entity, sqlx::Error> {
    let table = EntityRow::from_row(row)?;
    let available = row::texts(row, "available")?;
    Ok(Entity {
        domain: domain_of(&table.entity_id).to_owned(),
        entity_id: table.entity_id,
        // A device that is not known (yet) is no reference that a client could follow.
        device_id: row.try_get("known_device")?,
        platform: table.platform.unwrap_or_else(|| "unknown".to_owned()),
        unique_id: table.unique_id,
        area_id: row.try_get("effective_area_id")?,
        disabled: table.disabled,
        config_entry_id: table.config_entry_id,
        name: table.name,
        name_by_user: table.name_by_user,
        original_name: table.original_name,
        friendly_name: table.friendly_name,
        supported_features: table.supported_features,
        capabilities: row::json(row, "capabilities")?,
        available_services: (!available.is_empty()).then_some(available),
        icon: table.icon,
        original_icon: table.original_icon,
        device_class: table.device_class,
        unit_of_measurement: table.unit_of_measurement,
        aliases: row::texts(row, "aliases")?,
        labels: row::texts(row, "labels")?,
        options: row::json(row, "options")?,
        entity_category: table.entity_category,
        hidden: table.hidden_by.is_some(),
        registry_id: table.registry_id,
        former_entity_ids: row::texts(row, "former")?,
        removed_at: row::instant(row, "removed_us")?,
        timestamp: row::instant_or_default(row, "last_seen_us")?,
    })
}
