//! Logs, and traces over OTLP/HTTP. Without an endpoint nothing is exported and nothing is said about it.

use std::io::IsTerminal;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};
use url::Url;

use crate::env::Env;
use crate::settings::HttpUrl;

/// How a process logs and where it sends traces.
#[derive(Debug, Clone)]
pub struct Telemetry {
    level: String,
    format: LogFormat,
    traces_endpoint: Option<Url>,
    service_name: String,
    service_version: &'static str,
}

/// Shape of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    Text,
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("want auto, text or json"),
        }
    }
}

impl Telemetry {
    /// Reads the settings of logs and traces.
    pub fn read(env: &mut Env, service: &str, service_version: &'static str) -> Self {
        let level: String = env.value(
            &["LOG_LEVEL"],
            "info",
            "What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,data_api=debug`.",
        );
        let level = level
            .to_ascii_lowercase()
            .replace("warning", "warn")
            .replace("critical", "error");
        if let Err(error) = EnvFilter::try_new(&level) {
            env.mistake(format!("LOG_LEVEL={level}: {error}"));
        }
        let format = env.value(
            &["LOG_FORMAT"],
            "auto",
            "`text`, `json`, or `auto`: text on a terminal, JSON elsewhere.",
        );
        let whole: Option<HttpUrl> = env.optional(
            &["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"],
            "Address that traces are sent to, used as it is; wins over `OTEL_EXPORTER_OTLP_ENDPOINT`.",
        );
        let base: Option<HttpUrl> = env.optional(
            &["OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP_ENDPOINT"],
            "OTLP/HTTP collector, such as `http://collector:4318`; `/v1/traces` is added. Unset: no traces.",
        );
        let off = env.switch(&["OTEL_SDK_DISABLED"], false, "`true` turns traces off.");
        let exporter: String = env.value(
            &["OTEL_TRACES_EXPORTER"],
            "otlp",
            "`otlp`, or `none` to turn traces off.",
        );
        let service_name = env.value(
            &["OTEL_SERVICE_NAME"],
            service,
            "Name of this service in traces.",
        );
        let traces_endpoint = whole
            .map(|url| url.0)
            .or_else(|| base.map(|url| with_traces_path(&url.0)));
        Self {
            level,
            format,
            traces_endpoint: traces_endpoint
                .filter(|_| !off && !exporter.eq_ignore_ascii_case("none")),
            service_name,
            service_version,
        }
    }

    /// Installs the subscriber of this process. Call once, from `main`; drop the result last.
    pub fn install(&self) -> Installed {
        let json = match self.format {
            LogFormat::Json => true,
            LogFormat::Text => false,
            LogFormat::Auto => !std::io::stdout().is_terminal(),
        };
        let filter = EnvFilter::try_new(&self.level).unwrap_or_else(|_| EnvFilter::new("info"));
        let log = tracing_subscriber::fmt::layer();
        let log = if json {
            log.json()
                .flatten_event(true)
                .with_current_span(true)
                .with_span_list(false)
                .boxed()
        } else {
            log.compact()
                .with_target(false)
                .with_ansi(std::io::stdout().is_terminal())
                .boxed()
        };
        let mut problem = None;
        let provider =
            self.traces_endpoint
                .as_ref()
                .and_then(|endpoint| match self.provider(endpoint) {
                    Ok(provider) => Some(provider),
                    Err(error) => {
                        problem = Some(error);
                        None
                    }
                });
        let traces = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("homeiq"))
                .with_location(false)
                .with_threads(false)
                .with_filter(tracing_subscriber::filter::LevelFilter::INFO)
        });
        // The exporter's own HTTP traffic must not make spans of its own.
        tracing_subscriber::registry()
            .with(traces)
            .with(log.with_filter(filter))
            .init();
        if let Some(error) = problem {
            tracing::error!("traces stay off: {error}");
        } else if let Some(endpoint) = &self.traces_endpoint {
            tracing::info!(endpoint = %endpoint, "sending traces");
        }
        Installed(provider)
    }

    fn provider(&self, endpoint: &Url) -> Result<SdkTracerProvider, String> {
        crate::tls::install();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint.as_str())
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder()
            .with_service_name(self.service_name.clone())
            .with_attributes([
                KeyValue::new("service.version", self.service_version),
                KeyValue::new("service.namespace", "homeiq"),
                KeyValue::new("service.instance.id", std::process::id().to_string()),
            ])
            .build();
        Ok(SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build())
    }
}

/// The base address of a collector with `/v1/traces` added.
fn with_traces_path(base: &Url) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/v1/traces", base.path().trim_end_matches('/')));
    url
}

/// Sends what is left when the process ends.
#[derive(Debug)]
pub struct Installed(Option<SdkTracerProvider>);

impl Drop for Installed {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // A collector that is away is no fault of this service: the last spans are lost, and that is all.
            drop(provider.shutdown_with_timeout(std::time::Duration::from_secs(2)));
        }
    }
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

/// Makes `span` a part of the trace that the caller names in `traceparent`.
pub fn continue_trace(span: &tracing::Span, headers: &HeaderMap) {
    if headers.contains_key("traceparent") {
        let parent =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Incoming(headers));
        // Fails only when traces are off.
        drop(span.set_parent(parent));
    }
}

/// The header `traceparent` of the current span, to hand to another service; empty when traces are off.
pub fn trace_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    TraceContextPropagator::new().inject_context(
        &tracing::Span::current().context(),
        &mut Outgoing(&mut headers),
    );
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_off_without_an_endpoint_and_the_alias_turns_them_on() {
        assert!(
            Telemetry::read(&mut Env::default(), "x", "0")
                .traces_endpoint
                .is_none()
        );
        let mut env = Env::from_pairs([("OTLP_ENDPOINT", "http://collector:4318/")]);
        let on = Telemetry::read(&mut env, "x", "0");
        assert_eq!(
            on.traces_endpoint.unwrap().as_str(),
            "http://collector:4318/v1/traces"
        );
        let mut env = Env::from_pairs([
            ("OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_SDK_DISABLED", "TRUE"),
        ]);
        assert!(
            Telemetry::read(&mut env, "x", "0")
                .traces_endpoint
                .is_none()
        );
    }
}
