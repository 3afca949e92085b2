use serde_json::json;

use crate::session::{Session, still};

#[tokio::test]
async fn a_wrong_token_is_refused_and_the_connection_closed() {
    let simulator = still().await;
    let mut session = Session::connect(&simulator).await;
    let welcome = session.receive().await.unwrap();
    assert_eq!(
        welcome,
        json!({"type": "auth_required", "ha_version": "2026.11.0"})
    );
    session
        .send(&json!({"type": "auth", "access_token": "wrong"}))
        .await;
    assert_eq!(session.receive().await.unwrap()["type"], "auth_invalid");
    assert!(session.receive().await.is_none(), "closed");
    assert_eq!(simulator.connections(), 0);
}

#[tokio::test]
async fn a_command_before_the_token_is_refused() {
    let simulator = still().await;
    let mut session = Session::connect(&simulator).await;
    session.receive().await.unwrap();
    session.send(&json!({"type": "get_states", "id": 1})).await;
    assert_eq!(session.receive().await.unwrap()["type"], "auth_invalid");
    assert!(session.receive().await.is_none(), "closed");
}

#[tokio::test]
async fn ids_must_increase() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    assert_eq!(
        session.ask(json!({"type": "ping"})).await,
        json!({"id": 1, "type": "pong"})
    );
    session.next_id = 1;
    assert_eq!(session.refusal(json!({"type": "ping"})).await, "id_reuse");
    session.next_id = 10;
    session.result(json!({"type": "get_config"})).await;
    session.next_id = 9;
    assert_eq!(
        session.refusal(json!({"type": "get_config"})).await,
        "id_reuse"
    );
}

#[tokio::test]
async fn unknown_commands_and_unknown_fields_are_refused() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    let unknown = json!({"type": "config/device_registry/list_composite_splits"});
    assert_eq!(session.refusal(unknown).await, "unknown_command");
    let extra = json!({"type": "get_states", "extra": 1});
    assert_eq!(session.refusal(extra).await, "invalid_format");
    let number = json!({"type": "subscribe_events", "event_type": 5});
    assert_eq!(session.refusal(number).await, "invalid_format");
    let nothing = json!({"type": "unsubscribe_events", "subscription": 77});
    assert_eq!(session.refusal(nothing).await, "not_found");
}

#[tokio::test]
async fn the_home_tells_what_it_is() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    let config = session.result(json!({"type": "get_config"})).await;
    assert_eq!(config["state"], "RUNNING");
    assert_eq!(config["time_zone"], "Europe/Amsterdam");
    assert_eq!(config["version"], "2026.11.0");
    let states = session.result(json!({"type": "get_states"})).await;
    let entities = session
        .result(json!({"type": "config/entity_registry/list"}))
        .await;
    assert_eq!(
        states.as_array().unwrap().len(),
        entities.as_array().unwrap().len()
    );
    for state in states.as_array().unwrap() {
        for key in ["last_changed", "last_reported", "last_updated"] {
            let stamp = state[key].as_str().unwrap();
            assert!(stamp.ends_with("+00:00"), "{stamp}");
        }
        assert_eq!(state["context"]["id"].as_str().unwrap().len(), 26);
    }
    for (registry, count) in [("device", 40), ("area", 8), ("floor", 3), ("label", 2)] {
        let list = session
            .result(json!({"type": format!("config/{registry}_registry/list")}))
            .await;
        assert_eq!(list.as_array().unwrap().len(), count, "{registry}");
    }
    let services = session.result(json!({"type": "get_services"})).await;
    assert!(services["light"]["turn_on"]["fields"].is_object());
    assert!(services["light"]["turn_on"]["target"].is_object());
    let one = json!({"type": "config/entity_registry/get", "entity_id": "sensor.house_power"});
    assert_eq!(session.result(one).await["original_device_class"], "power");
    let user = session.result(json!({"type": "auth/current_user"})).await;
    assert_eq!(user["is_admin"], true);
    assert_eq!(simulator.connections(), 1);
}
