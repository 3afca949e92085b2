use common::instant::UtcMicros;
use home_simulator::Simulator;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::session::{Session, TOKEN, still};

fn client() -> Client {
    common::tls::install();
    Client::builder().build().unwrap()
}

async fn get(simulator: &Simulator, path: &str) -> Response {
    client()
        .get(format!("{}{path}", simulator.url()))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap()
}

async fn body(simulator: &Simulator, path: &str) -> Value {
    let response = get(simulator, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.json().await.unwrap()
}

#[tokio::test]
async fn without_the_token_nothing_is_told() {
    let simulator = still().await;
    for path in ["/api/", "/api/states", "/api/config", "/api/history/period"] {
        let url = format!("{}{path}", simulator.url());
        let none = client().get(&url).send().await.unwrap().status();
        let wrong = client()
            .get(&url)
            .bearer_auth("wrong")
            .send()
            .await
            .unwrap()
            .status();
        assert_eq!(
            (none, wrong),
            (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED),
            "{path}"
        );
    }
    let live = client()
        .get(format!("{}/live", simulator.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        live.status(),
        StatusCode::OK,
        "the health probe has no token"
    );
}

#[tokio::test]
async fn rest_tells_the_same_home() {
    let simulator = still().await;
    assert_eq!(
        body(&simulator, "/api/").await,
        json!({"message": "API running."})
    );
    assert_eq!(body(&simulator, "/api/config").await["state"], "RUNNING");
    let states = body(&simulator, "/api/states").await;
    let one = body(&simulator, "/api/states/light.toilet").await;
    assert!(states.as_array().unwrap().contains(&one));
    assert_eq!(
        get(&simulator, "/api/states/light.no").await.status(),
        StatusCode::NOT_FOUND
    );
    let services = body(&simulator, "/api/services").await;
    let light = services
        .as_array()
        .unwrap()
        .iter()
        .find(|domain| domain["domain"] == "light");
    assert!(light.unwrap()["services"]["turn_on"].is_object());
}

#[tokio::test]
async fn a_posted_state_is_set_told_and_in_history() {
    let simulator = still().await;
    let mut session = Session::open(&simulator).await;
    session
        .result(json!({"type": "subscribe_events", "event_type": "state_changed"}))
        .await;
    let url = format!("{}/api/states/sensor.posted", simulator.url());
    let post = async |state: &str| {
        let state = json!({"state": state, "attributes": {"unit_of_measurement": "W"}});
        client()
            .post(&url)
            .bearer_auth(TOKEN)
            .json(&state)
            .send()
            .await
            .unwrap()
    };
    assert_eq!(post("1").await.status(), StatusCode::CREATED);
    assert_eq!(post("2").await.status(), StatusCode::OK);
    session.event().await;
    let event = session.event().await;
    let new = &event["data"]["new_state"];
    assert_eq!(
        (&new["state"], &new["attributes"]),
        (&json!("2"), &json!({"unit_of_measurement": "W"}))
    );

    let fired: UtcMicros = event["time_fired"].as_str().unwrap().parse().unwrap();
    let start = fired.plus_seconds(-60).to_string().replace('+', "%2B");
    let path = format!(
        "/api/history/period/{start}?filter_entity_id=sensor.posted&significant_changes_only=0"
    );
    let history = body(&simulator, &path).await;
    let rows = history[0].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows[1]["last_updated"], new["last_updated"],
        "the same text as the live event"
    );

    let refused = get(&simulator, "/api/history/period").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let bad = client()
        .post(&url)
        .bearer_auth(TOKEN)
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_service_is_called_over_rest() {
    let simulator = still().await;
    let url = format!("{}/api/services/light/turn_on", simulator.url());
    let data = json!({"entity_id": "light.toilet"});
    let called = client()
        .post(url)
        .bearer_auth(TOKEN)
        .json(&data)
        .send()
        .await
        .unwrap();
    assert_eq!(called.status(), StatusCode::OK);
    assert_eq!(
        body(&simulator, "/api/states/light.toilet").await["state"],
        "on"
    );
}
