//! Which path leads where, and the document that says so; both are made by the same call.

use axum::Router;
use common::http::frame::Frame;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{
    Api, analysis, automations, community, feedback, patterns, search, silences, status, synergies,
};

#[derive(OpenApi)]
#[openapi(info(
    title = "HomeIQ ai-pattern-service",
    description = "Looks at the past, tells about habits."
))]
struct Document;

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(status::root))
        .routes(routes!(status::live))
        .routes(routes!(status::ready))
        .routes(routes!(status::health))
        .routes(routes!(analysis::trigger))
        .routes(routes!(analysis::status))
        .routes(routes!(analysis::schedule))
        .routes(routes!(patterns::list))
        .routes(routes!(patterns::stats))
        .routes(routes!(feedback::stats))
        .routes(routes!(feedback::by_number))
        .routes(routes!(patterns::one))
        .routes(routes!(patterns::history))
        .routes(routes!(patterns::evidence))
        .routes(routes!(patterns::backtest))
        .routes(routes!(feedback::of_pattern))
        .routes(routes!(automations::show))
        .routes(routes!(automations::create, automations::remove))
        .routes(routes!(automations::effect))
        .routes(routes!(patterns::anomalies))
        .routes(routes!(silences::list))
        .routes(routes!(silences::add, silences::take_back))
        .routes(routes!(search::search))
        .routes(routes!(search::rebuild))
        .routes(routes!(synergies::list))
        .routes(routes!(synergies::statistics))
        .routes(routes!(synergies::one))
        .routes(routes!(feedback::of_synergy))
        .routes(routes!(automations::of_synergy))
        .routes(routes!(community::list))
        .routes(routes!(community::submit))
        .routes(routes!(community::one))
        .routes(routes!(community::rate))
        .routes(routes!(community::ratings))
}

/// The `OpenAPI` document.
pub fn openapi_document() -> String {
    let (_, document) = routes().split_for_parts();
    document
        .to_pretty_json()
        .expect("a document of our own types is JSON")
}

impl Api {
    /// Everything that is served.
    pub(crate) fn router(self) -> Router {
        let clock = self.clock.clone();
        let (routes, _) = routes().split_for_parts();
        let frame = Frame {
            service: "ai-pattern-service",
            version: env!("CARGO_PKG_VERSION"),
            openapi: openapi_document,
            cors: self.cors.clone(),
            clock,
        };
        frame.around(routes.with_state(self))
    }
}
