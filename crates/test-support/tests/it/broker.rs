use std::time::Duration;

use rumqttc::{AsyncClient, MqttOptions, QoS};
use test_support::{Broker, Subscriber, eventually, free_port};

const SOON: Duration = Duration::from_secs(10);

/// Publishes one message (QoS 1) as the named user and returns once the broker has acknowledged it.
async fn publish(broker: &Broker, topic: &str, payload: &str) -> anyhow::Result<()> {
    let options = MqttOptions::new("publisher", broker.host(), broker.port());
    let (client, mut events) = AsyncClient::new(options, 4);
    client
        .publish(topic, QoS::AtLeastOnce, false, payload)
        .await?;
    loop {
        if let rumqttc::Event::Incoming(rumqttc::Packet::PubAck(_)) = events.poll().await? {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_subscriber_gets_what_was_published() -> anyhow::Result<()> {
    let broker = Broker::start().await?;
    let mut subscriber = Subscriber::start(&broker, "homeiq/#").await?;
    publish(&broker, "homeiq/one", "1").await?;
    publish(&broker, "elsewhere", "2").await?;
    publish(&broker, "homeiq/three", "3").await?;
    subscriber
        .wait_for("the third", SOON, |message| message.payload == "3")
        .await?;
    let topics: Vec<_> = subscriber
        .messages()
        .into_iter()
        .map(|message| message.topic)
        .collect();
    assert_eq!(topics, ["homeiq/one", "homeiq/three"]);
    Ok(())
}

#[tokio::test]
async fn a_broker_comes_back_on_its_port_and_the_subscriber_with_it() -> anyhow::Result<()> {
    let mut broker = Broker::start().await?;
    let port = broker.port();
    let mut subscriber = Subscriber::start(&broker, "homeiq/#").await?;
    broker.stop().await?;
    assert!(publish(&broker, "homeiq/lost", "0").await.is_err());
    broker.start_again().await?;
    assert_eq!(broker.port(), port);
    eventually("the second subscription", SOON, async || {
        (subscriber.subscriptions() == 2).then_some(())
    })
    .await?;
    publish(&broker, "homeiq/found", "1").await?;
    subscriber
        .wait_for("the message after the restart", SOON, |m| m.payload == "1")
        .await?;
    assert_eq!(subscriber.messages().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_broker_with_a_user_refuses_everybody_else() -> anyhow::Result<()> {
    let broker = Broker::with_user("home", "p@ss:word").await?;
    let refused = Subscriber::start(&broker, "#")
        .await
        .expect_err("no name was given");
    assert!(refused.to_string().contains("refused"), "{refused:#}");
    let wrong = Subscriber::start_at(broker.host(), broker.port(), Some(("home", "?")), "#").await;
    assert!(wrong.is_err());
    Subscriber::start_at(
        broker.host(),
        broker.port(),
        Some(("home", "p@ss:word")),
        "#",
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_an_error_with_the_log_of_the_broker() -> anyhow::Result<()> {
    let first = Broker::start().await?;
    let error = Broker::start_on(first.port())
        .await
        .expect_err("the port is taken");
    assert!(
        format!("{error:#}").contains("Address already in use"),
        "{error:#}"
    );
    let second = Broker::start_on(free_port()?).await?;
    assert_ne!(first.port(), second.port());
    Ok(())
}

#[tokio::test]
async fn a_dropped_broker_is_gone() -> anyhow::Result<()> {
    let broker = Broker::start().await?;
    let address = broker.address();
    drop(broker);
    eventually("the port to be closed", SOON, async || {
        tokio::net::TcpStream::connect(&address)
            .await
            .is_err()
            .then_some(())
    })
    .await
}

#[tokio::test]
async fn a_wait_in_vain_says_what_it_waited_for() -> anyhow::Result<()> {
    let broker = Broker::start().await?;
    let mut subscriber = Subscriber::start(&broker, "#").await?;
    publish(&broker, "homeiq/other", "something else").await?;
    let error = subscriber
        .wait_for("a word", Duration::from_millis(300), |message| {
            message.payload == "word"
        })
        .await
        .expect_err("it never came");
    let text = error.to_string();
    assert!(
        text.contains("a word") && text.contains("something else"),
        "{text}"
    );
    let error = eventually("godot", Duration::from_millis(30), async || None::<()>).await;
    assert!(
        error
            .expect_err("he never comes")
            .to_string()
            .contains("godot")
    );
    Ok(())
}
