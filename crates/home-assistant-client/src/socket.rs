//! Some commands over a WebSocket that is opened for them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use secrecy::SecretString;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};
use url::Url;

use crate::client::AskFailed;
use crate::handshake::{self, Step};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn ask(
    url: &Url,
    tls: Option<&Arc<ClientConfig>>,
    token: &SecretString,
    commands: Vec<Value>,
    deadline: Duration,
) -> Result<Vec<Result<Value, AskFailed>>, AskFailed> {
    let late = |_| AskFailed::Unreachable(format!("no answer within {deadline:?}"));
    let mut socket = tokio::time::timeout(deadline, open(url, tls, token))
        .await
        .map_err(late)??;
    let mut answers = Vec::with_capacity(commands.len());
    for (number, command) in (1_u64..).zip(commands) {
        let answer = tokio::time::timeout(deadline, one(&mut socket, number, command));
        answers.push(answer.await.map_err(late)??);
    }
    // The answers are there; whether the farewell arrives changes nothing.
    drop(tokio::time::timeout(deadline, socket.close(None)).await);
    Ok(answers)
}

async fn open(
    url: &Url,
    tls: Option<&Arc<ClientConfig>>,
    token: &SecretString,
) -> Result<Socket, AskFailed> {
    let connector = tls.map_or(Connector::Plain, |tls| Connector::Rustls(Arc::clone(tls)));
    let connecting = connect_async_tls_with_config(url.as_str(), None, true, Some(connector));
    let (mut socket, _) = connecting.await.map_err(|error| lost(&error))?;
    loop {
        let text = text(&mut socket).await?;
        match handshake::step(&text, token) {
            Step::Send(auth) => {
                let sending = socket.send(Message::text(auth));
                sending.await.map_err(|error| lost(&error))?;
            }
            Step::Accepted(_) => return Ok(socket),
            Step::Refused(reason) => {
                return Err(AskFailed::Refused {
                    setting: "",
                    reason,
                });
            }
            Step::Unexpected(text) => {
                return Err(AskFailed::Unreachable(format!(
                    "this is not Home Assistant's WebSocket API: it said '{text}'"
                )));
            }
        }
    }
}

/// Sends a command and waits for its result; what else comes is passed over.
async fn one(
    socket: &mut Socket,
    number: u64,
    mut command: Value,
) -> Result<Result<Value, AskFailed>, AskFailed> {
    command["id"] = number.into();
    let sending = socket.send(Message::text(command.to_string()));
    sending.await.map_err(|error| lost(&error))?;
    loop {
        let text = text(socket).await?;
        let mut answer: Value = serde_json::from_str(&text)
            .map_err(|error| AskFailed::Unreadable(error.to_string()))?;
        if answer["id"] != number || answer["type"] != "result" {
            continue;
        }
        if answer["success"] == true {
            return Ok(Ok(answer["result"].take()));
        }
        let said = |key: &str| answer["error"][key].as_str().unwrap_or_default().to_owned();
        return Ok(Err(AskFailed::Answered {
            code: said("code"),
            message: said("message"),
        }));
    }
}

async fn text(socket: &mut Socket) -> Result<String, AskFailed> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_) | Message::Binary(_) | Message::Frame(_))) | None => {
                return Err(AskFailed::Unreachable(
                    "it closed the connection".to_owned(),
                ));
            }
            Some(Err(error)) => return Err(lost(&error)),
        }
    }
}

fn lost(error: &tungstenite::Error) -> AskFailed {
    AskFailed::Unreachable(error.to_string())
}
