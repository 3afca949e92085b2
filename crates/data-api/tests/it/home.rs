//! A data-api of its own for each test.

use std::time::Duration;

use common::clock::Clock;
use common::env::{Env, Secret};
use common::instant::UtcMicros;
use common::lifecycle::Tasks;
use common::settings::DataApiPeer;
use data_api::{App, Config};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
pub(crate) use test_support::Place;
use url::Url;

pub(crate) const KEY: &str = "key-of-this-test";

/// The database that this program is for, as `/health` names it.
pub(crate) fn engine() -> &'static str {
    match env!("CARGO_CRATE_NAME") {
        "postgres" => "postgresql",
        _ => "sqlite",
    }
}

/// A running data-api.
pub(crate) struct Home {
    pub(crate) url: Url,
    pub(crate) client: data_api_client::DataApi,
    pub(crate) http: reqwest::Client,
    tasks: Tasks,
    pub(crate) folder: Place,
    /// Stands still at [`now`] until a test sets it.
    pub(crate) clock: Clock,
}

/// The instant at which all tests happen.
pub(crate) fn now() -> UtcMicros {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

impl Home {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::at(
            Place::new(engine() == "postgresql").await.unwrap(),
            settings,
        )
        .await
    }

    /// The same, with the clock that it goes by.
    pub(crate) async fn with_clock(settings: &[(&str, &str)]) -> (Self, Clock) {
        let clock = Clock::manual(now());
        let home = Self::start(
            Place::new(engine() == "postgresql").await.unwrap(),
            settings,
            clock.clone(),
        )
        .await;
        (home, clock)
    }

    pub(crate) async fn at(folder: Place, settings: &[(&str, &str)]) -> Self {
        Self::start(folder, settings, Clock::manual(now())).await
    }

    async fn start(folder: Place, settings: &[(&str, &str)], clock: Clock) -> Self {
        let (tasks, _ends) = Tasks::new();
        let app = App::start(config(&folder.database, settings), &tasks, clock.clone())
            .await
            .unwrap();
        let url = Url::parse(&format!("http://{}", app.address)).unwrap();
        let peer = DataApiPeer {
            url: url.clone(),
            key: Secret::Value(KEY.to_owned().into()),
        };
        let client = data_api_client::DataApi::new(peer).unwrap();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self {
            url,
            client,
            http,
            tasks,
            folder,
            clock,
        }
    }

    /// Stops it in order and hands over its place.
    pub(crate) async fn stop(self) -> Place {
        assert!(
            self.tasks.stop(Duration::from_secs(10)).await,
            "still running: {:?}",
            self.tasks.running()
        );
        self.folder
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(self.url.join(path).unwrap()).bearer_auth(KEY)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http
            .post(self.url.join(path).unwrap())
            .bearer_auth(KEY)
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        answer(self.get(path)).await.1
    }
}

/// Lets so much time pass for everything that waits, at once.
pub(crate) async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

pub(crate) fn config(database: &str, settings: &[(&str, &str)]) -> Config {
    let pairs = [
        ("DATA_API_PORT", "0"),
        ("DATABASE_URL", database),
        ("DATA_API_KEY", KEY),
        // However full the disk is that the tests run on.
        ("ALERT_DISK_FREE_PERCENT", "0"),
    ];
    let mut env = Env::from_pairs(pairs.iter().chain(settings).copied());
    let config = Config::read(&mut env);
    env.finish().unwrap();
    config
}

/// Sends and reads status and JSON.
pub(crate) async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response: Response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}
