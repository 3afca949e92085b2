//! Delivery to data-api: a batch is let go of only after its commit.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use common::api::events::NewEvent;
use common::health::Health;
use common::instant::UtcMicros;
use common::retry::RetryPolicy;
use data_api_client::{CallFailed, DataApi};
use tokio::sync::SetOnce;

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
    looked_back: Arc<SetOnce<()>>,
    /// An answer that takes longer is told in `/health`.
    slow_answer: Duration,
}

impl Sink for DataApiSink {
    const PART: &'static str = "spool";
    const AFTER_LOSS: &'static str = "Home Assistant's history is asked for them";

    async fn deliver(&self, batch: &Lines) {
        // What is newest in the store says when the last run ended, until something newer is stored.
        self.looked_back.wait().await;
        self.gaps.settled(self).await;
        self.store(batch, true).await;
    }

    fn lost(&self, why: Loss, events: u64, span: Option<(UtcMicros, UtcMicros)>) {
        if why == Loss::SpoolDamaged {
            self.status.set_aside(1);
        }
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
        looked_back: Arc<SetOnce<()>>,
        slow_answer: Duration,
    ) -> Self {
        Self {
            client,
            status,
            health,
            gaps,
            looked_back,
            slow_answer,
        }
    }

    /// The way to data-api for other calls.
    pub(crate) fn client(&self) -> &DataApi {
        &self.client
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
        // An empty batch was taken just now.
        let mut takes_others = false;
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let (answer, is_slow) = self.watched(self.send(&part, is_live)).await;
            match answer {
                Ok(new) => {
                    stored += new;
                    // A slow answer is one, but no sign that all is well.
                    if !is_slow {
                        self.reached();
                    }
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
                // Whoever refuses an empty batch takes nothing of us, such as a gateway in between: that is not the event's fault.
                Err(error) if !takes_others => {
                    let nothing = self.client.send_event_lines(Lines::default().body());
                    takes_others = nothing.await.is_ok();
                    parts.push(part);
                    if !takes_others {
                        self.away(&error);
                        tokio::time::sleep(delay.next_wait()).await;
                    }
                    continue;
                }
                Err(error) => {
                    self.status.dropped("refused", part.len() as u64);
                    let event = String::from_utf8_lossy(&part.body()).into_owned();
                    let event: String = event.chars().take(SHOWN_CHARS).collect();
                    tracing::error!(%error, event, "data-api refuses an event; it is dropped");
                }
            }
            takes_others = false;
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
        metrics::gauge!("homeiq_data_api_connected").set(1.0);
        if self.health.restore(PART) {
            tracing::info!(url = %self.client.url(), "data-api answers");
            self.gaps.expect_others();
        }
    }

    /// Waits for a call, and tells when it takes long. Returns whether it did.
    pub(crate) async fn watched<T>(&self, call: impl Future<Output = T>) -> (T, bool) {
        let mut call = pin!(call);
        tokio::select! {
            answer = &mut call => (answer, false),
            () = tokio::time::sleep(self.slow_answer) => {
                self.slow();
                (call.await, true)
            }
        }
    }

    /// data-api lets us wait.
    fn slow(&self) {
        metrics::counter!("homeiq_data_api_errors_total", "class" => "slow").increment(1);
        let reason = format!(
            "data-api is slow: no answer for {:?}; events wait",
            self.slow_answer
        );
        if self.health.degrade(PART, reason.as_str()) {
            tracing::warn!("{reason}");
        }
    }

    /// data-api did not answer; events wait.
    pub(crate) fn away(&self, error: &CallFailed) {
        metrics::gauge!("homeiq_data_api_connected").set(0.0);
        metrics::counter!("homeiq_data_api_errors_total", "class" => error.class()).increment(1);
        if self.health.degrade(PART, format!("{error}; events wait")) {
            tracing::warn!("{error}; events wait");
        }
    }
}
