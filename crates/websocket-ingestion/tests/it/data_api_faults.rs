//! What data-api and the way to it can do to us: events wait, in order, and each is stored once.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use common::clock::Clock;
use home_simulator::Simulator;
use serde_json::json;
use test_support::{Fault, Proxy, Way, eventually};
use tokio::net::TcpListener;
use websocket_ingestion::Timing;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, short_waits, still_home};

struct Setup {
    home: Simulator,
    store: Store,
    proxy: Proxy,
    ingestion: Ingestion,
}

/// An ingestion that knows data-api by a proxy, and has handed over the registries.
async fn setup(timing: Timing, settings: &[(&str, &str)]) -> Setup {
    let (home, store) = (still_home().await, Store::new().await);
    let proxy = Proxy::to(([127, 0, 0, 1], store.port).into())
        .await
        .unwrap();
    let url = home.url();
    let mut all = vec![
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    all.extend_from_slice(settings);
    let port = proxy.address().port();
    let ingestion = Ingestion::timed(port, &all, timing, Clock::system()).await;
    ingestion
        .until("the registries", |health| {
            !health["registry"]["entities"].is_null()
        })
        .await;
    Setup {
        home,
        store,
        proxy,
        ingestion,
    }
}

fn errors(class: &str) -> String {
    format!("homeiq_data_api_errors_total{{class=\"{class}\"}}")
}

#[tokio::test]
async fn whatever_data_api_answers_events_wait_on_disk_and_are_stored_once_and_in_order() {
    let it = setup(short_waits(), &[]).await;
    for (fault, class, words) in [
        (Fault::Refuse, "unreachable", "does not answer"),
        (Fault::Answer(500), "5xx", "answered 500"),
        (Fault::Answer(503), "5xx", "answered 503"),
        (Fault::Answer(507), "5xx", "answered 507"),
        (Fault::Answer(429), "4xx", "answered 429"),
        (Fault::Answer(401), "key", "refuses the key"),
        // Such as a gateway in between that takes nothing of us: that is no fault of any event.
        (Fault::Answer(400), "4xx", "answered 400"),
        (Fault::Answer(413), "4xx", "answered 413"),
        // In the head of the answer and in its body, after the commit.
        (Fault::CutAfter(20), "unreachable", "does not answer"),
        (Fault::CutAfter(150), "unreachable", "does not answer"),
        // An answer that is none.
        (Fault::Answer(200), "unreadable", "cannot be read"),
    ] {
        let before = it.ingestion.metric(&errors(class)).await;
        it.proxy.set(fault);
        it.home.burst(200).await;
        it.ingestion.says("data_api", &[words, "events wait"]).await;
        it.ingestion
            .until("events on disk", |health| {
                health["spool"]["records"]
                    .as_u64()
                    .is_some_and(|records| records >= 200)
                    && health["delivery"]["waiting"] == 0
            })
            .await;
        assert!(
            it.ingestion.metric(&errors(class)).await > before,
            "{fault:?}"
        );
        assert!(it.ingestion.metric("homeiq_data_api_connected").await < 0.5);
        assert!(it.ingestion.metric("homeiq_spool_records").await >= 200.0);
        it.proxy.set(Fault::Pass);
        it.ingestion.has_exactly(&it.home).await;
        let health = it
            .ingestion
            .until("health", |health| health["status"] == "healthy")
            .await;
        assert_eq!(health["delivery"]["dropped"], json!({}), "{fault:?}");
        assert!(it.ingestion.metric("homeiq_data_api_connected").await > 0.5);
    }
}

#[tokio::test]
async fn a_slow_data_api_is_told_and_gets_everything_while_memory_stays_bounded() {
    let timing = Timing {
        slow_answer: Duration::from_millis(400),
        ..short_waits()
    };
    assert!(Timing::default().slow_answer <= Duration::from_secs(10));
    let it = setup(timing, &[]).await;
    it.proxy.set(Fault::Delay(Duration::from_millis(800)));
    it.home.burst(5000).await;
    it.ingestion
        .says("data_api", &["slow", "events wait"])
        .await;
    assert!(it.ingestion.metric(&errors("slow")).await >= 1.0);
    it.ingestion
        .until("everything on disk or delivered", |health| {
            health["delivery"]["waiting"] == 0
                && health["subscription"]["events_by_type"]["state_changed"] == 5000
        })
        .await;
    it.proxy.set(Fault::Pass);
    it.ingestion.has_exactly(&it.home).await;
    it.home.burst(1).await;
    it.ingestion
        .until("health", |health| health["status"] == "healthy")
        .await;
}

#[tokio::test]
async fn a_data_api_that_hangs_holds_up_neither_the_reader_nor_the_first_connection() {
    let (home, store) = (still_home().await, Store::new().await);
    let proxy = Proxy::to(([127, 0, 0, 1], store.port).into())
        .await
        .unwrap();
    proxy.set(Fault::Hold(Way::Both));
    let ingestion = Ingestion::start(&home, proxy.address().port()).await;
    ingestion.subscribed().await;
    home.burst(500).await;
    ingestion
        .until("500 events on disk", |health| {
            health["spool"]["records"] == 500
        })
        .await;
    proxy.set(Fault::Pass);
    ingestion.has_exactly(&home).await;
}

#[tokio::test]
async fn a_data_api_that_is_away_at_the_start_does_not_hide_that_nobody_had_listened() {
    let it = setup(short_waits(), &[]).await;
    it.home.burst(100).await;
    it.ingestion.has_exactly(&it.home).await;
    assert!(it.ingestion.tasks.stop(Duration::from_secs(10)).await);
    it.home.burst(100).await;
    it.proxy.set(Fault::Refuse);
    // These live events must not be stored before it is known that those above are missing.
    let second = Ingestion::start(&it.home, it.proxy.address().port()).await;
    second.subscribed().await;
    it.home.burst(100).await;
    second
        .until("100 events on disk", |health| {
            health["spool"]["records"] == 100
        })
        .await;
    it.proxy.set(Fault::Pass);
    second.has_exactly(&it.home).await;
    let health = second.health().await;
    assert_eq!(health["gaps"]["recent"][0]["reason"], "not_running");
    drop(it.store);
}

/// Passes everything on to the real data-api, but refuses every batch that has a certain word in it.
async fn allergic(store_port: u16, word: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = reqwest::Client::builder().build().unwrap();
    let pass = async move |State(client): State<reqwest::Client>, request: Request| {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 26).await.unwrap();
        if body.windows(word.len()).any(|some| some == word.as_bytes()) {
            let refusal = Response::builder().status(422);
            return refusal.body(Body::from("{}")).unwrap();
        }
        let path = head.uri.path_and_query().unwrap();
        let answer = client
            .request(head.method, format!("http://127.0.0.1:{store_port}{path}"))
            .headers(head.headers)
            .body(body)
            .send()
            .await
            .unwrap();
        let mut response = Response::builder().status(answer.status());
        *response.headers_mut().unwrap() = answer.headers().clone();
        response
            .body(Body::from(answer.bytes().await.unwrap()))
            .unwrap()
    };
    let router = axum::Router::new().fallback(pass).with_state(client);
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

#[tokio::test]
async fn an_event_that_data_api_refuses_is_dropped_alone_and_counted() {
    common::tls::install();
    let (home, store) = (still_home().await, Store::new().await);
    let port = allergic(store.port, "light.poison").await;
    let ingestion = Ingestion::start(&home, port).await;
    ingestion.subscribed().await;
    home.burst(300).await;
    home.set_state("light.poison", "on").unwrap();
    home.burst(300).await;
    home.set_state("light.last", "on").unwrap();
    eventually("the last", PATIENCE, async || {
        (ingestion.stored("light.last").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
    let health = ingestion.health().await;
    // A second time when its batch had to go by way of the disk meanwhile, and was sent once more.
    let dropped = health["delivery"]["dropped"].as_object().unwrap();
    let refused = dropped["refused"].as_u64().unwrap();
    assert!(dropped.len() == 1 && (1..=2).contains(&refused), "{health}");
    assert!(
        ingestion
            .metric("homeiq_events_dropped_total{reason=\"refused\"}")
            .await
            >= 1.0
    );
    let first = home.emitted().changes[0].last_updated_us;
    let stored = ingestion.stored("").await;
    let stored = stored.iter().filter(|row| row.2 >= first);
    assert_eq!(stored.count(), 601);
}
