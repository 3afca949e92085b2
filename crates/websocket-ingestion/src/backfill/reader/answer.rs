//! An answer about the history on its way to data-api: taken apart row by row, so that a large one is never there twice.

use std::sync::Arc;

use common::api::events::NewEvent;
use common::instant::UtcMicros;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{Found, Reader, Trouble};
use crate::home_assistant::history;
use crate::home_assistant::logbook::Logbook;

/// Rows in one batch to data-api.
const BATCH: usize = 2_000;
/// Batches that may wait for data-api.
const WAITING: usize = 2;
/// Bytes of a row, about, to know how many there are before they are read.
const ROW_BYTES: usize = 120;

/// An answer that has not been read yet.
#[derive(Debug)]
pub(super) enum Answer {
    WebSocket(Box<RawValue>),
    /// With the start that was asked for.
    Rest(String, UtcMicros),
}

impl Answer {
    fn text(&self) -> &str {
        match self {
            Self::WebSocket(text) => text.get(),
            Self::Rest(text, _) => text,
        }
    }

    /// Whether it has no rows: `{}` or `[]`.
    pub(super) fn is_empty(&self) -> bool {
        self.text().len() <= 2
    }

    /// How many rows it has, about.
    pub(super) fn rows(&self) -> usize {
        self.text().len() / ROW_BYTES + 1
    }

    /// Hands on its rows, and returns how many could not be used.
    fn read(&self, each: &mut dyn FnMut(NewEvent)) -> Result<usize, serde_json::Error> {
        match self {
            Self::WebSocket(text) => history::read(text.get(), each),
            Self::Rest(text, start) => {
                let (rows, unusable) = history::rest_rows(text, *start)?;
                rows.into_iter().for_each(each);
                Ok(unusable)
            }
        }
    }
}

impl Reader<'_> {
    /// Takes an answer apart where it holds up nobody, adds what is known of the rows, and waits until data-api has stored them.
    pub(super) async fn take_in(
        &mut self,
        answer: Answer,
        logbook: &Arc<Logbook>,
    ) -> Result<Found, Trouble> {
        let (sender, mut batches) = mpsc::channel::<Vec<NewEvent>>(WAITING);
        let explaining = Arc::clone(logbook);
        let reading = tokio::task::spawn_blocking(move || {
            let mut batch = Vec::new();
            let unusable = answer.read(&mut |mut row| {
                explaining.explain(&mut row);
                batch.push(row);
                if batch.len() == BATCH {
                    // Nobody waits for them any more when the connection is over.
                    sender.blocking_send(std::mem::take(&mut batch)).ok();
                }
            });
            sender.blocking_send(batch).ok();
            unusable
        });
        let mut found = Found::default();
        while let Some(batch) = batches.recv().await {
            found.add(self.hand_over(batch).await);
        }
        match reading.await.map_err(|_| Trouble::Disconnected)? {
            Ok(unusable) => {
                self.shared
                    .status
                    .dropped("history_unusable", unusable as u64);
                Ok(found)
            }
            Err(error) => {
                // What could be read is stored; the rest is asked for in another way.
                self.by_rest = true;
                Err(Trouble::TooMuch(format!(
                    "an answer of the history cannot be read: {error}"
                )))
            }
        }
    }

    async fn hand_over(&self, mut rows: Vec<NewEvent>) -> Found {
        let shared = self.shared;
        let mut found = Found {
            rows: rows.len(),
            new: 0,
            newest: rows.iter().map(|row| row.last_updated).max(),
        };
        for row in &mut rows {
            shared.enrichment.place(row);
        }
        rows.retain(|row| shared.filter.keeps(row));
        shared
            .status
            .dropped("filtered", (found.rows - rows.len()) as u64);
        if !rows.is_empty() {
            found.new = shared.sink.store_events(&rows).await;
            metrics::counter!("homeiq_backfill_rows_total").increment(found.new as u64);
        }
        shared.status.backfill(|progress| {
            progress.rows += found.new as u64;
            progress.rows_read += found.rows as u64;
        });
        found
    }
}
