//! Devices, entities, areas, floors, labels and services.

use common::api::device_reports::Enriched;
use common::api::home::Home;
use common::api::integrations::IntegrationList;
use common::api::places::{AreaList, FloorList, LabelList};
use common::api::registry::{
    DeviceList, EntityList, Rename, RenameReply, ServiceList, UpsertReply,
};
use reqwest::Method;
use serde::Serialize;

use crate::call::{CallFailed, DataApi};

/// Most entities that one list holds.
const ENTITIES: u32 = 10_000;
/// Most devices that one list holds.
const DEVICES: u32 = 1_000;

/// Most entities that are enriched at once.
pub const ENRICHED: u32 = 1_000;
/// Most integrations that one list holds.
const INTEGRATIONS: u32 = 1_000;

/// A part of the registry, as Home Assistant sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registry {
    /// `config/device_registry/list`
    Devices,
    /// `config/entity_registry/list`
    Entities,
    /// `config/area_registry/list`
    Areas,
    /// `config/floor_registry/list`
    Floors,
    /// `config/label_registry/list`
    Labels,
    /// `config_entries/get`
    ConfigEntries,
    /// `get_services`
    Services,
    /// `get_config`
    Home,
}

impl Registry {
    /// The word used in paths, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Entities => "entities",
            Self::Areas => "areas",
            Self::Floors => "floors",
            Self::Labels => "labels",
            Self::ConfigEntries => "config_entries",
            Self::Services => "services",
            Self::Home => "home",
        }
    }
}

impl DataApi {
    /// Hands over a part of the registry, in Home Assistant's own form. What is not in it stays as it is.
    pub async fn upsert<B: Serialize + Sync>(
        &self,
        part: Registry,
        body: &B,
    ) -> Result<UpsertReply, CallFailed> {
        self.hand_over(part, body, false).await
    }

    /// The same; a complete list also says what Home Assistant no longer has, and which entities have another id.
    pub async fn hand_over<B: Serialize + Sync>(
        &self,
        part: Registry,
        body: &B,
        complete: bool,
    ) -> Result<UpsertReply, CallFailed> {
        let path = match part {
            Registry::Home => "/internal/home".to_owned(),
            Registry::Devices
            | Registry::Entities
            | Registry::Areas
            | Registry::Floors
            | Registry::Labels
            | Registry::ConfigEntries
            | Registry::Services => format!("/internal/{}/bulk_upsert", part.as_str()),
        };
        let mut request = self.request(Method::POST, &path)?;
        if complete {
            request = request.query(&[("complete", true)]);
        }
        self.json(request.json(body)).await
    }

    /// Tells that entities got other ids, in the order in which Home Assistant told it.
    pub async fn rename_entities(&self, renames: &[Rename]) -> Result<RenameReply, CallFailed> {
        let request = self.request(Method::POST, "/internal/entities/renames")?;
        self.json(request.json(renames)).await
    }

    /// What Home Assistant says of the home itself.
    pub async fn home(&self) -> Result<Home, CallFailed> {
        self.json(self.request(Method::GET, "/api/v1/home")?).await
    }

    /// All devices.
    pub async fn devices(&self) -> Result<DeviceList, CallFailed> {
        self.json(
            self.request(Method::GET, "/api/devices")?
                .query(&[("limit", DEVICES)]),
        )
        .await
    }

    /// All entities.
    pub async fn entities(&self) -> Result<EntityList, CallFailed> {
        self.json(
            self.request(Method::GET, "/api/entities")?
                .query(&[("limit", ENTITIES)]),
        )
        .await
    }

    /// Lets data-api take over from the newest stored states what entities say of themselves: device class, unit, features and icon, which
    /// Home Assistant's list of entities leaves out. At most [`ENRICHED`] entities are changed at once.
    pub async fn enrich_entities(&self) -> Result<Enriched, CallFailed> {
        self.json(
            self.request(Method::POST, "/api/entities/enrich")?
                .query(&[("limit", ENRICHED)]),
        )
        .await
    }

    /// All areas.
    pub async fn areas(&self) -> Result<AreaList, CallFailed> {
        self.json(self.request(Method::GET, "/api/areas")?).await
    }

    /// All floors.
    pub async fn floors(&self) -> Result<FloorList, CallFailed> {
        self.json(self.request(Method::GET, "/api/v1/floors")?)
            .await
    }

    /// All labels.
    pub async fn labels(&self) -> Result<LabelList, CallFailed> {
        self.json(self.request(Method::GET, "/api/v1/labels")?)
            .await
    }

    /// All integrations that were set up.
    pub async fn integrations(&self) -> Result<IntegrationList, CallFailed> {
        self.json(
            self.request(Method::GET, "/api/integrations")?
                .query(&[("limit", INTEGRATIONS)]),
        )
        .await
    }

    /// All services, or those of one domain.
    pub async fn services(&self, domain: Option<&str>) -> Result<ServiceList, CallFailed> {
        let request = self.request(Method::GET, "/api/services")?;
        self.json(match domain {
            Some(domain) => request.query(&[("domain", domain)]),
            None => request,
        })
        .await
    }
}
