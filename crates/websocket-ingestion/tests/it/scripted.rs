//! A Home Assistant that says what a test tells it to say, also what no Home Assistant should.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use common::clock::Clock;
use common::instant::UtcMicros;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Something that is said to every connection.
#[derive(Clone)]
pub(crate) enum Said {
    Frame(Message),
    /// Bytes beneath the WebSocket.
    Bytes(&'static [u8]),
    /// The connection ends without a close frame.
    HangUp,
}

/// A change that has happened: what history knows.
type Change = (String, String, i64);

/// The server; it ends with the test's runtime.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    say: broadcast::Sender<Said>,
    script: Arc<Script>,
}

#[derive(Default)]
struct Script {
    /// Instead of the usual answer to a command: `"success"` and the rest of the message, as JSON.
    answers: Mutex<BTreeMap<&'static str, String>>,
    history: Mutex<Vec<Change>>,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (say, _) = broadcast::channel(64);
        let script = Arc::<Script>::default();
        let (saying, playing) = (say.clone(), Arc::clone(&script));
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(async move {
            let mut clients = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                clients.spawn(serve(client, saying.subscribe(), Arc::clone(&playing)));
            }
        });
        Self {
            address,
            say,
            script,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Says it to every connection.
    pub(crate) fn say(&self, what: Said) {
        assert!(self.say.send(what).is_ok(), "nobody is connected");
    }

    pub(crate) fn say_text(&self, text: impl Into<String>) {
        self.say(Said::Frame(Message::text(text.into())));
    }

    /// Answers a command in this way from now on: the JSON of the message's remaining fields.
    pub(crate) fn answer(&self, command: &'static str, fields: impl Into<String>) {
        let fields = fields.into();
        self.script.answers.lock().unwrap().insert(command, fields);
    }

    /// As usual again.
    pub(crate) fn answer_as_usual(&self, command: &str) {
        self.script.answers.lock().unwrap().remove(command);
    }

    /// A change that happens now, known to history; the message that tells it.
    pub(crate) fn change(&self, entity_id: &str, state: &str) -> String {
        let mut history = self.script.history.lock().unwrap();
        let last = history.last().map_or(0, |change| change.2);
        let at = Clock::system().now().get().max(last + 1);
        history.push((entity_id.to_owned(), state.to_owned(), at));
        let at = UtcMicros::new(at).unwrap();
        let new = json!({"entity_id": entity_id, "state": state, "attributes": {"filling": "x".repeat(900)},
            "last_changed": at, "last_updated": at, "context": {"id": "01", "parent_id": null, "user_id": null}});
        let data = json!({"entity_id": entity_id, "old_state": null, "new_state": new});
        let event = json!({"event_type": "state_changed", "data": data, "origin": "LOCAL", "time_fired": at});
        // The id comes last, as Home Assistant puts it.
        format!(r#"{{"type":"event","event":{event},"id":3}}"#)
    }
}

async fn serve(client: TcpStream, mut said: broadcast::Receiver<Said>, script: Arc<Script>) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(client).await else {
        return;
    };
    let hello = r#"{"type":"auth_required","ha_version":"2026.11.0"}"#;
    let welcome = r#"{"ha_version":"2026.11.0","type":"auth_ok"}"#;
    for text in [hello, welcome] {
        if socket.send(Message::text(text)).await.is_err() {
            return;
        }
        if text == hello && socket.next().await.is_none() {
            return;
        }
    }
    loop {
        let going_on = tokio::select! {
            what = said.recv() => match what.unwrap() {
                Said::Frame(frame) => socket.send(frame).await.is_ok(),
                Said::Bytes(bytes) => raw(&mut socket, bytes).await,
                Said::HangUp => false,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let command: Value = serde_json::from_str(text.as_str()).unwrap();
                    socket.send(Message::text(reply(&command, &script))).await.is_ok()
                }
                Some(Ok(_)) => true,
                Some(Err(_)) | None => false,
            },
        };
        if !going_on {
            return;
        }
    }
}

async fn raw(socket: &mut WebSocketStream<TcpStream>, bytes: &[u8]) -> bool {
    socket.get_mut().write_all(bytes).await.is_ok()
}

fn reply(command: &Value, script: &Script) -> String {
    let (id, kind) = (&command["id"], command["type"].as_str().unwrap());
    if kind == "ping" {
        return format!(r#"{{"type":"pong","id":{id}}}"#);
    }
    if let Some(fields) = script.answers.lock().unwrap().get(kind) {
        return format!(r#"{{"type":"result",{fields},"id":{id}}}"#);
    }
    let history = script.history.lock().unwrap();
    let result = match kind {
        "get_config" => json!({"state": "RUNNING", "time_zone": "UTC", "version": "2026.11.0"}),
        "get_services" => json!({}),
        "get_states" => {
            let entities: BTreeSet<_> = history.iter().map(|change| &change.0).collect();
            entities
                .iter()
                .map(|entity| json!({"entity_id": entity}))
                .collect()
        }
        "history/history_during_period" => rows(command, &history),
        kind if kind.ends_with("/list") => json!([]),
        "subscribe_events" | "supported_features" => Value::Null,
        _ => {
            return format!(
                r#"{{"type":"result","success":false,"error":{{"code":"unknown_command","message":"Unknown command."}},"id":{id}}}"#
            );
        }
    };
    format!(r#"{{"result":{result},"type":"result","success":true,"id":{id}}}"#)
}

fn rows(command: &Value, history: &[Change]) -> Value {
    let instant = |key: &str| {
        let text = command[key].as_str().unwrap();
        text.parse::<UtcMicros>().unwrap().get()
    };
    let span = instant("start_time")..instant("end_time");
    let wanted = command["entity_ids"].as_array().unwrap();
    let mut found: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (entity, state, at) in history {
        if span.contains(at) && wanted.iter().any(|id| id == entity) {
            let row = json!({"s": state, "a": {}, "lu": *at as f64 / 1e6});
            found.entry(entity).or_default().push(row);
        }
    }
    json!(found)
}
