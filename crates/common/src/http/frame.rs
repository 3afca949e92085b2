//! What stands around every router: correlation id, trace, metrics, error bodies, panics, CORS.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;

use crate::clock::Clock;
use crate::http::problem::Problem;
use crate::http::{correlation, docs, metrics as prometheus};
use crate::settings::CorsOrigins;
use crate::telemetry;

/// Who is being framed.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Name of the service.
    pub service: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Makes its `OpenAPI` document, which is asked for too seldom to be kept in memory.
    pub openapi: fn() -> String,
    /// Origins that may call it.
    pub cors: CorsOrigins,
    /// The time, for correlation ids.
    pub clock: Clock,
}

impl Frame {
    /// Puts the frame around a service's own routes, and adds `/metrics`, `/openapi.json` and `/docs`.
    pub fn around(self, routes: Router) -> Router {
        prometheus::install(self.service, self.version);
        let cors = cors(&self.cors);
        let openapi = self.openapi;
        routes
            .route("/metrics", get(prometheus::render))
            .route(
                "/openapi.json",
                get(async move || {
                    (
                        [(axum::http::header::CONTENT_TYPE, "application/json")],
                        openapi(),
                    )
                }),
            )
            .route("/docs", get(docs::page))
            .fallback(async || Problem::not_found("Not Found"))
            .method_not_allowed_fallback(async || {
                Problem::Told(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "Method Not Allowed".to_owned(),
                )
            })
            .layer(CatchPanicLayer::custom(
                |panic: Box<dyn std::any::Any + Send>| {
                    let text = panic
                        .downcast_ref::<String>()
                        .map(String::as_str)
                        .or_else(|| panic.downcast_ref::<&str>().copied())
                        .unwrap_or("no text");
                    tracing::error!(
                        panic = text,
                        "a handler panicked; the request got a 500, the service goes on"
                    );
                    Problem::Internal.into_response()
                },
            ))
            .layer(middleware::from_fn_with_state(
                (self.service, self.clock),
                accompany,
            ))
            .layer(cors)
    }
}

fn cors(origins: &CorsOrigins) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ])
        .expose_headers([
            correlation::HEADER,
            HeaderName::from_static(crate::api::events::NEXT_CURSOR_HEADER),
            HeaderName::from_static(crate::api::live::LIVE_CURSOR_HEADER),
            axum::http::header::RETRY_AFTER,
            HeaderName::from_static("x-ratelimit-limit"),
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderName::from_static("x-ratelimit-reset"),
        ]);
    if origins.0.iter().any(|origin| origin == "*") {
        return layer
            .allow_origin(tower_http::cors::Any)
            .allow_headers(tower_http::cors::Any);
    }
    let origins = origins
        .0
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    layer
        .allow_origin(AllowOrigin::list(origins))
        .allow_headers([
            axum::http::header::AUTHORIZATION,
            axum::http::header::CONTENT_TYPE,
            HeaderName::from_static("x-api-key"),
            correlation::HEADER,
        ])
        .allow_credentials(true)
}

/// Accompanies one request: id, span, timing, and the body of an error.
async fn accompany(
    State((service, clock)): State<(&'static str, Clock)>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let id =
        correlation::from_headers(request.headers()).unwrap_or_else(|| correlation::new_id(&clock));
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)", MatchedPath::as_str)
        .to_owned();
    // Probes and scrapes come every few seconds for ever: they would drown what a person looks for in the traces.
    let span = if matches!(route.as_str(), "/live" | "/ready" | "/health" | "/metrics") {
        tracing::Span::none()
    } else {
        tracing::info_span!(
            "http.request",
            otel.name = format!("{method} {route}"),
            otel.kind = "server",
            http.request.method = %method,
            http.route = route,
            url.path = path,
            correlation_id = id,
            http.response.status_code = tracing::field::Empty,
        )
    };
    telemetry::continue_trace(&span, request.headers());
    let response =
        correlation::with_id(id.clone(), next.run(request).instrument(span.clone())).await;
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    metrics::histogram!("homeiq_http_request_duration_seconds",
        "service" => service, "method" => method.to_string(), "route" => route, "status" => status.as_u16().to_string())
    .record(begun.elapsed().as_secs_f64());
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) => {
            let mut rendered = problem.render(&path, method.as_str(), &id);
            // What layers below have said in headers stays said.
            for (name, value) in response.headers() {
                rendered.headers_mut().insert(name, value.clone());
            }
            rendered
        }
        None => response,
    };
    response
        .headers_mut()
        .insert(correlation::HEADER, correlation::header_value(&id));
    response
}
