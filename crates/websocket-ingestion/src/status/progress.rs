//! How far the reading of Home Assistant's history is, as `GET /api/v1/backfill` tells it.

use common::instant::UtcMicros;
use serde::Serialize;

use super::Facts;

/// What the reading is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Doing {
    /// Nothing: there is nothing to read, or no connection.
    Idle,
    /// Reading the time before the first start.
    Importing,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Progress {
    state: Doing,
    /// Rows that were new.
    rows: usize,
    /// The oldest instant that has been read.
    back_to: Option<UtcMicros>,
    /// The time before the first start has been read.
    done: bool,
}

impl Facts {
    /// How far the reading of the history is.
    pub(crate) fn progress(&self) -> Progress {
        let is_importing = self.imported_back_to.is_some() && !self.import_done;
        Progress {
            state: if is_importing && self.subscribed_since.is_some() {
                Doing::Importing
            } else {
                Doing::Idle
            },
            rows: self.imported_rows,
            back_to: self.imported_back_to,
            done: self.import_done,
        }
    }
}
