use std::collections::BTreeMap;
use std::time::Duration;

use common::clock::Clock;
use home_simulator::{Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::session::{PATIENCE, Session, TOKEN, listener, still};

const SUBSCRIBE: fn() -> Value =
    || json!({"type": "subscribe_events", "event_type": "state_changed"});

/// Waits until something is so.
async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "still waiting until {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_cut_ends_all_connections_without_a_word_and_new_ones_are_welcome() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    simulator.drop_connections();
    assert!(session.receive().await.is_none());
    until("the connection is gone", || simulator.connections() == 0).await;
    Session::open(&simulator).await.result(SUBSCRIBE()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_closed_and_others_lose_nothing() {
    let simulator = still().await;
    let mut lazy = Session::open(&simulator).await;
    lazy.result(SUBSCRIBE()).await;
    let mut good = Session::open(&simulator).await;
    good.result(SUBSCRIBE()).await;
    let count = 30_000;
    let reader = async {
        for _ in 0..count {
            good.event().await;
        }
    };
    tokio::join!(simulator.burst(count), reader);
    until("the lazy client is closed", || simulator.connections() == 1).await;
    let mut heard = 0;
    while lazy.receive().await.is_some() {
        heard += 1;
    }
    assert!(heard < count, "it heard {heard} and then the end");
}

#[tokio::test]
async fn a_revoked_token_closes_the_connection_and_is_refused_from_then_on() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    simulator.revoke_token();
    assert!(session.receive().await.is_none());
    let mut again = Session::connect(&simulator).await;
    again.receive().await.unwrap();
    again
        .send(&json!({"type": "auth", "access_token": TOKEN}))
        .await;
    assert_eq!(again.receive().await.unwrap()["type"], "auth_invalid");
    simulator.change_token(TOKEN);
    Session::open(&simulator).await;
}

/// Every entity and its state.
async fn states(session: &mut Session) -> BTreeMap<String, String> {
    let states = session.result(json!({"type": "get_states"})).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let states = states.as_array().unwrap().iter();
    states
        .map(|state| (text(&state["entity_id"]), text(&state["state"])))
        .collect()
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port_and_resumes_with_its_memory() {
    let simulator = still().await;
    let address = simulator.address();
    simulator.set_state("light.toilet", "on");
    let recorded = simulator.recorded();
    let mut session = Session::open(&simulator).await;
    let before = states(&mut session).await;
    let memory = simulator.stop().await;
    assert!(session.receive().await.is_none(), "closed");

    let listener = TcpListener::bind(address).await.expect("the port is free");
    let simulator = Simulator::resume(memory, listener).unwrap();
    let mut session = Session::open(&simulator).await;
    let config = session.result(json!({"type": "get_config"})).await;
    assert_eq!(config["state"], "STARTING");
    session.result(json!({"type": "subscribe_events"})).await;
    loop {
        if session.event().await["event_type"] == "homeassistant_started" {
            break;
        }
    }
    assert_eq!(states(&mut session).await, before, "as it was");
    assert!(
        simulator.recorded() > recorded + 100,
        "away and back, for every entity"
    );
}

#[tokio::test]
async fn a_second_simulator_with_the_same_seed_and_time_has_the_same_past() {
    let config = SimulatorConfig {
        clock: Clock::manual(Clock::system().now()),
        ..SimulatorConfig::still(TOKEN)
    };
    let one = Simulator::start(config.clone(), listener().await)
        .await
        .unwrap();
    let two = Simulator::start(config, listener().await).await.unwrap();
    let states = json!({"type": "get_states"});
    let mut sessions = (Session::open(&one).await, Session::open(&two).await);
    assert_eq!(
        sessions.0.result(states.clone()).await,
        sessions.1.result(states).await
    );
    assert_eq!(one.recorded(), two.recorded());
}

#[tokio::test]
async fn the_demo_has_something_to_watch() {
    let config = SimulatorConfig {
        past_days: 1,
        live_events_per_second: 50.0,
        ..SimulatorConfig::new(TOKEN)
    };
    let simulator = Simulator::start(config, listener().await).await.unwrap();
    let mut session = Session::open(&simulator).await;
    session.result(SUBSCRIBE()).await;
    for _ in 0..20 {
        let event = session.event().await;
        assert!(event["data"]["old_state"].is_object());
    }
    assert!(
        simulator.emitted().changes.is_empty(),
        "the demo keeps no ledger"
    );
    drop(simulator.stop().await);
}

#[tokio::test]
async fn the_homes_own_life_goes_on_when_its_time_comes() {
    let now = Clock::system().now();
    let clock = Clock::manual(now);
    let config = SimulatorConfig {
        life_goes_on: true,
        // So that the player looks at the clock often.
        live_events_per_second: 20.0,
        clock: clock.clone(),
        ..SimulatorConfig::still(TOKEN)
    };
    let simulator = Simulator::start(config, listener().await).await.unwrap();
    clock.set(now.plus_seconds(6 * 3600));
    let moved = || {
        let changes = simulator.emitted().changes;
        changes
            .iter()
            .filter(|change| &*change.entity_id == "switch.fridge")
            .count()
    };
    until("the fridge has run", || moved() >= 5).await;
    let stamps: Vec<i64> = simulator
        .emitted()
        .changes
        .iter()
        .filter(|change| &*change.entity_id == "switch.fridge")
        .map(|change| change.last_updated_us)
        .collect();
    assert!(
        stamps.is_sorted() && stamps[0] > now.get(),
        "planned instants, not the moment they were told"
    );
}
