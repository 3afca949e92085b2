//! An MQTT client that only listens.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, SubscribeReasonCode};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::Broker;

/// Until the broker has confirmed the subscription.
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(10);
/// Between two attempts to reach a broker that is away.
const PAUSE: Duration = Duration::from_millis(50);
/// A test that gets more than this is not about single messages; the reader stops there.
const MAX_MESSAGES: usize = 100_000;
const MAX_PACKET_BYTES: usize = 4 * 1024 * 1024;

/// A message as it came from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it was published.
    pub topic: String,
    /// The body, which has to be UTF-8 (what is not, is replaced).
    pub payload: String,
    /// Whether the broker had kept it from before the subscription.
    pub retained: bool,
    /// The quality of service it was delivered with: 0, 1 or 2.
    pub qos: u8,
}

/// Keeps every message of a topic filter, and waits for one that fits.
///
/// It comes back after the broker was restarted, as real subscribers do.
#[derive(Debug)]
pub struct Subscriber {
    seen: watch::Receiver<Reading>,
    reader: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Reading {
    /// How often the broker has confirmed the subscription.
    subscriptions: usize,
    refused: Option<String>,
    messages: Vec<Message>,
}

impl Subscriber {
    /// Subscribes to `filter` (QoS 1) and returns once the broker has confirmed it.
    ///
    /// # Errors
    /// When the broker refuses or is not there in time.
    pub async fn start(broker: &Broker, filter: &str) -> anyhow::Result<Self> {
        Self::start_at(broker.host(), broker.port(), None, filter).await
    }

    /// The same for a broker that is not a [`Broker`], or that wants a name and a password.
    ///
    /// # Errors
    /// When the broker refuses or is not there in time.
    pub async fn start_at(
        host: &str,
        port: u16,
        user: Option<(&str, &str)>,
        filter: &str,
    ) -> anyhow::Result<Self> {
        let mut options = MqttOptions::new(format!("subscriber-{}", unique()), host, port);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        if let Some((name, password)) = user {
            options.set_credentials(name, password);
        }
        let (client, events) = AsyncClient::new(options, 16);
        let (told, mut seen) = watch::channel(Reading::default());
        #[expect(
            clippy::disallowed_methods,
            reason = "owned and aborted by the subscriber"
        )]
        let reader = tokio::spawn(read(client, events, filter.to_owned(), told));
        let confirmed = timeout(
            SUBSCRIBED_WITHIN,
            seen.wait_for(|reading| reading.subscriptions > 0 || reading.refused.is_some()),
        )
        .await
        .with_context(|| format!("{host}:{port} did not confirm the subscription to {filter}"))?
        .context("the reader ended")?;
        if let Some(reason) = &confirmed.refused {
            bail!("{host}:{port} refused: {reason}");
        }
        drop(confirmed);
        Ok(Self { seen, reader })
    }

    /// All messages so far, in the order of their arrival.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.seen.borrow().messages.clone()
    }

    /// How often the broker has confirmed the subscription: 2 after it came back once.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.seen.borrow().subscriptions
    }

    /// The first message that fits, at once if it is here already.
    ///
    /// # Errors
    /// When the deadline passes first; the error lists what did arrive.
    pub async fn wait_for(
        &mut self,
        what: &str,
        deadline: Duration,
        mut fits: impl FnMut(&Message) -> bool,
    ) -> anyhow::Result<Message> {
        let mut found = None;
        let waited = timeout(
            deadline,
            self.seen.wait_for(|reading| {
                found = reading
                    .messages
                    .iter()
                    .find(|message| fits(message))
                    .cloned();
                found.is_some()
            }),
        )
        .await
        .map(|ended| ended.is_ok());
        match (waited, found) {
            (Ok(true), Some(message)) => Ok(message),
            (Ok(_), _) => bail!(
                "the subscriber stopped while waiting for {what}: {}",
                self.digest()
            ),
            (Err(_), _) => bail!("waited {deadline:?} for {what}, in vain; {}", self.digest()),
        }
    }

    fn digest(&self) -> String {
        let messages = self.messages();
        let mut text = format!("{} messages arrived", messages.len());
        for message in messages.iter().rev().take(10).rev() {
            let head: String = message.payload.chars().take(200).collect();
            write!(text, "\n  {} {head}", message.topic).expect("a String takes any text");
        }
        text
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(
    client: AsyncClient,
    mut events: EventLoop,
    filter: String,
    told: watch::Sender<Reading>,
) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                if client
                    .try_subscribe(filter.clone(), QoS::AtLeastOnce)
                    .is_err()
                {
                    return;
                }
            }
            Ok(Event::Incoming(Packet::SubAck(ack))) => told.send_modify(|reading| {
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                    reading.refused = Some(format!("subscription to {filter}"));
                } else {
                    reading.subscriptions += 1;
                }
            }),
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let message = Message {
                    topic: publish.topic.clone(),
                    payload: String::from_utf8_lossy(&publish.payload).into_owned(),
                    retained: publish.retain,
                    qos: publish.qos as u8,
                };
                told.send_modify(|reading| reading.messages.push(message));
                if told.borrow().messages.len() >= MAX_MESSAGES {
                    return;
                }
            }
            Ok(_) => {}
            Err(rumqttc::ConnectionError::ConnectionRefused(code)) => {
                told.send_modify(|reading| reading.refused = Some(format!("{code:?}")));
                return;
            }
            // The event loop itself never waits between two attempts.
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// A client id of its own: a broker cuts off the older of two clients with the same one.
fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}
