//! Every way to name a broker, and every way in which one can be missing.

use std::time::{Duration, Instant};

use serde_json::Value;
use test_support::{Broker, Subscriber, eventually, free_port};

use crate::house::{House, SOON, mqtt_is};

const STATUS: &str = "homeiq/ai-pattern-service/status";

async fn connects(house: &House, more: &[(&str, &str)]) {
    let service = house.service(more).await;
    mqtt_is(&service, "connected").await;
    service.stop().await;
}

#[tokio::test]
async fn connects_at_the_first_attempt_in_every_form_of_the_address() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    let port = broker.port().to_string();
    for address in [
        "mqtt://127.0.0.1:PORT",
        "127.0.0.1:PORT",
        "TCP://localhost:PORT/",
        "localhost:PORT",
    ] {
        connects(&house, &[("MQTT_BROKER", &address.replace("PORT", &port))]).await;
    }
    connects(
        &house,
        &[("MQTT_BROKER", "127.0.0.1"), ("MQTT_PORT", &port)],
    )
    .await;
    assert!(!broker.log().contains("Socket error"), "{}", broker.log());
    house.data_api.stop().await;
}

#[tokio::test]
async fn connects_over_ipv6() {
    let port = free_port().unwrap();
    let line = format!("listener {port} ::1");
    let broker = Broker::options().with_line(&line).start().await.unwrap();
    let house = House::new().await;
    connects(&house, &[("MQTT_BROKER", &format!("[::1]:{port}"))]).await;
    connects(&house, &[("MQTT_BROKER", &format!("mqtt://[::1]:{port}"))]).await;
    connects(
        &house,
        &[("MQTT_BROKER", "::1"), ("MQTT_PORT", &port.to_string())],
    )
    .await;
    drop(broker);
    house.data_api.stop().await;
}

#[tokio::test]
async fn logs_in_with_the_right_password_and_names_the_settings_with_a_wrong_one() {
    let broker = Broker::with_user("home", "p@ss:word").await.unwrap();
    let house = House::new().await;
    let (address, port) = (broker.address(), broker.port());
    connects(
        &house,
        &[(
            "MQTT_BROKER",
            &format!("mqtt://home:p%40ss%3Aword@127.0.0.1:{port}"),
        )],
    )
    .await;
    connects(
        &house,
        &[
            ("MQTT_BROKER", &address),
            ("MQTT_USERNAME", "home"),
            ("MQTT_PASSWORD", "p@ss:word"),
        ],
    )
    .await;
    let file = house.folder.path().join("password");
    std::fs::write(&file, "p@ss:word\n").unwrap();
    let file = file.to_str().unwrap();
    connects(
        &house,
        &[
            ("MQTT_BROKER", &address),
            ("MQTT_USERNAME", "home"),
            ("MQTT_PASSWORD_FILE", file),
        ],
    )
    .await;

    for wrong in [format!("mqtt://home:wrong@127.0.0.1:{port}"), address] {
        let service = house.service(&[("MQTT_BROKER", &wrong)]).await;
        let health = test_support::eventually("the refusal", SOON, async || {
            let health = service.get("/health").await;
            reason(&health)
                .contains("refuses the name or the password")
                .then_some(health)
        })
        .await
        .unwrap();
        assert!(
            reason(&health).contains("MQTT_PASSWORD") && !health.to_string().contains("wrong"),
            "{health}"
        );
        assert_eq!(
            (&health["status"], &health["mqtt"]),
            (&"ok".into(), &"disconnected".into())
        );
        service.stop().await;
    }
    let refusals = broker.log().matches("not authorised").count();
    assert_eq!(
        refusals,
        2,
        "a broker that refuses is not asked again at once: {}",
        broker.log()
    );
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_missing_or_wrong_broker_delays_nothing() {
    let house = House::new().await;
    house.live(&[420]).await;
    let closed = format!("127.0.0.1:{}", free_port().unwrap());
    // Something that listens and never speaks MQTT.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute_address = mute.local_addr().unwrap().to_string();
    for address in [
        closed.as_str(),
        "mqtt://no-such-host.invalid",
        &mute_address,
    ] {
        let begun = Instant::now();
        let service = house.service(&[("MQTT_BROKER", address)]).await;
        let health = service.get("/health").await;
        assert_eq!(
            (&health["status"], &health["mqtt"]),
            (&"ok".into(), &"disconnected".into()),
            "{health}"
        );
        assert!(reason(&health).contains("mqtt://"), "{health}");
        assert_eq!(service.analyse().await["status"], "completed");
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{address}: {:?}",
            begun.elapsed()
        );
        let stopped = Instant::now();
        service.stop().await;
        assert!(
            stopped.elapsed() < Duration::from_secs(2),
            "{address}: {:?}",
            stopped.elapsed()
        );
    }
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_broker_that_comes_later_gets_what_waited() {
    let port = free_port().unwrap();
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house
        .service(&[("MQTT_BROKER", &format!("127.0.0.1:{port}"))])
        .await;
    assert_eq!(service.analyse().await["patterns_new"], 1);
    let untold = service.get("/api/v1/patterns/list").await;
    assert!(
        untold["data"]["patterns"][0]["told_at"].is_null(),
        "nobody was told: {untold}"
    );

    let broker = Broker::start_on(port).await.unwrap();
    // Whether the subscriber or the service is first is chance; the retained status tells that the service is there.
    let mut subscriber = Subscriber::start(&broker, "homeiq/#").await.unwrap();
    subscriber
        .wait_for("online", SOON, |m| {
            m.topic == STATUS && m.payload == "online"
        })
        .await
        .unwrap();
    mqtt_is(&service, "connected").await;
    test_support::eventually("the habit to be told", SOON, async || {
        let list = service.get("/api/v1/patterns/list").await;
        list["data"]["patterns"][0]["told_at"]
            .is_string()
            .then_some(())
    })
    .await
    .unwrap();
    logged(&broker, "'homeiq/patterns/event'", 1).await;
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn survives_a_restart_of_the_broker_and_loses_no_message() {
    let mut broker = Broker::start().await.unwrap();
    let house = House::new().await;
    house.live(&[420, 1320]).await;
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    mqtt_is(&service, "connected").await;
    broker.stop().await.unwrap();
    mqtt_is(&service, "disconnected").await;
    assert_eq!(service.analyse().await["patterns_new"], 2);
    broker.start_again().await.unwrap();
    mqtt_is(&service, "connected").await;
    test_support::eventually("both habits to be told", SOON, async || {
        let list = service.get("/api/v1/patterns/list").await;
        let patterns = list["data"]["patterns"].as_array().unwrap().clone();
        (patterns.len() == 2 && patterns.iter().all(|p| p["told_at"].is_string())).then_some(())
    })
    .await
    .unwrap();
    // Online twice, two habits, the end of a run.
    logged(&broker, "Sending PUBACK to homeiq-ai-pattern-service", 5).await;
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn says_offline_when_it_stops_and_the_broker_says_it_when_it_disappears() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    let mut subscriber = Subscriber::start(&broker, STATUS).await.unwrap();
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    subscriber
        .wait_for("online", SOON, |m| m.payload == "online")
        .await
        .unwrap();
    service.stop().await;
    subscriber
        .wait_for("offline", SOON, |m| m.payload == "offline")
        .await
        .unwrap();
    // It was said by the service itself: the last will would leave a line about a lost socket.
    logged(
        &broker,
        "Received DISCONNECT from homeiq-ai-pattern-service",
        1,
    )
    .await;
    // And it stays for those who come later.
    let mut late = Subscriber::start(&broker, STATUS).await.unwrap();
    let kept = late
        .wait_for("the retained status", SOON, |_| true)
        .await
        .unwrap();
    assert_eq!((kept.payload.as_str(), kept.retained), ("offline", true));
    // The will, for the other case, is what a subscriber would expect.
    let will = "Will message specified (7 bytes) (r1, q1)";
    assert!(broker.log().contains(will), "{}", broker.log());
    house.data_api.stop().await;
}

/// The first reason that the service gives for doing less than it could.
pub(crate) fn reason(health: &Value) -> String {
    health["degraded"][0]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Waits until the broker has written this into its log so many times.
pub(crate) async fn logged(broker: &Broker, text: &str, times: usize) {
    let waited = eventually(text, SOON, async || {
        (broker.log().matches(text).count() >= times).then_some(())
    })
    .await;
    assert!(
        waited.is_ok(),
        "{times} times {text:?} in the broker's log:\n{}",
        broker.log()
    );
}
