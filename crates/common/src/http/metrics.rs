//! `/metrics`: counters, gauges and histograms of this process in Prometheus text.

use std::sync::OnceLock;

use axum::http::header;
use axum::response::IntoResponse;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::process;

/// Upper bounds of every `…_seconds` histogram.
const SECONDS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0,
];

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Makes this process count. Services call it when they are built; a second call does nothing.
pub fn install(service: &'static str, version: &'static str) {
    RECORDER.get_or_init(|| {
        let installed = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .and_then(PrometheusBuilder::install_recorder);
        match installed {
            Ok(handle) => Some(handle),
            Err(error) => {
                tracing::error!(%error, "metrics stay off");
                None
            }
        }
    });
    metrics::gauge!("homeiq_build_info", "service" => service, "version" => version).set(1.0);
    // Naming a series is enough to be there, with 0, in the first scrape.
    drop(metrics::histogram!("homeiq_http_request_duration_seconds",
        "service" => service, "method" => "GET", "route" => "/metrics", "status" => "200"));
}

/// The answer to `GET /metrics`.
pub async fn render() -> impl IntoResponse {
    let text = RECORDER
        .get()
        .and_then(Option::as_ref)
        .map_or_else(String::new, |handle| {
            handle.run_upkeep();
            handle.render() + &process::prometheus_text()
        });
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
}
