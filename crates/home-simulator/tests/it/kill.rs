//! SIGKILL, and what history has of states that were removed.

use std::time::Duration;

use common::clock::Clock;
use common::instant::UtcMicros;
use home_simulator::{Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::session::{Session, TOKEN, listener, still};

async fn rows(session: &mut Session, entity_id: &str, end: UtcMicros) -> Vec<Value> {
    let told = session
        .result(json!({
            "type": "history/history_during_period", "start_time": end.plus_seconds(-600).to_string(),
            "end_time": end.to_string(), "entity_ids": [entity_id],
            "significant_changes_only": false, "include_start_time_state": false,
        }))
        .await;
    told[entity_id].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_the_recorder_had_not_written_is_gone_after_a_kill_and_the_ledger_says_so() {
    let lag = 5_000_000;
    let start = UtcMicros::new(Clock::system().now().get() / lag * lag + 1).unwrap();
    let clock = Clock::manual(start);
    let config = SimulatorConfig {
        clock: clock.clone(),
        recorder_lag: Duration::from_micros(lag.unsigned_abs()),
        ..SimulatorConfig::still(TOKEN)
    };
    let simulator = Simulator::start(config, listener().await).await.unwrap();
    let address = simulator.address();
    simulator.set_state("sensor.made_up", "written").unwrap();
    clock.set(start.plus_seconds(7));
    simulator.set_state("sensor.made_up", "lost").unwrap();
    let mut session = Session::open(&simulator).await;
    let memory = simulator.kill().await;
    assert!(session.receive().await.is_none(), "cut");

    let listener = TcpListener::bind(address).await.unwrap();
    let simulator = Simulator::resume(memory, listener).unwrap();
    clock.set(start.plus_seconds(20));
    let changes = simulator.take_emitted().changes;
    let recorded: Vec<(&str, bool)> = changes
        .iter()
        .filter(|change| &*change.entity_id == "sensor.made_up")
        .map(|change| (&*change.state, change.recorded))
        .collect();
    assert_eq!(
        recorded,
        [("written", true), ("lost", false), ("unavailable", true)]
    );
    assert!(simulator.emitted().changes.is_empty(), "taken");
    let mut session = Session::open(&simulator).await;
    let told = rows(&mut session, "sensor.made_up", clock.now()).await;
    let states: Vec<&Value> = told.iter().map(|row| &row["s"]).collect();
    assert_eq!(states, ["written", "unavailable"]);
}

#[tokio::test]
async fn a_removal_is_a_row_without_state_and_in_the_ledger() {
    let simulator = still().await;
    simulator.set_state("sensor.guest", "here").unwrap();
    assert!(simulator.remove_state("sensor.guest"));
    simulator.set_state("sensor.guest", "back").unwrap();
    let mut session = Session::open(&simulator).await;
    let end = Clock::system().now().plus_seconds(60);
    let told = rows(&mut session, "sensor.guest", end).await;
    let states: Vec<&Value> = told.iter().map(|row| &row["s"]).collect();
    assert_eq!(states, [&json!("here"), &Value::Null, &json!("back")]);
    let changes = simulator.emitted().changes;
    let removed: Vec<bool> = changes[changes.len() - 3..]
        .iter()
        .map(|change| change.removed)
        .collect();
    assert_eq!(removed, [false, true, false]);
}
