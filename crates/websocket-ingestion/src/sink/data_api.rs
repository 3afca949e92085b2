//! Delivery to data-api: a batch is let go of only after its commit.

use std::sync::Arc;

use common::api::events::NewEvent;
use common::health::Health;
use common::instant::UtcMicros;
use common::retry::RetryPolicy;
use data_api_client::{CallFailed, DataApi};

use super::{Loss, Sink};
use crate::gaps::Gaps;
use crate::lines::{Line, Lines};
use crate::status::Status;

/// Name of the part in `/health`.
const PART: &str = "data_api";
/// How much of a refused event goes into the log, in characters.
const SHOWN_CHARS: usize = 200;

/// Sends batches to data-api.
#[derive(Debug, Clone)]
pub(crate) struct DataApiSink {
    client: DataApi,
    status: Arc<Status>,
    health: Health,
    gaps: Arc<Gaps>,
}

impl Sink for DataApiSink {
    const PART: &'static str = "spool";

    async fn deliver(&self, batch: &Lines) {
        self.store(batch, true).await;
    }

    fn lost(&self, why: Loss, events: u64, span: Option<(UtcMicros, UtcMicros)>) {
        self.status.dropped(why.as_str(), events);
        if let Some((start, end)) = span {
            self.gaps.lost(why, start, end);
        }
    }

    fn spooled(&self, records: u64, bytes: u64) {
        self.status.spooled(records, bytes);
    }
}

impl DataApiSink {
    pub(crate) fn new(
        client: DataApi,
        status: Arc<Status>,
        health: Health,
        gaps: Arc<Gaps>,
    ) -> Self {
        Self {
            client,
            status,
            health,
            gaps,
        }
    }

    /// Delivers events that were read from the history. Returns how many of them are new in the store.
    pub(crate) async fn store_events(&self, events: &[NewEvent]) -> usize {
        let lines: Result<Vec<Line>, _> = events.iter().map(Line::of).collect();
        match lines {
            Ok(lines) => self.store(&lines.iter().collect(), false).await,
            Err(error) => {
                self.status.dropped("invalid", events.len() as u64);
                tracing::error!(%error, "events of the history cannot be written as JSON; they are dropped");
                0
            }
        }
    }

    /// Delivers a batch, trying for as long as it takes. Returns how many of its events are new in the store.
    async fn store(&self, batch: &Lines, is_live: bool) -> usize {
        let mut delay = RetryPolicy::SIBLING.start();
        let mut parts = vec![batch.clone()];
        let mut stored = 0;
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.send(&part, is_live).await {
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
                    let (first, second) = part.halves();
                    parts.push(second);
                    parts.push(first);
                }
                Err(error) => {
                    self.status.dropped("refused", part.len() as u64);
                    let event = String::from_utf8_lossy(&part.body()).into_owned();
                    let event: String = event.chars().take(SHOWN_CHARS).collect();
                    tracing::error!(%error, event, "data-api refuses an event; it is dropped");
                }
            }
        }
        stored
    }

    /// One attempt: one trace, which data-api continues.
    #[tracing::instrument(name = "ingest.deliver", skip_all, fields(batch.size = batch.len(), otel.kind = "client"))]
    async fn send(&self, batch: &Lines, is_live: bool) -> Result<usize, CallFailed> {
        let reply = self.client.send_event_lines(batch.body()).await?;
        if let Some(first) = reply.rejected.first() {
            self.status.dropped("rejected", reply.rejected.len() as u64);
            tracing::error!(rows = reply.rejected.len(), reason = %first.reason, "data-api cannot store some events; they are dropped");
        }
        // What comes from the history happened long ago, which is no lag.
        let newest = batch.span().filter(|_| is_live).map(|(_, newest)| newest);
        self.status
            .delivered(reply.stored, reply.duplicates, newest);
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
