//! A data-api with a past, and an ai-pattern-service beside it, in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ai_pattern_service::{App, Config};
use common::clock::Clock;
use common::env::Env;
use common::lifecycle::{Ends, Tasks};
use data_api_client::DataApi;
use data_api_client::registry::Registry;
use serde_json::{Value, json};
use test_support::{Place, eventually};

pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const KEY: &str = "a key of this test";

/// Something that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    tasks: Tasks,
    _ends: Ends,
}

impl Running {
    /// Stops it in order, as SIGTERM does.
    pub(crate) async fn stop(self) {
        assert!(
            self.tasks.stop(Duration::from_secs(9)).await,
            "still running: {:?}",
            self.tasks.running()
        );
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(reqwest::Method::GET, path).await.1
    }

    pub(crate) async fn send(&self, method: reqwest::Method, path: &str) -> (u16, Value) {
        self.send_body(method, path, None).await
    }

    pub(crate) async fn send_body(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        common::tls::install();
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let mut request = client.request(method, format!("http://{}{path}", self.address));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    /// Sets off an analysis and waits for its end.
    pub(crate) async fn analyse(&self) -> Value {
        let before = self.get("/api/analysis/status").await["scheduler"]["last_run"].clone();
        assert_eq!(
            self.send(reqwest::Method::POST, "/api/analysis/trigger")
                .await
                .0,
            200
        );
        eventually("the end of the analysis", SOON, async || {
            let status = self.get("/api/analysis/status").await;
            let over =
                status["analysis"]["state"] == "idle" && status["scheduler"]["last_run"] != before;
            over.then(|| status["analysis"]["last_run"].clone())
        })
        .await
        .expect("it ends")
    }
}

/// Where the service's tables are: in a SQLite file, or on a PostgreSQL in the program that is for that.
pub(crate) async fn place() -> Place {
    Place::new(env!("CARGO_CRATE_NAME") == "postgres")
        .await
        .expect("a place")
}

/// A folder for the files of one test, with the service's tables, and a data-api in it.
pub(crate) struct House {
    pub(crate) folder: Place,
    pub(crate) data_api: Running,
}

impl House {
    pub(crate) async fn new() -> Self {
        let folder = place().await;
        let data_api = start_data_api(folder.path(), "0").await;
        Self { folder, data_api }
    }

    fn client(&self) -> DataApi {
        let mut env = Env::from_pairs([
            ("DATA_API_URL", format!("http://{}", self.data_api.address)),
            ("DATA_API_KEY", KEY.to_owned()),
        ]);
        DataApi::new(common::settings::DataApiPeer::read(&mut env)).expect("a client")
    }

    /// A lamp that goes on at these minutes of the day (UTC), on each of the last 30 days, with minutes of jitter.
    pub(crate) async fn live(&self, minutes: &[i64]) {
        let now = Clock::system().now().get() / 1_000_000;
        let midnight = now - now % 86_400;
        let mut rows = Vec::new();
        for day in 1..=30 {
            for &minute in minutes {
                let jitter = (day * 37 + minute) % 9 - 4;
                let on = midnight - day * 86_400 + (minute + jitter) * 60;
                // Off at no particular time.
                let held = 600 + (day * 7_919 + minute * 31) % 397 * 60;
                for (second, state) in [(on, "on"), (on + held, "off")] {
                    rows.push(json!({"entity_id": "light.kitchen", "state": state, "last_updated": second * 1_000_000,
                        "attributes": {"friendly_name": "Kitchen light"}}));
                }
            }
        }
        self.send(rows).await;
    }

    /// A door that opens at changing times, and a lamp that follows some seconds later: twice on each of the last 30 days.
    pub(crate) async fn live_with_a_door(&self) {
        let now = Clock::system().now().get() / 1_000_000;
        let midnight = now - now % 86_400;
        let mut rows = Vec::new();
        for visit in 0..60_i64 {
            let opened = midnight - (1 + visit / 2) * 86_400
                + (7 + 8 * (visit % 2)) * 3_600
                + visit * 7_919 % 18_000;
            let lit = opened + 8 + visit % 5;
            for (entity_id, second, state) in [
                ("binary_sensor.cellar_door", opened, "on"),
                ("light.cellar", lit, "on"),
                (
                    "binary_sensor.cellar_door",
                    opened + 60 + visit * 31 % 240,
                    "off",
                ),
                ("light.cellar", lit + 400 + visit * 1_237 % 5_000, "off"),
            ] {
                let class = entity_id.starts_with("binary").then_some("door");
                rows.push(json!({"entity_id": entity_id, "state": state, "last_updated": second * 1_000_000,
                    "attributes": {"device_class": class}}));
            }
        }
        self.send(rows).await;
    }

    /// Stores rows in data-api.
    pub(crate) async fn send(&self, rows: Vec<Value>) {
        let rows: Vec<common::api::events::NewEvent> =
            serde_json::from_value(Value::Array(rows)).expect("rows of the contract");
        let reply = self.client().send_events(&rows).await.expect("stored");
        assert_eq!(reply.stored, rows.len());
    }

    /// What Home Assistant says of a part of its registry, complete.
    pub(crate) async fn know(&self, part: Registry, rows: Value) {
        let reply = self.client().hand_over(part, &rows, true).await;
        assert!(reply.expect("kept").skipped == 0, "{rows}");
    }

    /// Starts the service with some more settings.
    pub(crate) async fn service(&self, more: &[(&str, &str)]) -> Running {
        self.service_with(&format!("http://{}", self.data_api.address), more)
            .await
    }

    pub(crate) async fn service_with(&self, data_api: &str, more: &[(&str, &str)]) -> Running {
        self.service_by(Clock::system(), data_api, more).await
    }

    /// Starts it by this clock, with this address of data-api.
    pub(crate) async fn service_by(
        &self,
        clock: Clock,
        data_api: &str,
        more: &[(&str, &str)],
    ) -> Running {
        let mut pairs = vec![
            ("SERVICE_PORT", "0".to_owned()),
            ("DATA_API_URL", data_api.to_owned()),
            ("DATA_API_KEY", KEY.to_owned()),
            ("DATABASE_URL", self.folder.database.clone()),
            ("ANALYSIS_ON_START", "false".to_owned()),
        ];
        pairs.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        pairs.extend(more.iter().map(|&(name, value)| (name, value.to_owned())));
        let mut env = Env::from_pairs(pairs);
        let config = Config::read(&mut env);
        env.finish().expect("good settings");
        let (tasks, ends) = Tasks::new();
        let app = App::start(config, &tasks, clock).await.expect("it starts");
        Running {
            address: app.address,
            tasks,
            _ends: ends,
        }
    }
}

/// A data-api on this port, with its tables in this folder.
pub(crate) async fn start_data_api(folder: &Path, port: &str) -> Running {
    let mut env = Env::from_pairs([
        ("DATA_API_PORT", port.to_owned()),
        ("DATA_API_KEY", KEY.to_owned()),
        (
            "DATABASE_URL",
            format!("sqlite://{}", folder.join("events.db").display()),
        ),
    ]);
    let config = data_api::Config::read(&mut env);
    env.finish().expect("good settings");
    let (tasks, ends) = Tasks::new();
    let app = data_api::App::start(config, &tasks, Clock::system())
        .await
        .expect("it starts");
    Running {
        address: app.address,
        tasks,
        _ends: ends,
    }
}

/// Waits until the service says this of MQTT, and returns its health.
pub(crate) async fn mqtt_is(service: &Running, wanted: &str) -> Value {
    eventually(&format!("mqtt to be {wanted}"), SOON, async || {
        let health = service.get("/health").await;
        (health["mqtt"] == wanted).then_some(health)
    })
    .await
    .expect("it becomes so")
}

/// Sends a body, and returns status and answer.
pub(crate) async fn post(service: &Running, path: &str, body: Value) -> (u16, Value) {
    service
        .send_body(reqwest::Method::POST, path, Some(body))
        .await
}
