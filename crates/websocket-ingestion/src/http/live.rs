//! `/ws`: the documented messages, and channels on which clients are sent what happens.

mod limit;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use common::http::problem::Problem;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::line::{self, Line, Over, Turn};
use super::status;
use crate::app::Shared;
use crate::live::{Came, Subscription};
use limit::RateLimit;

/// Largest message of a client that is looked at, in bytes.
const MAX_MESSAGE_BYTES: usize = 65_536;
/// Names that clients may subscribe to.
const CHANNELS: [&str; 2] = ["events", "status"];

/// A conversation by WebSocket: `ping`, `subscribe` and `unsubscribe` with the channels `events` and `status`.
#[utoipa::path(get, path = "/ws", tag = "live",
    responses((status = 101, description = "The conversation begins"), (status = 403, description = "A page of an origin that is not in CORS_ORIGINS"),
        (status = 426, description = "Not a WebSocket")))]
pub(super) async fn open(
    State(shared): State<Shared>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    line::open(&shared, &headers, upgrade, converse)
}

async fn converse(shared: Shared, line: Line) {
    let limit = RateLimit::new(
        shared.config.client_messages,
        shared.config.client_messages_window,
    );
    let mut conversation = Conversation {
        shared: shared.clone(),
        line,
        limit,
        events: None,
        status: None,
    };
    let Err(over) = conversation.hold().await;
    conversation.line.end(&shared, over).await;
}

struct Conversation {
    shared: Shared,
    line: Line,
    limit: RateLimit,
    events: Option<Subscription>,
    status: Option<watch::Receiver<Utf8Bytes>>,
}

enum News {
    Events(Came),
    Status(Utf8Bytes),
}

impl Conversation {
    async fn hold(&mut self) -> Result<std::convert::Infallible, Over> {
        let greeting = json!({"type": "connection", "status": "connected",
            "message": "Connected to HA Ingestor WebSocket", "correlation_id": self.line.correlation_id});
        self.line.say(&greeting).await?;
        loop {
            let news = next(&mut self.events, &mut self.status);
            match self.line.turn(&self.shared, news).await? {
                Turn::Heard(message) => self.hear(message).await?,
                Turn::Came(News::Status(message)) => self.line.send(vec![message]).await?,
                Turn::Came(News::Events(Came::Overflow(dropped))) => {
                    return Err(Over::Slow(dropped));
                }
                Turn::Came(News::Events(Came::Messages(messages))) => {
                    let sent = self.line.send(messages).await;
                    // What still waits will not reach the client either.
                    sent.map_err(|over| match over {
                        Over::Slow(unsent) => Over::Slow(unsent + self.behind()),
                        other => other,
                    })?;
                }
            }
        }
    }

    fn behind(&self) -> u64 {
        self.events.as_ref().map_or(0, Subscription::behind)
    }

    /// Answers a message; whatever it is, the conversation goes on.
    async fn hear(&mut self, message: Message) -> Result<(), Over> {
        let bytes = message.into_data();
        let answers = match self.read(&bytes) {
            Ok(fields) => self.answer(&fields),
            Err(problem) => vec![self.line.error(&problem)],
        };
        let texts = answers.iter().map(|answer| answer.to_string().into());
        self.line.send(texts.collect()).await
    }

    /// What the message says, or the documented words on what is wrong with it.
    fn read(&mut self, bytes: &[u8]) -> Result<Map<String, Value>, String> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(format!(
                "Message size ({} bytes) exceeds maximum allowed size ({MAX_MESSAGE_BYTES} bytes)",
                bytes.len()
            ));
        }
        if !self.limit.allows() {
            return Err(format!("Rate limit exceeded: {}", self.limit));
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err("Message must be a JSON object".to_owned()),
            Err(error) => Err(format!("Invalid JSON format: {error}")),
        }
    }

    fn answer(&mut self, fields: &Map<String, Value>) -> Vec<Value> {
        let id = self.line.correlation_id.clone();
        match fields.get("type").and_then(Value::as_str) {
            Some("ping") => vec![
                json!({"type": "pong", "timestamp": self.shared.clock.now(), "correlation_id": id}),
            ],
            Some(kind @ ("subscribe" | "unsubscribe")) => {
                let wants = kind == "subscribe";
                let channels = match channels(fields) {
                    Ok(channels) => channels,
                    Err(problem) => return vec![self.line.error(&problem)],
                };
                let mut answers = vec![
                    json!({"type": "subscription", "status": format!("{kind}d"), "channels": channels, "correlation_id": id}),
                ];
                answers.extend(
                    channels
                        .into_iter()
                        .filter_map(|channel| self.turn_on(channel, wants)),
                );
                answers
            }
            _ => vec![json!({"type": "echo", "original": fields, "correlation_id": id})],
        }
    }

    /// Begins or ends a channel. Returns what is to be said at once.
    fn turn_on(&mut self, channel: &str, wants: bool) -> Option<Value> {
        match (channel, wants) {
            ("events", true) if self.events.is_none() => {
                self.events = Some(self.shared.live.events.subscribe());
            }
            ("events", false) => self.events = None,
            ("status", true) if self.status.is_none() => {
                self.status = Some(self.shared.live.pulse.subscribe());
                return Some(status::message(&self.shared));
            }
            ("status", false) => self.status = None,
            _ => {}
        }
        None
    }
}

/// The channels that a message names.
fn channels(fields: &Map<String, Value>) -> Result<Vec<&'static str>, String> {
    let known = CHANNELS.join(", ");
    let named = match fields.get("channels") {
        None => &Vec::new(),
        Some(Value::Array(named)) => named,
        Some(_) => {
            return Err(format!(
                "channels must be a list of names; the channels are: {known}"
            ));
        }
    };
    let mut channels = Vec::new();
    for name in named {
        let channel = CHANNELS.into_iter().find(|channel| name == channel);
        let shown: String = name.to_string().chars().take(80).collect();
        let channel =
            channel.ok_or_else(|| format!("Unknown channel {shown}; the channels are: {known}"))?;
        if !channels.contains(&channel) {
            channels.push(channel);
        }
    }
    Ok(channels)
}

/// The next news of the channels that are on. Giving it up loses nothing.
async fn next(
    events: &mut Option<Subscription>,
    status: &mut Option<watch::Receiver<Utf8Bytes>>,
) -> News {
    let next_event = async {
        match events {
            Some(events) => events.next().await,
            None => std::future::pending().await,
        }
    };
    let next_status = async {
        match status {
            // The sender lives as long as the service.
            Some(status) => match status.changed().await {
                Ok(()) => status.borrow_and_update().clone(),
                Err(_) => std::future::pending().await,
            },
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        came = next_event => News::Events(came),
        status = next_status => News::Status(status),
    }
}
