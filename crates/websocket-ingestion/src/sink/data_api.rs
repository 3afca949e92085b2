//! Delivery to data-api: a batch is let go of only after its commit.

use std::sync::Arc;

use common::api::events::NewEvent;
use common::health::Health;
use common::retry::RetryPolicy;
use data_api_client::{CallFailed, DataApi};

use crate::status::Status;

/// Name of the part in `/health`.
const PART: &str = "data_api";

/// Sends batches to data-api.
#[derive(Debug, Clone)]
pub(crate) struct DataApiSink {
    client: DataApi,
    status: Arc<Status>,
    health: Health,
}

impl DataApiSink {
    pub(crate) fn new(client: DataApi, status: Arc<Status>, health: Health) -> Self {
        Self {
            client,
            status,
            health,
        }
    }

    /// Delivers a batch, trying for as long as it takes. Returns how many of its events are new in the store.
    pub(crate) async fn deliver(&self, batch: &[NewEvent]) -> usize {
        let mut delay = RetryPolicy::SIBLING.start();
        let mut parts = vec![batch];
        let mut stored = 0;
        while let Some(part) = parts.pop() {
            match self.send(part).await {
                Ok(new) => {
                    stored += new;
                    self.reached();
                    delay.reset();
                }
                Err(error) if error.may_pass_later() => {
                    self.away(&error);
                    parts.push(part);
                    tokio::time::sleep(delay.next_wait()).await;
                }
                // Something in this part makes data-api refuse all of it: find it by halves, so that the rest is kept.
                Err(_) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push(second);
                    parts.push(first);
                }
                Err(error) => {
                    self.status.dropped("refused", part.len() as u64);
                    tracing::error!(%error, entity.id = part.first().map(|event| event.entity_id.as_str()), "data-api refuses an event; it is dropped");
                }
            }
        }
        stored
    }

    /// One attempt: one trace, which data-api continues.
    #[tracing::instrument(name = "ingest.deliver", skip_all, fields(batch.size = batch.len(), otel.kind = "client"))]
    async fn send(&self, batch: &[NewEvent]) -> Result<usize, CallFailed> {
        let reply = self.client.send_events(batch).await?;
        if let Some(first) = reply.rejected.first() {
            self.status.dropped("rejected", reply.rejected.len() as u64);
            tracing::error!(rows = reply.rejected.len(), reason = %first.reason, "data-api cannot store some events; they are dropped");
        }
        self.status.delivered(
            reply.stored,
            reply.duplicates,
            batch.last().map(|event| event.last_updated),
        );
        Ok(reply.stored)
    }

    /// data-api answered.
    pub(crate) fn reached(&self) {
        if self.health.restore(PART) {
            tracing::info!(url = %self.client.url(), "data-api answers");
        }
    }

    /// data-api did not answer; events wait.
    pub(crate) fn away(&self, error: &CallFailed) {
        if self.health.degrade(PART, format!("{error}; events wait")) {
            tracing::warn!("{error}; events wait");
        }
    }
}
