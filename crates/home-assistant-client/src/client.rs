//! Who is asked, with which token, and what may go wrong.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::env::Secret;
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use crate::address;

/// For one question, from connecting to its answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// A refused token is not shown again for so long.
const AFTER_REFUSAL: Duration = Duration::from_secs(300);

/// Where Home Assistant is, and how to get in.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its WebSocket API.
    pub websocket: Url,
    /// The access token.
    pub token: Option<Secret>,
    /// The setting that is to have the token.
    pub token_setting: &'static str,
    /// Whether the certificate must be one that this machine trusts.
    pub verify: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskFailed {
    /// There is no token.
    #[error("no token for Home Assistant: {0}")]
    NoToken(String),
    /// The token is not accepted.
    #[error("Home Assistant refuses the token of {setting}: {reason}")]
    Refused {
        /// Where the token comes from.
        setting: &'static str,
        /// In its words, or ours.
        reason: String,
    },
    /// Nobody is there, or not in time.
    #[error("Home Assistant cannot be reached: {0}")]
    Unreachable(String),
    /// It answered that it does not do that.
    #[error("Home Assistant answered {code}: {message}")]
    Answered {
        /// An HTTP status, or the code of a command's error.
        code: String,
        /// In its words.
        message: String,
    },
    /// The answer is not of the form that is documented.
    #[error("Home Assistant's answer cannot be read: {0}")]
    Unreadable(String),
}

/// Requests cannot be made at all on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for Home Assistant cannot be made: {0}")]
pub struct NoClient(#[from] reqwest::Error);

/// A Home Assistant that can be asked. Cheap to clone.
#[derive(Clone)]
pub struct HomeAssistant(Arc<Inner>);

struct Inner {
    peer: Peer,
    rest: Option<Url>,
    tls: Option<Arc<ClientConfig>>,
    http: reqwest::Client,
    refused: Mutex<Option<(SecretString, Instant)>>,
}

impl fmt::Debug for HomeAssistant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HomeAssistant").field(&self.shown()).finish()
    }
}

impl HomeAssistant {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(peer: Peer) -> Result<Self, NoClient> {
        common::tls::install();
        let tls = match (peer.websocket.scheme(), peer.verify) {
            ("wss", true) => Some(common::tls::client_config()),
            ("wss", false) => Some(common::tls::unverified_client_config()),
            _ => None,
        };
        // Home Assistant's Python cuts connections that rest; a new one for each question costs less than a failed one.
        let builder = reqwest::Client::builder()
            .timeout(DEADLINE)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none());
        let http = match &tls {
            Some(tls) => builder.tls_backend_preconfigured(ClientConfig::clone(tls)),
            None => builder,
        }
        .build()?;
        Ok(Self(Arc::new(Inner {
            rest: address::rest_base(&peer.websocket),
            peer,
            tls,
            http,
            refused: Mutex::default(),
        })))
    }

    /// Its address, without secrets.
    pub fn shown(&self) -> String {
        address::shown(&self.0.peer.websocket)
    }

    /// Asks `GET /api/…`.
    pub async fn get(&self, path: &[&str]) -> Result<Value, AskFailed> {
        self.rest(reqwest::Method::GET, path, None).await
    }

    /// Asks `POST /api/…`.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, AskFailed> {
        self.rest(reqwest::Method::POST, path, Some(body)).await
    }

    /// Asks `DELETE /api/…`.
    pub async fn delete(&self, path: &[&str]) -> Result<Value, AskFailed> {
        self.rest(reqwest::Method::DELETE, path, None).await
    }

    /// Sends one command over a WebSocket of its own.
    pub async fn command(&self, command: Value) -> Result<Value, AskFailed> {
        let mut answers = self.commands(vec![command]).await?;
        answers
            .pop()
            .unwrap_or_else(|| Err(AskFailed::Unreadable("no answer".to_owned())))
    }

    /// Sends commands one after the other over one WebSocket; an answer for each.
    ///
    /// # Errors
    /// There is no connection, or it was lost; what single commands were refused for is in their answers.
    pub async fn commands(
        &self,
        commands: Vec<Value>,
    ) -> Result<Vec<Result<Value, AskFailed>>, AskFailed> {
        let token = self.token()?;
        let peer = &self.0.peer;
        let answers = crate::socket::ask(
            &peer.websocket,
            self.0.tls.as_ref(),
            &token,
            commands,
            DEADLINE,
        );
        answers.await.map_err(|failed| self.noticed(failed, &token))
    }

    async fn rest(
        &self,
        method: reqwest::Method,
        path: &[&str],
        body: Option<&Value>,
    ) -> Result<Value, AskFailed> {
        let token = self.token()?;
        let base = self.0.rest.as_ref();
        let base =
            base.ok_or_else(|| AskFailed::Unreachable("it has no REST address".to_owned()))?;
        let answer = crate::rest::ask(&self.0.http, method, base, path, &token, body);
        answer.await.map_err(|failed| self.noticed(failed, &token))
    }

    /// The token to show now.
    fn token(&self) -> Result<SecretString, AskFailed> {
        let setting = self.0.peer.token_setting;
        let token = match self.0.peer.token.as_ref().map(Secret::current) {
            Some(Ok(Some(token))) => token,
            Some(Ok(None)) => {
                return Err(AskFailed::NoToken(format!(
                    "the file of {setting}_FILE is not there or empty"
                )));
            }
            Some(Err(error)) => return Err(AskFailed::NoToken(error)),
            None => {
                return Err(AskFailed::NoToken(format!(
                    "set {setting} or {setting}_FILE to a long-lived access token"
                )));
            }
        };
        let refused = self
            .0
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &*refused {
            Some((known, until))
                if *until > Instant::now() && known.expose_secret() == token.expose_secret() =>
            {
                Err(AskFailed::Refused {
                    setting,
                    reason: "it did so less than five minutes ago; make a new one".to_owned(),
                })
            }
            _ => Ok(token),
        }
    }

    /// Remembers a refused token, and names where it came from.
    fn noticed(&self, failed: AskFailed, token: &SecretString) -> AskFailed {
        let AskFailed::Refused { reason, .. } = failed else {
            return failed;
        };
        let mut refused = self
            .0
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *refused = Some((token.clone(), Instant::now() + AFTER_REFUSAL));
        AskFailed::Refused {
            setting: self.0.peer.token_setting,
            reason,
        }
    }
}
