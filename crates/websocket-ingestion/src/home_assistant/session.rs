//! One connection to Home Assistant, from the handshake to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::instant::UtcMicros;
use futures_util::{SinkExt, Stream, StreamExt};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use super::calls::{CallFailed, Calls};
use super::frame::{Event, Kind, Unreadable, messages};
use super::handshake::{self, Step};
use super::registry_watch::{self, RegistryWatch};
use crate::app::Shared;
use crate::lines::{Line, Lines};
use crate::sink::{Loss, Sink};
use crate::status::LinkState;
use crate::{backfill, house, normalize};

/// Largest message that is taken: answers about large homes have tens of megabytes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024 * 1024;

/// How long the history waits for data-api to know who has which id now.
const IDS_WITHIN: Duration = Duration::from_secs(60);

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It never came about.
    NotConnected(String),
    /// The token is not accepted.
    Refused(String),
    /// It broke, or Home Assistant closed it.
    Lost(String),
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
        registry: RegistryWatch::default(),
    };
    let end = tokio::select! {
        end = read(reader, shared, &calls, &line) => end,
        end = conduct(shared, &calls, &line) => end,
    };
    calls.close().await;
    end
}

/// What the parts of a connection tell each other.
struct Connection {
    /// Home Assistant has not finished starting: changes are no habits of people.
    starting: AtomicBool,
    /// What is heard of the registries.
    registry: RegistryWatch,
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
                return End::Lost(format!("Home Assistant closed the connection{reason}"));
            }
            Err(error) => return End::Lost(error.to_string()),
        };
        let now = shared.clock.now();
        shared.status.alive(now);
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
                    if unreadable == 1 {
                        tracing::warn!(%error, "a message of Home Assistant cannot be read and was left out; more are counted only");
                    }
                }
            }
        }
        changes.hand_on(shared, now);
    }
    End::Lost("the connection ended".to_owned())
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
        if registry_watch::EVENTS.contains(&event.event_type.as_ref()) {
            line.registry.heard(&event);
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
            let line = Line::of(&change).map_err(|error| error.to_string())?;
            shared.live.publish(&change, &line);
            Ok(Some(line))
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
        return End::Lost(format!("cannot subscribe: {error}"));
    }
    tokio::select! {
        end = ping(shared, calls) => end,
        error = line.registry.keep(shared, calls) => End::Lost(format!("cannot read the registries: {error}")),
        end = fill(shared, calls, line) => end,
        never = house::read_states(shared, calls) => match never {},
    }
}

async fn subscribe(shared: &Shared, calls: &Calls, line: &Connection) -> Result<(), CallFailed> {
    let coalesce = json!({"type": "supported_features", "features": {"coalesce_messages": 1}});
    match calls.call(coalesce).await {
        // Versions that do not know it send one message a frame.
        Ok(_) | Err(CallFailed::Refused(_)) => {}
        Err(error) => return Err(error),
    }
    line.starting
        .store(!is_running(calls).await?, Ordering::Relaxed);
    calls
        .call(json!({"type": "subscribe_events", "event_type": "state_changed"}))
        .await?;
    let now = shared.clock.now();
    shared.status.subscribed(now);
    shared.health.restore(super::PART);
    shared.gaps.reconnected(now);
    for event_type in registry_watch::EVENTS {
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
        if let Err(error) = calls
            .call_within(json!({"type": "ping"}), timing.pong_within)
            .await
        {
            return End::Lost(format!("no answer to a ping: {error}"));
        }
    }
}

/// Once Home Assistant runs, reads from its history what was missed.
async fn fill(shared: &Shared, calls: &Calls, line: &Connection) -> End {
    while line.starting.load(Ordering::Relaxed) {
        match is_running(calls).await {
            Ok(running) => {
                line.starting.store(!running, Ordering::Relaxed);
                if running {
                    // Lists are complete only of a Home Assistant that runs.
                    line.registry.read_again();
                }
            }
            Err(CallFailed::Disconnected) => return End::Lost("the connection is gone".to_owned()),
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
    // Home Assistant's history has an entity under the id of now, so data-api must know that first.
    line.registry.known(IDS_WITHIN).await;
    if let Err(error) = backfill::run(shared, calls).await {
        tracing::warn!(%error, "the history cannot be read; what was missed stays a gap");
    }
    std::future::pending().await
}
