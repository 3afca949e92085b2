//! Brokers that do not speak MQTT 5.

use std::net::SocketAddr;

use test_support::{Broker, Subscriber};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::broker::logged;
use crate::house::{House, SOON, mqtt_is};

/// How a broker of before MQTT 5 answers a client that speaks it.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// With the CONNACK of MQTT 5: unsupported protocol version.
    InVersion5,
    /// With the CONNACK of MQTT 3.1.1: unacceptable protocol version.
    InVersion311,
    /// Not at all.
    Silent,
}

/// Passes MQTT 3.1.1 on to a real broker, and refuses MQTT 5.
async fn older(broker: &Broker, refusal: Refusal) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("it works");
    let (address, target) = (listener.local_addr().expect("it works"), broker.address());
    #[expect(clippy::disallowed_methods, reason = "aborted by the test")]
    let task = tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            // CONNECT: type, length (one byte, or two), length of the name, "MQTT", version.
            let mut head = [0_u8; 16];
            client.read_exact(&mut head).await.expect("it works");
            let name = head
                .windows(4)
                .position(|four| four == b"MQTT")
                .expect("it works");
            if head[name + 4] == 4 {
                let mut server = TcpStream::connect(&target).await.expect("it works");
                server.write_all(&head).await.expect("it works");
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
                continue;
            }
            assert_eq!(head[name + 4], 5);
            let answer: &[u8] = match refusal {
                Refusal::InVersion5 => &[0x20, 3, 0, 0x84, 0],
                Refusal::InVersion311 => &[0x20, 2, 0, 1],
                Refusal::Silent => &[],
            };
            client.write_all(answer).await.expect("it works");
        }
    });
    (address, task)
}

#[tokio::test]
async fn speaks_mqtt_5_and_3_1_1_only_where_it_must() {
    let broker = Broker::start().await.unwrap();
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[("MQTT_BROKER", &broker.address())]).await;
    mqtt_is(&service, "connected").await;
    // p5: the protocol; c0: the session is kept, k30: the keep alive.
    logged(&broker, "(p5, c0, k30)", 1).await;
    service.stop().await;

    for (number, refusal) in [Refusal::InVersion5, Refusal::InVersion311, Refusal::Silent]
        .into_iter()
        .enumerate()
    {
        let (address, task) = older(&broker, refusal).await;
        let mut subscriber = Subscriber::start(&broker, "homeiq/ai-automation/#")
            .await
            .unwrap();
        let service = house
            .service(&[("MQTT_BROKER", &address.to_string())])
            .await;
        mqtt_is(&service, "connected").await;
        service.analyse().await;
        subscriber
            .wait_for("the end of the run", SOON, |_| true)
            .await
            .unwrap_or_else(|error| panic!("{refusal:?}: {error:#}"));
        service.stop().await;
        logged(&broker, "(p2, c1, k30)", number + 1).await;
        task.abort();
    }
    // One name for all of them, and no password or address in it.
    let log = broker.log();
    let names: std::collections::BTreeSet<&str> = log
        .split_whitespace()
        .filter(|word| word.starts_with("homeiq-ai-pattern-service-"))
        .map(|word| word.trim_end_matches([',', '.']))
        .collect();
    assert_eq!(names.len(), 1, "{names:?}");
    house.data_api.stop().await;
}
