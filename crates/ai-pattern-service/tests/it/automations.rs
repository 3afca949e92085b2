//! Habits as automations, where Home Assistant is not there. `cargo xtask automation-test` has the real one.

use reqwest::Method;
use serde_json::{Value, json};

use crate::house::{House, Running};

async fn only_habit(service: &Running) -> Value {
    service.analyse().await;
    let list = service.get("/api/v1/patterns/list").await;
    list["data"]["patterns"][0].clone()
}

#[tokio::test]
async fn a_habit_is_shown_as_an_automation_in_every_form() {
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[]).await;
    let habit = only_habit(&service).await;
    assert_eq!(
        (&habit["covered_by"], &habit["automation"]),
        (&json!([]), &Value::Null)
    );
    let key = habit["pattern_key"].as_str().unwrap();
    let path = format!("/api/v1/patterns/{key}/automation");
    let shown = service.get(&path).await["data"].clone();
    assert_eq!(shown["validated"], "unknown", "{shown}");
    assert!(
        shown["validation"].as_str().unwrap().contains("HA_TOKEN"),
        "{shown}"
    );
    assert_eq!(shown["automation_id"], json!(format!("homeiq_{key}")));
    assert_eq!(shown["automation"]["actions"][0]["action"], "light.turn_on");
    let yaml = service.get(&format!("{path}?format=yaml")).await;
    assert_eq!(yaml, shown["yaml"]);
    let blueprint = service.get(&format!("{path}?format=blueprint")).await;
    assert!(
        blueprint.as_str().unwrap().contains("!input time"),
        "{blueprint}"
    );
    for (path, status) in [
        ("/api/v1/patterns/none/automation".to_owned(), 404),
        (format!("{path}?format=xml"), 422),
        (format!("{path}/effect"), 404),
    ] {
        assert_eq!(service.send(Method::GET, &path).await.0, status, "{path}");
    }
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn without_the_right_to_nothing_is_created_and_it_says_what_to_set() {
    let house = House::new().await;
    house.live_with_a_door().await;
    let service = house.service(&[]).await;
    let habit = only_habit(&service).await;
    let key = habit["pattern_key"].as_str().unwrap();
    let path = format!("/api/v1/patterns/{key}/create");
    for method in [Method::POST, Method::DELETE] {
        let (status, body) = service.send(method, &path).await;
        assert_eq!(status, 409, "{body}");
        assert!(
            body["detail"].as_str().unwrap().contains("HA_ADMIN_TOKEN"),
            "{body}"
        );
    }
    let path = format!("/api/v1/synergies/{key}/generate-automation");
    let (status, body) = service.send(Method::POST, &path).await;
    assert_eq!(
        (status, &body["data"]["deployment_status"]),
        (200, &json!("not_deployed")),
        "{body}"
    );
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn with_home_assistant_away_a_run_is_a_run_and_creating_fails_clearly() {
    let house = House::new().await;
    house.live(&[420]).await;
    let token = "a".repeat(40);
    let service = house
        .service(&[
            // Nobody listens on the port of the discard service.
            ("HA_HTTP_URL", "http://127.0.0.1:9"),
            ("HA_ADMIN_TOKEN", &token),
            ("HA_NOTIFY", "true"),
        ])
        .await;
    let habit = only_habit(&service).await;
    let key = habit["pattern_key"].as_str().unwrap();
    let health = service.get("/health").await;
    assert!(
        health["degraded"].to_string().contains("home_assistant"),
        "{health}"
    );
    let shown = service
        .get(&format!("/api/v1/patterns/{key}/automation"))
        .await;
    assert_eq!(shown["data"]["validated"], "unknown", "{shown}");
    let (status, body) = service
        .send(Method::POST, &format!("/api/v1/patterns/{key}/create"))
        .await;
    assert_eq!(status, 502, "{body}");
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("cannot be reached"),
        "{body}"
    );
    service.stop().await;
    house.data_api.stop().await;
}
