//! From an address to a connection on which Home Assistant has accepted the token.

use std::sync::Arc;

use common::instant::UtcMicros;
use common::tls::{self, TlsTrouble};
use futures_util::{SinkExt, StreamExt};
use home_assistant_client::handshake::{self, Step};
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use super::candidate::Candidate;
use super::rest::Rest;
use super::session::End;
use crate::app::Shared;
use crate::config::{Role, Way};
use crate::status::LinkState;

/// Largest message that is taken: answers about large homes have tens of megabytes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024 * 1024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connection on which Home Assistant has accepted our token.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(super) socket: Socket,
    pub(super) version: String,
    pub(super) role: Role,
    pub(super) shown: String,
    /// The same Home Assistant over REST.
    pub(super) rest: Rest,
}

/// Connects and shows the token; `told` hears how far it got.
pub(crate) async fn open(
    shared: &Shared,
    candidate: &Candidate,
    token: &SecretString,
    told: impl Fn(LinkState),
) -> Result<Opened, End> {
    let way = &candidate.way;
    let patience = shared.config.timing.handshake;
    let late = |what: &str| End::NotConnected(format!("{what} took more than {patience:?}"));
    let not_connected = |error| End::NotConnected(explain(&error, way));
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    let connector = Some(candidate.connector.clone());
    let asked = shared.home_time.tick();
    let connecting =
        connect_async_tls_with_config(way.websocket.as_str(), Some(limits), true, connector);
    let (mut socket, response) = tokio::time::timeout(patience, connecting)
        .await
        .map_err(|_| late("connecting"))?
        .map_err(not_connected)?;
    let date = header(&response, "date").and_then(|date| UtcMicros::from_http_date(date).ok());
    shared.home_time.dated(date, asked, shared.clock.now());
    told(LinkState::Authenticating);
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
            Some(Err(error)) => return Err(not_connected(error)),
        };
        match handshake::step(text.as_str(), token) {
            Step::Send(auth) => {
                socket
                    .send(Frame::text(auth))
                    .await
                    .map_err(not_connected)?;
            }
            Step::Accepted(version) => {
                return Ok(Opened {
                    socket,
                    version,
                    role: way.role,
                    shown: candidate.shown.clone(),
                    rest: rest(shared, candidate, token),
                });
            }
            Step::Refused(reason) => return Err(End::Refused(reason)),
            Step::Unexpected(text) => {
                return Err(End::NotConnected(format!(
                    "this is not Home Assistant's WebSocket API: it said '{text}'"
                )));
            }
        }
    }
}

/// REST at the same address, with the same token and the same trust.
fn rest(shared: &Shared, candidate: &Candidate, token: &SecretString) -> Rest {
    let tls = match &candidate.connector {
        Connector::Rustls(config) => Some(Arc::clone(config)),
        _ => None,
    };
    let timeout = shared.config.timing.command;
    Rest::new(&candidate.way.websocket, token, tls, timeout)
}

fn header<'a, B>(response: &'a tungstenite::http::Response<B>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

fn explain(error: &tungstenite::Error, way: &Way) -> String {
    let tls = match error {
        tungstenite::Error::Io(error) => tls::trouble(error),
        other => tls::trouble(other),
    };
    match (tls, error) {
        (Some(TlsTrouble::Certificate(problem)), _) => format!(
            "its certificate is not accepted: {problem}. Add the authority that signed it to the file of SSL_CERT_FILE, or set {}=false to accept any",
            way.verify_setting
        ),
        (Some(TlsTrouble::NotTls), _) => {
            "it does not speak TLS there: is it http:// instead of https://?".to_owned()
        }
        (None, tungstenite::Error::Http(response)) => {
            let moved = header(response, "location")
                .map_or_else(String::new, |to| format!(" and points to {to}"));
            format!(
                "the address answered HTTP {}{moved}: is it Home Assistant's?",
                response.status()
            )
        }
        (None, other) => other.to_string(),
    }
}
