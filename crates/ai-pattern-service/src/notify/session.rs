//! Keeps a connection to the broker, for ever, in the background.

use std::time::{Duration, Instant};

use common::clock::Clock;
use common::health::Health;
use common::lifecycle::Failure;
use common::retry::RetryPolicy;
use secrecy::ExposeSecret;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::bridge::Bridge;
use super::broker::Broker;
use super::client::{Dial, End, Version};
use super::commands::Said;
use super::connection::{self, Place};
use super::message::{OFFLINE, SERVICE};
use super::topics::Topic;
use crate::store::Store;

/// The part of the service's health that this is.
const PART: &str = "mqtt";
/// A broker that refuses a password is not asked again soon: it may count the failures.
const AFTER_REFUSAL: Duration = Duration::from_secs(60);
/// A connection that lasted this long was a good one: the next wait begins small again.
const GOOD_CONNECTION: Duration = Duration::from_secs(10);

/// The link to one broker.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where it is.
    pub(crate) broker: Broker,
    /// The id of this installation.
    pub(crate) install_id: String,
    /// Home Assistant's prefix of discovery.
    pub(crate) prefix: String,
    /// What there is to say.
    pub(crate) store: Store,
    /// Who acts on what is heard.
    pub(crate) heard: mpsc::Sender<Said>,
    /// The time.
    pub(crate) clock: Clock,
    /// Where troubles are shown.
    pub(crate) health: Health,
}

impl Session {
    /// Connects, says what there is to say, and connects again after every loss, until told to stop.
    pub(crate) async fn keep(self, stop: CancellationToken) -> Result<(), Failure> {
        let filters = Topic::filters(&self.prefix);
        let place = Place {
            store: &self.store,
            clock: &self.clock,
            health: &self.health,
            filters: &filters,
            heard: &self.heard,
            stop: &stop,
        };
        let mut delay = RetryPolicy::PEER.start();
        let mut version = Version::V5;
        // The broker said itself that it does not speak MQTT 5: it is not asked again.
        let mut is_certain = false;
        self.health
            .degrade(PART, format!("connecting to {}", self.broker));
        loop {
            let begun = Instant::now();
            let end = Box::pin(self.connect(version, &place)).await;
            metrics::gauge!("homeiq_mqtt_connected").set(0.0);
            if begun.elapsed() >= GOOD_CONNECTION {
                delay.reset();
            }
            let next_version = match (&end, is_certain) {
                (End::OtherVersion(_), _) => Version::V311,
                (_, true) => version,
                (_, false) => Version::V5,
            };
            let wait = match end {
                End::SaidGoodbye => return Ok(()),
                End::OtherVersion(certain) if version == Version::V5 => {
                    is_certain = certain;
                    tracing::info!(broker = %self.broker, "the broker does not speak MQTT 5: MQTT 3.1.1 is tried");
                    // Not at once: it may also have cut us off.
                    delay.next_wait().min(Duration::from_millis(500))
                }
                End::OtherVersion(_) => {
                    self.lost("it speaks neither MQTT 5 nor MQTT 3.1.1").await;
                    delay.next_wait()
                }
                End::Refused(reason) => {
                    self.lost(&reason).await;
                    AFTER_REFUSAL + delay.next_wait()
                }
                End::Lost(reason) => {
                    self.lost(&reason).await;
                    delay.next_wait()
                }
            };
            version = next_version;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn lost(&self, reason: &str) {
        let text = format!("no connection to the broker at {}: {reason}", self.broker);
        if self.health.degrade(PART, text) {
            let waiting = self.store.waiting_count().await.unwrap_or_default();
            tracing::warn!(
                broker = %self.broker,
                waiting,
                "no connection to the broker: {reason}. Messages wait; it is tried again and again"
            );
        }
    }

    async fn connect(&self, version: Version, place: &Place<'_>) -> End {
        let bridge = if self.broker.scheme.is_plain() {
            None
        } else {
            match Bridge::new(&self.broker) {
                Ok(bridge) => Some(bridge),
                Err(reason) => return End::Lost(reason),
            }
        };
        let dial = match self.dial(bridge.as_ref()) {
            Ok(dial) => dial,
            Err(reason) => return End::Lost(reason),
        };
        let begun = || {
            self.health.restore(PART);
            metrics::gauge!("homeiq_mqtt_connected").set(1.0);
            tracing::info!(broker = %self.broker, version = version.as_str(), "connected to the broker");
        };
        let wire = bridge.map(Bridge::carry);
        Box::pin(connection::run(&dial, version, wire, place, begun)).await
    }

    fn dial(&self, bridge: Option<&Bridge>) -> Result<Dial, String> {
        let password = match &self.broker.password {
            Some(secret) => secret.current()?,
            None => None,
        };
        let login = (self.broker.user.is_some() || password.is_some()).then(|| {
            let password = password
                .as_ref()
                .map_or("", |password| password.expose_secret());
            (
                self.broker.user.clone().unwrap_or_default(),
                password.to_owned(),
            )
        });
        Ok(Dial {
            place: bridge.map_or_else(|| self.broker.host_in_address(), Bridge::socket),
            // That of a socket is not used, but must not be 0.
            port: self.broker.port,
            is_socket: bridge.is_some(),
            client_id: format!("homeiq-{SERVICE}-{}", self.install_id),
            login,
            will: (Topic::Status(SERVICE.to_owned()).to_string(), OFFLINE),
        })
    }
}
