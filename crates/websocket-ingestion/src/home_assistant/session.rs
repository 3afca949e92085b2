//! One connection to Home Assistant, from the handshake to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::instant::UtcMicros;
use futures_util::{SinkExt, Stream, StreamExt};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use super::calls::{CallFailed, Calls};
use super::frame::{Event, Kind, Unreadable, messages};
use super::handshake::{self, Step};
use crate::app::Shared;
use crate::lines::{Line, Lines};
use crate::sink::{Loss, Sink};
use crate::status::LinkState;
use crate::{backfill, normalize, registry};

/// Largest message that is taken: answers about large homes have tens of megabytes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024 * 1024;

/// After these the registries are read again.
const REGISTRY_EVENTS: [&str; 5] = [
    "device_registry_updated",
    "entity_registry_updated",
    "area_registry_updated",
    "service_registered",
    "service_removed",
];

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It never came about.
    NotConnected(String),
    /// The token is not accepted.
    Refused(String),
    /// It broke, or Home Assistant closed it: the reason that is counted, and what to tell.
    Lost(&'static str, String),
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Connects, listens, and returns when the connection is over.
pub(crate) async fn run(shared: &Shared, url: &Url, token: &SecretString) -> End {
    shared.status.state(LinkState::Connecting);
    let (socket, version) = match open(shared, url, token).await {
        Ok(opened) => opened,
        Err(end) => return end,
    };
    shared.status.connected(&version, shared.clock.now());
    tracing::info!(%url, version, "connected to Home Assistant");
    let (writer, reader) = socket.split();
    let calls = Calls::new(writer, shared.config.timing.command);
    let line = Connection {
        starting: AtomicBool::new(true),
        registry_changed: Notify::new(),
    };
    let end = tokio::select! {
        end = read(reader, shared, &calls, &line) => end,
        end = conduct(shared, &calls, &line) => end,
    };
    shared.status.starting(false);
    calls.close().await;
    end
}

/// What the parts of a connection tell each other.
struct Connection {
    /// Home Assistant has not finished starting: changes are no habits of people.
    starting: AtomicBool,
    /// A device, entity or area changed.
    registry_changed: Notify,
}

impl Connection {
    fn set_starting(&self, shared: &Shared, starting: bool) {
        self.starting.store(starting, Ordering::Relaxed);
        shared.status.starting(starting);
    }
}

async fn open(shared: &Shared, url: &Url, token: &SecretString) -> Result<(Socket, String), End> {
    let patience = shared.config.timing.handshake;
    let late = |what: &str| End::NotConnected(format!("{what} took more than {patience:?}"));
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let connecting = connect_async_with_config(url.as_str(), Some(limits), true);
    let (mut socket, _) = tokio::time::timeout(patience, connecting)
        .await
        .map_err(|_| late("connecting"))?
        .map_err(|error| End::NotConnected(explain(&error)))?;
    shared.status.state(LinkState::Authenticating);
    loop {
        let frame = tokio::time::timeout(patience, socket.next())
            .await
            .map_err(|_| late("the handshake"))?;
        let text = match frame {
            Some(Ok(Frame::Text(text))) => text,
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => continue,
            Some(Ok(Frame::Close(_) | Frame::Binary(_) | Frame::Frame(_))) | None => {
                return Err(End::NotConnected(
                    "Home Assistant closed the connection before the handshake was over".to_owned(),
                ));
            }
            Some(Err(error)) => return Err(End::NotConnected(explain(&error))),
        };
        match handshake::step(text.as_str(), token) {
            Step::Send(auth) => {
                socket
                    .send(Frame::text(auth))
                    .await
                    .map_err(|error| End::NotConnected(explain(&error)))?;
            }
            Step::Accepted(version) => return Ok((socket, version)),
            Step::Refused(reason) => return Err(End::Refused(reason)),
            Step::Unexpected(text) => {
                return Err(End::NotConnected(format!(
                    "this is not Home Assistant's WebSocket API: it said '{text}'"
                )));
            }
        }
    }
}

fn explain(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Http(response) => {
            format!(
                "the address answered HTTP {}: is it Home Assistant's?",
                response.status()
            )
        }
        other => other.to_string(),
    }
}

/// Reads frames as they come. Waits for nothing but the socket: Home Assistant drops clients that do not keep up.
async fn read<S>(mut reader: S, shared: &Shared, calls: &Calls, line: &Connection) -> End
where
    S: Stream<Item = Result<Frame, tungstenite::Error>> + Unpin,
{
    let mut unreadable = 0_u64;
    while let Some(frame) = reader.next().await {
        let text = match frame {
            Ok(Frame::Text(text)) => text,
            Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Binary(_) | Frame::Frame(_)) => continue,
            Ok(Frame::Close(reason)) => {
                let reason = reason.map_or_else(String::new, |close| {
                    format!(" ({}: {})", close.code, close.reason)
                });
                // It says no more when it stops, when the token was revoked, and when we did not keep up.
                let told = format!("Home Assistant closed the connection{reason}");
                return End::Lost("closed", told);
            }
            Err(error) => return End::Lost("lost", error.to_string()),
        };
        let now = shared.clock.now();
        let before = shared.status.alive(now);
        let mut changes = Changes::default();
        for message in messages(text.as_str()) {
            match message {
                Ok(message) if message.kind == Kind::Event => {
                    if let Some(event) = message.event {
                        take(event, shared, line, now, &mut changes);
                    }
                }
                Ok(message) => calls.answer(&message),
                Err(Unreadable::Event(error)) => {
                    shared.status.dropped("invalid", 1);
                    tracing::debug!(%error, "an event cannot be stored");
                }
                Err(Unreadable::Message(error)) => {
                    unreadable += 1;
                    shared.status.dropped("unreadable", 1);
                    shared.gaps.unreadable(before.unwrap_or(now), now);
                    if unreadable == 1 {
                        tracing::warn!(%error, "a message of Home Assistant cannot be read and was left out; what it may have told is read from the history; more are counted only");
                    }
                }
            }
        }
        changes.hand_on(shared, now);
    }
    End::Lost("lost", "the connection ended".to_owned())
}

/// The end of a connection on which a command failed.
fn failed(what: &str, error: &CallFailed) -> End {
    let reason = match error {
        CallFailed::Timeout(_) => "no_answer",
        CallFailed::Disconnected => "lost",
        CallFailed::Refused(_) | CallFailed::Unreadable(_) => "refused",
    };
    End::Lost(reason, format!("{what}: {error}"))
}

/// The state changes of one frame.
#[derive(Debug, Default)]
struct Changes {
    received: u64,
    filtered: u64,
    lines: Vec<Line>,
}

impl Changes {
    fn hand_on(self, shared: &Shared, now: UtcMicros) {
        shared.status.received("state_changed", self.received, now);
        shared.status.dropped("filtered", self.filtered);
        let dropped: Lines = shared.buffer.push(self.lines).iter().collect();
        if !dropped.is_empty() {
            let (events, span) = (dropped.len() as u64, dropped.span());
            shared.sink.lost(Loss::BufferFull, events, span);
        }
    }
}

fn take(
    event: Event<'_>,
    shared: &Shared,
    line: &Connection,
    now: UtcMicros,
    changes: &mut Changes,
) {
    if event.event_type != "state_changed" {
        shared.status.received(&event.event_type, 1, now);
        if REGISTRY_EVENTS.contains(&event.event_type.as_ref()) {
            line.registry_changed.notify_one();
        }
        return;
    }
    changes.received += 1;
    let written = normalize::state_change(event, line.starting.load(Ordering::Relaxed))
        .map_err(|error| error.to_string())
        .and_then(|mut change| {
            shared.enrichment.place(&mut change);
            if !shared.filter.keeps(&change) {
                changes.filtered += 1;
                return Ok(None);
            }
            Line::of(&change)
                .map(Some)
                .map_err(|error| error.to_string())
        });
    match written {
        Ok(line) => changes.lines.extend(line),
        Err(error) => {
            shared.status.dropped("invalid", 1);
            tracing::debug!(error, "a state change cannot be stored");
        }
    }
}

#[derive(Deserialize)]
struct HomeConfig {
    #[serde(default)]
    state: Option<String>,
}

/// Says what we want, keeps the connection alive, and fetches what does not come by itself.
async fn conduct(shared: &Shared, calls: &Calls, line: &Connection) -> End {
    if let Err(error) = subscribe(shared, calls, line).await {
        return failed("cannot subscribe", &error);
    }
    tokio::select! {
        end = ping(shared, calls) => end,
        end = keep_registry(shared, calls, line) => end,
        end = fill(shared, calls, line) => end,
    }
}

async fn subscribe(shared: &Shared, calls: &Calls, line: &Connection) -> Result<(), CallFailed> {
    let coalesce = json!({"type": "supported_features", "features": {"coalesce_messages": 1}});
    match calls.call(coalesce).await {
        // Versions that do not know it send one message a frame.
        Ok(_) | Err(CallFailed::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    line.set_starting(shared, !is_running(calls).await?);
    calls
        .call(json!({"type": "subscribe_events", "event_type": "state_changed"}))
        .await?;
    let now = shared.clock.now();
    shared.status.subscribed(now);
    shared.status.complete_until(now);
    shared.health.restore(super::PART);
    shared.gaps.reconnected(now);
    for event_type in REGISTRY_EVENTS {
        if let Err(CallFailed::Refused(error)) = calls
            .call(json!({"type": "subscribe_events", "event_type": event_type}))
            .await
        {
            tracing::warn!(event_type, %error, "changes of the registry are seen at the next connection only");
        }
    }
    Ok(())
}

async fn is_running(calls: &Calls) -> Result<bool, CallFailed> {
    let config: HomeConfig =
        serde_json::from_str(calls.call(json!({"type": "get_config"})).await?.get())?;
    Ok(config.state.is_none_or(|state| state == "RUNNING"))
}

/// Asks for an answer again and again: a connection that is only half there shows nowhere else.
async fn ping(shared: &Shared, calls: &Calls) -> End {
    let timing = shared.config.timing;
    loop {
        tokio::time::sleep(timing.ping_every).await;
        let sent = shared.clock.now();
        if let Err(error) = calls
            .call_within(json!({"type": "ping"}), timing.pong_within)
            .await
        {
            return failed("no answer to a ping", &error);
        }
        // The answer waited in line behind every event that was fired before the ping came.
        shared.status.complete_until(sent);
    }
}

/// Reads the registries now and whenever they changed.
async fn keep_registry(shared: &Shared, calls: &Calls, line: &Connection) -> End {
    loop {
        match registry::read(calls).await {
            Ok(read) => {
                shared.enrichment.replace(&read);
                shared
                    .discovery
                    .tell(read.devices.len(), read.entities.len());
                registry::hand_over(shared, &read).await;
            }
            Err(error @ (CallFailed::Disconnected | CallFailed::Timeout(_))) => {
                return failed("cannot read the registries", &error);
            }
            Err(error) => {
                tracing::warn!(%error, "the registries cannot be read; areas and devices stay as they were");
            }
        }
        tokio::select! {
            // Changes come in flocks: one reading for all of them.
            () = line.registry_changed.notified() => tokio::time::sleep(shared.config.timing.registry_debounce).await,
            () = shared.discovery.asked() => {}
        }
    }
}

/// Once Home Assistant runs, reads from its history what was missed.
async fn fill(shared: &Shared, calls: &Calls, line: &Connection) -> End {
    while line.starting.load(Ordering::Relaxed) {
        match is_running(calls).await {
            Ok(running) => line.set_starting(shared, !running),
            Err(error @ CallFailed::Disconnected) => return failed("cannot ask its state", &error),
            Err(error) => {
                tracing::debug!(%error, "Home Assistant does not say whether it has started");
            }
        }
        tokio::time::sleep(if line.starting.load(Ordering::Relaxed) {
            shared.config.timing.startup_poll
        } else {
            Duration::ZERO
        })
        .await;
    }
    // What is stored already says what is missing.
    shared.looked_back.wait().await;
    if let Err(error) = backfill::run(shared, calls).await {
        tracing::warn!(%error, "the history cannot be read; what was missed stays a gap");
    }
    std::future::pending().await
}
