//! Who or what caused the rows of a span, from the logbook.

use std::collections::VecDeque;

use common::instant::UtcMicros;

use super::{Reader, Trouble};
use crate::home_assistant::calls::CallFailed;
use crate::home_assistant::logbook::{self, Logbook};

/// Questions about the logbook without an answer after which it is left alone for this connection.
const LATE_LOGBOOK: u32 = 3;
/// Rows of the history for which the logbook is asked at once.
const LOGBOOK_ROWS: usize = 20_000;
/// Most slices of a span in which it is asked.
const MOST_SLICES: usize = 32;
/// A larger answer makes the next spans shorter.
const LARGE_LOGBOOK_BYTES: usize = 4 * 1024 * 1024;

impl Reader<'_> {
    /// What the logbook says about a span with about so many rows; nothing where there is none.
    pub(super) async fn logbook(
        &mut self,
        start: UtcMicros,
        end: UtcMicros,
        rows: usize,
    ) -> Result<Logbook, Trouble> {
        let mut logbook = Logbook::default();
        // A flood is asked for in slices.
        let slices = (rows / LOGBOOK_ROWS + 1).min(MOST_SLICES) as i64;
        let slice = (end.get() - start.get()) / slices;
        let edge = |number: i64| match number {
            0 => start.plus_seconds(-logbook::LOOK_BACK_SECONDS),
            _ if number == slices => end.plus_seconds(logbook::LOOK_AHEAD_SECONDS),
            _ => start.plus_micros(slice * number),
        };
        let mut spans: VecDeque<_> = (0..slices).map(|n| (edge(n), edge(n + 1))).collect();
        while let Some((from, until)) = spans.pop_front() {
            if !self.has_logbook {
                break;
            }
            match self.calls.call(logbook::command(from, until)).await {
                Ok(answer) => {
                    self.late_logbook = 0;
                    if answer.get().len() > LARGE_LOGBOOK_BYTES {
                        self.pace.too_much();
                    }
                    let read = tokio::task::spawn_blocking(move || {
                        let read = logbook.add(answer.get());
                        (logbook, read)
                    });
                    let read = read.await.map_err(|_| Trouble::Disconnected)?;
                    logbook = read.0;
                    if let Err(error) = read.1 {
                        self.leave_logbook(&error.into());
                    }
                }
                Err(CallFailed::Disconnected) => return Err(Trouble::Disconnected),
                Err(error @ CallFailed::Timeout(_)) => {
                    self.pace.too_much();
                    self.late_logbook += 1;
                    if self.late_logbook >= LATE_LOGBOOK {
                        self.leave_logbook(&error);
                    } else {
                        let middle = from.plus_micros((until.get() - from.get()) / 2);
                        spans.push_front((middle, until));
                        spans.push_front((from, middle));
                    }
                }
                Err(error) => self.leave_logbook(&error),
            }
        }
        Ok(logbook)
    }

    fn leave_logbook(&mut self, error: &CallFailed) {
        self.has_logbook = false;
        tracing::warn!(%error, "the logbook cannot be read: who or what caused the changes of the past stays unknown. \
            Automations may look like habits; the integration `logbook` tells them apart");
    }
}
