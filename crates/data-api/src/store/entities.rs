//! Entities of the registry.

use common::api::registry::Entity;
use common::entity::{EntityId, domain_of};
use common::instant::UtcMicros;
use database::{Row, Statement, Transaction, Value};

use super::areas::title_case;
use super::complete::{Part, Upserted};
use super::registry_row::RegistryRow;
use super::reported::{self, Object, first_text, set_json, set_text, set_texts};
use super::row::Lists;
use super::{Store, StoreFailure, row};

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
#[derive(Debug, Clone, Default)]
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

impl RegistryRow for EntityRow {
    const PART: Part = Part::Entities;

    fn id_of(sent: &Object) -> Option<String> {
        let id: EntityId = first_text(sent, &["entity_id"])?.parse().ok()?;
        Some(id.as_str().to_owned())
    }

    fn read(row: &Row) -> Result<Self, StoreFailure> {
        Ok(Self {
            entity_id: row.get("entity_id")?,
            domain: row.get("domain")?,
            device_id: row.get("device_id")?,
            platform: row.get("platform")?,
            unique_id: row.get("unique_id")?,
            area_id: row.get("area_id")?,
            disabled: row.get("disabled")?,
            entity_category: row.get("entity_category")?,
            name: row.get("name")?,
            name_by_user: row.get("name_by_user")?,
            original_name: row.get("original_name")?,
            friendly_name: row.get("friendly_name")?,
            supported_features: row.get("supported_features")?,
            capabilities: row.get("capabilities")?,
            icon: row.get("icon")?,
            original_icon: row.get("original_icon")?,
            device_class: row.get("device_class")?,
            unit_of_measurement: row.get("unit_of_measurement")?,
            aliases: row.get("aliases")?,
            labels: row.get("labels")?,
            options: row.get("options")?,
            config_entry_id: row.get("config_entry_id")?,
            registry_id: row.get("registry_id")?,
            hidden_by: row.get("hidden_by")?,
            created_us: row.get("created_us")?,
        })
    }

    fn new(entity_id: String, now: UtcMicros) -> Self {
        Self {
            domain: domain_of(&entity_id).to_owned(),
            entity_id,
            aliases: "[]".to_owned(),
            labels: "[]".to_owned(),
            created_us: now.get(),
            ..Self::default()
        }
    }

    fn merge(&mut self, sent: &Object, complete: bool) {
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
        if complete {
            set_text(&mut self.registry_id, sent, "id");
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

    fn columns(self) -> Vec<(&'static str, Value)> {
        vec![
            ("entity_id", self.entity_id.into()),
            ("domain", self.domain.into()),
            ("device_id", self.device_id.into()),
            ("platform", self.platform.into()),
            ("unique_id", self.unique_id.into()),
            ("area_id", self.area_id.into()),
            ("disabled", self.disabled.into()),
            ("entity_category", self.entity_category.into()),
            ("name", self.name.into()),
            ("name_by_user", self.name_by_user.into()),
            ("original_name", self.original_name.into()),
            ("friendly_name", self.friendly_name.into()),
            ("supported_features", self.supported_features.into()),
            ("capabilities", self.capabilities.into()),
            ("icon", self.icon.into()),
            ("original_icon", self.original_icon.into()),
            ("device_class", self.device_class.into()),
            ("unit_of_measurement", self.unit_of_measurement.into()),
            ("aliases", self.aliases.into()),
            ("labels", self.labels.into()),
            ("options", self.options.into()),
            ("config_entry_id", self.config_entry_id.into()),
            ("registry_id", self.registry_id.into()),
            ("hidden_by", self.hidden_by.into()),
            ("created_us", self.created_us.into()),
        ]
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
        let mut transaction = self.database.write().await?;
        let renamed = if complete {
            self.follow_renames(&mut transaction, sent, now).await?
        } else {
            0
        };
        let upserted = self
            .upsert_rows::<EntityRow>(&mut transaction, sent, complete, now)
            .await?;
        self.place_entities(&mut transaction).await?;
        let writing = transaction.commit().await?;
        self.forget_placements();
        drop(writing);
        Ok(Upserted {
            renamed,
            ..upserted
        })
    }

    /// Makes the events' entities follow the registry: device and area of every entity that it knows.
    pub(super) async fn place_entities(
        &self,
        transaction: &mut Transaction,
    ) -> Result<(), StoreFailure> {
        transaction
            .execute(
                "UPDATE event_entities SET device_id = r.device_id, area_id = r.area_id FROM (SELECT e.entity_id AS entity_id, \
                 e.device_id AS device_id, coalesce(e.area_id, d.area_id, p.area_id) AS area_id FROM entities e \
                 LEFT JOIN devices d ON d.device_id = e.device_id LEFT JOIN devices p ON p.device_id = d.parent_device_id) AS r \
                 WHERE r.entity_id = event_entities.entity_id AND (event_entities.device_id IS DISTINCT FROM r.device_id \
                 OR event_entities.area_id IS DISTINCT FROM r.area_id)",
            )
            .await?;
        Ok(())
    }

    pub(super) fn forget_placements(&self) {
        self.dictionaries
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .forget_placements();
        self.recent.forget();
    }

    /// Entities by id.
    pub async fn entities(&self, asked: &EntityFilter) -> Result<Vec<Entity>, StoreFailure> {
        let mut statement = Statement::new(
            "SELECT e.*, coalesce(e.area_id, d.area_id, p.area_id) AS effective_area_id, d.device_id AS known_device \
             FROM entities e LEFT JOIN devices d ON d.device_id = e.device_id \
             LEFT JOIN devices p ON p.device_id = d.parent_device_id WHERE true",
        );
        if !asked.include_removed {
            statement = statement.push(" AND e.removed_us IS NULL");
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
            statement = statement.bind_some(condition, value.as_ref());
        }
        let device_id = asked.device_id.as_ref().map(|id| id.to_lowercase());
        statement = statement.bind_some(" AND lower(e.device_id) = ", device_id);
        let rows = if let Some(label) = &asked.label {
            // Labels are a list in a column: which of the few entities with labels have this one is found out here.
            statement = statement.push(" AND e.labels <> '[]' ORDER BY e.entity_id");
            let mut rows = Vec::new();
            for row in self.database.fetch_all(statement).await? {
                if row::texts(&row, "labels")?.contains(label) {
                    rows.push(row);
                }
            }
            let page = rows.into_iter().skip(asked.offset as usize);
            page.take(asked.limit as usize).collect()
        } else {
            let statement = statement
                .push(" ORDER BY e.entity_id LIMIT ")
                .bind(asked.limit)
                .push(" OFFSET ")
                .bind(asked.offset);
            self.database.fetch_all(statement).await?
        };
        let entity_id = asked.entity_id.as_deref();
        let domain = entity_id.map(domain_of).or(asked.domain.as_deref());
        let available = self.available_services(domain).await?;
        let former = self.former_entity_ids(entity_id).await?;
        rows.iter()
            .map(|row| entity(row, &available, &former))
            .collect()
    }
}

fn entity(row: &Row, available: &Lists, former: &Lists) -> Result<Entity, StoreFailure> {
    let table = EntityRow::read(row)?;
    let domain = domain_of(&table.entity_id);
    Ok(Entity {
        available_services: available.get(domain).cloned(),
        former_entity_ids: former.get(&table.entity_id).cloned().unwrap_or_default(),
        domain: domain.to_owned(),
        entity_id: table.entity_id,
        // A device that is not known (yet) is no reference that a client could follow.
        device_id: row.get("known_device")?,
        platform: table.platform.unwrap_or_else(|| "unknown".to_owned()),
        unique_id: table.unique_id,
        area_id: row.get("effective_area_id")?,
        disabled: table.disabled,
        config_entry_id: table.config_entry_id,
        name: table.name,
        name_by_user: table.name_by_user,
        original_name: table.original_name,
        friendly_name: table.friendly_name,
        supported_features: table.supported_features,
        capabilities: row::json(row, "capabilities")?,
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
        removed_at: row::instant(row, "removed_us")?,
        timestamp: row::instant_or_default(row, "last_seen_us")?,
    })
}
