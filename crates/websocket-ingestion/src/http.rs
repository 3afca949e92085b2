//! The HTTP API: what the service says of itself.

mod backfill;
mod discovery;
mod filter;
mod house;
mod line;
mod live;
mod rate;
pub(crate) mod status;

use axum::Router;
use common::http::frame::Frame;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::Shared;
use crate::counters;

#[derive(OpenApi)]
#[openapi(info(
    title = "HomeIQ websocket-ingestion",
    description = "Listens to Home Assistant and hands every event to data-api."
))]
struct Document;

fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(status::root))
        .routes(routes!(status::live))
        .routes(routes!(status::ready))
        .routes(routes!(status::health))
        .routes(routes!(status::health_detailed))
        .routes(routes!(rate::event_rate))
        .routes(routes!(backfill::progress))
        .routes(routes!(house::status))
        .routes(routes!(house::open))
        .routes(routes!(live::open))
        .routes(routes!(discovery::trigger))
        .routes(routes!(filter::stats))
        .routes(routes!(filter::reload))
}

/// The `OpenAPI` document.
pub fn openapi_document() -> String {
    let (_, document) = routes().split_for_parts();
    document
        .to_pretty_json()
        .expect("a document of our own types is JSON")
}

/// Everything that is served.
pub(crate) fn router(shared: Shared) -> Router {
    let frame = Frame {
        service: "websocket-ingestion",
        version: env!("CARGO_PKG_VERSION"),
        openapi: openapi_document,
        cors: shared.config.cors.clone(),
        clock: shared.clock.clone(),
    };
    let (router, _) = routes().split_for_parts();
    let router = frame.around(router.with_state(shared));
    counters::register();
    router
}
