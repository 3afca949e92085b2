use std::collections::BTreeSet;

use common::instant::UtcMicros;
use home_simulator::home::Home;
use home_simulator::{Simulator, SimulatorConfig};
use serde_json::{Value, json};

use crate::session::{Session, TOKEN, listener, still};

fn iso(at: UtcMicros) -> String {
    at.to_string()
}

fn now() -> UtcMicros {
    common::clock::Clock::system().now()
}

#[tokio::test]
async fn history_has_the_keys_of_the_live_events() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    session
        .result(json!({"type": "subscribe_events", "event_type": "state_changed"}))
        .await;
    let start = now();
    simulator.burst(2000).await;
    let mut live = BTreeSet::new();
    for _ in 0..2000 {
        let event = session.event().await;
        let new = &event["data"]["new_state"];
        let at: UtcMicros = new["last_updated"].as_str().unwrap().parse().unwrap();
        live.insert((new["entity_id"].as_str().unwrap().to_owned(), at.get()));
    }
    let ids: Vec<&str> = Home::entity_ids().collect();
    let told = session
        .result(json!({
            "type": "history/history_during_period", "start_time": iso(start),
            "end_time": iso(now().plus_seconds(1)), "entity_ids": ids,
            "significant_changes_only": false, "include_start_time_state": false,
        }))
        .await;
    let mut past = BTreeSet::new();
    for (entity_id, rows) in told.as_object().unwrap() {
        for row in rows.as_array().unwrap() {
            let at = UtcMicros::from_history_seconds(row["lu"].as_f64().unwrap()).unwrap();
            past.insert((entity_id.clone(), at.get()));
        }
    }
    assert_eq!(past.len(), 2000);
    assert_eq!(past, live);
}

#[tokio::test]
async fn the_past_is_told_whole_and_in_order() {
    let config = SimulatorConfig {
        past_days: 3,
        ..SimulatorConfig::still(TOKEN)
    };
    let simulator = Simulator::start(config, listener().await).await.unwrap();
    let mut session = Session::open(&simulator).await;
    let (from, until) = (now().plus_seconds(-4 * 86_400), now());
    let ids: Vec<&str> = Home::entity_ids().collect();
    let told = session
        .result(json!({
            "type": "history/history_during_period", "start_time": iso(from),
            "end_time": iso(until), "entity_ids": ids, "significant_changes_only": false,
        }))
        .await;
    let told = told.as_object().unwrap();
    assert_eq!(told.len(), ids.len());
    let mut rows = 0;
    for (entity_id, list) in told {
        let stamps: Vec<f64> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["lu"].as_f64().unwrap())
            .collect();
        assert!(stamps.is_sorted_by(|one, two| one < two), "{entity_id}");
        rows += stamps.len();
    }
    assert_eq!(rows, simulator.recorded());
}

#[tokio::test]
async fn switches_of_the_query_do_what_they_do_in_home_assistant() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    let start = now();
    let call = |service: &str, percent: u8| {
        json!({
            "type": "call_service", "domain": "light", "service": service,
            "service_data": {"brightness_pct": percent}, "target": {"entity_id": "light.toilet"},
        })
    };
    let start_state = now();
    for (service, percent) in [("turn_on", 30), ("turn_on", 60), ("turn_off", 1)] {
        session.result(call(service, percent)).await;
    }
    let base = json!({
        "type": "history/history_during_period", "start_time": iso(start_state),
        "entity_ids": ["light.toilet", "light.not_there"],
    });
    let mut ask = async |switches: Value| -> Vec<Value> {
        let mut query = base.clone();
        query
            .as_object_mut()
            .unwrap()
            .extend(switches.as_object().unwrap().clone());
        let told = session.result(query).await;
        assert!(told.get("light.not_there").is_none());
        told["light.toilet"].as_array().unwrap().clone()
    };
    let states = |rows: &[Value]| -> Vec<String> {
        rows.iter()
            .map(|row| row["s"].as_str().unwrap().to_owned())
            .collect()
    };

    let usual = ask(json!({})).await;
    assert_eq!(states(&usual), ["off", "on", "off"]);
    let at = UtcMicros::from_history_seconds(usual[0]["lu"].as_f64().unwrap()).unwrap();
    assert_eq!(at, start_state, "the first row is stamped at the start");
    assert!(at > start);
    assert!(
        usual[1]["a"].get("brightness").is_none(),
        "not recorded, as in Home Assistant"
    );

    let all =
        ask(json!({"significant_changes_only": false, "include_start_time_state": false})).await;
    assert_eq!(states(&all), ["on", "on", "off"]);
    assert!(all[0].get("lc").is_none() && all[1]["lc"].is_number());

    let bare = ask(json!({"no_attributes": true})).await;
    assert!(bare.iter().all(|row| row["a"] == json!({})));

    let minimal = ask(json!({"minimal_response": true, "significant_changes_only": false})).await;
    assert_eq!(states(&minimal), ["off", "on", "off"]);
    assert!(minimal[0]["a"].is_object() && minimal[1].get("a").is_none());
}

#[tokio::test]
async fn queries_that_cannot_be_answered_are_refused() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    let query = |start: &str, end: &str, ids: Value| {
        json!({
            "type": "history/history_during_period", "start_time": start, "end_time": end,
            "entity_ids": ids,
        })
    };
    let (from, until, ids) = (iso(now()), iso(now()), json!(["light.toilet"]));
    assert_eq!(
        session.refusal(query("noon", &until, ids.clone())).await,
        "invalid_start_time"
    );
    assert_eq!(
        session.refusal(query(&from, "noon", ids)).await,
        "invalid_end_time"
    );
    assert_eq!(
        session.refusal(query(&from, &until, json!(["x"]))).await,
        "invalid_entity_ids"
    );
    let without = json!({"type": "history/history_during_period", "start_time": from});
    assert_eq!(session.refusal(without).await, "invalid_format");
}

#[tokio::test]
async fn history_lags_behind_as_the_recorder_does() {
    let start = UtcMicros::new(1_795_000_000_000_000).unwrap();
    let clock = common::clock::Clock::manual(start);
    let config = SimulatorConfig {
        recorder_lag: std::time::Duration::from_secs(5),
        clock: clock.clone(),
        ..SimulatorConfig::still(TOKEN)
    };
    let simulator = Simulator::start(config, listener().await).await.unwrap();
    let mut session = Session::open(&simulator).await;
    clock.set(start.plus_seconds(1));
    simulator.set_state("sensor.brand_new", "1");
    let query = json!({
        "type": "history/history_during_period", "start_time": iso(start),
        "entity_ids": ["sensor.brand_new"], "include_start_time_state": false,
    });
    assert_eq!(
        session.result(query.clone()).await,
        json!({}),
        "not written yet"
    );
    clock.set(start.plus_seconds(6));
    assert_eq!(session.result(query).await["sensor.brand_new"][0]["s"], "1");
}
