//! One call: address, key, correlation id, trace, deadline, and what can go wrong.

use std::time::Duration;

use common::cause::innermost;
use common::clock::Clock;
use common::env::Secret;
use common::http::correlation;
use common::settings::DataApiPeer;
use common::telemetry;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use url::Url;

/// Time to reach data-api.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Time for a whole call.
const CALL_DEADLINE: Duration = Duration::from_secs(30);
/// How much of an error body goes into a message, in characters.
const DETAIL_CHARS: usize = 300;

/// A client of data-api. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DataApi {
    http: reqwest::Client,
    url: Url,
    key: Secret,
}

/// Why a call had no useful answer.
#[derive(Debug, thiserror::Error)]
pub enum CallFailed {
    /// The key is not there yet.
    #[error("no key for data-api yet: data-api makes one at its first start, or set DATA_API_KEY")]
    NoKey,
    /// The key cannot be read.
    #[error("no key for data-api: {0}")]
    UnreadableKey(String),
    /// data-api does not accept the key.
    #[error("data-api refuses the key: give both services the same DATA_API_KEY or SECRETS_DIR")]
    KeyRefused,
    /// No answer.
    #[error("data-api does not answer at {url}: {reason}")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// It answered with an error.
    #[error("data-api answered {status}: {detail}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        detail: String,
    },
    /// The answer is not of the documented form.
    #[error("data-api's answer cannot be read: {0}")]
    Unreadable(String),
}

impl CallFailed {
    /// A word for metrics: `key`, `unreachable`, `unreadable`, `4xx`, `5xx`.
    pub fn class(&self) -> &'static str {
        match self {
            Self::NoKey | Self::UnreadableKey(_) | Self::KeyRefused => "key",
            Self::Unreachable { .. } => "unreachable",
            Self::Unreadable(_) => "unreadable",
            Self::Refused { status, .. } if status.is_server_error() => "5xx",
            Self::Refused { .. } => "4xx",
        }
    }

    /// Whether the same call may succeed later. False: this very request is at fault and never will.
    pub fn may_pass_later(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS
                            | StatusCode::REQUEST_TIMEOUT
                            | StatusCode::NOT_FOUND
                    )
            }
            Self::NoKey
            | Self::UnreadableKey(_)
            | Self::KeyRefused
            | Self::Unreachable { .. }
            | Self::Unreadable(_) => true,
        }
    }
}

impl DataApi {
    /// A client for this peer.
    ///
    /// # Errors
    /// The HTTP client cannot be made, for want of system resources.
    pub fn new(peer: DataApiPeer) -> Result<Self, reqwest::Error> {
        common::tls::install();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_DEADLINE)
            .timeout(CALL_DEADLINE)
            .user_agent(concat!("HomeIQ/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            url: peer.url,
            key: peer.key,
        })
    }

    /// Address of data-api.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Begins a call with everything that each call carries.
    pub(crate) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, CallFailed> {
        let url = self
            .url
            .join(path)
            .map_err(|error| CallFailed::Unreadable(error.to_string()))?;
        let key = self
            .key
            .current()
            .map_err(CallFailed::UnreadableKey)?
            .ok_or(CallFailed::NoKey)?;
        let id = correlation::current().unwrap_or_else(|| correlation::new_id(&Clock::system()));
        Ok(self
            .http
            .request(method, url)
            .bearer_auth(key.expose_secret())
            .header(correlation::HEADER, id)
            .headers(telemetry::trace_headers()))
    }

    /// Sends it; an answer without success is an error.
    pub(crate) async fn answer(&self, request: RequestBuilder) -> Result<Response, CallFailed> {
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(CallFailed::KeyRefused);
        }
        let body = response.text().await.unwrap_or_default();
        Err(CallFailed::Refused {
            status,
            detail: body.chars().take(DETAIL_CHARS).collect(),
        })
    }

    /// Sends it and reads the JSON of the answer.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, CallFailed> {
        let body = self
            .answer(request)
            .await?
            .bytes()
            .await
            .map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| CallFailed::Unreadable(error.to_string()))
    }

    pub(crate) fn unreachable(&self, error: &reqwest::Error) -> CallFailed {
        CallFailed::Unreachable {
            url: self.url.to_string(),
            reason: innermost(error).to_string(),
        }
    }
}
