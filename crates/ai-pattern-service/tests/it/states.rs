//! What the broker keeps, and what Home Assistant is told to show.

use std::collections::BTreeSet;

use serde_json::Value;
use test_support::{Broker, Message, Subscriber, eventually};

use crate::house::{House, Running, SOON, mqtt_is, post};
use crate::schema::check_all;

const CONFIG: &str = "homeassistant/device/homeiq/config";
const SUMMARY: &str = "homeiq/patterns/state";

/// What is kept under this filter, as a subscriber that comes now is told it.
async fn kept(broker: &Broker, filter: &str, wanted: usize) -> Vec<Message> {
    let subscriber = Subscriber::start(broker, filter)
        .await
        .expect("a subscriber");
    let what = format!("{wanted} retained messages of {filter}");
    eventually(&what, SOON, async || {
        let messages = subscriber.messages();
        (messages.len() >= wanted).then_some(messages)
    })
    .await
    .expect("they are kept")
}

/// Waits for a message to a topic that fits; returns the newest such.
async fn until(subscriber: &Subscriber, topic: &str, fits: impl Fn(&str) -> bool) -> String {
    eventually(topic, SOON, async || {
        let messages = subscriber.messages();
        let newest = messages.iter().rev().find(|m| m.topic == topic)?;
        fits(&newest.payload).then(|| newest.payload.clone())
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}: {:#?}", subscriber.messages()))
}

fn json(payload: &str) -> Value {
    serde_json::from_str(payload).expect("JSON")
}

async fn only_habit(service: &Running) -> String {
    let list = service.get("/api/v1/patterns/list").await;
    let id = list["data"]["patterns"][0]["pattern_key"].as_str();
    id.unwrap_or_else(|| panic!("a habit in {list}")).to_owned()
}

#[tokio::test]
async fn the_broker_keeps_a_summary_and_each_habit_and_gets_them_again_when_it_lost_them() {
    let mut broker = Broker::start().await.unwrap();
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    let subscriber = Subscriber::start(&broker, "#").await.unwrap();
    assert_eq!(
        json(&until(&subscriber, SUMMARY, |_| true).await)["count"],
        0
    );
    service.analyse().await;
    let id = only_habit(&service).await;
    let summary = json(&until(&subscriber, SUMMARY, |text| json(text)["count"] == 1).await);
    assert_eq!(summary["by_type"]["time_of_day"], 1);
    assert_eq!(summary["last_analysis_status"], "completed");
    assert_eq!(summary["events_stored"], 60);
    assert!(summary["database_bytes"].as_u64() > Some(0), "{summary}");
    let topic = format!("homeiq/patterns/{id}");
    let habit = json(&until(&subscriber, &topic, |_| true).await);
    assert_eq!(
        (&habit["id"], &habit["status"]),
        (&id.clone().into(), &"active".into())
    );
    until(&subscriber, "homeiq/data_api_link", |text| text == "ON").await;
    until(&subscriber, "homeiq/notify", |text| text == "ON").await;
    check_all(&subscriber.messages());
    drop(subscriber);

    // This broker writes nothing to disk: what it kept is lost with it.
    broker.start_again().await.unwrap();
    let states = kept(&broker, "homeiq/#", 5).await;
    let status = |m: &Message| m.topic == "homeiq/ai-pattern-service/status";
    assert!(states.iter().any(|m| status(m) && m.payload == "online"));
    assert!(states.iter().any(|m| m.topic == topic), "{states:#?}");
    // It may be said once more while we listen, and is the same then.
    let config = kept(&broker, CONFIG, 1).await;
    assert!(config.iter().all(|m| m.payload == config[0].payload));

    // What is dismissed is cleared, over HTTP as over MQTT.
    let subscriber = Subscriber::start(&broker, "homeiq/#").await.unwrap();
    let path = format!("/api/v1/patterns/{id}/feedback");
    let (status, _) = post(&service, &path, serde_json::json!({"action": "dismiss"})).await;
    assert_eq!(status, 200);
    until(&subscriber, &topic, str::is_empty).await;
    until(&subscriber, SUMMARY, |text| json(text)["count"] == 0).await;
    let late = kept(&broker, "homeiq/#", 4).await;
    // That it is cleared may be said once more while we listen.
    let is_there = |m: &Message| m.topic == topic && !m.payload.is_empty();
    assert!(!late.iter().any(is_there), "{late:#?}");
    check_all(&subscriber.messages());
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn an_accepted_habit_is_shown_as_expected_and_taken_back() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    house.live(&[420]).await;
    let settings = [
        ("MQTT_BROKER", broker.address()),
        ("MQTT_EXPECTED_NOW", "true".to_owned()),
    ];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let service = house.service(&settings).await;
    let subscriber = Subscriber::start(&broker, "#").await.unwrap();
    service.analyse().await;
    let id = only_habit(&service).await;
    let part = format!("expected_{id}");
    assert!(
        json(&until(&subscriber, CONFIG, |_| true).await)["cmps"]
            .get(&part)
            .is_none()
    );
    let path = format!("/api/v1/patterns/{id}/feedback");
    post(&service, &path, serde_json::json!({"action": "accept"})).await;
    let config = until(&subscriber, CONFIG, |text| text.contains(&part)).await;
    let shown = &json(&config)["cmps"][&part];
    assert_eq!(shown["p"], "binary_sensor");
    assert!(
        shown["name"]
            .as_str()
            .unwrap()
            .starts_with("Expected now: Kitchen light")
    );
    let topic = format!("homeiq/patterns/{id}/expected");
    until(&subscriber, &topic, |text| matches!(text, "ON" | "OFF")).await;
    service.stop().await;

    // Not shown any more after a restart: Home Assistant is told so, and the broker forgets it.
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    until(&subscriber, CONFIG, |text| !text.contains(&part)).await;
    let messages = subscriber.messages();
    let removal = messages.iter().find(|m| {
        m.topic == CONFIG
            && json(&m.payload)["cmps"][&part] == serde_json::json!({"p": "binary_sensor"})
    });
    assert!(removal.is_some(), "the part is taken back");
    until(&subscriber, &topic, str::is_empty).await;
    check_all(&messages);
    let left = json(&kept(&broker, CONFIG, 1).await[0].payload);
    assert!(left["cmps"].get(&part).is_none() && left["cmps"].get("patterns").is_some());
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn each_part_has_a_message_of_its_own_for_an_older_home_and_none_is_left_when_it_is_off() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    let address = broker.address();
    let with = async |discovery: &str| {
        house
            .service(&[("MQTT_BROKER", &address), ("MQTT_DISCOVERY", discovery)])
            .await
    };
    let service = with("device").await;
    kept(&broker, CONFIG, 1).await;
    service.stop().await;

    let service = with("component").await;
    let told = kept(&broker, "homeassistant/+/homeiq/+/config", 9).await;
    check_all(&told);
    let parts: BTreeSet<String> = told.into_iter().map(|m| m.topic).collect();
    mqtt_is(&service, "connected").await;
    // The parts come before the device goes, so that nothing is missing in between.
    let subscriber = eventually("the device to be gone", SOON, async || {
        let subscriber = Subscriber::start(&broker, "#").await.ok()?;
        until(&subscriber, "homeiq/notify", |_| true).await;
        let shown = subscriber.messages();
        let is_device = |m: &Message| m.topic == CONFIG && !m.payload.is_empty();
        (!shown.iter().any(is_device)).then_some(subscriber)
    })
    .await
    .unwrap();
    service.stop().await;

    let service = with("off").await;
    mqtt_is(&service, "connected").await;
    eventually("all parts to be cleared", SOON, async || {
        let messages = subscriber.messages();
        let cleared = messages.iter().filter(|m| m.payload.is_empty());
        let cleared: BTreeSet<String> = cleared.map(|m| m.topic.clone()).collect();
        cleared.is_superset(&parts).then_some(())
    })
    .await
    .unwrap();
    service.stop().await;
    house.data_api.stop().await;
}
