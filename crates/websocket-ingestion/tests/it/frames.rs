//! Frames of every size and kind, also such as no Home Assistant should send.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::eventually;
use tokio_tungstenite::tungstenite::Message;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN};
use crate::scripted::{Said, Scripted};

async fn setup() -> (Scripted, Store, Ingestion) {
    let (home, store) = (Scripted::start().await, Store::new().await);
    let ingestion = listen(&home, &store).await;
    ingestion.subscribed().await;
    (home, store, ingestion)
}

async fn listen(home: &Scripted, store: &Store) -> Ingestion {
    let url = home.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    Ingestion::with(store.port, &settings).await
}

/// Waits for so many stored rows of the entities that begin so.
async fn stored(ingestion: &Ingestion, prefix: &str, count: usize) -> Vec<String> {
    let rows = eventually(&format!("{count} rows of {prefix}"), PATIENCE, async || {
        let rows = ingestion.stored(prefix).await;
        (rows.len() == count).then_some(rows)
    })
    .await;
    let Ok(rows) = rows else {
        panic!(
            "{} rows of {prefix}, not {count}",
            ingestion.stored(prefix).await.len()
        );
    };
    rows.into_iter().map(|(_, state, _)| state).collect()
}

fn reconnects(reason: &str) -> String {
    format!("homeiq_ha_reconnects_total{{reason=\"{reason}\"}}")
}

#[tokio::test]
async fn three_thousand_messages_in_one_frame_are_all_stored_in_order() {
    let (home, _store, ingestion) = setup().await;
    let messages: Vec<_> = (0..3003)
        .map(|n| home.change("sensor.many", &n.to_string()))
        .collect();
    let frame = format!("[{}]", messages.join(","));
    assert!(frame.len() > 3_300_000, "{}", frame.len());
    home.say_text(frame);
    let states = stored(&ingestion, "sensor.many", 3003).await;
    let wanted: Vec<_> = (0..3003).map(|n| n.to_string()).collect();
    assert!(states == wanted, "each once, in its order");
    let health = ingestion.health().await;
    assert_eq!(health["subscription"]["total_events_received"], 3003);
    assert_eq!(health["delivery"]["dropped"], json!({}));
    assert!(ingestion.metric("homeiq_events_received_total").await >= 3003.0);
}

#[tokio::test]
async fn a_registry_of_twenty_megabytes_is_read_and_costs_no_event() {
    let (home, store) = (Scripted::start().await, Store::new().await);
    let entities: Vec<Value> = (0..10_000)
        .map(|n| {
            json!({"entity_id": format!("sensor.of_a_large_home_{n}"), "unique_id": format!("u{n}"), "platform": "test",
                "id": format!("{n:032x}"), "options": {"filling": "x".repeat(2_000)}})
        })
        .collect();
    let list = json!(entities).to_string();
    assert!(list.len() > 20_000_000, "{}", list.len());
    home.answer(
        "config/entity_registry/list",
        format!(r#""success":true,"result":{list}"#),
    );
    let ingestion = listen(&home, &store).await;
    ingestion.subscribed().await;
    for n in 0..100 {
        home.say_text(home.change("sensor.meanwhile", &n.to_string()));
        if n % 20 == 0 {
            stored(&ingestion, "sensor.meanwhile", n + 1).await;
        }
    }
    stored(&ingestion, "sensor.meanwhile", 100).await;
    ingestion
        .until("the registry", |health| {
            health["registry"]["entities"] == 10_000
        })
        .await;
    let health = ingestion.health().await;
    assert_eq!(
        health["connection"]["successful_connections"], 1,
        "{health}"
    );
    assert_eq!(health["delivery"]["dropped"], json!({}));
}

#[tokio::test]
async fn a_frame_that_makes_no_sense_costs_only_itself() {
    let (home, _store, ingestion) = setup().await;
    let unreadable = [
        "",
        "not json",
        "[",
        "[]]",
        "{",
        "{}",
        "null",
        "7",
        "\"event\"",
        "{\"type\":5}",
        "[[]]",
        r#"{"type":"event","event":{"event_type":"state_chan"#,
    ];
    let passed_over = [
        "[]",
        r#"{"type":"invented_in_2031","id":7}"#,
        r#"{"id":4711,"type":"result","success":true,"result":null}"#,
        r#"{"id":null,"type":"result","success":false,"error":{"code":"id_reuse","message":"no"}}"#,
        r#"{"type":"event","id":3}"#,
        r#"{"type":"event","event":[]}"#,
        r#"{"type":"event","event":{"event_type":"something_else","data":{}},"id":3}"#,
        r#"{"type":"auth_required"}"#,
    ];
    let invalid = [
        r#"{"type":"event","event":{"event_type":"state_changed"},"id":3}"#,
        r#"{"type":"event","event":{"event_type":"state_changed","data":null},"id":3}"#,
        r#"{"type":"event","event":{"event_type":"state_changed","data":{"entity_id":"light.x"}},"id":3}"#,
        r#"{"type":"event","event":{"event_type":"state_changed","data":{"entity_id":"no dot","new_state":null}},"id":3}"#,
    ];
    let mut good = 0;
    for text in unreadable.iter().chain(&passed_over).chain(&invalid) {
        home.say_text(*text);
        good += 1;
        home.say_text(home.change("light.good", &good.to_string()));
        // So that no more is said at once than a connection may be behind.
        stored(&ingestion, "light.good", good).await;
    }
    home.say(Said::Frame(Message::binary(vec![0, 159, 146, 150])));
    home.say(Said::Frame(Message::Ping(vec![1].into())));
    // One element of a frame is spoilt, its neighbours are not.
    let (before, after) = (
        home.change("light.good", "a"),
        home.change("light.good", "b"),
    );
    home.say_text(format!("[{before},{{\"type\":false}},{after}]"));
    stored(&ingestion, "light.good", good + 2).await;
    let health = ingestion.health().await;
    assert_eq!(
        health["connection"]["successful_connections"], 1,
        "{health}"
    );
    assert_eq!(
        health["delivery"]["dropped"],
        json!({"unreadable": unreadable.len() + 1, "invalid": invalid.len()})
    );
    assert!(
        ingestion
            .metric("homeiq_events_dropped_total{reason=\"unreadable\"}")
            .await
            >= 1.0
    );
    // What was in there nobody knows: a gap, and only one.
    let gaps = &health["gaps"];
    assert_eq!(
        (&gaps["count"], &gaps["recent"][0]["reason"]),
        (&json!(1), &json!("unreadable"))
    );
}

#[tokio::test]
async fn what_a_truncated_frame_would_have_told_is_read_from_the_history() {
    let (home, _store, ingestion) = setup().await;
    home.say_text(home.change("light.whole", "on"));
    stored(&ingestion, "light.whole", 1).await;
    let frame = format!(
        "[{},{}]",
        home.change("light.cut", "on"),
        home.change("light.cut", "off")
    );
    home.say_text(&frame[..frame.len() - 200]);
    ingestion
        .until("the gap", |health| {
            health["gaps"]["recent"][0]["reason"] == "unreadable"
        })
        .await;
    // At the next connection at the latest.
    home.say(Said::HangUp);
    assert_eq!(stored(&ingestion, "light.cut", 2).await, ["on", "off"]);
    assert!(ingestion.metric(&reconnects("lost")).await >= 1.0);
}

#[tokio::test]
async fn bytes_that_are_no_websocket_end_the_connection_and_it_is_made_again() {
    // A reserved opcode; a text that is not UTF-8; a frame that is longer than anything; an end without a goodbye.
    for said in [
        Said::Bytes(&[0x8f, 0x01, 0x00]),
        Said::Bytes(&[0x81, 0x02, 0xc3, 0x28]),
        Said::Bytes(&[0x81, 0x7f, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Said::HangUp,
    ] {
        let (home, _store, ingestion) = setup().await;
        home.say_text(home.change("light.before", "on"));
        stored(&ingestion, "light.before", 1).await;
        home.say(said);
        let health = ingestion
            .until("another connection", |health| {
                health["connection"]["successful_connections"] == 2
                    && health["subscription"]["is_subscribed"] == true
            })
            .await;
        assert_eq!(health["gaps"]["recent"][0]["reason"], "disconnected");
        assert!(ingestion.metric(&reconnects("lost")).await >= 1.0);
        home.say_text(home.change("light.after", "on"));
        stored(&ingestion, "light.after", 1).await;
    }
}

#[tokio::test]
async fn a_refused_subscription_is_told_and_tried_again() {
    let (home, store) = (Scripted::start().await, Store::new().await);
    home.answer(
        "subscribe_events",
        r#""success":false,"error":{"code":"id_reuse","message":"Identifier values have to increase."}"#,
    );
    let ingestion = listen(&home, &store).await;
    let health = ingestion
        .says("home_assistant", &["cannot subscribe", "id_reuse"])
        .await;
    assert_eq!(health["subscription"]["is_subscribed"], false);
    assert!(ingestion.metric(&reconnects("refused")).await >= 1.0);
    home.answer_as_usual("subscribe_events");
    ingestion.subscribed().await;
    ingestion
        .until("health", |health| health["degraded"] == json!([]))
        .await;
    assert!(ingestion.tasks.stop(Duration::from_secs(10)).await);
}
