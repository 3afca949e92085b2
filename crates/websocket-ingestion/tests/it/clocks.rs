//! Clocks that differ and clocks that jump: gaps are in the time of Home Assistant, and what was missed is found.

use std::time::Duration;

use common::clock::Clock;
use common::instant::UtcMicros;
use home_simulator::{Simulator, SimulatorConfig};
use serde_json::Value;
use test_support::{Fault, Proxy, eventually};
use tokio::net::TcpListener;
use websocket_ingestion::Timing;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, short_waits};

const HOUR: i64 = 3600;

/// A home that goes by this clock, and the way to it.
async fn home(clock: &Clock) -> (Simulator, Proxy) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = SimulatorConfig {
        clock: clock.clone(),
        ..SimulatorConfig::still(TOKEN)
    };
    let home = Simulator::start(config, listener).await.unwrap();
    let proxy = Proxy::to(home.address()).await.unwrap();
    (home, proxy)
}

async fn listening(proxy: &Proxy, store: &Store, ours: &Clock) -> Ingestion {
    let url = proxy.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    let timing = Timing {
        ping_every: Duration::from_millis(200),
        recorder_lag: Duration::from_millis(100),
        ..short_waits()
    };
    let ingestion = Ingestion::timed(store.port, &settings, timing, ours.clone()).await;
    ingestion.subscribed().await;
    ingestion
}

async fn has(ingestion: &Ingestion, entity: &str) {
    let outcome = eventually(entity, PATIENCE, async || {
        (ingestion.stored(entity).await.len() == 1).then_some(())
    });
    if let Err(error) = outcome.await {
        panic!("{error}: {}", ingestion.health().await["gaps"]);
    }
}

fn offset(health: &Value) -> f64 {
    health["connection"]["clock_offset_seconds"]
        .as_f64()
        .unwrap_or(f64::NAN)
}

/// Seconds that the newest gap lasted.
fn gap_seconds(health: &Value) -> f64 {
    let gap = &health["gaps"]["recent"][0];
    let at = |end: &str| gap[end].as_str().unwrap().parse::<UtcMicros>().unwrap();
    at("end").seconds_since(at("start"))
}

#[tokio::test]
async fn a_wrong_clock_on_either_side_is_told_and_hides_nothing() {
    for (theirs, ours) in [(HOUR, 0), (-HOUR, 0), (0, HOUR), (0, -HOUR), (5, 0)] {
        let store = Store::new().await;
        let (home, proxy) = home(&Clock::ahead(theirs)).await;
        let ingestion = listening(&proxy, &store, &Clock::ahead(ours)).await;
        home.set_state("light.live", "on").unwrap();
        has(&ingestion, "light.live").await;
        proxy.set(Fault::Refuse);
        ingestion
            .until("the loss", |health| {
                health["subscription"]["is_subscribed"] == false
            })
            .await;
        home.set_state("light.away", "on").unwrap();
        proxy.set(Fault::Pass);
        has(&ingestion, "light.away").await;
        let apart = theirs - ours;
        let health = ingestion
            .until("what the clocks show", |health| {
                (offset(health) - apart as f64).abs() < 2.0
                    && health["degraded"].to_string().contains("NTP") == (apart.abs() > 60)
            })
            .await;
        assert_eq!(health["gaps"]["count"], 1, "{health}");
        assert!(gap_seconds(&health) < 10.0, "{health}");
        let metrics = ingestion.text("/metrics").await;
        assert!(
            metrics.contains("homeiq_ha_clock_offset_seconds"),
            "{metrics}"
        );
    }
}

#[tokio::test]
async fn a_clock_of_home_assistant_that_jumps_during_an_outage_hides_nothing() {
    for jump in [HOUR, -HOUR] {
        let (store, clock) = (Store::new().await, Clock::ahead(0));
        let (home, proxy) = home(&clock).await;
        let ingestion = listening(&proxy, &store, &Clock::system()).await;
        home.set_state("light.live", "on").unwrap();
        has(&ingestion, "light.live").await;
        proxy.set(Fault::Refuse);
        ingestion
            .until("the loss", |health| {
                health["subscription"]["is_subscribed"] == false
            })
            .await;
        home.set_state("light.before_the_jump", "on").unwrap();
        clock.set(clock.now().plus_seconds(jump));
        home.set_state("light.after_the_jump", "on").unwrap();
        proxy.set(Fault::Pass);
        has(&ingestion, "light.before_the_jump").await;
        has(&ingestion, "light.after_the_jump").await;
        let health = ingestion
            .until("the new time", |health| {
                (offset(health) - jump as f64).abs() < 2.0
            })
            .await;
        let seconds = gap_seconds(&health);
        assert!(
            (HOUR as f64..HOUR as f64 + 10.0).contains(&seconds),
            "{seconds}"
        );
    }
}

#[tokio::test]
async fn a_clock_that_jumps_while_connected_makes_no_gap_and_spoils_none() {
    let (store, theirs, ours) = (Store::new().await, Clock::ahead(0), Clock::ahead(0));
    let (home, proxy) = home(&theirs).await;
    let ingestion = listening(&proxy, &store, &ours).await;
    for (number, (clock, jump, apart)) in [
        (&ours, HOUR, -HOUR),
        (&ours, -HOUR, 0),
        (&theirs, HOUR, HOUR),
        (&ours, HOUR, 0),
    ]
    .into_iter()
    .enumerate()
    {
        clock.set(clock.now().plus_seconds(jump));
        home.set_state(&format!("light.live_{number}"), "on")
            .unwrap();
        has(&ingestion, &format!("light.live_{number}")).await;
        let health = ingestion
            .until("the difference", |health| {
                (offset(health) - apart as f64).abs() < 2.0
            })
            .await;
        assert_eq!(health["gaps"]["count"], number, "{health}");
        proxy.set(Fault::Refuse);
        ingestion
            .until("the loss", |health| {
                health["subscription"]["is_subscribed"] == false
            })
            .await;
        home.set_state(&format!("light.away_{number}"), "on")
            .unwrap();
        proxy.set(Fault::Pass);
        has(&ingestion, &format!("light.away_{number}")).await;
        let seconds = gap_seconds(&ingestion.health().await);
        assert!(seconds < 10.0, "{number}: {seconds}");
        // A first event: from now on it is known what time it was when the connection came back.
        home.set_state(&format!("light.back_{number}"), "on")
            .unwrap();
        has(&ingestion, &format!("light.back_{number}")).await;
    }
}

#[tokio::test]
async fn what_happened_between_two_runs_is_found_although_the_clock_was_set() {
    for (first, then, ours) in [(0, 0, HOUR), (0, 0, -HOUR), (0, HOUR, 0), (HOUR, 0, 0)] {
        let (store, clock) = (Store::new().await, Clock::ahead(first));
        let (home, proxy) = home(&clock).await;
        let ingestion = listening(&proxy, &store, &Clock::ahead(ours)).await;
        home.set_state("light.live", "on").unwrap();
        has(&ingestion, "light.live").await;
        assert!(ingestion.tasks.stop(Duration::from_secs(10)).await);
        home.set_state("light.away", "on").unwrap();
        clock.set(clock.now().plus_seconds(then - first));
        home.set_state("light.after_the_jump", "on").unwrap();
        let ingestion = listening(&proxy, &store, &Clock::ahead(ours)).await;
        has(&ingestion, "light.away").await;
        has(&ingestion, "light.after_the_jump").await;
        let health = ingestion.health().await;
        assert_eq!(
            health["gaps"]["recent"][0]["reason"], "not_running",
            "{health}"
        );
    }
}

#[tokio::test]
async fn what_happens_until_the_first_connection_is_part_of_the_gap() {
    let store = Store::new().await;
    let (home, proxy) = home(&Clock::system()).await;
    let ingestion = listening(&proxy, &store, &Clock::system()).await;
    home.set_state("light.live", "on").unwrap();
    has(&ingestion, "light.live").await;
    assert!(ingestion.tasks.stop(Duration::from_secs(10)).await);
    proxy.set(Fault::Refuse);
    let url = proxy.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    ingestion
        .until("the first failure", |health| {
            health["connection"]["failed_connections"] != 0
        })
        .await;
    home.set_state("light.before_the_first_connection", "on")
        .unwrap();
    proxy.set(Fault::Pass);
    has(&ingestion, "light.before_the_first_connection").await;
}
