use common::instant::UtcMicros;
use serde_json::{Value, json};

use crate::session::{Session, still};

const SUBSCRIBE: fn() -> Value =
    || json!({"type": "subscribe_events", "event_type": "state_changed"});

#[tokio::test]
async fn a_change_is_told_in_home_assistants_shape() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    session.result(SUBSCRIBE()).await;
    assert!(simulator.set_state("light.toilet", "on").is_some());
    let stamp = simulator.set_state("light.toilet", "off").unwrap();
    assert!(
        simulator.set_state("light.toilet", "off").is_none(),
        "nothing changed"
    );

    let first = session.event().await;
    let second = session.event().await;
    assert_eq!(second["event_type"], "state_changed");
    assert_eq!(second["origin"], "LOCAL");
    let (data, new) = (&second["data"], &second["data"]["new_state"]);
    assert_eq!(data["entity_id"], "light.toilet");
    assert_eq!(data["old_state"], first["data"]["new_state"]);
    assert_eq!(
        (&new["state"], &new["last_changed"]),
        (&json!("off"), &new["last_updated"])
    );
    assert_eq!(second["time_fired"], new["last_updated"]);
    assert_eq!(second["context"], new["context"]);
    assert_eq!(
        new["last_updated"]
            .as_str()
            .unwrap()
            .parse::<UtcMicros>()
            .unwrap(),
        stamp
    );
    assert_eq!(new["attributes"]["brightness"], Value::Null);
}

#[tokio::test]
async fn an_added_and_a_removed_entity_have_no_old_and_no_new_state() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    session.result(SUBSCRIBE()).await;
    simulator.set_state("sensor.brand_new", "1");
    assert!(simulator.remove_state("sensor.brand_new"));
    assert!(!simulator.remove_state("sensor.brand_new"));
    let added = session.event().await;
    assert!(added["data"]["old_state"].is_null() && added["data"]["new_state"].is_object());
    let removed = session.event().await;
    assert!(removed["data"]["old_state"].is_object() && removed["data"]["new_state"].is_null());
    assert_eq!(removed["data"]["entity_id"], "sensor.brand_new");
}

#[tokio::test]
async fn only_what_was_subscribed_is_told_and_only_until_it_is_unsubscribed() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    let registry = json!({"type": "subscribe_events", "event_type": "entity_registry_updated"});
    session.result(registry).await;
    let all = session.command(json!({"type": "subscribe_events"})).await;
    assert_eq!(session.receive().await.unwrap()["success"], true);
    simulator.set_state("light.toilet", "on");
    let told = session.receive().await.unwrap();
    assert_eq!(
        (told["id"].as_u64(), &told["type"]),
        (Some(all), &json!("event"))
    );
    session
        .result(json!({"type": "unsubscribe_events", "subscription": all}))
        .await;
    simulator.set_state("light.toilet", "off");
    // Had the change been told, it would have come before the pong.
    let pong = session.command(json!({"type": "ping"})).await;
    assert_eq!(
        session.receive().await.unwrap(),
        json!({"id": pong, "type": "pong"})
    );
}

#[tokio::test]
async fn messages_that_wait_are_coalesced_once_the_client_says_it_can() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    let features = json!({"type": "supported_features", "features": {"coalesce_messages": 1}});
    session.result(features).await;
    session.result(SUBSCRIBE()).await;
    simulator.burst(3000).await;
    for _ in 0..3000 {
        session.event().await;
    }
    assert!(session.coalesced > 0, "no frame was an array");

    let mut plain = Session::open(&simulator).await;
    plain.result(SUBSCRIBE()).await;
    simulator.burst(500).await;
    for _ in 0..500 {
        plain.event().await;
    }
    assert_eq!(plain.coalesced, 0, "a client that did not ask got arrays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_arrives_complete_in_order_and_as_the_ledger_says() {
    let simulator = still().await;
    // At some times of the day the light had to be put out first.
    simulator.take_emitted();
    let mut session = Session::open(&simulator).await;
    session.result(SUBSCRIBE()).await;
    let reader = async {
        let mut heard = Vec::new();
        while heard.len() < 10_000 {
            let event = session.event().await;
            let new = &event["data"]["new_state"];
            let at: UtcMicros = new["last_updated"].as_str().unwrap().parse().unwrap();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            heard.push((text(&new["entity_id"]), text(&new["state"]), at.get()));
        }
        heard
    };
    let ((), heard) = tokio::join!(simulator.burst(10_000), reader);
    let fired: Vec<_> = simulator
        .emitted()
        .changes
        .into_iter()
        .map(|change| {
            (
                change.entity_id.to_string(),
                change.state.to_string(),
                change.last_updated_us,
            )
        })
        .collect();
    assert_eq!(simulator.emitted().dropped, 0);
    assert_eq!(heard, fired);
    let keys: std::collections::BTreeSet<_> =
        heard.iter().map(|(entity, _, at)| (entity, at)).collect();
    assert_eq!(keys.len(), 10_000, "every change has a key of its own");
}

#[tokio::test]
async fn a_service_call_changes_the_state_in_the_users_context() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    session.result(json!({"type": "subscribe_events"})).await;
    let call = |service: &str| {
        json!({
            "type": "call_service", "domain": "light", "service": service,
            "service_data": {"brightness_pct": 40}, "target": {"entity_id": ["light.toilet"]},
        })
    };
    session.command(call("turn_on")).await;
    let called = session.event().await;
    assert_eq!(called["event_type"], "call_service");
    let changed = session.event().await;
    let new = &changed["data"]["new_state"];
    assert_eq!(
        (&new["state"], &new["attributes"]["brightness"]),
        (&json!("on"), &json!(102))
    );
    assert_eq!(new["context"]["user_id"].as_str().unwrap().len(), 32);
    assert_eq!(called["context"]["id"], new["context"]["id"]);
    session.result(call("toggle")).await;
    let states = session.result(json!({"type": "get_states"})).await;
    let states = states.as_array().unwrap();
    let toilet = states
        .iter()
        .find(|state| state["entity_id"] == "light.toilet")
        .unwrap();
    assert_eq!(toilet["state"], "off");
    assert_eq!(session.refusal(call("no_such")).await, "not_found");
}
