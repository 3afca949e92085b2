//! Two ways to one Home Assistant, and tokens that cannot be right.

use std::time::Duration;

use common::clock::Clock;
use home_simulator::Simulator;
use serde_json::Value;
use test_support::{Fault, Proxy, Way};
use websocket_ingestion::Timing;

use crate::chain::{Ingestion, Store, TOKEN, short_waits, still_home};

/// How a test tunes the waits: a fallback that is tried soon, a primary that is looked for often.
async fn between(
    primary: &str,
    fallback: &str,
    store_port: u16,
    more: &[(&str, &str)],
) -> Ingestion {
    let mut settings = vec![
        ("HA_HTTP_URL", primary),
        ("NABU_CASA_URL", fallback),
        ("NABU_CASA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    settings.extend(more);
    let timing = Timing {
        fallback_after: Duration::from_millis(300),
        primary_probe: Duration::from_millis(200),
        ..short_waits()
    };
    Ingestion::timed(store_port, &settings, timing, Clock::system()).await
}

async fn proxy(home: &Simulator) -> Proxy {
    Proxy::to(home.address()).await.unwrap()
}

fn over(health: &Value) -> &str {
    health["connection"]["current_connection"]
        .as_str()
        .unwrap_or("nothing")
}

fn told(health: &Value, part: &str) -> bool {
    let mut parts = health["degraded"].as_array().unwrap().iter();
    parts.any(|entry| entry["part"] == part)
}

#[tokio::test]
async fn the_fallback_takes_over_and_the_primary_gets_it_back_and_nothing_is_lost() {
    let (home, store) = (still_home().await, Store::new().await);
    let (primary, fallback) = (proxy(&home).await, proxy(&home).await);
    let own = format!("http://ann:secret@{}", primary.address());
    let ingestion = between(&own, &fallback.url(), store.port, &[("HA_TOKEN", TOKEN)]).await;
    let health = ingestion
        .until("its own address", |health| over(health) == "primary")
        .await;
    let url = health["connection"]["url"].as_str().unwrap();
    assert!(
        url.contains(&primary.address().to_string()) && !url.contains("secret"),
        "{url}"
    );
    assert_eq!(health["connection"]["fallback_since"], Value::Null);
    home.burst(300).await;

    primary.set(Fault::Refuse);
    home.burst(300).await;
    let health = ingestion
        .until("the fallback", |health| {
            over(health) == "fallback" && told(health, "home_assistant_primary")
        })
        .await;
    assert!(
        health["connection"]["fallback_since"].is_string(),
        "{health}"
    );
    assert!(!told(&health, "home_assistant"), "{health}");
    home.burst(300).await;
    ingestion
        .until("the gap until then", |health| health["gaps"]["count"] == 1)
        .await;

    // What is on its way over the slow fallback must not get lost when that is left.
    fallback.set(Fault::Delay(Duration::from_millis(50)));
    primary.set(Fault::Pass);
    let mut bursts = 0;
    let health = loop {
        home.burst(4).await;
        // A pace that the slow way can hold.
        tokio::time::sleep(Duration::from_millis(20)).await;
        bursts += 1;
        let health = ingestion.health().await;
        if over(&health) == "primary" && !told(&health, "home_assistant_primary") {
            break health;
        }
        assert!(bursts < 2000, "{health}");
    };
    assert_eq!(health["connection"]["switches"], 2);
    home.burst(300).await;
    ingestion.has_exactly(&home).await;
    let health = ingestion
        .until("one connection", |_| home.connections() == 1)
        .await;
    assert_eq!(
        health["gaps"]["count"], 1,
        "the hand-over is no gap: {health}"
    );
    assert_eq!(health["status"], "healthy", "{health}");
    let metrics = ingestion.text("/metrics").await;
    for line in [
        r#"homeiq_ha_connection{candidate="primary"} 1"#,
        r#"homeiq_ha_connection{candidate="fallback"} 0"#,
        r#"homeiq_ha_switches_total{to="fallback"} 1"#,
        r#"homeiq_ha_switches_total{to="primary"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn a_fallback_that_breaks_while_the_primary_comes_back_is_a_gap_that_is_read() {
    let (home, store) = (still_home().await, Store::new().await);
    let (primary, fallback) = (proxy(&home).await, proxy(&home).await);
    primary.set(Fault::Refuse);
    let settings = [("HA_TOKEN", TOKEN)];
    let ingestion = between(&primary.url(), &fallback.url(), store.port, &settings).await;
    ingestion
        .until("the fallback", |health| over(health) == "fallback")
        .await;
    home.burst(100).await;
    // Until the fallback was there, nobody listened.
    ingestion
        .until("the gap until then, read", |health| {
            health["gaps"]["count"] == 1 && health["gaps"]["recent"][0]["closed_by"] == "backfill"
        })
        .await;
    // From now on nothing that is fired arrives over the fallback, and the primary is there again.
    fallback.set(Fault::Hold(Way::ToClient));
    home.burst(100).await;
    primary.set(Fault::Pass);
    ingestion
        .until("the primary", |health| over(health) == "primary")
        .await;
    fallback.set(Fault::Refuse);
    home.burst(100).await;
    ingestion
        .until("the gap", |health| health["gaps"]["count"] == 2)
        .await;
    home.drop_connections();
    ingestion.has_exactly(&home).await;
}

#[tokio::test]
async fn a_refused_token_on_one_way_does_not_stop_the_other() {
    let (home, store) = (still_home().await, Store::new().await);
    let primary = proxy(&home).await;
    let wrong = "wrong-token-that-is-as-long-as-a-right-one";
    let settings = [("HA_TOKEN", wrong)];
    let ingestion = between(&primary.url(), &home.url(), store.port, &settings).await;
    let health = ingestion
        .until("the fallback", |health| {
            over(health) == "fallback" && told(health, "home_assistant_primary")
        })
        .await;
    let reason = health["degraded"].to_string();
    assert!(
        reason.contains("refuses the token") && reason.contains("HA_TOKEN"),
        "{reason}"
    );
    home.burst(100).await;
    ingestion.has_exactly(&home).await;
    // Several probes later the refused token has still been shown once only.
    assert_eq!(primary.accepted(), 1);
}

#[tokio::test]
async fn the_primary_is_not_returned_to_before_home_assistant_has_started_there() {
    let (home, store) = (still_home().await, Store::new().await);
    let (primary, fallback) = (proxy(&home).await, proxy(&home).await);
    primary.set(Fault::Refuse);
    let settings = [("HA_TOKEN", TOKEN)];
    let ingestion = between(&primary.url(), &fallback.url(), store.port, &settings).await;
    ingestion
        .until("the fallback", |health| over(health) == "fallback")
        .await;
    home.set_core_state("STARTING");
    primary.set(Fault::Pass);
    let before = primary.accepted();
    let health = ingestion
        .until("some probes", |health| {
            primary.accepted() >= before + 3
                && health["degraded"].to_string().contains("still starting")
        })
        .await;
    assert_eq!(over(&health), "fallback");
    assert_eq!(health["subscription"]["is_subscribed"], true);
    home.set_core_state("RUNNING");
    ingestion
        .until("the primary", |health| over(health) == "primary")
        .await;
}

#[tokio::test]
async fn without_any_way_both_are_told() {
    let store = Store::new().await;
    let (own, remote) = (
        test_support::free_port().unwrap(),
        test_support::free_port().unwrap(),
    );
    let (own, remote) = (
        format!("127.0.0.1:{own}"),
        format!("http://127.0.0.1:{remote}"),
    );
    let ingestion = between(&own, &remote, store.port, &[("HA_TOKEN", TOKEN)]).await;
    ingestion
        .until("both reasons", |health| {
            let told = health["degraded"].to_string();
            told.contains(&own)
                && told.contains("the fallback: it cannot be reached")
                && over(health) == "nothing"
        })
        .await;
}

#[tokio::test]
async fn a_token_that_cannot_be_one_is_never_sent() {
    let (home, store) = (still_home().await, Store::new().await);
    let primary = proxy(&home).await;
    let folder = tempfile::tempdir().unwrap();
    let (url, file) = (primary.url(), folder.path().join("token"));
    std::fs::write(&file, format!("Bearer {TOKEN}\n")).unwrap();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN_FILE", file.to_str().unwrap()),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    for (token, word) in [
        (format!("Bearer {TOKEN}\n"), "a space"),
        ("too-short".to_owned(), "fewer than 32"),
    ] {
        std::fs::write(&file, token).unwrap();
        let health = ingestion
            .until("the reason", |health| {
                health["degraded"].to_string().contains(word)
            })
            .await;
        assert!(!health.to_string().contains(TOKEN), "{health}");
        assert_eq!(health["connection"]["connection_attempts"], 0);
    }
    assert_eq!(primary.accepted(), 0);
    std::fs::write(&file, TOKEN).unwrap();
    ingestion.subscribed().await;
}
