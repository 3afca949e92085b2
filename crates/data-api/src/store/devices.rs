//! Devices of the registry.

use common::api::registry::Device;
use common::instant::UtcMicros;
use database::{Row, Statement};

use super::complete::{Part, Upserted};
use super::reported::{self, Object, first_text, set_text, set_texts};
use super::{Store, StoreFailure, row};

/// Days without a report after which a device counts as inactive.
const ACTIVE_DAYS: i64 = 30;

/// Which devices to list.
#[derive(Debug, Clone, Default)]
pub struct DeviceFilter {
    /// Exact manufacturer.
    pub manufacturer: Option<String>,
    /// Exact model.
    pub model: Option<String>,
    /// Area, own or inherited.
    pub area_id: Option<String>,
    /// Devices that have an entity of this platform.
    pub platform: Option<String>,
    /// This device only.
    pub device_id: Option<String>,
    /// Also those that Home Assistant no longer has.
    pub include_removed: bool,
    /// Rows to read.
    pub limit: u32,
    /// Rows to pass over.
    pub offset: u32,
}

/// A row of the table.
#[derive(Debug, Clone, Default)]
struct DeviceRow {
    device_id: String,
    name: String,
    name_by_user: Option<String>,
    manufacturer: Option<String>,
    model: Option<String>,
    model_id: Option<String>,
    sw_version: Option<String>,
    area_id: Option<String>,
    integration: Option<String>,
    entry_type: Option<String>,
    configuration_url: Option<String>,
    suggested_area: Option<String>,
    labels: String,
    serial_number: Option<String>,
    config_entry_id: Option<String>,
    via_device: Option<String>,
    parent_device_id: Option<String>,
    disabled_by: Option<String>,
    hw_version: Option<String>,
    created_us: i64,
}

impl DeviceRow {
    fn read(row: &Row) -> Result<Self, StoreFailure> {
        Ok(Self {
            device_id: row.get("device_id")?,
            name: row.get("name")?,
            name_by_user: row.get("name_by_user")?,
            manufacturer: row.get("manufacturer")?,
            model: row.get("model")?,
            model_id: row.get("model_id")?,
            sw_version: row.get("sw_version")?,
            area_id: row.get("area_id")?,
            integration: row.get("integration")?,
            entry_type: row.get("entry_type")?,
            configuration_url: row.get("configuration_url")?,
            suggested_area: row.get("suggested_area")?,
            labels: row.get("labels")?,
            serial_number: row.get("serial_number")?,
            config_entry_id: row.get("config_entry_id")?,
            via_device: row.get("via_device")?,
            parent_device_id: row.get("parent_device_id")?,
            disabled_by: row.get("disabled_by")?,
            hw_version: row.get("hw_version")?,
            created_us: row.get("created_us")?,
        })
    }

    fn new(device_id: String, now: UtcMicros) -> Self {
        Self {
            device_id,
            name: "Unknown".to_owned(),
            labels: "[]".to_owned(),
            created_us: now.get(),
            ..Self::default()
        }
    }

    /// Takes over what was sent; what was not sent stays.
    fn merge(&mut self, sent: &Object) {
        if let Some(name) = first_text(sent, &["name_by_user", "name"]) {
            self.name = name;
        }
        for (column, key) in [
            (&mut self.name_by_user, "name_by_user"),
            (&mut self.manufacturer, "manufacturer"),
            (&mut self.model, "model"),
            (&mut self.model_id, "model_id"),
            (&mut self.sw_version, "sw_version"),
            (&mut self.area_id, "area_id"),
            (&mut self.integration, "integration"),
            (&mut self.entry_type, "entry_type"),
            (&mut self.configuration_url, "configuration_url"),
            (&mut self.suggested_area, "suggested_area"),
            (&mut self.serial_number, "serial_number"),
            (&mut self.via_device, "via_device_id"),
            (&mut self.parent_device_id, "parent_device_id"),
            (&mut self.disabled_by, "disabled_by"),
            (&mut self.hw_version, "hw_version"),
        ] {
            set_text(column, sent, key);
        }
        set_texts(&mut self.labels, sent, "labels");
        if let Some(entry) = reported::config_entry_id(sent) {
            self.config_entry_id = Some(entry);
        }
        if self.integration.is_none() {
            // Identifiers are pairs of integration and id: [["hue", "00:17:88"]].
            let domain = sent
                .get("identifiers")
                .and_then(|list| list.get(0)?.get(0)?.as_str());
            self.integration = domain.map(str::to_owned);
        }
    }
}

impl Store {
    /// Writes devices, in one transaction; objects without id are left out. What a complete list does not name is marked as removed.
    pub async fn upsert_devices(
        &self,
        sent: &[Object],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let mut named = Vec::with_capacity(sent.len());
        for object in sent {
            let Some(device_id) = first_text(object, &["id", "device_id"]) else {
                continue;
            };
            let known = transaction
                .fetch_optional(Statement::with(
                    "SELECT * FROM devices WHERE device_id = $1",
                    [(&device_id).into()],
                ))
                .await?
                .map(|row| DeviceRow::read(&row))
                .transpose()?;
            named.push(device_id.clone());
            let mut device = known.unwrap_or_else(|| DeviceRow::new(device_id, now));
            device.merge(object);
            transaction
                .execute(Statement::with(
                    "INSERT INTO devices (device_id, name, name_by_user, manufacturer, model, model_id, sw_version, \
                     area_id, integration, entry_type, configuration_url, suggested_area, labels, serial_number, \
                     config_entry_id, via_device, parent_device_id, disabled_by, hw_version, last_seen_us, created_us) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
                     $21) ON CONFLICT (device_id) DO UPDATE SET name = excluded.name, name_by_user = \
                     excluded.name_by_user, manufacturer = excluded.manufacturer, model = excluded.model, model_id = \
                     excluded.model_id, sw_version = excluded.sw_version, area_id = excluded.area_id, integration = \
                     excluded.integration, entry_type = excluded.entry_type, configuration_url = \
                     excluded.configuration_url, suggested_area = excluded.suggested_area, labels = excluded.labels, \
                     serial_number = excluded.serial_number, config_entry_id = excluded.config_entry_id, via_device = \
                     excluded.via_device, parent_device_id = excluded.parent_device_id, disabled_by = \
                     excluded.disabled_by, hw_version = excluded.hw_version, last_seen_us = excluded.last_seen_us, \
                     removed_us = NULL",
                    [
                        device.device_id.into(),
                        device.name.into(),
                        device.name_by_user.into(),
                        device.manufacturer.into(),
                        device.model.into(),
                        device.model_id.into(),
                        device.sw_version.into(),
                        device.area_id.into(),
                        device.integration.into(),
                        device.entry_type.into(),
                        device.configuration_url.into(),
                        device.suggested_area.into(),
                        device.labels.into(),
                        device.serial_number.into(),
                        device.config_entry_id.into(),
                        device.via_device.into(),
                        device.parent_device_id.into(),
                        device.disabled_by.into(),
                        device.hw_version.into(),
                        now.get().into(),
                        device.created_us.into(),
                    ],
                ))
                .await?;
        }
        let upserted = self
            .upserted(&mut transaction, Part::Devices, &named, complete, now)
            .await?;
        self.place_entities(&mut transaction).await?;
        let writing = transaction.commit().await?;
        self.forget_placements();
        drop(writing);
        Ok(upserted)
    }

    /// Devices by id.
    pub async fn devices(
        &self,
        asked: &DeviceFilter,
        now: UtcMicros,
    ) -> Result<Vec<Device>, StoreFailure> {
        let mut statement = Statement::new(
            "SELECT d.*, coalesce(d.area_id, p.area_id) AS effective_area_id, v.device_id AS known_via, \
             (SELECT COUNT(*) FROM entities e WHERE e.device_id = d.device_id AND e.removed_us IS NULL) AS entity_count \
             FROM devices d LEFT JOIN devices p ON p.device_id = d.parent_device_id \
             LEFT JOIN devices v ON v.device_id = d.via_device WHERE true",
        );
        if !asked.include_removed {
            statement = statement.push(" AND d.removed_us IS NULL");
        }
        for (condition, value) in [
            (" AND d.device_id = ", &asked.device_id),
            (" AND d.manufacturer = ", &asked.manufacturer),
            (" AND d.model = ", &asked.model),
            (" AND coalesce(d.area_id, p.area_id) = ", &asked.area_id),
        ] {
            statement = statement.bind_some(condition, value.as_ref());
        }
        if let Some(platform) = &asked.platform {
            statement = statement
                .push(" AND EXISTS (SELECT 1 FROM entities e WHERE e.device_id = d.device_id AND e.platform = ")
                .bind(platform)
                .push(")");
        }
        let statement = statement
            .push(" ORDER BY d.device_id LIMIT ")
            .bind(asked.limit)
            .push(" OFFSET ")
            .bind(asked.offset);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(|row| device(row, now)).collect()
    }
}

fn device(row: &Row, now: UtcMicros) -> Result<Device, StoreFailure> {
    let table = DeviceRow::read(row)?;
    let timestamp = row::instant_or_default(row, "last_seen_us")?;
    let unknown = || "Unknown".to_owned();
    Ok(Device {
        device_id: table.device_id,
        name: table.name,
        name_by_user: table.name_by_user,
        manufacturer: table.manufacturer.unwrap_or_else(unknown),
        model: table.model.unwrap_or_else(unknown),
        model_id: table.model_id,
        integration: table.integration,
        sw_version: table.sw_version,
        area_id: row.get("effective_area_id")?,
        config_entry_id: table.config_entry_id,
        // A bridge that is not known (any more) is no reference that a client could follow.
        via_device: row.get("known_via")?,
        parent_device_id: table.parent_device_id,
        hw_version: table.hw_version,
        device_type: None,
        device_category: None,
        power_consumption_idle_w: None,
        power_consumption_active_w: None,
        power_consumption_max_w: None,
        setup_instructions_url: table.configuration_url,
        troubleshooting_notes: None,
        device_features_json: None,
        community_rating: None,
        last_capability_sync: None,
        serial_number: table.serial_number,
        labels: row::texts(row, "labels")?,
        entity_count: row.count("entity_count")?,
        status: if now.seconds_since(timestamp) < (ACTIVE_DAYS * 86_400) as f64 {
            "active"
        } else {
            "inactive"
        }
        .to_owned(),
        timestamp,
        removed_at: row::instant(row, "removed_us")?,
    })
}
