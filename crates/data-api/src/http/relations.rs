//! How devices and entities belong together: hierarchies, siblings, entities of a device, an area or a configuration entry.

use std::collections::{BTreeMap, HashMap};

use axum::Json;
use axum::extract::State;
use common::api::registry::{Device, Entity};
use common::api::relations::{
    DeviceHierarchy, DeviceOfEntity, EntitiesOfArea, EntitiesOfConfigEntry, EntitiesOfDevice,
    EntityDevice, EntitySiblings, HierarchyDevice, RegistryEntry,
};
use common::http::extract::Path;
use common::http::problem::Problem;
use serde_json::json;

use super::registry::{all_devices, find_device, find_entity};
use super::{Api, store_problem};
use crate::store::EntityFilter;

fn in_hierarchy(device: &Device) -> HierarchyDevice {
    HierarchyDevice {
        device_id: device.device_id.clone(),
        name: device.name.clone(),
        manufacturer: device.manufacturer.clone(),
        model: device.model.clone(),
        via_device: device.via_device.clone(),
        config_entry_id: device.config_entry_id.clone(),
    }
}

/// The device that a device is reached through, else the one that it is a part of.
fn parent_of(device: &Device) -> Option<&str> {
    device
        .via_device
        .as_deref()
        .or(device.parent_device_id.as_deref())
}

/// A device, what it hangs on, and what hangs on it.
#[utoipa::path(get, path = "/api/devices/{device_id}/hierarchy", tag = "registry", security(("key" = [])),
    params(("device_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = DeviceHierarchy, description = "The hierarchy; without device where there is none of that id")))]
pub(super) async fn hierarchy(
    State(api): State<Api>,
    Path(device_id): Path<String>,
) -> Result<Json<DeviceHierarchy>, Problem> {
    let devices = all_devices(&api).await?;
    let find = |id: &str| devices.iter().find(|device| device.device_id == id);
    let device = find(&device_id);
    let parent = device.and_then(parent_of).and_then(find);
    let children = devices
        .iter()
        .filter(|child| device.is_some() && parent_of(child) == Some(device_id.as_str()));
    Ok(Json(DeviceHierarchy {
        success: true,
        device: device.map(in_hierarchy),
        parent_device: parent.map(in_hierarchy),
        child_devices: children.map(in_hierarchy).collect(),
        device_id,
    }))
}

async fn entities(api: &Api, asked: EntityFilter) -> Result<Vec<Entity>, Problem> {
    let asked = EntityFilter {
        limit: u32::MAX,
        ..asked
    };
    api.store.entities(&asked).await.map_err(store_problem)
}

async fn of_device(api: &Api, device_id: &str) -> Result<Vec<Entity>, Problem> {
    entities(
        api,
        EntityFilter {
            device_id: Some(device_id.to_owned()),
            ..EntityFilter::default()
        },
    )
    .await
}

/// Entities with what is known of their devices.
async fn entries(api: &Api, found: Vec<Entity>) -> Result<Vec<RegistryEntry>, Problem> {
    let devices: HashMap<String, Device> = all_devices(api)
        .await?
        .into_iter()
        .map(|device| (device.device_id.clone(), device))
        .collect();
    // Who belongs to a device is more than what was found: an area may hold only one of its entities.
    let mut of_devices: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if found.iter().any(|entity| entity.device_id.is_some()) {
        for entity in entities(api, EntityFilter::default()).await? {
            if let Some(device_id) = entity.device_id {
                of_devices
                    .entry(device_id)
                    .or_default()
                    .push(entity.entity_id);
            }
        }
    }
    Ok(found
        .into_iter()
        .map(|entity| {
            let device = entity.device_id.as_ref().and_then(|id| devices.get(id));
            let siblings = entity.device_id.as_ref().and_then(|id| of_devices.get(id));
            let related = siblings
                .into_iter()
                .flatten()
                .filter(|id| **id != entity.entity_id);
            RegistryEntry {
                related_entities: related.cloned().collect(),
                manufacturer: device.map(|device| device.manufacturer.clone()),
                model: device.map(|device| device.model.clone()),
                sw_version: device.and_then(|device| device.sw_version.clone()),
                via_device: device.and_then(|device| device.via_device.clone()),
                unique_id: entity.unique_id.unwrap_or_default(),
                capabilities: entity.capabilities.unwrap_or_else(|| json!({})),
                entity_id: entity.entity_id,
                name: entity.name,
                device_id: entity.device_id,
                area_id: entity.area_id,
                config_entry_id: entity.config_entry_id,
                platform: entity.platform,
                domain: entity.domain,
                friendly_name: entity.friendly_name,
                name_by_user: entity.name_by_user,
                original_name: entity.original_name,
                disabled: entity.disabled,
                supported_features: entity.supported_features,
                available_services: entity.available_services,
                icon: entity.icon,
                device_class: entity.device_class,
                unit_of_measurement: entity.unit_of_measurement,
            }
        })
        .collect())
}

/// The entities of a device.
#[utoipa::path(get, path = "/api/entities/by-device/{device_id}", tag = "registry", security(("key" = [])),
    params(("device_id" = String, Path, description = "Home Assistant's id of it, in any letter case")),
    responses((status = 200, body = EntitiesOfDevice, description = "The entities; none of a device that is not known")))]
pub(super) async fn by_device(
    State(api): State<Api>,
    Path(device_id): Path<String>,
) -> Result<Json<EntitiesOfDevice>, Problem> {
    let found = of_device(&api, &device_id).await?;
    let entities = entries(&api, found).await?;
    Ok(Json(EntitiesOfDevice {
        success: true,
        device_id,
        count: entities.len(),
        entities,
    }))
}

/// The entities in an area: its own, and those of devices in it.
#[utoipa::path(get, path = "/api/entities/by-area/{area_id}", tag = "registry", security(("key" = [])),
    params(("area_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = EntitiesOfArea, description = "The entities; none of an area that is not known")))]
pub(super) async fn by_area(
    State(api): State<Api>,
    Path(area_id): Path<String>,
) -> Result<Json<EntitiesOfArea>, Problem> {
    let asked = EntityFilter {
        area_id: Some(area_id.clone()),
        ..EntityFilter::default()
    };
    let found = entities(&api, asked).await?;
    let entities = entries(&api, found).await?;
    Ok(Json(EntitiesOfArea {
        success: true,
        area_id,
        count: entities.len(),
        entities,
    }))
}

/// The entities that a configuration entry brought.
#[utoipa::path(get, path = "/api/entities/by-config-entry/{config_entry_id}", tag = "registry", security(("key" = [])),
    params(("config_entry_id" = String, Path, description = "Home Assistant's id of it")),
    responses((status = 200, body = EntitiesOfConfigEntry, description = "The entities; none of an entry that is not known")))]
pub(super) async fn by_config_entry(
    State(api): State<Api>,
    Path(config_entry_id): Path<String>,
) -> Result<Json<EntitiesOfConfigEntry>, Problem> {
    let mut found = entities(&api, EntityFilter::default()).await?;
    found.retain(|entity| entity.config_entry_id.as_deref() == Some(config_entry_id.as_str()));
    let entities = entries(&api, found).await?;
    Ok(Json(EntitiesOfConfigEntry {
        success: true,
        config_entry_id,
        count: entities.len(),
        entities,
    }))
}

/// The other entities of an entity's device.
#[utoipa::path(get, path = "/api/entities/{entity_id}/siblings", tag = "registry", security(("key" = [])),
    params(("entity_id" = String, Path, description = "Such as `light.kitchen`")),
    responses((status = 200, body = EntitySiblings, description = "The others; none without a device")))]
pub(super) async fn siblings(
    State(api): State<Api>,
    Path(entity_id): Path<String>,
) -> Result<Json<EntitySiblings>, Problem> {
    let mut siblings = Vec::new();
    if let Some(entity) = find_entity(&api, &entity_id).await?
        && let Some(device_id) = &entity.device_id
    {
        let mut found = of_device(&api, device_id).await?;
        found.retain(|other| other.entity_id != entity.entity_id);
        siblings = entries(&api, found).await?;
    }
    Ok(Json(EntitySiblings {
        success: true,
        entity_id,
        count: siblings.len(),
        siblings,
    }))
}

/// The device of an entity.
#[utoipa::path(get, path = "/api/entities/{entity_id}/device", tag = "registry", security(("key" = [])),
    params(("entity_id" = String, Path, description = "Such as `light.kitchen`")),
    responses((status = 200, body = EntityDevice, description = "The device"), (status = 404, description = "No such entity, or it has no device")))]
pub(super) async fn device(
    State(api): State<Api>,
    Path(entity_id): Path<String>,
) -> Result<Json<EntityDevice>, Problem> {
    let entity = find_entity(&api, &entity_id)
        .await?
        .ok_or_else(|| Problem::not_found(format!("Entity {entity_id} not found")))?;
    let without = || Problem::not_found(format!("Entity {entity_id} has no device"));
    let device_id = entity.device_id.ok_or_else(without)?;
    let device = find_device(&api, &device_id).await?.ok_or_else(without)?;
    Ok(Json(EntityDevice {
        success: true,
        device: DeviceOfEntity {
            device_id: device.device_id,
            name: device.name,
            manufacturer: device.manufacturer,
            model: device.model,
            sw_version: device.sw_version,
            area_id: device.area_id,
            integration: device.integration,
            config_entry_id: device.config_entry_id,
            via_device: device.via_device,
        },
        entity_id,
    }))
}
