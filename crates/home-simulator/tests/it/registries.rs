//! Registries that change while the home runs.

use home_simulator::Registry;
use serde_json::{Value, json};

use crate::session::{Session, still};

async fn list(session: &mut Session, registry: &str) -> Vec<Value> {
    let command = json!({"type": format!("config/{registry}_registry/list")});
    session.result(command).await.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_rename_is_told_by_the_registry_then_the_old_state_goes_and_the_new_one_comes() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    session.result(json!({"type": "subscribe_events"})).await;
    let before = list(&mut session, "entity").await;
    let entry = before
        .iter()
        .find(|e| e["entity_id"] == "light.toilet")
        .unwrap()
        .clone();
    assert!(
        simulator
            .rename_entity("light.toilet", "light.smallest_room")
            .is_some()
    );

    let told = session.event().await;
    assert_eq!(told["event_type"], "entity_registry_updated");
    assert_eq!(
        told["data"],
        json!({"action": "update", "entity_id": "light.smallest_room", "changes": {"entity_id": "light.toilet"}, "old_entity_id": "light.toilet"})
    );
    let gone = session.event().await;
    assert_eq!(
        (&gone["data"]["entity_id"], &gone["data"]["new_state"]),
        (&json!("light.toilet"), &Value::Null)
    );
    let come = session.event().await;
    assert_eq!(come["data"]["old_state"], Value::Null);
    let new = &come["data"]["new_state"];
    assert_eq!(
        (&new["entity_id"], &new["state"]),
        (&json!("light.smallest_room"), &json!("off"))
    );
    assert_eq!(new["attributes"], gone["data"]["old_state"]["attributes"]);

    let after = list(&mut session, "entity").await;
    assert_eq!(after.len(), before.len());
    let renamed = after
        .iter()
        .find(|e| e["entity_id"] == "light.smallest_room")
        .unwrap();
    assert_eq!(
        (&renamed["id"], &renamed["unique_id"]),
        (&entry["id"], &entry["unique_id"])
    );
    assert!(renamed["modified_at"].as_f64() > entry["modified_at"].as_f64());
    // What it shows afterwards is what a light shows.
    simulator.set_state("light.smallest_room", "on").unwrap();
    assert!(session.event().await["data"]["new_state"]["attributes"]["brightness"].is_number());
    assert!(
        simulator.rename_entity("light.toilet", "light.x").is_none(),
        "there is none of that name any more"
    );
    assert!(
        simulator
            .rename_entity("light.smallest_room", "light.porch")
            .is_none(),
        "in use"
    );
    assert!(
        simulator
            .rename_entity("light.smallest_room", "switch.x")
            .is_none(),
        "another domain"
    );
}

#[tokio::test]
async fn history_is_found_under_the_new_id() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    simulator.set_state("light.toilet", "on");
    simulator
        .rename_entity("light.toilet", "light.smallest_room")
        .unwrap();
    let ask = |id: &str| {
        json!({"type": "history/history_during_period", "start_time": "2020-01-01T00:00:00Z", "end_time": "2100-01-01T00:00:00Z",
            "entity_ids": [id], "significant_changes_only": false, "include_start_time_state": false})
    };
    let new = session.result(ask("light.smallest_room")).await;
    let states: Vec<_> = new["light.smallest_room"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["s"].clone())
        .collect();
    assert!(
        states.ends_with(&[json!("off"), json!("on"), json!("on")]),
        "{states:?}"
    );
}

#[tokio::test]
async fn what_is_added_changed_and_removed_is_told_and_listed() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    session.result(json!({"type": "subscribe_events"})).await;
    for (registry, name, key, told) in [
        (Registry::Areas, "area", "area_id", "area_id"),
        (Registry::Floors, "floor", "floor_id", "floor_id"),
        (Registry::Labels, "label", "label_id", "label_id"),
        (Registry::Devices, "device", "id", "device_id"),
    ] {
        let mut other = Session::open(&simulator).await;
        let count = list(&mut other, name).await.len();
        simulator.put(registry, json!({key: "new_one", "name": "New"}));
        simulator.put(registry, json!({key: "new_one", "name": "Newer"}));
        let all = list(&mut other, name).await;
        assert_eq!(
            (all.len(), &all[count]["name"]),
            (count + 1, &json!("Newer"))
        );
        assert!(
            simulator.take_out(registry, "new_one") && !simulator.take_out(registry, "new_one")
        );
        assert_eq!(list(&mut other, name).await.len(), count);
        for action in ["create", "update", "remove"] {
            let event = session.event().await;
            assert_eq!(event["event_type"], format!("{name}_registry_updated"));
            assert_eq!(
                (&event["data"]["action"], &event["data"][told]),
                (&json!(action), &json!("new_one"))
            );
        }
    }
}

#[tokio::test]
async fn a_device_takes_its_entities_and_their_states_with_it() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    let entities = list(&mut session, "entity").await;
    let lamp = entities
        .iter()
        .find(|e| e["entity_id"] == "light.toilet")
        .unwrap();
    let device = lamp["device_id"].as_str().unwrap().to_owned();
    let its = entities
        .iter()
        .filter(|e| e["device_id"] == device.as_str())
        .count();
    assert!(simulator.take_out(Registry::Devices, &device));
    assert_eq!(
        list(&mut session, "entity").await.len(),
        entities.len() - its
    );
    let states = session.result(json!({"type": "get_states"})).await;
    assert!(
        states
            .as_array()
            .unwrap()
            .iter()
            .all(|s| s["entity_id"] != "light.toilet")
    );
}

#[tokio::test]
async fn configuration_entries_are_those_that_devices_name_and_can_be_asked_by_domain() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    let entries = session.result(json!({"type": "config_entries/get"})).await;
    let ids: Vec<_> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["entry_id"])
        .collect();
    let devices = list(&mut session, "device").await;
    assert!(
        devices
            .iter()
            .all(|device| ids.contains(&&device["config_entry_id"]))
    );
    let zha = session
        .result(json!({"type": "config_entries/get", "domain": "zha"}))
        .await;
    assert_eq!(
        (zha.as_array().unwrap().len(), &zha[0]["state"]),
        (1, &json!("loaded"))
    );
}
