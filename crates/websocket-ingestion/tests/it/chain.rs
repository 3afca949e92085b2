//! A home, a websocket-ingestion and a data-api for each test.

use std::collections::HashMap;
use std::time::Duration;

use common::clock::Clock;
use common::env::{Env, Secret};
use common::lifecycle::Tasks;
use common::retry::RetryPolicy;
use common::settings::DataApiPeer;
use data_api_client::DataApi;
use data_api_client::events::EventQuery;
use home_simulator::{Simulator, SimulatorConfig};
use serde_json::Value;
use tempfile::TempDir;
use test_support::eventually;
use tokio::net::TcpListener;
use websocket_ingestion::{Config, Timing};

pub(crate) const TOKEN: &str = "token-of-this-test-as-long-as-a-real-one";
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const KEY: &str = "key-of-this-test";

/// data-api on a port of its own.
pub(crate) struct Store {
    pub(crate) port: u16,
    tasks: Tasks,
    _folder: TempDir,
}

impl Store {
    pub(crate) async fn new() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap()).await
    }

    pub(crate) async fn on(listener: TcpListener) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", folder.path().join("homeiq.db").display());
        let mut env = Env::from_pairs([("DATABASE_URL", database.as_str()), ("DATA_API_KEY", KEY)]);
        let config = data_api::Config::read(&mut env);
        let (tasks, _ends) = Tasks::new();
        let port = listener.local_addr().unwrap().port();
        data_api::App::start_on(listener, config, &tasks, Clock::system())
            .await
            .unwrap();
        Self {
            port,
            tasks,
            _folder: folder,
        }
    }

    /// A client of it.
    pub(crate) fn client(&self) -> DataApi {
        let url = format!("http://127.0.0.1:{}", self.port).parse().unwrap();
        let key = Secret::Value(KEY.to_owned().into());
        DataApi::new(DataApiPeer { url, key }).unwrap()
    }

    pub(crate) async fn stop(self) {
        assert!(self.tasks.stop(Duration::from_secs(10)).await);
    }
}

/// A running websocket-ingestion.
pub(crate) struct Ingestion {
    url: String,
    pub(crate) tasks: Tasks,
    pub(crate) client: DataApi,
    http: reqwest::Client,
    _spool: TempDir,
}

impl Ingestion {
    /// Listens to `home` and delivers to `store`.
    pub(crate) async fn start(home: &Simulator, store_port: u16) -> Self {
        let url = home.url();
        Self::with(
            store_port,
            &[
                ("HA_HTTP_URL", &url),
                ("HA_TOKEN", TOKEN),
                ("BACKFILL_INITIAL_DAYS", "0"),
            ],
        )
        .await
    }

    pub(crate) async fn with(store_port: u16, settings: &[(&str, &str)]) -> Self {
        Self::with_timing(store_port, settings, |_| ()).await
    }

    /// The same with other waits.
    pub(crate) async fn with_timing(
        store_port: u16,
        settings: &[(&str, &str)],
        adjust: impl FnOnce(&mut Timing),
    ) -> Self {
        let mut timing = short_waits();
        adjust(&mut timing);
        Self::timed(store_port, settings, timing, Clock::system()).await
    }

    /// The same with other waits, or in another time.
    pub(crate) async fn timed(
        store_port: u16,
        settings: &[(&str, &str)],
        timing: Timing,
        clock: Clock,
    ) -> Self {
        let data_api = format!("http://127.0.0.1:{store_port}");
        let spool = tempfile::tempdir().unwrap();
        let given = [
            ("WEBSOCKET_INGESTION_PORT", "0"),
            ("SPOOL_DIR", spool.path().to_str().unwrap()),
            ("DATA_API_URL", data_api.as_str()),
            ("DATA_API_KEY", KEY),
        ];
        let mut env = Env::from_pairs(given.iter().chain(settings).copied());
        let mut config = Config::read(&mut env);
        env.finish().unwrap();
        config.batch_timeout = Duration::from_millis(20);
        config.timing = timing;
        let client = DataApi::new(config.data_api.clone()).unwrap();
        let (tasks, _ends) = Tasks::new();
        let app = websocket_ingestion::App::start(config, &tasks, clock)
            .await
            .unwrap();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        Self {
            url: format!("http://{}", app.address),
            tasks,
            client,
            http,
            _spool: spool,
        }
    }

    /// Base address, such as `http://127.0.0.1:8001`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null),
        )
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await;
        answer.unwrap().text().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str) -> (u16, Value) {
        let response = self
            .http
            .post(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_str(&response.text().await.unwrap()).unwrap_or(Value::Null),
        )
    }

    pub(crate) async fn health(&self) -> Value {
        self.get("/health").await.1
    }

    /// Waits until `/health` says of a part what is the matter, in these words.
    pub(crate) async fn says(&self, part: &str, words: &[&str]) -> Value {
        self.until(&format!("{part} to be {words:?}"), |health| {
            reason(health, part)
                .is_some_and(|reason| words.iter().all(|word| reason.contains(word)))
        })
        .await
    }

    /// The value of a series in `/metrics`, such as `homeiq_ha_connected`; 0 where it is not there yet.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let response = self.http.get(format!("{}/metrics", self.url)).send().await;
        metric(&response.unwrap().text().await.unwrap(), series)
    }

    /// All gaps that data-api knows.
    pub(crate) async fn gaps(&self) -> Value {
        let url = self.client.url().join("/api/v1/gaps").unwrap();
        self.http
            .get(url)
            .bearer_auth(KEY)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// Waits until `/health` says what is wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let seen = eventually(what, PATIENCE, async || {
            Some(self.health().await).filter(|health| wanted(health))
        })
        .await;
        match seen {
            Ok(health) => health,
            Err(error) => panic!("{error}: {}", self.health().await),
        }
    }

    pub(crate) async fn subscribed(&self) -> Value {
        self.until("the subscription", |health| {
            health["subscription"]["is_subscribed"] == true
        })
        .await
    }

    /// All stored rows of the entities whose id begins with `prefix`, oldest first.
    pub(crate) async fn stored(&self, prefix: &str) -> Vec<(String, String, i64)> {
        let mut query = EventQuery {
            limit: Some(10_000),
            no_attributes: true,
            ..EventQuery::default()
        };
        let mut rows = Vec::new();
        loop {
            let page = self.client.events(&query).await.unwrap();
            rows.extend(
                page.events
                    .into_iter()
                    .filter(|event| event.entity_id.starts_with(prefix))
                    .map(|event| {
                        (
                            event.entity_id,
                            event.state.unwrap_or_default(),
                            event.timestamp.get(),
                        )
                    }),
            );
            query.cursor = page.next;
            if query.cursor.is_none() {
                rows.reverse();
                return rows;
            }
        }
    }

    /// Waits until exactly what `home` emitted is stored: each change once, in order for each entity.
    pub(crate) async fn has_exactly(&self, home: &Simulator) {
        let ledger = home.emitted();
        assert_eq!(ledger.dropped, 0);
        let want = by_entity(ledger.changes.iter().map(|e| {
            (
                e.entity_id.to_string(),
                e.state.to_string(),
                e.last_updated_us,
            )
        }));
        let first = ledger
            .changes
            .iter()
            .map(|change| change.last_updated_us)
            .min()
            .unwrap_or(0);
        let outcome = eventually("all that the home emitted", PATIENCE, async || {
            let stored = self
                .stored("")
                .await
                .into_iter()
                .filter(|row| row.2 >= first);
            (by_entity(stored) == want).then_some(())
        })
        .await;
        if let Err(error) = outcome {
            let rows = self.stored("").await;
            let count = rows.len();
            let stored = by_entity(rows.into_iter().filter(|row| row.2 >= first));
            let differing: Vec<_> = want
                .keys()
                .chain(stored.keys())
                .filter(|entity| want.get(*entity) != stored.get(*entity))
                .collect();
            panic!(
                "{error}: {} emitted, {count} stored; not the same: {differing:?}",
                ledger.changes.len()
            );
        }
    }
}

/// Waits that suit a test.
pub(crate) fn short_waits() -> Timing {
    Timing {
        reconnect: RetryPolicy {
            first: Duration::from_millis(50),
            longest: Duration::from_millis(500),
        },
        token_poll: Duration::from_millis(50),
        registry_debounce: Duration::from_millis(50),
        startup_poll: Duration::from_millis(50),
        recorder_lag: Duration::from_secs(2),
        backfill_retry: Duration::from_millis(50),
        ..Timing::default()
    }
}

/// What `/health` says of a part that is not as it should be.
pub(crate) fn reason<'a>(health: &'a Value, part: &str) -> Option<&'a str> {
    let degraded = health["degraded"].as_array()?;
    degraded.iter().find(|entry| entry["part"] == part)?["reason"].as_str()
}

/// The value of a series in the text of `/metrics`.
pub(crate) fn metric(text: &str, series: &str) -> f64 {
    text.lines()
        .find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
        .unwrap_or(0.0)
}

fn by_entity(
    rows: impl Iterator<Item = (String, String, i64)>,
) -> HashMap<String, Vec<(String, i64)>> {
    let mut map: HashMap<String, Vec<(String, i64)>> = HashMap::new();
    for (entity, state, at) in rows {
        map.entry(entity).or_default().push((state, at));
    }
    map
}

/// A home in which only what a test does happens.
pub(crate) async fn still_home() -> Simulator {
    home_with_lag(Duration::ZERO).await
}

/// The same with a recorder that writes that late.
pub(crate) async fn home_with_lag(recorder_lag: Duration) -> Simulator {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Simulator::start(
        SimulatorConfig {
            past_days: 2,
            recorder_lag,
            ..SimulatorConfig::still(TOKEN)
        },
        listener,
    )
    .await
    .unwrap()
}
