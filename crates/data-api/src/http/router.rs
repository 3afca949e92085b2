//! Which path leads where, and the document that says so; both are made by the same call.

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use common::api::events::MAX_INGEST_BODY_BYTES;
use common::http::frame::Frame;
use common::settings::CorsOrigins;
use tower_http::decompression::RequestDecompressionLayer;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Api, auth, backup, counters, events, gaps, home, ingest, places, registry, registry_in, status,
};

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
            .description(Some("The key of data-api"))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

fn open_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(status::root))
        .routes(routes!(status::live))
        .routes(routes!(status::ready))
        .routes(routes!(status::health))
        .routes(routes!(status::info))
}

fn guarded_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(ingest::bulk_upsert))
        .routes(routes!(registry_in::devices))
        .routes(routes!(registry_in::entities))
        .routes(routes!(registry_in::areas))
        .routes(routes!(registry_in::floors))
        .routes(routes!(registry_in::labels))
        .routes(routes!(registry_in::renames))
        .routes(routes!(registry_in::services))
        .routes(routes!(events::list))
        .routes(routes!(events::stats))
        .routes(routes!(events::one))
        .routes(routes!(home::show))
        .routes(routes!(home::report))
        .routes(routes!(events::entities))
        .routes(routes!(gaps::list))
        .routes(routes!(gaps::upsert))
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
        .merge(storage_routes())
}

fn storage_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(backup::list, backup::make))
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
        let (guarded, _) = guarded_routes().split_for_parts();
        let guarded = guarded
            .layer(DefaultBodyLimit::max(MAX_INGEST_BODY_BYTES))
            .layer(RequestDecompressionLayer::new())
            .layer(middleware::from_fn_with_state(
                self.clone(),
                auth::require_key,
            ));
        let (open, _) = open_routes().split_for_parts();
        let routes = open
            .merge(guarded)
            .layer(middleware::from_fn_with_state(self.clone(), status::count))
            .with_state(self);
        let frame = Frame {
            service: "data-api",
            version: env!("CARGO_PKG_VERSION"),
            openapi: openapi_document(),
            cors,
            clock,
        };
        let router = frame.around(routes);
        counters::register();
        router
    }
}
