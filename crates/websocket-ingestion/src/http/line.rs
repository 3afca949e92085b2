//! One WebSocket of ours, whatever is said on it: who may open it, how long it waits for its client, how it ends.

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use common::http::correlation;
use common::http::problem::Problem;
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior, timeout};
use url::Url;

use crate::app::Shared;
use crate::live::{LeaveReason, Seat};

/// Largest message that is read at all; the documented limit is smaller and answered with an error.
const MAX_READ_BYTES: usize = 1024 * 1024;
/// Time for the last words to a client.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Pings without any sign of life after which a client is let go of.
const MAX_SILENCE: u32 = 3;

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The client left, or the connection broke.
    Gone,
    /// The client does not take what it is sent; so many messages did not reach it.
    Slow(u64),
    /// The client shows no life.
    Silent,
    /// It sent more than can be read.
    TooLarge,
    /// There is nothing to be had here.
    Unavailable,
    /// There are too many clients.
    Full,
    /// The service stops.
    Closing,
}

/// A client on its WebSocket.
#[derive(Debug)]
pub(super) struct Line {
    socket: WebSocket,
    /// The id that messages to this client bear.
    pub(super) correlation_id: String,
    beat: Interval,
    silent: u32,
    patience: Duration,
    /// Kept for as long as the client is here.
    _seat: Option<Seat>,
}

/// What happened on a line.
#[derive(Debug)]
pub(super) enum Turn<T> {
    /// The client said this.
    Heard(Message),
    /// What was waited for besides came.
    Came(T),
}

/// Lets a client in, if its page may call, and talks with it in a task of its own. Where there is no place for it, it is told so.
pub(super) fn open<F, C>(
    shared: &Shared,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    converse: C,
) -> Result<Response, Problem>
where
    C: FnOnce(Shared, Line) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    check_origin(headers, &shared.config.cors.0)?;
    let upgrade = upgrade
        .map_err(|rejection| Problem::Told(rejection.status(), rejection.body_text()))?
        .max_message_size(MAX_READ_BYTES)
        .max_frame_size(MAX_READ_BYTES);
    let correlation_id =
        correlation::current().unwrap_or_else(|| correlation::new_id(&shared.clock));
    let seat = shared.live.clients.admit();
    let shared = shared.clone();
    Ok(upgrade.on_upgrade(async move |socket| {
        let (clients, is_full) = (shared.clone(), seat.is_none());
        let mut beat = tokio::time::interval(shared.config.timing.client_ping_every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        let line = Line {
            socket,
            correlation_id,
            beat,
            silent: 0,
            patience: shared.config.timing.client_patience,
            _seat: seat,
        };
        let talk = async move {
            if is_full {
                line.end(&shared, Over::Full).await;
            } else {
                converse(shared, line).await;
            }
        };
        clients.live.clients.track(talk).await;
    }))
}

/// Browsers let any page open a WebSocket to any address, so what CORS does for other requests has to be done here.
fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(()); // Not a browser.
    };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let is_own = || {
        let url = Url::parse(origin).ok()?;
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        Some(Some(authority) == host)
    };
    if allowed.iter().any(|one| one == "*" || one == origin) || is_own() == Some(true) {
        return Ok(());
    }
    Err(Problem::Told(
        StatusCode::FORBIDDEN,
        "pages of this origin may not connect: see CORS_ORIGINS".to_owned(),
    ))
}

impl Line {
    /// Waits for the client or for `other`, whichever is first; keeps the connection alive meanwhile. Can be called again with
    /// the same `other` as long as giving it up loses nothing.
    pub(super) async fn turn<T>(
        &mut self,
        shared: &Shared,
        other: impl Future<Output = T>,
    ) -> Result<Turn<T>, Over> {
        let closing = shared.live.clients.closing();
        tokio::pin!(other);
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    self.silent = 0;
                    match message {
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_))) | None => return Err(Over::Gone),
                        Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => return Ok(Turn::Heard(message)),
                        Some(Err(error)) => return Err(unreadable(&error)),
                    }
                }
                came = &mut other => return Ok(Turn::Came(came)),
                _ = self.beat.tick() => {
                    self.silent += 1;
                    if self.silent > MAX_SILENCE {
                        return Err(Over::Silent);
                    }
                    self.give(Message::Ping(Vec::new().into())).await?;
                }
                () = closing.cancelled() => return Err(Over::Closing),
            }
        }
    }

    /// Sends one message.
    pub(super) async fn say(&mut self, message: &Value) -> Result<(), Over> {
        self.send(vec![message.to_string().into()]).await
    }

    /// Sends messages; a client that does not take them in time is slow.
    pub(super) async fn send(&mut self, messages: Vec<Utf8Bytes>) -> Result<(), Over> {
        let mut unsent = messages.len() as u64;
        let socket = &mut self.socket;
        let sending = async {
            for message in messages {
                socket.feed(Message::Text(message)).await?;
                unsent -= 1;
            }
            socket.flush().await
        };
        match timeout(self.patience, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over::Gone),
            Err(_) => Err(Over::Slow(unsent)),
        }
    }

    async fn give(&mut self, message: Message) -> Result<(), Over> {
        match timeout(self.patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Over::Gone),
            Err(_) => Err(Over::Slow(0)),
        }
    }

    /// Says why it is over, as far as the client still listens, and counts those that we let go of.
    pub(super) async fn end(mut self, shared: &Shared, over: Over) {
        let most = shared.live.clients.most();
        let (code, reason, words) = match over {
            Over::Gone => return,
            Over::Slow(dropped) => {
                crate::live::lost("slow", dropped);
                (
                    close_code::AGAIN,
                    Some(LeaveReason::Slow),
                    Some(crate::live::overflow(dropped)),
                )
            }
            Over::Silent => (close_code::AWAY, Some(LeaveReason::Silent), None),
            Over::TooLarge => {
                let words = format!(
                    "Message exceeds {MAX_READ_BYTES} bytes, which is more than is read at all: the connection ends"
                );
                (
                    close_code::SIZE,
                    Some(LeaveReason::TooLarge),
                    Some(self.error(&words)),
                )
            }
            Over::Full => {
                let words =
                    format!("{most} clients are connected, and no more may be: try again later");
                (
                    close_code::AGAIN,
                    Some(LeaveReason::TooMany),
                    Some(self.error(&words)),
                )
            }
            Over::Unavailable => {
                let words = "there is no Home Assistant to be told of: see /health";
                (close_code::AGAIN, None, Some(self.error(words)))
            }
            Over::Closing => (close_code::AWAY, None, None),
        };
        if let Some(reason) = reason {
            shared.live.clients.let_go(reason);
        }
        let goodbye = async {
            if let Some(words) = words {
                self.socket.send(Message::text(words.to_string())).await?;
            }
            let frame = CloseFrame {
                code,
                reason: "".into(),
            };
            self.socket.send(Message::Close(Some(frame))).await?;
            // Until the client has heard it: else the end of the connection may overtake what was said. A message that is
            // too large stays in the way of any other, so that there is nothing to wait for but time.
            while let Some(Ok(_)) = self.socket.recv().await {}
            if over == Over::TooLarge {
                tokio::time::sleep(LAST_WORDS).await;
            }
            Ok::<(), axum::Error>(())
        };
        // Who does not listen any more cannot be told.
        drop(timeout(LAST_WORDS, goodbye).await);
    }

    /// The documented error object.
    pub(super) fn error(&self, message: &str) -> Value {
        json!({"type": "error", "message": message, "correlation_id": self.correlation_id})
    }
}

fn unreadable(error: &axum::Error) -> Over {
    // The library's own error is inside, of a version that we do not depend on.
    if error.to_string().contains("too long") || error.to_string().contains("too large") {
        Over::TooLarge
    } else {
        Over::Gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_foreign_origins_may_not_connect() {
        let allowed = ["http://localhost:3000".to_owned()];
        let permits = |origin: &str, allowed: &[String]| {
            let headers = [(header::ORIGIN, origin), (header::HOST, "home.local:8001")];
            let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
            check_origin(&headers.into_iter().collect(), allowed).is_ok()
        };
        assert!(permits("http://localhost:3000", &allowed));
        assert!(permits("http://home.local:8001", &allowed), "its own page");
        for foreign in [
            "http://evil.example",
            "http://localhost:3001",
            "null",
            "http://home.local:8001.evil.example",
        ] {
            assert!(!permits(foreign, &allowed), "{foreign}");
        }
        assert!(permits("http://evil.example", &["*".to_owned()]));
        assert!(
            check_origin(&HeaderMap::new(), &allowed).is_ok(),
            "no browser"
        );
    }
}
