//! Devices, entities, areas and services: read from Home Assistant, handed to data-api.

use std::time::Duration;

use data_api_client::registry::Registry;
use serde_json::{Value, json};

use crate::app::Shared;
use crate::home_assistant::calls::{CallFailed, Calls};

/// The registries at one moment.
#[derive(Debug)]
pub(crate) struct Registries {
    pub(crate) devices: Vec<Value>,
    pub(crate) entities: Vec<Value>,
    pub(crate) areas: Vec<Value>,
    /// `{domain: {service: {…}}}`
    pub(crate) services: Value,
    /// `get_config`
    pub(crate) home: Value,
}

/// Reads them, one after the other.
pub(crate) async fn read(calls: &Calls) -> Result<Registries, CallFailed> {
    let list = async |command: &str| -> Result<Vec<Value>, CallFailed> {
        Ok(serde_json::from_str(
            calls.call(json!({"type": command})).await?.get(),
        )?)
    };
    Ok(Registries {
        devices: list("config/device_registry/list").await?,
        entities: list("config/entity_registry/list").await?,
        areas: list("config/area_registry/list").await?,
        services: serde_json::from_str(calls.call(json!({"type": "get_services"})).await?.get())?,
        home: serde_json::from_str(calls.call(json!({"type": "get_config"})).await?.get())?,
    })
}

/// Hands them to data-api, waiting for it as long as it takes. A part that it refuses is left out.
pub(crate) async fn hand_over(shared: &Shared, registries: &Registries) {
    let (devices, entities, areas) = (
        json!(registries.devices),
        json!(registries.entities),
        json!(registries.areas),
    );
    for (part, body) in [
        (Registry::Home, &registries.home),
        (Registry::Areas, &areas),
        (Registry::Devices, &devices),
        (Registry::Entities, &entities),
        (Registry::Services, &registries.services),
    ] {
        let mut delay = common::retry::RetryPolicy::SIBLING.start();
        loop {
            match shared.data_api.upsert(part, body).await {
                Ok(reply) => {
                    shared.sink.reached();
                    tracing::info!(
                        part = part.as_str(),
                        upserted = reply.upserted,
                        skipped = reply.skipped,
                        "registry handed over"
                    );
                    break;
                }
                Err(error) if error.may_pass_later() => {
                    shared.sink.away(&error);
                    let wait: Duration = delay.next_wait();
                    tokio::time::sleep(wait).await;
                }
                Err(error) => {
                    shared.status.dropped("registry_refused", 1);
                    tracing::error!(part = part.as_str(), %error, "data-api refuses this part of the registry; it stays as it was");
                    break;
                }
            }
        }
    }
    shared
        .status
        .registry(registries.devices.len(), registries.entities.len());
}
