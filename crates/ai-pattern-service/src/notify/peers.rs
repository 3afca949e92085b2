//! How the other services say they are.

use std::time::Duration;

use common::settings::HttpUrl;
use data_api_client::DataApi;
use data_api_client::standing::Standing;
use serde_json::Value;

/// Time for a peer to answer.
const DEADLINE: Duration = Duration::from_secs(3);

/// What is known of websocket-ingestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ingestion {
    /// It is not asked.
    NotAsked,
    /// The events of Home Assistant come in.
    Connected,
    /// They do not, or it does not answer.
    Away,
}

/// What was heard last.
#[derive(Debug)]
pub(super) struct Peers {
    data_api: DataApi,
    address: Option<String>,
    http: reqwest::Client,
    /// data-api; none while it does not answer.
    pub(super) standing: Option<Standing>,
    /// websocket-ingestion.
    pub(super) ingestion: Ingestion,
}

impl Peers {
    /// Nothing is known yet.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(super) fn new(
        data_api: DataApi,
        ingestion: Option<HttpUrl>,
    ) -> Result<Self, reqwest::Error> {
        common::tls::install();
        let address =
            ingestion.map(|url| format!("{}/health", url.0.as_str().trim_end_matches('/')));
        Ok(Self {
            data_api,
            ingestion: match &address {
                None => Ingestion::NotAsked,
                Some(_) => Ingestion::Away,
            },
            address,
            http: reqwest::Client::builder().timeout(DEADLINE).build()?,
            standing: None,
        })
    }

    /// Asks them all.
    pub(super) async fn ask(&mut self) {
        let standing = tokio::time::timeout(DEADLINE, self.data_api.standing());
        self.standing = standing.await.ok().and_then(Result::ok);
        if let Some(address) = &self.address {
            self.ingestion = match self.is_subscribed(address).await {
                Some(true) => Ingestion::Connected,
                Some(false) | None => Ingestion::Away,
            };
        }
    }

    async fn is_subscribed(&self, address: &str) -> Option<bool> {
        let answer = self.http.get(address).send().await.ok()?;
        let body: Value = answer.json().await.ok()?;
        body["subscription"]["is_subscribed"].as_bool()
    }
}
