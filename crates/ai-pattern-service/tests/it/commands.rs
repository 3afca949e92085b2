//! What others ask for over MQTT. Spoken with mosquitto's own client.

use serde_json::Value;
use test_support::{Broker, Message, Subscriber, eventually, publish};

use crate::house::{House, Running, SOON, mqtt_is};
use crate::schema::check_all;

const EVENT: &str = "homeiq/patterns/event";

async fn habit(service: &Running) -> Value {
    let list = service
        .get("/api/v1/patterns/list?include_gone=true&include_deprecated=true")
        .await;
    list["data"]["patterns"][0].clone()
}

async fn runs(service: &Running) -> Value {
    service.get("/api/analysis/status").await["analysis"]["last_run"].clone()
}

fn events(subscriber: &Subscriber) -> Vec<Message> {
    let messages = subscriber.messages().into_iter();
    messages.filter(|m| m.topic == EVENT).collect()
}

#[tokio::test]
async fn a_press_of_the_button_sets_off_an_analysis_and_a_kept_press_does_not() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    house.live(&[420]).await;
    publish(&broker, "homeiq/cmd/analyse", "PRESS", true)
        .await
        .unwrap();
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    mqtt_is(&service, "connected").await;
    // Rubbish does nothing either; commands are acted on in their order, so that the last one shows it.
    publish(&broker, "homeiq/cmd/analyse", "now!", false)
        .await
        .unwrap();
    publish(&broker, "homeiq/notify/set", "perhaps", false)
        .await
        .unwrap();
    let subscriber = Subscriber::start(&broker, "homeiq/notify").await.unwrap();
    publish(&broker, "homeiq/notify/set", "OFF", false)
        .await
        .unwrap();
    eventually("the switch to be off", SOON, async || {
        subscriber
            .messages()
            .iter()
            .any(|m| m.payload == "OFF")
            .then_some(())
    })
    .await
    .unwrap();
    assert!(runs(&service).await.is_null(), "no analysis yet");
    publish(&broker, "homeiq/cmd/analyse", "PRESS", false)
        .await
        .unwrap();
    let run = eventually("an analysis", SOON, async || {
        let run = runs(&service).await;
        (!run.is_null()).then_some(run)
    })
    .await
    .unwrap();
    assert_eq!(
        (&run["cause"], &run["status"]),
        (&"mqtt".into(), &"completed".into())
    );
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn feedback_is_taken_as_a_word_and_as_json_and_only_of_habits_that_exist() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    service.analyse().await;
    mqtt_is(&service, "connected").await;
    let id = habit(&service).await["pattern_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let topic = format!("homeiq/patterns/{id}/feedback");
    let subscriber = Subscriber::start(&broker, "#").await.unwrap();
    publish(&broker, "homeiq/patterns/0000/feedback", "dismiss", false)
        .await
        .unwrap();
    publish(&broker, &topic, "perhaps", false).await.unwrap();
    publish(&broker, &topic, "accept", false).await.unwrap();
    let state = format!("homeiq/patterns/{id}");
    eventually("the habit to be accepted", SOON, async || {
        let messages = subscriber.messages();
        let newest = messages.iter().rev().find(|m| m.topic == state)?;
        newest
            .payload
            .contains(r#""feedback":"accept""#)
            .then_some(())
    })
    .await
    .unwrap();
    publish(&broker, &topic, r#"{"action": "later", "days": 7}"#, false)
        .await
        .unwrap();
    eventually("the habit to be put off", SOON, async || {
        let messages = subscriber.messages();
        let newest = messages.iter().rev().find(|m| m.topic == state)?;
        newest.payload.is_empty().then_some(())
    })
    .await
    .unwrap();
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn the_switch_silences_events_for_good_and_they_come_when_it_is_on_again() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    house.live(&[420]).await;
    let subscriber = Subscriber::start(&broker, "homeiq/#").await.unwrap();
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    mqtt_is(&service, "connected").await;
    publish(&broker, "homeiq/notify/set", "OFF", false)
        .await
        .unwrap();
    let switch_is = async |word: &str| {
        eventually(word, SOON, async || {
            let messages = subscriber.messages();
            let newest = messages.iter().rev().find(|m| m.topic == "homeiq/notify")?;
            (newest.payload == word).then_some(())
        })
        .await
        .unwrap();
    };
    switch_is("OFF").await;
    service.analyse().await;
    let ended = async |times: usize| {
        eventually("the end of a run", SOON, async || {
            let messages = subscriber.messages();
            let ends = messages.iter().filter(|m| m.topic.ends_with("/complete"));
            (ends.count() == times).then_some(())
        })
        .await
        .unwrap();
    };
    ended(1).await;
    service.stop().await;
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    mqtt_is(&service, "connected").await;
    service.analyse().await;
    ended(2).await;
    assert_eq!(
        events(&subscriber),
        [],
        "the switch is off after a restart, too"
    );
    publish(&broker, "homeiq/notify/set", "on", false)
        .await
        .unwrap();
    switch_is("ON").await;
    service.analyse().await;
    ended(3).await;
    assert_eq!(events(&subscriber).len(), 1);
    let ours = subscriber.messages().into_iter();
    check_all(
        &ours
            .filter(|m| m.topic != "homeiq/notify/set")
            .collect::<Vec<_>>(),
    );
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_home_that_has_just_started_is_told_everything_again() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    mqtt_is(&service, "connected").await;
    let subscriber = Subscriber::start(&broker, "#").await.unwrap();
    let is_config = |m: &Message| m.topic.ends_with("/homeiq/config");
    let is_state = |m: &Message| m.topic == "homeiq/notify";
    // What the broker keeps comes to a new subscriber in any order.
    eventually("the configuration and a state", SOON, async || {
        let messages = subscriber.messages();
        let both = messages.iter().any(is_config) && messages.iter().any(is_state);
        both.then_some(())
    })
    .await
    .unwrap();
    let before = subscriber.messages().len();
    publish(&broker, "homeassistant/status", "online", false)
        .await
        .unwrap();
    eventually("the configuration and then the state", SOON, async || {
        let messages = subscriber.messages();
        let config = before + messages[before..].iter().position(is_config)?;
        messages[config..].iter().any(is_state).then_some(())
    })
    .await
    .unwrap();
    service.stop().await;
    house.data_api.stop().await;
}
