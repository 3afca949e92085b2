//! InfluxDB beside data-api. What is written to here is a small imitation of its write API: no real one can be installed where these
//! tests run. It answers as the documentation of InfluxDB 2 says, and takes lines apart by the rules of the line protocol.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use home_simulator::Simulator;
use serde_json::{Value, json};
use test_support::{Fault, Proxy, eventually};
use tokio::net::TcpListener;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, still_home};
use crate::process::Process;

const INFLUX_TOKEN: &str = "token of the test";

/// A point, by entity and instant: a second one of the same takes its place, as in InfluxDB.
type Points = BTreeMap<(String, i64), BTreeMap<String, String>>;

/// What it has, and the word that it cannot bear.
#[derive(Default)]
struct Stored {
    points: Points,
    poison: Option<&'static str>,
    query: String,
}

struct FakeInflux {
    stored: Arc<Mutex<Stored>>,
    proxy: Proxy,
}

impl FakeInflux {
    async fn start() -> Self {
        common::tls::install();
        let stored = Arc::<Mutex<Stored>>::default();
        let router = axum::Router::new()
            .route("/api/v2/write", post(write))
            .route("/ping", get(async || StatusCode::NO_CONTENT))
            .with_state(Arc::clone(&stored));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap()).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { stored, proxy }
    }

    fn points(&self) -> Points {
        self.stored.lock().unwrap().points.clone()
    }

    /// Waits until there is exactly one point for each change of the home.
    async fn has_exactly(&self, home: &Simulator) {
        let ledger = home.emitted();
        let want: BTreeMap<_, _> = ledger
            .changes
            .iter()
            .filter(|change| change.entity_id.as_ref() != "light.poison")
            .map(|change| {
                let key = (change.entity_id.to_string(), change.last_updated_us);
                (key, change.state.to_string())
            })
            .collect();
        let same = eventually("all points", PATIENCE, async || {
            let points = self.points();
            let seen = points
                .into_iter()
                .map(|(key, fields)| (key, fields["state_value"].clone()));
            (seen.collect::<BTreeMap<_, _>>() == want).then_some(())
        });
        if let Err(error) = same.await {
            panic!("{error}: {} of {}", self.points().len(), want.len());
        }
    }
}

async fn write(
    State(stored): State<Arc<Mutex<Stored>>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    if headers["authorization"] != format!("Token {INFLUX_TOKEN}") {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let mut stored = stored.lock().unwrap();
    if stored.poison.is_some_and(|word| body.contains(word)) {
        let told = json!({"code": "invalid", "message": "partial write: field type conflict"});
        return (StatusCode::UNPROCESSABLE_ENTITY, told.to_string());
    }
    stored.query = query.unwrap_or_default();
    for line in lines(&body) {
        let (key, fields) = read(&line);
        stored.points.entry(key).or_default().extend(fields);
    }
    (StatusCode::NO_CONTENT, String::new())
}

/// The lines of a body: an end of a line within quotes is none.
fn lines(body: &str) -> Vec<String> {
    split(body, '\n')
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect()
}

/// Splits where `at` stands neither behind a backslash nor in quotes.
fn split(text: &str, at: char) -> Vec<String> {
    let (mut parts, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        if c == at && !quoted && !escaped {
            parts.push(String::new());
            continue;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        parts.last_mut().unwrap().push(c);
    }
    parts
}

/// Entity and instant of a line; its tags and fields together.
fn read(line: &str) -> ((String, i64), BTreeMap<String, String>) {
    let parts = split(line, ' ');
    assert_eq!(parts.len(), 3, "{line}");
    let tags = split(&parts[0], ',');
    assert_eq!(tags[0], "home_assistant_events");
    let pairs = tags[1..].iter().cloned().chain(split(&parts[1], ','));
    let all: BTreeMap<String, String> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            let bare = value
                .strip_prefix('"')
                .and_then(|value| value.strip_suffix('"'));
            let text = bare.map(|text| text.replace("\\\"", "\"").replace("\\\\", "\\"));
            (name.to_owned(), text.unwrap_or_else(|| value.to_owned()))
        })
        .collect();
    ((all["entity_id"].clone(), parts[2].parse().unwrap()), all)
}

/// A home, a data-api, and an ingestion that writes to both.
async fn setup(influx: &FakeInflux, token: &str) -> (Simulator, Store, Ingestion) {
    let (home, store) = (still_home().await, Store::new().await);
    let (url, influx_url) = (home.url(), influx.proxy.url());
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
        ("INFLUXDB_URL", influx_url.as_str()),
        ("INFLUXDB_TOKEN", token),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    ingestion
        .until("the registries", |health| {
            !health["registry"]["entities"].is_null()
        })
        .await;
    (home, store, ingestion)
}

#[tokio::test]
async fn every_event_is_a_point_with_state_attributes_and_what_was_before() {
    let influx = FakeInflux::start().await;
    let (home, _store, ingestion) = setup(&influx, INFLUX_TOKEN).await;
    home.burst(500).await;
    home.set_state("light.one", "off").unwrap();
    home.set_state("light.one", "on").unwrap();
    assert!(home.remove_state("light.one"));
    influx.has_exactly(&home).await;
    ingestion.has_exactly(&home).await;
    let points = influx.points();
    let changes = home.emitted().changes;
    for change in &changes {
        let point = &points[&(change.entity_id.to_string(), change.last_updated_us)];
        assert_eq!(point["event_type"], "state_changed");
        assert_eq!(point.contains_key("removed"), change.removed);
        if !change.removed {
            let told: Value = serde_json::from_str(&point["attributes"]).unwrap();
            assert_eq!(told, serde_json::to_value(&*change.attributes).unwrap());
        }
    }
    let one = |n: usize| {
        let mut of_it = changes
            .iter()
            .filter(|change| change.entity_id.as_ref() == "light.one");
        &points[&(
            "light.one".to_owned(),
            of_it.nth(n).unwrap().last_updated_us,
        )]
    };
    assert!(!one(0).contains_key("previous_state"));
    assert_eq!(one(1)["previous_state"], "off");
    assert_eq!(one(1)["event_category"], "lighting");
    assert!(one(1)["duration_in_state_seconds"].parse::<f64>().unwrap() >= 0.0);
    assert_eq!(
        (one(2)["removed"].as_str(), one(2)["state_value"].as_str()),
        ("true", "")
    );
    assert_eq!(one(2)["previous_state"], "on");
    let query = influx.stored.lock().unwrap().query.clone();
    assert_eq!(
        query,
        "org=homeiq&bucket=home_assistant_events&precision=us"
    );
    let told = ingestion
        .until("the count", |health| {
            health["influxdb"]["written"] == changes.len()
        })
        .await;
    assert_eq!(told["influxdb"]["dropped"], json!({}));
    assert_eq!(told["influxdb"]["bucket"], "home_assistant_events");
}

#[tokio::test]
async fn an_influxdb_that_is_away_holds_up_nothing_and_gets_everything_later() {
    let influx = FakeInflux::start().await;
    let (home, _store, ingestion) = setup(&influx, INFLUX_TOKEN).await;
    for (fault, words) in [
        (Fault::Refuse, "does not answer"),
        (Fault::Answer(503), "answered 503"),
        (Fault::Answer(429), "answered 429"),
        (Fault::Answer(200), "answered 200"),
        // Something in between that refuses whatever is asked: no point is at fault.
        (Fault::Answer(400), "answered 400"),
        (Fault::Answer(404), "has no bucket"),
        (Fault::CutAfter(5), "does not answer"),
    ] {
        influx.proxy.set(fault);
        home.burst(200).await;
        ingestion.has_exactly(&home).await;
        ingestion.says("influxdb", &[words, "points wait"]).await;
        ingestion
            .until("points on disk", |health| {
                let waiting = health["influxdb"]["spool"]["records"].as_u64();
                waiting.is_some_and(|some| some >= 200) && health["spool"]["records"] == 0
            })
            .await;
        assert!(ingestion.metric("homeiq_influxdb_spool_records").await >= 200.0);
        influx.proxy.set(Fault::Pass);
        influx.has_exactly(&home).await;
        let health = ingestion
            .until("health", |health| health["status"] == "healthy")
            .await;
        assert_eq!(health["influxdb"]["dropped"], json!({}), "{fault:?}");
    }
}

#[tokio::test]
async fn a_refused_token_is_told_with_what_to_do_and_events_wait() {
    let influx = FakeInflux::start().await;
    let (home, _store, ingestion) = setup(&influx, "not-the-right-one").await;
    home.burst(20).await;
    ingestion
        .says("influxdb", &["401", "INFLUXDB_TOKEN", "points wait"])
        .await;
    ingestion.has_exactly(&home).await;
    let health = ingestion
        .until("points on disk", |health| {
            health["influxdb"]["spool"]["records"] == 20
        })
        .await;
    assert_eq!(health["influxdb"]["dropped"], json!({}));
    assert!(
        !health.to_string().contains("not-the-right-one"),
        "{health}"
    );
}

#[tokio::test]
async fn a_point_that_influxdb_refuses_is_dropped_alone_and_counted() {
    let influx = FakeInflux::start().await;
    influx.stored.lock().unwrap().poison = Some("light.poison");
    let (home, _store, ingestion) = setup(&influx, INFLUX_TOKEN).await;
    home.burst(300).await;
    home.set_state("light.poison", "on").unwrap();
    home.burst(300).await;
    influx.has_exactly(&home).await;
    let health = ingestion
        .until("the drop", |health| {
            health["influxdb"]["dropped"]["refused"] == 1
        })
        .await;
    assert_eq!(health["delivery"]["dropped"], json!({}));
    let metric = "homeiq_influxdb_dropped_total{reason=\"refused\"}";
    assert!(ingestion.metric(metric).await >= 1.0);
    ingestion.has_exactly(&home).await;
}

#[tokio::test]
async fn points_that_wait_when_the_process_ends_are_written_by_the_next() {
    let influx = FakeInflux::start().await;
    let (home, store) = (still_home().await, Store::new().await);
    let folder = tempfile::tempdir().unwrap();
    let url = influx.proxy.url();
    let settings = [
        ("INFLUXDB_URL", url.as_str()),
        ("INFLUXDB_TOKEN", INFLUX_TOKEN),
    ];
    influx.proxy.set(Fault::Refuse);
    let first = Process::with(&home.url(), store.port, folder.path(), &settings);
    first.subscribed().await;
    home.burst(300).await;
    first
        .until("300 on disk", |health| {
            health["influxdb"]["spool"]["records"] == 300
        })
        .await;
    first.kill();
    influx.proxy.set(Fault::Pass);
    let second = Process::with(&home.url(), store.port, folder.path(), &settings);
    influx.has_exactly(&home).await;
    second
        .until("an empty spool", |health| {
            health["influxdb"]["spool"]["records"] == 0 && health["spool"]["records"] == 0
        })
        .await;
}

#[tokio::test]
async fn an_address_without_a_token_is_off_and_no_failure() {
    let (home, store) = (still_home().await, Store::new().await);
    let url = home.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("INFLUXDB_URL", "http://127.0.0.1:1"),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    ingestion.subscribed().await;
    let health = ingestion
        .until("health", |health| health["status"] == "healthy")
        .await;
    assert!(health["influxdb"].is_null(), "{health}");
}
