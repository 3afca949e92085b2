//! The past in data-api becomes habits in the tables and messages at a subscriber.

use serde_json::Value;
use test_support::{Broker, Message, Subscriber, eventually};

use crate::house::{House, SOON, mqtt_is};

const COMPLETE: &str = "homeiq/ai-automation/analysis/pattern/complete";

fn json(payload: &str) -> Value {
    serde_json::from_str(payload).expect("JSON")
}

fn events(subscriber: &Subscriber) -> Vec<Message> {
    subscriber
        .messages()
        .into_iter()
        .filter(|m| m.topic == "homeiq/patterns/event")
        .collect()
}

#[tokio::test]
async fn reports_both_of_two_daily_habits_over_http_and_mqtt() {
    let broker = Broker::start().await.expect("a broker");
    let mut subscriber = Subscriber::start(&broker, "homeiq/#")
        .await
        .expect("a subscriber");
    let house = House::new().await;
    house.live(&[420, 1320]).await;
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    let run = service.analyse().await;
    assert_eq!(
        (&run["status"], &run["patterns_new"]),
        (&json("\"completed\""), &json("2")),
        "{run}"
    );
    let left_out: u64 = run["report"]["left_out"]
        .as_object()
        .expect("reasons")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(
        run["report"]["events_seen"].as_u64().unwrap(),
        run["report"]["events_kept"].as_u64().unwrap() + left_out
    );

    let list = service.get("/api/v1/patterns/list").await;
    assert_eq!(
        (&list["success"], &list["data"]["count"]),
        (&Value::Bool(true), &json("2")),
        "{list}"
    );
    let mut hours = Vec::new();
    for pattern in list["data"]["patterns"].as_array().unwrap() {
        hours.push(pattern["metadata"]["time_of_day_minutes"].as_i64().unwrap());
        assert_eq!(
            (&pattern["pattern_type"], &pattern["device_id"]),
            (&json("\"time_of_day\""), &json("\"light.kitchen\""))
        );
        assert!(
            pattern["sentence"]
                .as_str()
                .unwrap()
                .starts_with("Kitchen light turns on around "),
            "{pattern}"
        );
    }
    hours.sort_unstable();
    assert!(
        (hours[0] - 420).abs() <= 5 && (hours[1] - 1320).abs() <= 5,
        "{hours:?}"
    );

    let message = subscriber
        .wait_for("the end of the run", SOON, |m| m.topic == COMPLETE)
        .await
        .unwrap();
    let body = json(&message.payload);
    assert_eq!((message.qos, message.retained), (1, false));
    assert_eq!(
        (&body["status"], &body["patterns_detected"]),
        (&json("\"completed\""), &json("2")),
        "{body}"
    );
    assert_eq!(
        events(&subscriber).len(),
        2,
        "a message for each habit comes before the end of the run"
    );
    for event in events(&subscriber) {
        let body = json(&event.payload);
        assert_eq!(
            (&body["event_type"], event.qos),
            (&json("\"found\""), 1),
            "{body}"
        );
    }
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_habit_is_told_once_and_the_end_of_a_run_each_time() {
    let broker = Broker::start().await.expect("a broker");
    let mut subscriber = Subscriber::start(&broker, "homeiq/#")
        .await
        .expect("a subscriber");
    let house = House::new().await;
    house.live(&[420, 1320]).await;
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    service.analyse().await;
    let message = subscriber
        .wait_for("the end of the run", SOON, |m| m.topic == COMPLETE)
        .await
        .unwrap();
    eventually("both to be marked as told", SOON, async || {
        let list = service.get("/api/v1/patterns/list").await;
        list["data"]["patterns"]
            .as_array()
            .unwrap()
            .iter()
            .all(|p| p["told_at"].is_string())
            .then_some(())
    })
    .await
    .unwrap();

    let again = service.analyse().await;
    assert_eq!(
        (&again["patterns_found"], &again["patterns_new"]),
        (&json("2"), &json("0")),
        "{again}"
    );
    subscriber
        .wait_for("the end of the second run", SOON, |m| {
            m.topic == COMPLETE && m.payload != message.payload
        })
        .await
        .unwrap();
    assert_eq!(events(&subscriber).len(), 2, "nothing is told twice");
    service.stop().await;
    let status = "homeiq/ai-pattern-service/status";
    subscriber
        .wait_for("offline", SOON, |m| {
            m.topic == status && m.payload == "offline"
        })
        .await
        .unwrap();
    house.data_api.stop().await;
}

#[tokio::test]
async fn habits_found_without_a_broker_are_told_when_one_is_set() {
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[]).await;
    assert_eq!(service.analyse().await["patterns_new"], 1);
    assert_eq!(service.get("/health").await["mqtt"], "disabled");
    service.stop().await;
    let broker = Broker::start().await.unwrap();
    let mut subscriber = Subscriber::start(&broker, "homeiq/patterns/event")
        .await
        .unwrap();
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    subscriber
        .wait_for("the habit", SOON, |m| m.payload.contains("light.kitchen"))
        .await
        .unwrap();
    mqtt_is(&service, "connected").await;
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn the_first_analysis_comes_by_itself_once_there_is_a_past() {
    let house = House::new().await;
    let service = house.service(&[("ANALYSIS_ON_START", "true")]).await;
    eventually("the service to say what it waits for", SOON, async || {
        let status = service.get("/api/analysis/status").await;
        (status["analysis"]["waiting_for"] == "0 of 3 days collected").then_some(())
    })
    .await
    .unwrap();
    house.live(&[420]).await;
    eventually("a habit", SOON, async || {
        (service.get("/api/v1/patterns/stats").await["data"]["total_patterns"] == 1).then_some(())
    })
    .await
    .unwrap();
    let run = &service.get("/api/analysis/status").await["analysis"]["last_run"];
    assert_eq!(run["cause"], "start", "{run}");
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_failed_analysis_says_so_and_keeps_the_habits() {
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[]).await;
    service.analyse().await;
    service.stop().await;
    // A service that is given the wrong key fails at once.
    let broker = Broker::start().await.unwrap();
    let mut subscriber = Subscriber::start(&broker, "homeiq/ai-automation/#")
        .await
        .unwrap();
    let service = house
        .service(&[
            ("MQTT_BROKER", &broker.address()),
            ("DATA_API_KEY", "another key"),
        ])
        .await;
    let run = service.analyse().await;
    assert_eq!(run["status"], "failed");
    assert!(
        run["errors"][0].as_str().unwrap().contains("DATA_API_KEY"),
        "{run}"
    );
    let message = subscriber
        .wait_for("the failure", SOON, |_| true)
        .await
        .unwrap();
    assert_eq!(json(&message.payload)["status"], "failed");
    assert_eq!(
        service.get("/api/v1/patterns/list").await["data"]["count"],
        1
    );
    let health = service.get("/health").await;
    assert_eq!(health["status"], "ok");
    assert!(
        health["degraded"].to_string().contains("data_api"),
        "{health}"
    );
    service.stop().await;
    house.data_api.stop().await;
}
