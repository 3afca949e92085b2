//! One trace over services, as a collector receives it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use common::env::Env;
use common::telemetry::Telemetry;
use end_to_end::Chain;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use test_support::eventually;

const PATIENCE: Duration = Duration::from_secs(120);

type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

async fn receive(State(received): State<Received>, body: Bytes) {
    received
        .lock()
        .unwrap()
        .push(ExportTraceServiceRequest::decode(body).unwrap());
}

/// A collector that keeps what it gets.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let router = Router::new()
        .route("/v1/traces", post(receive))
        .with_state(Arc::clone(&received));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    #[expect(clippy::disallowed_methods, reason = "lives as long as the test")]
    drop(tokio::spawn(
        async move { axum::serve(listener, router).await },
    ));
    (url, received)
}

fn spans(received: &Received) -> Vec<Span> {
    let requests = received.lock().unwrap();
    let scopes = requests
        .iter()
        .flat_map(|request| &request.resource_spans)
        .flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_and_an_analysis_are_one_trace_each_across_services() {
    let (url, received) = collector().await;
    let mut env = Env::from_pairs([
        ("OTLP_ENDPOINT", url.as_str()),
        ("OTEL_SERVICE_NAME", "homeiq-test"),
        ("LOG_LEVEL", "error"),
    ]);
    let telemetry = Telemetry::read(&mut env, "unused", "1.2.3");
    // Building the exporter and flushing it block, as they may in main.
    let installed = tokio::task::spawn_blocking(move || telemetry.install())
        .await
        .unwrap();
    let chain = Chain::start(8, &[]).await.unwrap();
    eventually("an analysis", PATIENCE, async || {
        let url = format!("{}/api/analysis/status", chain.patterns);
        let status: serde_json::Value = chain.http.get(url).send().await.ok()?.json().await.ok()?;
        (!status["scheduler"]["last_run"].is_null()).then_some(())
    })
    .await
    .unwrap();
    assert!(chain.stop().await);
    tokio::task::spawn_blocking(move || drop(installed))
        .await
        .unwrap();

    let spans = spans(&received);
    let mut names_by_trace: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
    for span in &spans {
        names_by_trace
            .entry(span.trace_id.clone())
            .or_default()
            .push(span.name.clone());
    }
    for together in [
        [
            "ingest.deliver",
            "POST /internal/events/bulk_upsert",
            "ingest.batch",
        ],
        ["analysis.run", "GET /api/v1/events/export", "analysis.mine"],
    ] {
        let one_trace = names_by_trace
            .values()
            .any(|names| together.iter().all(|name| names.iter().any(|n| n == name)));
        assert!(one_trace, "{together:?} are not one trace");
    }
    let probes = spans
        .iter()
        .filter(|span| span.name.contains("/health") || span.name.contains("/live"))
        .count();
    assert_eq!(probes, 0, "probes make no traces");
    let requests = received.lock().unwrap();
    let resource = requests[0].resource_spans[0].resource.as_ref().unwrap();
    for (key, want) in [
        ("service.name", "homeiq-test"),
        ("service.namespace", "homeiq"),
        ("service.version", "1.2.3"),
    ] {
        let found = resource
            .attributes
            .iter()
            .find(|attribute| attribute.key == key)
            .and_then(|attribute| attribute.value.clone()?.value);
        assert_eq!(found, Some(Value::StringValue(want.to_owned())), "{key}");
    }
}
