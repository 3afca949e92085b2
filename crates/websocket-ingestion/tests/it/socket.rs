//! A client of `/ws` and `/ws/status`.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::chain::{Ingestion, PATIENCE};

/// An open WebSocket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

/// How a conversation ended: the code of the close frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed(pub(crate) Option<u16>);

/// Opens a WebSocket, as a page of `origin` where one is given.
pub(crate) async fn dial(
    ingestion: &Ingestion,
    path: &str,
    origin: Option<&str>,
) -> Result<Socket, tungstenite::Error> {
    let address = ingestion.url().strip_prefix("http://").unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    // Small, so that a client that does not read is noticed after little.
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    if let Some(origin) = origin {
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
    }
    Ok(Socket(client_async(request, stream).await?.0))
}

impl Socket {
    /// A conversation on `/ws`, past its greeting.
    pub(crate) async fn open(ingestion: &Ingestion) -> Self {
        let mut socket = dial(ingestion, "/ws", None).await.unwrap();
        assert_eq!(socket.hear().await["type"], "connection");
        socket
    }

    /// The same, subscribed to these channels.
    pub(crate) async fn subscribed(ingestion: &Ingestion, channels: &[&str]) -> Self {
        let mut socket = Self::open(ingestion).await;
        let answer = socket
            .ask(&json!({"type": "subscribe", "channels": channels}))
            .await;
        assert_eq!(answer["status"], "subscribed", "{answer}");
        socket
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        self.0.send(message.into()).await.unwrap();
    }

    /// Says something and hears the next message.
    pub(crate) async fn ask(&mut self, message: &Value) -> Value {
        self.send(message.to_string()).await;
        self.hear().await
    }

    /// The next message.
    pub(crate) async fn hear(&mut self) -> Value {
        self.next(PATIENCE).await.unwrap()
    }

    /// The next message, or how it ended.
    pub(crate) async fn next(&mut self, patience: Duration) -> Result<Value, Closed> {
        loop {
            let frame = tokio::time::timeout(patience, self.0.next()).await;
            match frame.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(Closed(frame.map(|frame| frame.code.into())));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(Closed(None)),
            }
        }
    }

    /// Reads to the end; returns the last message and how it ended.
    pub(crate) async fn read_out(&mut self) -> (Value, Closed) {
        let mut last = Value::Null;
        loop {
            match self.next(PATIENCE).await {
                Ok(message) => last = message,
                Err(closed) => return (last, closed),
            }
        }
    }
}
