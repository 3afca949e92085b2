//! State changes: stored in batches, read page by page.

use std::time::Duration;

use common::api::events::{Event, EventStats, IngestReply, NEXT_CURSOR_HEADER, NewEvent};
use common::api::export::ExportedEvent;
use common::instant::UtcMicros;
use reqwest::{Body, Method, header};
use serde::Serialize;

use crate::call::{CallFailed, DataApi};

/// Time for an export, which goes on for as long as there are rows.
const EXPORT_DEADLINE: Duration = Duration::from_secs(600);

/// Which events to read. Newest first.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EventQuery {
    /// Events at or after this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<UtcMicros>,
    /// Events at or before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<UtcMicros>,
    /// Events of this entity only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Rows in a page, at most [`common::api::events::MAX_PAGE_ROWS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Leaves attributes out of the answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_attributes: bool,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One page of events.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events, newest first.
    pub events: Vec<Event>,
    /// Cursor of the next page; none when this is the last.
    pub next: Option<String>,
}

impl DataApi {
    /// Stores a batch. The answer means that it is on disk.
    pub async fn send_events(&self, batch: &[NewEvent]) -> Result<IngestReply, CallFailed> {
        let mut body = Vec::with_capacity(batch.len() * 512);
        for event in batch {
            serde_json::to_writer(&mut body, event)
                .map_err(|error| CallFailed::Unreadable(error.to_string()))?;
            body.push(b'\n');
        }
        self.send_event_lines(body).await
    }

    /// Stores a batch that was written as NDJSON before, one [`NewEvent`] a line. The answer means that it is on disk.
    pub async fn send_event_lines(&self, body: impl Into<Body>) -> Result<IngestReply, CallFailed> {
        let request = self
            .request(Method::POST, "/internal/events/bulk_upsert")?
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(body);
        self.json(request).await
    }

    /// Reads one page.
    pub async fn events(&self, query: &EventQuery) -> Result<EventPage, CallFailed> {
        let response = self
            .answer(self.request(Method::GET, "/api/v1/events")?.query(query))
            .await?;
        let next = response
            .headers()
            .get(NEXT_CURSOR_HEADER)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned);
        let body = response
            .bytes()
            .await
            .map_err(|error| CallFailed::Unreadable(error.to_string()))?;
        let events = serde_json::from_slice(&body)
            .map_err(|error| CallFailed::Unreadable(error.to_string()))?;
        Ok(EventPage { events, next })
    }

    /// Reads all events from `start` to `end`, both included, without attributes: entity after entity, each from its oldest to its newest.
    /// `each` is called for one after the other; after an error it may have been called for a part of them.
    pub async fn exported_events(
        &self,
        start: UtcMicros,
        end: UtcMicros,
        mut each: impl FnMut(&ExportedEvent<'_>),
    ) -> Result<(), CallFailed> {
        let request = self
            .request(Method::GET, "/api/v1/events/export")?
            .query(&[("start", start), ("end", end)])
            .query(&[("attributes", "false")])
            .timeout(EXPORT_DEADLINE);
        let unreadable = |error: &dyn std::fmt::Display| CallFailed::Unreadable(error.to_string());
        let mut response = self.answer(request).await?;
        // The part of a line that came at the end of a piece.
        let mut rest: Vec<u8> = Vec::new();
        while let Some(piece) = response
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            rest.extend_from_slice(&piece);
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            for line in rest[..end].split(|byte| *byte == b'\n') {
                each(&serde_json::from_slice(line).map_err(|error| unreadable(&error))?);
            }
            rest.drain(..=end);
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(unreadable(&"an export ended within a line"))
        }
    }

    /// Ids of all entities that have events.
    pub async fn entities_with_events(&self) -> Result<Vec<String>, CallFailed> {
        self.json(self.request(Method::GET, "/internal/events/entities")?)
            .await
    }

    /// How many events there are from `start` to `end`, both included.
    pub async fn count_events(&self, start: UtcMicros, end: UtcMicros) -> Result<u64, CallFailed> {
        let request = self
            .request(Method::GET, "/api/v1/events/stats")?
            .query(&[("start_time", start), ("end_time", end)]);
        Ok(self.json::<EventStats>(request).await?.total_events)
    }

    /// Counts over a period such as `1h`, and over the whole store.
    pub async fn event_stats(&self, period: &str) -> Result<EventStats, CallFailed> {
        self.json(
            self.request(Method::GET, "/api/v1/events/stats")?
                .query(&[("period", period)]),
        )
        .await
    }
}
