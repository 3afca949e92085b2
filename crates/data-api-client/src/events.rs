//! State changes: stored in batches, read page by page.

use common::api::events::{Event, EventStats, IngestReply, NEXT_CURSOR_HEADER, NewEvent};
use common::instant::UtcMicros;
use reqwest::{Body, Method, header};
use serde::Serialize;

use crate::call::{CallFailed, DataApi};

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

    /// Ids of all entities that have events.
    pub async fn entities_with_events(&self) -> Result<Vec<String>, CallFailed> {
        self.json(self.request(Method::GET, "/internal/events/entities")?)
            .await
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
