//! Devices of the registry.

use common::api::registry::Device;
use common::instant::UtcMicros;
use database::{Row, Statement, Value};

use super::complete::{Part, Upserted};
use super::registry_row::RegistryRow;
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

impl RegistryRow for DeviceRow {
    const PART: Part = Part::Devices;

    fn id_of(sent: &Object) -> Option<String> {
        first_text(sent, &["id", "device_id"])
    }

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

    fn merge(&mut self, sent: &Object, _complete: bool) {
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

    fn columns(self) -> Vec<(&'static str, Value)> {
        vec![
            ("device_id", self.device_id.into()),
            ("name", self.name.into()),
            ("name_by_user", self.name_by_user.into()),
            ("manufacturer", self.manufacturer.into()),
            ("model", self.model.into()),
            ("model_id", self.model_id.into()),
            ("sw_version", self.sw_version.into()),
            ("area_id", self.area_id.into()),
            ("integration", self.integration.into()),
            ("entry_type", self.entry_type.into()),
            ("configuration_url", self.configuration_url.into()),
            ("suggested_area", self.suggested_area.into()),
            ("labels", self.labels.into()),
            ("serial_number", self.serial_number.into()),
            ("config_entry_id", self.config_entry_id.into()),
            ("via_device", self.via_device.into()),
            ("parent_device_id", self.parent_device_id.into()),
            ("disabled_by", self.disabled_by.into()),
            ("hw_version", self.hw_version.into()),
            ("created_us", self.created_us.into()),
        ]
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
        let upserted = self
            .upsert_rows::<DeviceRow>(&mut transaction, sent, complete, now)
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
