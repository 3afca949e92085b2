//! One WebSocket connection: handshake, commands in, messages out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;

use super::client::{Leave, MAX_PENDING, Seat};
use super::commands::{self, Fields};
use super::house::House;
use super::{HA_VERSION, wire};

/// Time in which a client has to authenticate.
const AUTH_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two pings.
const HEARTBEAT: Duration = Duration::from_secs(55);
/// Time for a last message.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// An authenticated connection.
struct Connection {
    socket: WebSocket,
    house: Arc<House>,
    seat: Seat,
    last_id: u64,
    coalesce: bool,
}

/// Serves a connection until it ends.
pub(super) async fn serve(mut socket: WebSocket, house: Arc<House>, closing: CancellationToken) {
    let seat = tokio::select! {
        seat = handshake(&mut socket, &house) => seat,
        () = closing.cancelled() => None,
    };
    let Some(seat) = seat else { return };
    let id = seat.id;
    let connection = Connection {
        socket,
        house: Arc::clone(&house),
        seat,
        last_id: 0,
        coalesce: false,
    };
    connection.talk().await;
    house.leave(id);
}

/// Asks for the token. Nothing when the client did not show it; it has been told so.
async fn handshake(socket: &mut WebSocket, house: &House) -> Option<Seat> {
    let version = json!({"type": "auth_required", "ha_version": HA_VERSION});
    socket.send(Message::text(version.to_string())).await.ok()?;
    let message = loop {
        match timeout(AUTH_TIMEOUT, socket.recv()).await {
            Ok(Some(Ok(Message::Text(text)))) => break text,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
            _ => return None,
        }
    };
    let message: Value = serde_json::from_str(&message).unwrap_or_default();
    let token = message["access_token"].as_str();
    let refusal = match (message["type"].as_str(), token) {
        (Some("auth"), Some(token)) => match house.join(token) {
            Some(seat) => {
                let welcome = json!({"type": "auth_ok", "ha_version": HA_VERSION});
                if socket
                    .send(Message::text(welcome.to_string()))
                    .await
                    .is_err()
                {
                    house.leave(seat.id);
                    return None;
                }
                return Some(seat);
            }
            None => "Invalid access token or password",
        },
        _ => "Auth message incorrectly formatted",
    };
    let refusal = json!({"type": "auth_invalid", "message": refusal});
    // A client that has gone does not need to hear it.
    drop(timeout(LAST_WORDS, socket.send(Message::text(refusal.to_string()))).await);
    close(socket, close_code::NORMAL).await;
    None
}

async fn close(socket: &mut WebSocket, code: u16) {
    let frame = CloseFrame {
        code,
        reason: "".into(),
    };
    drop(timeout(LAST_WORDS, socket.send(Message::Close(Some(frame)))).await);
}

impl Connection {
    async fn talk(mut self) {
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.tick().await;
        let mut heard = true;
        let mut waiting = Vec::new();
        let reason = loop {
            tokio::select! {
                _ = self.seat.leave.changed() => break *self.seat.leave.borrow(),
                count = self.seat.queue.recv_many(&mut waiting, MAX_PENDING) => {
                    if count == 0 || !self.send(&mut waiting).await {
                        break *self.seat.leave.borrow();
                    }
                }
                message = self.socket.recv() => {
                    heard = true;
                    match message {
                        Some(Ok(Message::Text(text))) => if !self.hear(&text).await { break None },
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => break None,
                    }
                }
                _ = heartbeat.tick() => {
                    let alive = std::mem::take(&mut heard);
                    if !alive || self.socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                        break None;
                    }
                }
            }
        };
        match reason {
            Some(Leave::Cut) => {}
            Some(Leave::TooSlow) => {
                tracing::warn!(
                    "a client does not keep up with its messages; its connection is closed"
                );
                close(&mut self.socket, close_code::NORMAL).await;
            }
            Some(Leave::Revoked | Leave::Stopping) | None => {
                close(&mut self.socket, close_code::NORMAL).await;
            }
        }
    }

    /// Sends what waits: one frame for all where the client understands that. False when the connection has to end.
    async fn send(&mut self, waiting: &mut Vec<String>) -> bool {
        let frames: Vec<String> = if self.coalesce && waiting.len() > 1 {
            let all = waiting.join(",");
            waiting.clear();
            vec![format!("[{all}]")]
        } else {
            std::mem::take(waiting)
        };
        for frame in frames {
            // A client that does not read must not keep the connection here for ever.
            tokio::select! {
                sent = self.socket.send(Message::text(frame)) => if sent.is_err() { return false },
                _ = self.seat.leave.changed() => return false,
            }
        }
        true
    }

    /// Answers a message, which is one command or an array of them. False when it is not even JSON.
    async fn hear(&mut self, text: &str) -> bool {
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(fields)) => self.answer(fields).await,
            Ok(Value::Array(commands)) => {
                for command in commands {
                    if let Value::Object(fields) = command {
                        self.answer(fields).await;
                    }
                }
            }
            Ok(_) => self.push(wire::error(
                None,
                "invalid_format",
                "Message incorrectly formatted.",
            )),
            Err(_) => return false,
        }
        true
    }

    async fn answer(&mut self, fields: Fields) {
        let (Some(id), Some(command)) = (
            fields
                .get("id")
                .and_then(Value::as_u64)
                .filter(|&id| id > 0),
            fields.get("type").and_then(Value::as_str),
        ) else {
            let id = fields.get("id").and_then(Value::as_u64);
            return self.push(wire::error(
                id,
                "invalid_format",
                "Message incorrectly formatted.",
            ));
        };
        if id <= self.last_id {
            let message = "Identifier values have to increase.";
            return self.push(wire::error(Some(id), "id_reuse", message));
        }
        self.last_id = id;
        match command {
            "ping" => return self.push(format!(r#"{{"id":{id},"type":"pong"}}"#)),
            "supported_features" => {
                let wish = fields
                    .get("features")
                    .and_then(|all| all.get("coalesce_messages"));
                self.coalesce = wish.and_then(Value::as_u64) == Some(1);
            }
            _ => {}
        }
        let (house, client) = (Arc::clone(&self.house), self.seat.id);
        // Months of history take longer than the runtime's threads may be held up.
        let answer = if command.starts_with("history/") || command.starts_with("logbook/") {
            let answer = move || commands::answer(&house, client, id, &fields);
            match tokio::task::spawn_blocking(answer).await {
                Ok(answer) => answer,
                Err(error) => Err(("unknown_error", error.to_string())),
            }
        } else {
            commands::answer(&house, client, id, &fields)
        };
        self.push(match answer {
            Ok(result) => wire::result(id, &result),
            Err((commands::NO_ANSWER, _)) => return,
            Err((code, message)) => wire::error(Some(id), code, &message),
        });
    }

    /// Answers go the way of events, so that the two keep their order.
    fn push(&self, message: String) {
        self.house
            .with_client(self.seat.id, |client| client.push(message));
    }
}
