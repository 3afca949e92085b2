//! What Home Assistant, its token and the network to it can do to us: each has a state in `/health`, a metric, and costs no event.

use std::time::Duration;

use common::clock::Clock;
use data_api_client::events::EventQuery;
use home_simulator::{Simulator, SimulatorConfig};
use test_support::{Fault, Proxy, Way, eventually};
use tokio::net::TcpListener;
use tokio::time::Instant;
use websocket_ingestion::Timing;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, short_waits, still_home};
use crate::process::Process;

/// A home behind a proxy, a store, and an ingestion that knows the home by the proxy.
struct Setup {
    home: Simulator,
    proxy: Proxy,
    _store: Store,
    ingestion: Ingestion,
}

async fn setup(fault: Fault, timing: Timing) -> Setup {
    let (home, store) = (still_home().await, Store::new().await);
    let proxy = Proxy::to(home.address()).await.unwrap();
    proxy.set(fault);
    let url = proxy.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    let ingestion = Ingestion::timed(store.port, &settings, timing, Clock::system()).await;
    Setup {
        home,
        proxy,
        _store: store,
        ingestion,
    }
}

fn reconnects(reason: &str) -> String {
    format!("homeiq_ha_reconnects_total{{reason=\"{reason}\"}}")
}

#[tokio::test]
async fn a_home_that_is_down_at_the_start_is_found_and_what_happened_until_then_is_read() {
    let it = setup(Fault::Refuse, short_waits()).await;
    let health = it
        .ingestion
        .says("home_assistant", &["cannot be reached"])
        .await;
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["connection"]["successful_connections"], 0);
    assert!(it.ingestion.metric(&reconnects("not_connected")).await >= 1.0);
    assert!(it.ingestion.metric("homeiq_ha_connected").await < 0.5);
    it.home.burst(50).await;
    it.proxy.set(Fault::Pass);
    it.ingestion.subscribed().await;
    it.home.burst(50).await;
    it.ingestion.has_exactly(&it.home).await;
    let health = it
        .ingestion
        .until("health", |health| health["status"] == "healthy")
        .await;
    assert_eq!(health["gaps"]["count"], 1);
    assert_eq!(health["gaps"]["recent"][0]["reason"], "disconnected");
    assert!(it.ingestion.metric("homeiq_ha_connected").await > 0.5);
    assert!(
        it.ingestion
            .metric("homeiq_gap_seconds_total{reason=\"disconnected\"}")
            .await
            > 0.0
    );
}

#[tokio::test]
async fn a_home_that_is_killed_is_told_from_one_that_says_goodbye() {
    let it = setup(Fault::Pass, short_waits()).await;
    it.ingestion.subscribed().await;
    it.home.burst(50).await;
    // Without a word, and the port refuses.
    it.proxy.set(Fault::Refuse);
    it.ingestion
        .says("home_assistant", &["cannot be reached"])
        .await;
    assert!(it.ingestion.metric(&reconnects("lost")).await >= 1.0);
    assert!(it.ingestion.metric(&reconnects("closed")).await < 0.5);
    it.home.burst(50).await;
    it.proxy.set(Fault::Pass);
    it.ingestion.subscribed().await;
    it.ingestion.has_exactly(&it.home).await;
    // With a close frame.
    let (address, memory) = (it.home.address(), it.home.stop().await);
    it.ingestion
        .says("home_assistant", &["cannot be reached"])
        .await;
    assert!(it.ingestion.metric(&reconnects("closed")).await >= 1.0);
    let listener = TcpListener::bind(address).await.unwrap();
    let home = Simulator::resume(memory, listener).unwrap();
    it.ingestion.subscribed().await;
    it.ingestion
        .until("the end of the start", |health| {
            health["connection"]["home_assistant_starting"] == false
        })
        .await;
    home.set_state("light.after_the_restart", "on").unwrap();
    it.ingestion.has_exactly(&home).await;
}

#[tokio::test]
async fn a_token_revoked_while_connected_is_told_and_tried_again_after_a_long_pause_only() {
    assert!(Timing::default().after_refusal >= Duration::from_secs(300));
    let pause = Duration::from_secs(1);
    let timing = Timing {
        after_refusal: pause,
        ..short_waits()
    };
    let it = setup(Fault::Pass, timing).await;
    it.ingestion.subscribed().await;
    it.home.burst(50).await;
    it.home.revoke_token();
    let health = it
        .ingestion
        .says("home_assistant", &["refuses the token", "HA_TOKEN"])
        .await;
    assert_eq!(health["subscription"]["is_subscribed"], false);
    assert!(it.ingestion.metric(&reconnects("closed")).await >= 1.0);
    assert!(it.ingestion.metric(&reconnects("token_refused")).await >= 1.0);
    // The connection, the one that was refused, and from then on one in each pause.
    let attempts = it.proxy.accepted();
    let refused = Instant::now();
    eventually("the next attempt", PATIENCE, async || {
        (it.proxy.accepted() > attempts).then_some(())
    })
    .await
    .unwrap();
    assert!(
        refused.elapsed() > pause.mul_f64(0.7),
        "{:?}",
        refused.elapsed()
    );
    it.home.burst(50).await;
    it.home.change_token(TOKEN);
    it.ingestion.subscribed().await;
    it.ingestion.has_exactly(&it.home).await;
}

#[tokio::test]
async fn a_connection_that_is_only_half_there_is_noticed_by_its_silence() {
    let default = Timing::default();
    assert!(default.ping_every + default.pong_within <= Duration::from_secs(40));
    for way in [Way::ToClient, Way::ToTarget, Way::Both] {
        let timing = Timing {
            ping_every: Duration::from_millis(200),
            pong_within: Duration::from_millis(300),
            handshake: Duration::from_millis(500),
            ..short_waits()
        };
        let it = setup(Fault::Pass, timing).await;
        it.ingestion.subscribed().await;
        it.home.burst(50).await;
        let before = it.ingestion.metric(&reconnects("no_answer")).await;
        it.proxy.set(Fault::Hold(way));
        it.home.burst(50).await;
        // The way is still dead when it is tried again.
        it.ingestion
            .says("home_assistant", &["took more than"])
            .await;
        let silent = it.ingestion.metric(&reconnects("no_answer")).await;
        assert!(silent > before, "{way:?}");
        it.proxy.set(Fault::Pass);
        it.ingestion.subscribed().await;
        it.home.burst(50).await;
        it.ingestion.has_exactly(&it.home).await;
    }
}

#[tokio::test]
async fn a_home_that_is_starting_is_waited_for_and_its_changes_are_flagged() {
    let (home, store) = (still_home().await, Store::new().await);
    home.set_core_state("STARTING");
    let url = home.url();
    let settings = [("HA_HTTP_URL", url.as_str()), ("HA_TOKEN", TOKEN)];
    let ingestion = Ingestion::with(store.port, &settings).await;
    let health = ingestion.subscribed().await;
    assert_eq!(health["connection"]["home_assistant_starting"], true);
    assert!(ingestion.metric("homeiq_ha_starting").await > 0.5);
    home.set_state("light.noise_of_the_start", "off").unwrap();
    let flag = async |entity: &str| {
        let query = EventQuery {
            entity_id: Some(entity.to_owned()),
            ..EventQuery::default()
        };
        eventually(entity, PATIENCE, async || {
            let page = ingestion.client.events(&query).await.unwrap();
            page.events.first().map(|event| event.startup)
        })
        .await
        .unwrap()
    };
    assert!(flag("light.noise_of_the_start").await);
    // Its history is not asked for before it runs.
    assert_eq!(ingestion.health().await["backfill"]["done"], false);
    home.set_core_state("RUNNING");
    ingestion
        .until("the end of the start", |health| {
            health["connection"]["home_assistant_starting"] == false
                && health["backfill"]["done"] == true
        })
        .await;
    assert!(ingestion.metric("homeiq_ha_starting").await < 0.5);
    home.set_state("light.on_purpose", "on").unwrap();
    assert!(!flag("light.on_purpose").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stood_still_is_cut_off_and_the_gap_is_read_from_the_history() {
    let (home, store) = (still_home().await, Store::new().await);
    let spool = tempfile::tempdir().unwrap();
    let process = Process::start(&home.url(), store.port, spool.path());
    process.subscribed().await;
    home.burst(100).await;
    process.signal("STOP");
    // More than the sockets between them hold, and 4,096 messages besides.
    home.burst(20_000).await;
    eventually("the cut", PATIENCE, async || {
        (home.connections() == 0).then_some(())
    })
    .await
    .unwrap();
    process.signal("CONT");
    process
        .until("the second connection", |health| {
            health["connection"]["successful_connections"] == 2 && health["gaps"]["count"] == 1
        })
        .await;
    assert!(
        process.metric(&reconnects("closed")).await + process.metric(&reconnects("lost")).await
            >= 1.0
    );
    let reader = Ingestion::with(store.port, &[("ENABLE_HOME_ASSISTANT", "false")]).await;
    reader.has_exactly(&home).await;
    let health = process.health().await.unwrap();
    assert_eq!(health["delivery"]["dropped"], serde_json::json!({}));
}

#[tokio::test]
async fn what_was_never_sent_is_found_even_when_older_frames_are_read_minutes_later() {
    let (clock, store) = (Clock::manual(Clock::system().now()), Store::new().await);
    let config = SimulatorConfig {
        clock: clock.clone(),
        ..SimulatorConfig::still(TOKEN)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let home = Simulator::start(config, listener).await.unwrap();
    let proxy = Proxy::to(home.address()).await.unwrap();
    let url = proxy.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    let ingestion = Ingestion::timed(store.port, &settings, short_waits(), clock.clone()).await;
    ingestion.subscribed().await;
    let later = |seconds| clock.set(clock.now().plus_seconds(seconds));
    // As if the machine slept: what was sent waits in the socket, and then the home gives up.
    proxy.set(Fault::Hold(Way::Both));
    later(10);
    home.set_state("light.sent_and_read_late", "on").unwrap();
    later(300);
    home.drop_connections();
    eventually("the cut", PATIENCE, async || {
        (home.connections() == 0).then_some(())
    })
    .await
    .unwrap();
    home.set_state("light.never_sent", "on").unwrap();
    later(300);
    proxy.set(Fault::Pass);
    ingestion.has_exactly(&home).await;
}
