//! A broker behind TLS, with a certificate that is made for the test.

use std::path::Path;
use std::process::Command;

use test_support::{Broker, eventually, free_port};

use crate::broker::{logged, reason};
use crate::house::{House, SOON, mqtt_is};

fn openssl(folder: &Path, line: &str) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(line.split(' '))
        .output();
    let output = output.expect(
        "openssl is not installed, and this test needs it; run: apt-get install --yes openssl",
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An authority, and a certificate for localhost that it signed.
fn certificates(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-authority -keyout ca.key -out ca.pem",
    );
    openssl(
        folder,
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
    );
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost").expect("a file");
    openssl(
        folder,
        "x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out server.pem",
    );
}

#[tokio::test]
async fn connects_over_tls_and_refuses_a_broker_that_nobody_vouches_for() {
    let house = House::new().await;
    let folder = house.folder.path();
    certificates(folder);
    let port = free_port().unwrap();
    let shown = folder.display();
    let lines = format!(
        "listener {port} 127.0.0.1\ncertfile {shown}/server.pem\nkeyfile {shown}/server.key"
    );
    let broker = Broker::options().with_line(&lines).start().await.unwrap();
    let address = format!("mqtts://localhost:{port}");

    let authority = format!("{shown}/ca.pem");
    let service = house
        .service(&[("MQTT_BROKER", &address), ("MQTT_CA_FILE", &authority)])
        .await;
    mqtt_is(&service, "connected").await;
    service.stop().await;
    logged(
        &broker,
        "Received DISCONNECT from homeiq-ai-pattern-service",
        1,
    )
    .await;

    let service = house.service(&[("MQTT_BROKER", &address)]).await;
    let health = eventually("the refusal", SOON, async || {
        let health = service.get("/health").await;
        reason(&health).contains("TLS").then_some(health)
    })
    .await
    .unwrap();
    assert!(reason(&health).contains("certificate"), "{health}");
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn shows_its_own_certificate_to_a_broker_that_asks_for_one() {
    let house = House::new().await;
    let folder = house.folder.path();
    certificates(folder);
    let port = free_port().unwrap();
    let shown = folder.display();
    let lines = format!(
        "listener {port} 127.0.0.1\ncertfile {shown}/server.pem\nkeyfile {shown}/server.key\n\
         cafile {shown}/ca.pem\nrequire_certificate true"
    );
    let broker = Broker::options().with_line(&lines).start().await.unwrap();
    let address = format!("mqtts://localhost:{port}");
    let authority = format!("{shown}/ca.pem");
    let trusting = [
        ("MQTT_BROKER", address.as_str()),
        ("MQTT_CA_FILE", &authority),
    ];

    let service = house.service(&trusting).await;
    eventually("the refusal", SOON, async || {
        let health = service.get("/health").await;
        (reason(&health).contains("no connection")).then_some(())
    })
    .await
    .unwrap();
    service.stop().await;

    let (certificate, key) = (format!("{shown}/server.pem"), format!("{shown}/server.key"));
    let own = [
        ("MQTT_CERT_FILE", certificate.as_str()),
        ("MQTT_KEY_FILE", &key),
    ];
    let service = house.service(&[trusting, own].concat()).await;
    mqtt_is(&service, "connected").await;
    service.stop().await;
    drop(broker);
    house.data_api.stop().await;
}
