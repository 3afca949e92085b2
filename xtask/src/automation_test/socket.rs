//! Commands to Home Assistant over a WebSocket.

use std::net::TcpStream;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::e2e::home_assistant::HomeAssistant;

/// A connection on which the token was accepted.
pub(super) struct Socket {
    socket: WebSocket<TcpStream>,
    id: u64,
}

impl Socket {
    pub(super) fn open(home: &HomeAssistant) -> anyhow::Result<Self> {
        let address = home.url()?.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&address)?;
        let url = format!("ws://{address}/api/websocket");
        let (socket, _) =
            tungstenite::client(url, stream).context("the handshake of the WebSocket")?;
        let mut socket = Self { socket, id: 0 };
        socket.read()?;
        let auth = json!({"type": "auth", "access_token": home.token()?});
        socket.socket.send(Message::text(auth.to_string()))?;
        let answer = socket.read()?;
        ensure!(
            answer["type"] == "auth_ok",
            "the token is refused: {answer}"
        );
        Ok(socket)
    }

    /// The result of a command; an error where it is refused.
    pub(super) fn ask(&mut self, mut command: Value) -> anyhow::Result<Value> {
        self.id += 1;
        command["id"] = json!(self.id);
        self.socket.send(Message::text(command.to_string()))?;
        loop {
            let mut answer = self.read()?;
            if answer["id"] == self.id && answer["type"] == "result" {
                ensure!(answer["success"] == true, "{command} is refused: {answer}");
                return Ok(answer["result"].take());
            }
        }
    }

    fn read(&mut self) -> anyhow::Result<Value> {
        loop {
            if let Message::Text(text) = self.socket.read()? {
                return Ok(serde_json::from_str(text.as_str())?);
            }
        }
    }
}
