use common::instant::UtcMicros;
use home_simulator::{Simulator, SimulatorConfig};
use serde_json::{Value, json};

use crate::session::{Session, TOKEN, listener, still};

fn now() -> UtcMicros {
    common::clock::Clock::system().now()
}

async fn logbook(session: &mut Session, days: i64) -> Vec<Value> {
    let told = session
        .result(json!({
            "type": "logbook/get_events", "start_time": now().plus_seconds(-days * 86_400),
            "end_time": now().plus_seconds(1),
        }))
        .await;
    told.as_array().unwrap().clone()
}

#[tokio::test]
async fn what_an_automation_did_names_it_and_its_own_entry_has_the_context() {
    let config = SimulatorConfig {
        past_days: 3,
        ..SimulatorConfig::still(TOKEN)
    };
    let simulator = Simulator::start(config, listener().await).await.unwrap();
    let mut session = Session::open(&simulator).await;
    let entries = logbook(&mut session, 4).await;
    let of = |id: &str| {
        let id = id.to_owned();
        entries
            .iter()
            .filter(move |entry| entry["entity_id"] == *id)
    };
    // Besides its runs the logbook tells when it was away with the rest of the home.
    let runs: Vec<_> = of("automation.porch_light")
        .filter(|entry| entry.get("state").is_none())
        .collect();
    assert!(runs.len() >= 4, "{} runs in three days", runs.len());
    assert!(runs.iter().all(
        |run| run["domain"] == "automation" && run["context_id"].as_str().unwrap().len() == 26
    ));
    let lit: Vec<_> = of("light.porch")
        .filter(|entry| entry["context_entity_id"] == "automation.porch_light")
        .collect();
    assert!(lit.len() >= 4, "{} changes of the porch light", lit.len());
    assert!(lit.iter().all(|light| {
        light["context_event_type"] == "automation_triggered" && light.get("context_id").is_none()
    }));
    assert!(
        entries
            .iter()
            .all(|entry| entry["entity_id"] != "sensor.living_room_temperature"),
        "measurements are not in the logbook"
    );
    let when: Vec<f64> = entries
        .iter()
        .map(|entry| entry["when"].as_f64().unwrap())
        .collect();
    assert!(when.is_sorted());
}

#[tokio::test]
async fn who_asked_for_it_is_in_the_logbook_and_so_is_a_start() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    session
        .result(json!({
            "type": "call_service", "domain": "light", "service": "toggle",
            "target": {"entity_id": "light.hallway"},
        }))
        .await;
    simulator.set_core_state("STARTING");
    simulator.set_core_state("RUNNING");
    let entries = logbook(&mut session, 1).await;
    let light = entries
        .iter()
        .rfind(|entry| entry["entity_id"] == "light.hallway")
        .unwrap();
    assert_eq!(light["context_event_type"], "call_service");
    assert_eq!(light["context_user_id"].as_str().unwrap().len(), 32);
    let last = entries.last().unwrap();
    assert_eq!(
        (&last["domain"], &last["message"]),
        (&json!("homeassistant"), &json!("started"))
    );
}

#[tokio::test]
async fn a_component_that_is_not_there_is_an_unknown_command() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    simulator.refuse("logbook");
    let code = session
        .refusal(json!({"type": "logbook/get_events", "start_time": now()}))
        .await;
    assert_eq!(code, "unknown_command");
    let config = session.result(json!({"type": "get_config"})).await;
    let components = config["components"].as_array().unwrap();
    assert!(components.contains(&json!("history")) && !components.contains(&json!("logbook")));
}
