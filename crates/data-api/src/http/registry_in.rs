//! `POST /internal/{devices,entities,areas,floors,labels,config_entries,services}/bulk_upsert`: registries as Home Assistant has them.
//!
//! A row that cannot be used never fails its batch: it is left out and counted in `skipped`. With `complete=true` the list is all there
//! is: what it does not name is marked as removed. Without it, what is not named stays as it is.

use axum::Json;
use axum::extract::State;
use common::api::registry::{Rename, RenameReply, UpsertReply};
use common::http::extract::{Json as Body, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::store::reported::Object;
use crate::store::{ReportedService, Upserted};

/// Most renames that are taken at once.
const MAX_RENAMES: usize = 10_000;

/// What kind of list this is.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Listing {
    /// The list is all that Home Assistant has: what it does not name is marked as removed. Default false.
    #[serde(default)]
    complete: bool,
}

/// The objects of a body: a bare array, or one under `key`. The second number: what was not an object.
fn objects(body: Value, key: &str) -> Result<(Vec<Object>, usize), Problem> {
    let list = match body {
        Value::Array(list) => list,
        Value::Object(mut wrapped) => match wrapped.remove(key) {
            Some(Value::Array(list)) => list,
            _ => return Err(Problem::body(format!("want a JSON array of {key}"))),
        },
        _ => return Err(Problem::body(format!("want a JSON array of {key}"))),
    };
    let sent = list.len();
    let objects: Vec<Object> = list
        .into_iter()
        .filter_map(|value| {
            if let Value::Object(object) = value {
                Some(object)
            } else {
                None
            }
        })
        .collect();
    let skipped = sent - objects.len();
    Ok((objects, skipped))
}

fn reply(api: &Api, part: &'static str, upserted: Upserted, skipped: usize) -> Json<UpsertReply> {
    if skipped > 0 {
        metrics::counter!("homeiq_registry_rows_dropped_total", "part" => part, "reason" => "no usable key")
            .increment(skipped as u64);
        tracing::warn!(
            part,
            skipped,
            "registry rows without a usable key were left out"
        );
    }
    if upserted.held_back > 0 {
        tracing::warn!(
            part,
            rows = upserted.held_back,
            "Home Assistant's list is empty: nothing is marked as removed unless its next list is empty, too"
        );
    }
    if upserted.removed > 0 {
        metrics::counter!("homeiq_registry_removed_total", "part" => part)
            .increment(upserted.removed as u64);
    }
    if upserted.renamed > 0 {
        metrics::counter!("homeiq_entities_renamed_total").increment(upserted.renamed as u64);
    }
    Json(UpsertReply {
        success: true,
        upserted: upserted.rows,
        skipped,
        removed: upserted.removed,
        held_back: upserted.held_back,
        renamed: upserted.renamed,
        timestamp: api.clock.now(),
    })
}

/// Takes devices (`config/device_registry/list`).
#[utoipa::path(post, path = "/internal/devices/bulk_upsert", tag = "internal", params(Listing), security(("key" = [])),
    request_body = Vec<Object>, responses((status = 200, body = UpsertReply, description = "Committed")))]
pub(super) async fn devices(
    State(api): State<Api>,
    Query(listing): Query<Listing>,
    Body(body): Body<Value>,
) -> Result<Json<UpsertReply>, Problem> {
    let (sent, skipped) = objects(body, "devices")?;
    let upserted = api
        .store
        .upsert_devices(&sent, listing.complete, api.clock.now())
        .await
        .map_err(store_problem)?;
    let skipped = skipped + sent.len() - upserted.rows;
    Ok(reply(&api, "devices", upserted, skipped))
}

/// Takes entities (`config/entity_registry/list`).
#[utoipa::path(post, path = "/internal/entities/bulk_upsert", tag = "internal", params(Listing), security(("key" = [])),
    request_body = Vec<Object>, responses((status = 200, body = UpsertReply, description = "Committed")))]
pub(super) async fn entities(
    State(api): State<Api>,
    Query(listing): Query<Listing>,
    Body(body): Body<Value>,
) -> Result<Json<UpsertReply>, Problem> {
    let (sent, skipped) = objects(body, "entities")?;
    let upserted = api
        .store
        .upsert_entities(&sent, listing.complete, api.clock.now())
        .await
        .map_err(store_problem)?;
    if listing.complete {
        // Home Assistant's list of entities leaves out what their states say of them.
        let enriched = api.store.enrich_entities(&[], usize::MAX).await;
        enriched.map_err(store_problem)?;
    }
    let skipped = skipped + sent.len() - upserted.rows;
    Ok(reply(&api, "entities", upserted, skipped))
}

/// Takes areas (`config/area_registry/list`).
#[utoipa::path(post, path = "/internal/areas/bulk_upsert", tag = "internal", params(Listing), security(("key" = [])),
    request_body = Vec<Object>, responses((status = 200, body = UpsertReply, description = "Committed")))]
pub(super) async fn areas(
    State(api): State<Api>,
    Query(listing): Query<Listing>,
    Body(body): Body<Value>,
) -> Result<Json<UpsertReply>, Problem> {
    let (sent, skipped) = objects(body, "areas")?;
    let upserted = api
        .store
        .upsert_areas(&sent, listing.complete, api.clock.now())
        .await
        .map_err(store_problem)?;
    let skipped = skipped + sent.len() - upserted.rows;
    Ok(reply(&api, "areas", upserted, skipped))
}

/// Takes floors (`config/floor_registry/list`).
#[utoipa::path(post, path = "/internal/floors/bulk_upsert", tag = "internal", params(Listing), security(("key" = [])),
    request_body = Vec<Object>, responses((status = 200, body = UpsertReply, description = "Committed")))]
pub(super) async fn floors(
    State(api): State<Api>,
    Query(listing): Query<Listing>,
    Body(body): Body<Value>,
) -> Result<Json<UpsertReply>, Problem> {
    let (sent, skipped) = objects(body, "floors")?;
    let upserted = api
        .store
        .upsert_floors(&sent, listing.complete, api.clock.now())
        .await
        .map_err(store_problem)?;
    let skipped = skipped + sent.len() - upserted.rows;
    Ok(reply(&api, "floors", upserted, skipped))
}

/// Takes labels (`config/label_registry/list`).
#[utoipa::path(post, path = "/internal/labels/bulk_upsert", tag = "internal", params(Listing), security(("key" = [])),
    request_body = Vec<Object>, responses((status = 200, body = UpsertReply, description = "Committed")))]
pub(super) async fn labels(
    State(api): State<Api>,
    Query(listing): Query<Listing>,
    Body(body): Body<Value>,
) -> Result<Json<UpsertReply>, Problem> {
    let (sent, skipped) = objects(body, "labels")?;
    let upserted = api
        .store
        .upsert_labels(&sent, listing.complete, api.clock.now())
        .await
        .map_err(store_problem)?;
    let skipped = skipped + sent.len() - upserted.rows;
    Ok(reply(&api, "labels", upserted, skipped))
}

/// Takes configuration entries (`config_entries/get`).
#[utoipa::path(post, path = "/internal/config_entries/bulk_upsert", tag = "internal", params(Listing), security(("key" = [])),
    request_body = Vec<Object>, responses((status = 200, body = UpsertReply, description = "Committed")))]
pub(super) async fn config_entries(
    State(api): State<Api>,
    Query(listing): Query<Listing>,
    Body(body): Body<Value>,
) -> Result<Json<UpsertReply>, Problem> {
    let (sent, skipped) = objects(body, "config_entries")?;
    let upserted = api
        .store
        .upsert_config_entries(&sent, listing.complete, api.clock.now())
        .await
        .map_err(store_problem)?;
    let skipped = skipped + sent.len() - upserted.rows;
    Ok(reply(&api, "config_entries", upserted, skipped))
}

/// Takes entities that got another id, as Home Assistant told it, in that order. Their events stay in one line. What is known already, or
/// does not fit what is known, is passed over: the next complete list of entities shows the same by the ids of the registry.
#[utoipa::path(post, path = "/internal/entities/renames", tag = "internal", security(("key" = [])), request_body = Vec<Rename>,
    responses((status = 200, body = RenameReply, description = "Committed"), (status = 422, description = "A rename cannot be read, or there are more than 10,000")))]
pub(super) async fn renames(
    State(api): State<Api>,
    Body(told): Body<Vec<Rename>>,
) -> Result<Json<RenameReply>, Problem> {
    if told.len() > MAX_RENAMES {
        return Err(Problem::body(format!("want at most {MAX_RENAMES} renames")));
    }
    let reply = api
        .store
        .rename_entities(&told, api.clock.now())
        .await
        .map_err(store_problem)?;
    if reply.renamed > 0 {
        metrics::counter!("homeiq_entities_renamed_total").increment(reply.renamed as u64);
    }
    Ok(Json(reply))
}

/// Takes services: `{domain: {service: {…}}}` as the WebSocket sends them, `[{domain, services}]` as REST does, or either
/// under `services`. What a complete list does not name is deleted; an empty one deletes nothing.
#[utoipa::path(post, path = "/internal/services/bulk_upsert", tag = "internal", params(Listing), security(("key" = [])),
    request_body = Object, responses((status = 200, body = UpsertReply, description = "Committed"),
        (status = 422, description = "Neither form")))]
pub(super) async fn services(
    State(api): State<Api>,
    Query(listing): Query<Listing>,
    Body(body): Body<Value>,
) -> Result<Json<UpsertReply>, Problem> {
    let (services, skipped) = flatten(body)?;
    let upserted = api
        .store
        .upsert_services(&services, listing.complete, api.clock.now())
        .await
        .map_err(store_problem)?;
    Ok(reply(&api, "services", upserted, skipped))
}

/// Every service of either form, and how many parts were of no use.
fn flatten(body: Value) -> Result<(Vec<ReportedService>, usize), Problem> {
    let wrong =
        || Problem::body("want {domain: {service: {…}}} or [{\"domain\": …, \"services\": {…}}]");
    let body = match body {
        // A domain may be called "services" only in a form of its own: then its values are services, which are objects of objects.
        Value::Object(mut wrapped) if wrapped.len() == 1 && wrapped.contains_key("services") => {
            wrapped.remove("services").unwrap_or_default()
        }
        other => other,
    };
    let mut skipped = 0;
    let domains: Vec<(String, Value)> = match body {
        Value::Object(domains) => domains.into_iter().collect(),
        Value::Array(list) => list
            .into_iter()
            .filter_map(|mut item| {
                let domain = item
                    .get("domain")
                    .and_then(Value::as_str)
                    .map(str::to_owned);
                let services = item.get_mut("services").map(Value::take);
                let pair = domain.zip(services);
                skipped += usize::from(pair.is_none());
                pair
            })
            .collect(),
        _ => return Err(wrong()),
    };
    let mut services = Vec::new();
    for (domain, value) in domains {
        let Value::Object(of_domain) = value else {
            skipped += 1;
            continue;
        };
        for (service_name, description) in of_domain {
            if let Value::Object(description) = description {
                services.push(ReportedService {
                    domain: domain.clone(),
                    service_name,
                    description,
                });
            } else {
                skipped += 1;
            }
        }
    }
    Ok((services, skipped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_forms_of_the_service_list_are_the_same_services() {
        let object =
            json!({"light": {"turn_on": {"fields": {}}, "turn_off": {}}, "scene": {"apply": {}}});
        let list = json!([{"domain": "light", "services": {"turn_on": {"fields": {}}, "turn_off": {}}},
            {"domain": "scene", "services": {"apply": {}}}]);
        for body in [
            object.clone(),
            list.clone(),
            json!({"services": object}),
            json!({"services": list}),
        ] {
            let (services, skipped) = flatten(body).unwrap();
            let names: Vec<_> = services
                .iter()
                .map(|s| format!("{}.{}", s.domain, s.service_name))
                .collect();
            assert_eq!(
                (names.join(" ").as_str(), skipped),
                ("light.turn_off light.turn_on scene.apply", 0)
            );
        }
    }

    #[test]
    fn what_is_not_a_service_is_counted_and_the_rest_is_taken() {
        let (services, skipped) =
            flatten(json!({"light": {"turn_on": {}, "broken": 5}, "scene": "nothing"})).unwrap();
        assert_eq!((services.len(), skipped), (1, 2));
        assert!(flatten(json!("text")).is_err());
        assert_eq!(flatten(json!({})).unwrap().0.len(), 0);
    }
}
