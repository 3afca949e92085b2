//! Keeps a connection to the broker, for ever, in the background.

use std::time::{Duration, Instant};

use common::health::Health;
use common::lifecycle::Failure;
use common::retry::RetryPolicy;
use rumqttc::{LastWill, MqttOptions, QoS};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::notify::bridge::Bridge;
use crate::notify::broker::{Broker, Scheme};
use crate::notify::connection::{self, End};
use crate::notify::message::OFFLINE;
use crate::notify::outbox::Outbox;
use crate::notify::topics::Topic;

/// The part of the service's health that this is.
const PART: &str = "mqtt";
/// A broker that refuses a password is not asked again soon: it may count the failures.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);
/// A connection that lasted this long was a good one: the next wait begins small again.
const GOOD_CONNECTION: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Larger than any payload of ours.
const MAX_PACKET_BYTES: usize = 256 * 1024;

/// The link to one broker.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where it is.
    pub(crate) broker: Broker,
    /// Name of this client, different from every other's.
    pub(crate) client_id: String,
    /// What there is to say.
    pub(crate) outbox: Outbox,
    /// Where troubles are shown.
    pub(crate) health: Health,
}

impl Session {
    /// Connects, says what there is to say, and connects again after every loss, until told to stop.
    pub(crate) async fn keep(self, stop: CancellationToken) -> Result<(), Failure> {
        let mut delay = RetryPolicy::PEER.start();
        self.health
            .degrade(PART, format!("connecting to {}", self.broker));
        loop {
            let begun = Instant::now();
            let end = self.connect(&stop).await;
            metrics::gauge!("homeiq_mqtt_connected").set(0.0);
            if begun.elapsed() >= GOOD_CONNECTION {
                delay.reset();
            }
            let wait = match end {
                End::SaidGoodbye => return Ok(()),
                End::Refused(reason) => {
                    self.lost(&reason);
                    AFTER_REFUSAL + delay.next_wait()
                }
                End::Lost(reason) => {
                    self.lost(&reason);
                    delay.next_wait()
                }
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn lost(&self, reason: &str) {
        if self.health.degrade(
            PART,
            format!("no connection to the broker at {}: {reason}", self.broker),
        ) {
            tracing::warn!(
                broker = %self.broker,
                waiting = self.outbox.waiting(),
                "no connection to the broker: {reason}. Messages wait; it is tried again and again"
            );
        }
    }

    async fn connect(&self, stop: &CancellationToken) -> End {
        let bridge = match self.broker.scheme {
            Scheme::Mqtt => None,
            Scheme::Mqtts => match Bridge::new(&self.broker) {
                Ok(bridge) => Some(bridge),
                Err(reason) => return End::Lost(reason),
            },
        };
        let options = match self.options(bridge.as_ref()) {
            Ok(options) => options,
            Err(reason) => return End::Lost(reason),
        };
        let begun = || {
            self.health.restore(PART);
            metrics::gauge!("homeiq_mqtt_connected").set(1.0);
            tracing::info!(broker = %self.broker, "connected to the broker");
        };
        let wire = bridge.map(Bridge::carry);
        connection::run(options, wire, &self.outbox, begun, stop).await
    }

    fn options(&self, bridge: Option<&Bridge>) -> Result<MqttOptions, String> {
        let mut options = match bridge {
            None => MqttOptions::new(
                &self.client_id,
                self.broker.host_in_address(),
                self.broker.port,
            ),
            Some(bridge) => bridge.options(&self.client_id),
        };
        options.set_keep_alive(KEEP_ALIVE);
        options.set_clean_session(true);
        options.set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        let status = Topic::Status;
        options.set_last_will(LastWill::new(
            status.as_str(),
            OFFLINE,
            QoS::AtLeastOnce,
            status.is_retained(),
        ));
        let password = match &self.broker.password {
            Some(secret) => secret.current()?,
            None => None,
        };
        if self.broker.user.is_some() || password.is_some() {
            let password = password
                .as_ref()
                .map_or("", |password| password.expose_secret());
            options.set_credentials(self.broker.user.clone().unwrap_or_default(), password);
        }
        Ok(options)
    }
}
