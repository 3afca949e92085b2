//! Says one thing over MQTT, with mosquitto's own client.

use std::process::Stdio;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use crate::Broker;

/// Publishes one message (QoS 1) and returns when the broker has acknowledged it. An empty payload clears a retained topic.
///
/// # Errors
/// When mosquitto's clients are not installed, or the broker does not take it.
pub async fn publish(
    broker: &Broker,
    topic: &str,
    payload: &str,
    retained: bool,
) -> anyhow::Result<()> {
    let mut command = Command::new("mosquitto_pub");
    command
        .args(["-h", broker.host(), "-p", &broker.port().to_string()])
        .args(["-q", "1", "-t", topic, "-m", payload])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if retained {
        command.arg("-r");
    }
    let output = command
        .output()
        .await
        .context("mosquitto_pub is not installed, and this test needs it; run: apt-get install --yes mosquitto-clients")?;
    ensure!(
        output.status.success(),
        "mosquitto_pub {topic}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
