//! Devices, entities, areas, floors, labels, configuration entries and services: read from Home Assistant, handed to data-api.

use common::api::registry::{Rename, UpsertReply};
use common::retry::RetryPolicy;
use data_api_client::CallFailed as Refusal;
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
    /// None: this version of Home Assistant has no floors.
    pub(crate) floors: Option<Vec<Value>>,
    /// None: this version of Home Assistant has no labels.
    pub(crate) labels: Option<Vec<Value>>,
    /// None: the token is not of an administrator.
    pub(crate) config_entries: Option<Vec<Value>>,
    /// `{domain: {service: {…}}}`
    pub(crate) services: Value,
    /// `get_config`
    pub(crate) home: Value,
}

impl Registries {
    /// Whether what the lists do not name is really gone. While Home Assistant starts, and where it runs without a part of itself, they
    /// may be shorter than they are otherwise.
    fn are_complete(&self) -> bool {
        let is = |key: &str| self.home.get(key).and_then(Value::as_bool) == Some(true);
        let state = self.home.get("state").and_then(Value::as_str);
        state.is_none_or(|state| state == "RUNNING") && !is("recovery_mode") && !is("safe_mode")
    }
}

/// How a hand-over ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct HandedOver {
    /// data-api knows now what is there, what is gone, and who has another id.
    pub(crate) complete: bool,
    /// A list was empty that was not before: it is believed when it is so once more.
    pub(crate) doubtful: bool,
}

/// Reads them, one after the other.
pub(crate) async fn read(calls: &Calls) -> Result<Registries, CallFailed> {
    let list = async |command: &str| -> Result<Vec<Value>, CallFailed> {
        Ok(serde_json::from_str(
            calls.call(json!({"type": command})).await?.get(),
        )?)
    };
    let list_if_known = async |command: &str| match list(command).await {
        Ok(list) => Ok(Some(list)),
        Err(CallFailed::Refused(error)) => {
            tracing::debug!(command, %error, "Home Assistant does not give this list");
            Ok(None)
        }
        Err(error) => Err(error),
    };
    // Whether Home Assistant runs is asked first: what is read while it does is complete.
    let home = serde_json::from_str(calls.call(json!({"type": "get_config"})).await?.get())?;
    Ok(Registries {
        devices: list("config/device_registry/list").await?,
        entities: list("config/entity_registry/list").await?,
        areas: list("config/area_registry/list").await?,
        floors: list_if_known("config/floor_registry/list").await?,
        labels: list_if_known("config/label_registry/list").await?,
        config_entries: list_if_known("config_entries/get").await?,
        services: serde_json::from_str(calls.call(json!({"type": "get_services"})).await?.get())?,
        home,
    })
}

/// Hands them to data-api, waiting for it as long as it takes. A part that it refuses is left out.
///
/// `renames` are those that Home Assistant told before the lists were read. They are told first: the lists show only where each entity
/// has come to, not by which ids.
pub(crate) async fn hand_over(
    shared: &Shared,
    registries: &Registries,
    renames: &[Rename],
) -> HandedOver {
    let complete = registries.are_complete();
    let mut handed = HandedOver {
        complete,
        doubtful: false,
    };
    for (part, body) in [
        (Registry::Home, json!(registries.home)),
        (Registry::Floors, json!(registries.floors)),
        (Registry::Labels, json!(registries.labels)),
        (Registry::Areas, json!(registries.areas)),
        (Registry::Devices, json!(registries.devices)),
        (Registry::Entities, json!(registries.entities)),
        (Registry::ConfigEntries, json!(registries.config_entries)),
        (Registry::Services, registries.services.clone()),
    ] {
        if body.is_null() {
            continue;
        }
        if part == Registry::Entities && !renames.is_empty() {
            tell(shared, renames).await;
        }
        let is_list = part != Registry::Home;
        let mut delay = RetryPolicy::SIBLING.start();
        let reply = loop {
            let whole = complete && is_list;
            match shared.data_api.hand_over(part, &body, whole).await {
                Ok(reply) => break Some(reply),
                Err(error) if may_pass(shared, part.as_str(), &error) => {
                    tokio::time::sleep(delay.next_wait()).await;
                }
                Err(_) => break None,
            }
        };
        match reply {
            Some(reply) => {
                shared.sink.reached();
                handed.doubtful |= reply.held_back > 0;
                say(part, &reply);
            }
            None => handed.complete &= part != Registry::Entities,
        }
    }
    shared
        .status
        .registry(registries.devices.len(), registries.entities.len());
    handed
}

fn say(part: Registry, reply: &UpsertReply) {
    tracing::info!(
        part = part.as_str(),
        upserted = reply.upserted,
        skipped = reply.skipped,
        removed = reply.removed,
        held_back = reply.held_back,
        renamed = reply.renamed,
        "registry handed over"
    );
}

/// Tells which entities got another id. What data-api does not take now the list of entities shows it all the same.
async fn tell(shared: &Shared, renames: &[Rename]) {
    let mut delay = RetryPolicy::SIBLING.start();
    loop {
        match shared.data_api.rename_entities(renames).await {
            Ok(reply) => {
                shared.sink.reached();
                tracing::info!(
                    renamed = reply.renamed,
                    skipped = reply.skipped,
                    duplicates = reply.duplicates,
                    "entities got other ids; their events stay one line each"
                );
                return;
            }
            Err(error) if may_pass(shared, "renames", &error) => {
                tokio::time::sleep(delay.next_wait()).await;
            }
            Err(_) => return,
        }
    }
}

/// Whether a call that failed is worth another attempt; says so if not.
fn may_pass(shared: &Shared, part: &str, error: &Refusal) -> bool {
    match error {
        // An older data-api does not know this part; that must not keep the others waiting.
        Refusal::Refused { status, detail } if status.as_u16() == 404 => {
            tracing::warn!(
                part,
                detail,
                "data-api does not know this part of the registry; it is left out"
            );
            false
        }
        error if error.may_pass_later() => {
            shared.sink.away(error);
            true
        }
        error => {
            shared.status.dropped("registry_refused", 1);
            tracing::error!(part, %error, "data-api refuses this part of the registry; it stays as it was");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_complete_only_of_a_home_assistant_that_runs_as_a_whole() {
        for (home, complete) in [
            (
                json!({"state": "RUNNING", "recovery_mode": false, "safe_mode": false}),
                true,
            ),
            (json!({"version": "2024.3.3"}), true),
            (json!({"state": "STARTING"}), false),
            (json!({"state": "NOT_RUNNING"}), false),
            (json!({"state": "STOPPING"}), false),
            (json!({"state": "RUNNING", "recovery_mode": true}), false),
            (json!({"state": "RUNNING", "safe_mode": true}), false),
        ] {
            let registries = Registries {
                devices: vec![],
                entities: vec![],
                areas: vec![],
                floors: None,
                labels: None,
                config_entries: None,
                services: Value::Null,
                home: home.clone(),
            };
            assert_eq!(registries.are_complete(), complete, "{home}");
        }
    }
}
