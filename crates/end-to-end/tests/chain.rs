//! A state change in at the socket, a habit out at the broker.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall stop where it is"
)]

use std::time::Duration;

use end_to_end::Chain;
use serde_json::Value;
use test_support::{Broker, Subscriber, eventually};

/// An unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_month_of_life_becomes_habits_that_a_subscriber_reads() {
    let broker = Broker::start().await.unwrap();
    let mut subscriber = Subscriber::start(&broker, "homeiq/#").await.unwrap();
    let chain = Chain::start(30, &[("MQTT_BROKER", &broker.address())])
        .await
        .unwrap();
    let is = |topic: &'static str| move |message: &test_support::Message| message.topic == topic;

    let complete = subscriber
        .wait_for(
            "the end of the analysis",
            PATIENCE,
            is("homeiq/ai-automation/analysis/pattern/complete"),
        )
        .await
        .unwrap();
    let complete: Value = serde_json::from_str(&complete.payload).unwrap();
    assert_eq!(
        (&complete["service"], &complete["status"]),
        (&"ai-pattern-service".into(), &"completed".into())
    );
    let count = usize::try_from(complete["patterns_detected"].as_u64().unwrap()).unwrap();
    assert!(count >= 10, "{complete}");

    let found = eventually("one message for each habit", PATIENCE, async || {
        let told = subscriber
            .messages()
            .into_iter()
            .filter(|message| message.topic == "homeiq/patterns/event");
        Some(told.collect::<Vec<_>>()).filter(|told| told.len() == count)
    })
    .await
    .unwrap();
    assert!(
        found
            .iter()
            .all(|message| !message.retained && message.qos == 1)
    );
    let kitchen = found
        .iter()
        .map(|message| serde_json::from_str::<Value>(&message.payload).unwrap())
        .find(|habit| {
            habit["entities"][0] == "light.kitchen_ceiling" && habit["days"] == "weekday"
        });
    assert!(
        kitchen.is_some(),
        "the kitchen light on weekday mornings is a planted habit"
    );

    a_change_now_is_served(&chain).await;

    // Nobody set a time zone: it is Home Assistant's.
    let schedule = chain
        .http
        .get(format!("{}/api/analysis/schedule", chain.patterns))
        .send()
        .await
        .unwrap();
    let schedule: Value = schedule.json().await.unwrap();
    assert_eq!(schedule["time_zone"], "Europe/Amsterdam");

    // A second look finds the same habits and tells none twice.
    let trigger = chain
        .http
        .post(format!("{}/api/analysis/trigger", chain.patterns))
        .send()
        .await
        .unwrap();
    assert_eq!(trigger.status().as_u16(), 200);
    eventually("the second analysis", PATIENCE, async || {
        let ends = subscriber
            .messages()
            .into_iter()
            .filter(|m| m.topic.ends_with("/complete"))
            .count();
        (ends == 2).then_some(())
    })
    .await
    .unwrap();
    assert!(chain.stop().await);
    let messages = subscriber.messages();
    let told: Vec<_> = messages
        .iter()
        .filter(|message| message.topic == "homeiq/patterns/event")
        .collect();
    assert!(
        told.len() <= count + 2,
        "{} habits were told, {count} were found at first",
        told.len()
    );
    let status: Vec<_> = messages
        .iter()
        .filter(|m| m.topic == "homeiq/ai-pattern-service/status")
        .map(|m| m.payload.as_str())
        .collect();
    assert_eq!(
        status,
        ["online", "offline"],
        "offline is really sent before the end"
    );
}

/// Every change of the past, and one that happens now, are rows that data-api serves.
async fn a_change_now_is_served(chain: &Chain) {
    let stats = chain.data_api.event_stats("1h").await.unwrap();
    assert!(
        stats.stored_events >= chain.home.recorded() as u64,
        "{stats:?}"
    );
    // At some times of the day it is on already.
    chain.home.set_state("light.toilet", "off");
    chain.home.set_state("light.toilet", "on").unwrap();
    chain.home.set_state("light.toilet", "off").unwrap();
    let want = chain.home.emitted().changes.last().unwrap().clone();
    let query = data_api_client::events::EventQuery {
        limit: Some(1),
        entity_id: Some("light.toilet".to_owned()),
        ..Default::default()
    };
    eventually("the last change", PATIENCE, async || {
        let newest = chain.data_api.events(&query).await.unwrap().events.pop()?;
        (newest.timestamp.get() == want.last_updated_us && newest.state.as_deref() == Some("off"))
            .then_some(())
    })
    .await
    .unwrap();
}
