//! A small client of the WebSocket API, and simulators to talk to.

use std::time::Duration;

use common::tls;
use futures_util::{SinkExt, StreamExt};
use home_simulator::{Simulator, SimulatorConfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) const TOKEN: &str = "the-token-of-this-test";
/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// A home that stands still, with the toilet light out, whatever time of the day it is.
pub(crate) async fn still() -> Simulator {
    let simulator = Simulator::start(SimulatorConfig::still(TOKEN), listener().await)
        .await
        .unwrap();
    simulator.set_state("light.toilet", "off");
    simulator
}

/// A connection as it is, before the handshake.
pub(crate) struct Session {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) next_id: u64,
    /// Frames that were arrays.
    pub(crate) coalesced: usize,
    waiting: std::collections::VecDeque<Value>,
}

impl Session {
    pub(crate) async fn connect(simulator: &Simulator) -> Self {
        tls::install();
        let url = format!("ws://{}/api/websocket", simulator.address());
        let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self {
            socket,
            next_id: 1,
            coalesced: 0,
            waiting: std::collections::VecDeque::new(),
        }
    }

    /// A connection that is authenticated.
    pub(crate) async fn open(simulator: &Simulator) -> Self {
        let mut session = Self::connect(simulator).await;
        assert_eq!(session.receive().await.unwrap()["type"], "auth_required");
        session
            .send(&json!({"type": "auth", "access_token": TOKEN}))
            .await;
        assert_eq!(session.receive().await.unwrap()["type"], "auth_ok");
        session
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// The next message; nothing when the connection has ended.
    pub(crate) async fn receive(&mut self) -> Option<Value> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            let frame = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("a message should have come");
            match frame {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text).unwrap() {
                    Value::Array(messages) => {
                        self.coalesced += 1;
                        self.waiting.extend(messages);
                    }
                    message => self.waiting.push_back(message),
                },
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Sends a command without waiting, and gives its id.
    pub(crate) async fn command(&mut self, mut fields: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        fields["id"] = id.into();
        self.send(&fields).await;
        id
    }

    /// The whole answer to a command; events that come before it are dropped.
    pub(crate) async fn ask(&mut self, fields: Value) -> Value {
        let id = self.command(fields).await;
        loop {
            let message = self.receive().await.expect("an answer");
            if message["id"] == id && message["type"] != "event" {
                return message;
            }
        }
    }

    /// The result of a command that succeeds.
    pub(crate) async fn result(&mut self, fields: Value) -> Value {
        let mut answer = self.ask(fields).await;
        assert_eq!(answer["success"], true, "{answer}");
        answer["result"].take()
    }

    /// The error code of a command that is refused.
    pub(crate) async fn refusal(&mut self, fields: Value) -> String {
        let answer = self.ask(fields).await;
        assert_eq!(answer["success"], false, "{answer}");
        answer["error"]["code"].as_str().unwrap().to_owned()
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Value {
        loop {
            let mut message = self.receive().await.expect("an event");
            if message["type"] == "event" {
                return message["event"].take();
            }
        }
    }
}
