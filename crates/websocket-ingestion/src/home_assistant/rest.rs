//! History over REST, for when the WebSocket command does not give it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::instant::UtcMicros;
use home_assistant_client::address::rest_base;
use reqwest::{Client, StatusCode};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Largest answer that is taken, in bytes; a smaller question follows.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Longest list of entities in an address. Home Assistant's server takes lines of 8,190 bytes.
const MAX_IDS_BYTES: usize = 6_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestFailed {
    /// A smaller question may be answered.
    #[error("{0}")]
    TooMuch(String),
    /// There is no such path: the history is not loaded.
    #[error("it has no history over REST (HTTP 404)")]
    Absent,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Home Assistant's REST API, at the same address as its WebSocket API and with the same token.
pub(crate) struct Rest {
    base: Option<Url>,
    token: SecretString,
    /// Whose certificates are accepted; none without TLS.
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
    /// Made when it is first needed.
    http: OnceLock<Client>,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest")
            .field("base", &self.base.as_ref().map(Url::as_str))
            .finish_non_exhaustive()
    }
}

impl Rest {
    pub(crate) fn new(
        websocket: &Url,
        token: &SecretString,
        tls: Option<Arc<ClientConfig>>,
        timeout: Duration,
    ) -> Self {
        Self {
            base: rest_base(websocket),
            token: token.clone(),
            tls,
            timeout,
            http: OnceLock::new(),
        }
    }

    /// All recorded changes of `entity_ids` from `start` to `end`, as JSON.
    pub(crate) async fn history(
        &self,
        entity_ids: &[String],
        start: UtcMicros,
        end: UtcMicros,
    ) -> Result<String, RestFailed> {
        let ids = entity_ids.join(",");
        if ids.len() > MAX_IDS_BYTES && entity_ids.len() > 1 {
            return Err(RestFailed::TooMuch("the address is too long".to_owned()));
        }
        let failed = |error: &dyn std::fmt::Display| RestFailed::Failed(error.to_string());
        let mut url = self
            .base
            .clone()
            .ok_or_else(|| failed(&"its REST address cannot be derived"))?;
        // A plus sign is a space to some; Z needs no sign.
        let start = start.to_string().replace("+00:00", "Z");
        url.path_segments_mut()
            .map_err(|()| failed(&"its REST address cannot be derived"))?
            .extend(["history", "period", &start]);
        let request = self
            .client()
            .map_err(|error| failed(&error))?
            .get(url)
            .bearer_auth(self.token.expose_secret())
            .query(&[
                ("filter_entity_id", ids.as_str()),
                ("end_time", &end.to_string()),
                ("significant_changes_only", "0"),
                // Without it the first row of each entity is how it stood at the start, which never happened then.
                ("skip_initial_state", ""),
            ]);
        let mut response = request.send().await.map_err(|error| self.late(&error))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(RestFailed::Absent),
            status => return Err(failed(&format!("it answered HTTP {status}"))),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.late(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                let reason = format!("the answer has more than {MAX_ANSWER_BYTES} bytes");
                return Err(RestFailed::TooMuch(reason));
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|error| failed(&error))
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        common::tls::install();
        let builder = Client::builder().timeout(self.timeout);
        let client = match &self.tls {
            Some(tls) => builder.tls_backend_preconfigured(ClientConfig::clone(tls)),
            None => builder,
        }
        .build()?;
        Ok(self.http.get_or_init(|| client))
    }

    fn late(&self, error: &reqwest::Error) -> RestFailed {
        if error.is_timeout() {
            RestFailed::TooMuch(format!("no answer over REST within {:?}", self.timeout))
        } else {
            RestFailed::Failed(error.without_url_text())
        }
    }
}

/// What is said of an error: without the address, which has the entities of the home.
trait WithoutUrl {
    fn without_url_text(&self) -> String;
}

impl WithoutUrl for reqwest::Error {
    fn without_url_text(&self) -> String {
        let mut text = "REST failed".to_owned();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}
