//! Which path leads where, and the document that says so; both are made by the same call.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::{Extension, Router, middleware};
use common::api::events::MAX_INGEST_BODY_BYTES;
use common::api::keys::Scope;
use common::http::frame::Frame;
use common::settings::CorsOrigins;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Api, auth, backup, counters, device_health, device_reports, events, export, gaps, history,
    home, ingest, integrations, keys, live, not_built, places, read_limits, registry, registry_in,
    relations, statistics, status, storage, upkeep,
};

/// From one part of a body to the next; a sender that is slower is cut off.
const BODY_FRAME_WITHIN: Duration = Duration::from_secs(30);

#[derive(OpenApi)]
#[openapi(
    info(title = "HomeIQ data-api", description = "Stores and serves every event and the registry of a home."),
    modifiers(&KeyScheme)
)]
struct Document;

struct KeyScheme;

impl Modify for KeyScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "The main key of data-api, or a named key with the scope that the operation names",
            ))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// Puts the guard of a scope before routes, and says so in the document.
fn guarded(scope: Scope, routes: OpenApiRouter<Api>) -> OpenApiRouter<Api> {
    let mut routes = routes.layer(middleware::from_fn_with_state(scope, auth::need_scope));
    for item in routes.get_openapi_mut().paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            operation.security = Some(vec![SecurityRequirement::new("key", [scope.as_str()])]);
            let asks = operation.parameters.is_some() || operation.request_body.is_some();
            let sends = operation.request_body.is_some();
            for (status, meaning) in REFUSALS {
                if (status == "422" && !asks) || (status == "413" && !sends) {
                    continue;
                }
                let told = ResponseBuilder::new().description(meaning).build();
                let responses = &mut operation.responses.responses;
                responses.entry(status.to_owned()).or_insert(told.into());
            }
        }
    }
    routes
}

/// What every guarded route may answer, where it takes something.
const REFUSALS: [(&str, &str); 6] = [
    ("401", "No key, or one that is wrong, revoked or expired"),
    ("403", "The key has not the scope that is needed"),
    ("413", "The body is too large"),
    (
        "422",
        "A parameter or the body is not of the form that is documented",
    ),
    (
        "429",
        "Too many requests without a valid key, or with a key that has a rate",
    ),
    (
        "503",
        "The store is away or busy; try again after `Retry-After`",
    ),
];

fn open_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(status::root))
        .routes(routes!(status::live))
        .routes(routes!(status::ready))
        .routes(routes!(status::health))
        .routes(routes!(status::detailed))
        .routes(routes!(status::info))
}

/// Routes for who may read.
fn read_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(events::list))
        .routes(routes!(events::stats))
        .merge(super::derived::read_routes())
        .routes(routes!(events::one))
        .routes(routes!(home::show))
        .routes(routes!(events::entities))
        .routes(routes!(gaps::list))
        .routes(routes!(registry::devices))
        .routes(routes!(registry::device))
        .routes(routes!(registry::entities))
        .routes(routes!(registry::entity))
        .routes(routes!(places::areas))
        .routes(routes!(places::internal_areas))
        .routes(routes!(places::floors))
        .routes(routes!(places::labels))
        .routes(routes!(places::old_labels))
        .routes(routes!(registry::services))
        .routes(routes!(registry::service))
        .merge(history_routes())
        .routes(routes!(statistics::list))
        .merge(related_routes())
}

/// What was, beyond lists of events.
fn history_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(history::show))
        .routes(routes!(export::export))
        .routes(routes!(live::live))
        .routes(routes!(storage::report))
        .routes(routes!(storage::rules))
}

/// The registry under more names, and how its parts belong together. Fixed names win over ids.
fn related_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(registry::devices_v1))
        .routes(routes!(registry::device_v1))
        .routes(routes!(registry::entities_v1))
        .routes(routes!(registry::entity_v1))
        .routes(routes!(relations::hierarchy))
        .routes(routes!(relations::by_device))
        .routes(routes!(relations::by_area))
        .routes(routes!(relations::by_config_entry))
        .routes(routes!(relations::siblings))
        .routes(routes!(relations::device))
        .routes(routes!(integrations::list))
        .routes(routes!(integrations::analytics))
        .routes(routes!(integrations::performance))
        .routes(routes!(device_health::health))
        .routes(routes!(device_health::summary))
        .routes(routes!(device_health::maintenance_alerts))
        .routes(routes!(device_health::compare))
        .routes(routes!(device_reports::reliability))
        .routes(routes!(device_reports::similar))
        .routes(routes!(device_reports::power_analysis))
        .routes(routes!(device_reports::classify))
        .routes(routes!(device_reports::classify_all))
        .routes(routes!(upkeep::link_entities))
}

/// Routes for who may send events and registries.
fn ingest_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(ingest::bulk_upsert))
        .routes(routes!(registry_in::devices))
        .routes(routes!(registry_in::entities))
        .routes(routes!(registry_in::areas))
        .routes(routes!(registry_in::floors))
        .routes(routes!(registry_in::labels))
        .routes(routes!(registry_in::config_entries))
        .routes(routes!(upkeep::enrich))
        .routes(routes!(registry_in::renames))
        .routes(routes!(registry_in::services))
        .routes(routes!(home::report))
        .routes(routes!(gaps::upsert))
        .routes(routes!(statistics::bulk_upsert))
}

/// Routes for who may change what others may do, or what is kept.
fn admin_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(super::derived::admin_routes())
        .routes(routes!(upkeep::clear))
        .routes(routes!(keys::list))
        .routes(routes!(keys::make))
        .routes(routes!(keys::revoke))
        .routes(routes!(storage::add_rule))
        .routes(routes!(storage::remove_rule))
        .routes(routes!(storage::dry_run))
        .routes(routes!(storage::run))
        .routes(routes!(storage::delete_events))
        .routes(routes!(backup::list, backup::make))
}

fn guarded_routes() -> OpenApiRouter<Api> {
    let reads = read_routes().layer(middleware::from_fn(read_limits::limit));
    guarded(Scope::Read, reads)
        .merge(guarded(
            Scope::Ingest,
            ingest_routes().layer(DefaultBodyLimit::max(MAX_INGEST_BODY_BYTES)),
        ))
        .merge(guarded(Scope::Admin, admin_routes()))
}

/// The `OpenAPI` document.
pub fn openapi_document() -> String {
    let (_, document) = open_routes().merge(guarded_routes()).split_for_parts();
    document
        .to_pretty_json()
        .expect("a document of our own types is JSON")
}

impl Api {
    /// Everything that is served.
    pub(crate) fn router(self, cors: CorsOrigins) -> Router {
        let clock = self.clock.clone();
        let guarded = guarded_routes().merge(not_built::routes());
        let (guarded, _) = guarded.split_for_parts();
        let guarded = guarded
            .layer(Extension(Arc::clone(&self.reads)))
            .layer(RequestDecompressionLayer::new())
            .layer(RequestBodyTimeoutLayer::new(BODY_FRAME_WITHIN))
            .layer(middleware::from_fn_with_state(
                self.clone(),
                auth::authenticate,
            ));
        let (open, _) = open_routes().split_for_parts();
        let routes = open
            .merge(guarded)
            .layer(middleware::from_fn_with_state(self.clone(), status::count))
            .with_state(self);
        let frame = Frame {
            service: "data-api",
            version: env!("CARGO_PKG_VERSION"),
            openapi: openapi_document,
            cors,
            clock,
        };
        let router = frame.around(routes);
        counters::register();
        router
    }
}
