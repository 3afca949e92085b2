//! What is told of the reading of the history, in `/health` and elsewhere.

use common::api::gaps::Gap;
use common::instant::UtcMicros;
use serde::Serialize;

/// What the reader of the history is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Home Assistant is not there yet, or still starting.
    #[default]
    Waiting,
    /// It reads what happened during a gap.
    FillingGap,
    /// It reads what happened before the first start.
    Importing,
    /// It reads the end of a span again until the recorder has written all of it.
    Settling,
    /// It failed, and tries again later.
    Retrying,
    /// There is nothing to read.
    Idle,
}

/// How far the reading is.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Progress {
    pub(crate) state: State,
    /// When this process began to read.
    pub(crate) started: Option<UtcMicros>,
    /// How far back the time before the first start has been read.
    pub(crate) back_to: Option<UtcMicros>,
    /// Rows that were new in the store.
    pub(crate) rows: u64,
    /// Rows that the history gave, new or not.
    pub(crate) rows_read: u64,
    /// Spans of time that have been read, over all entities.
    pub(crate) spans_done: u64,
    /// The gap that is being read.
    pub(crate) gap: Option<Gap>,
    /// Why the last attempt failed; null after one that did not.
    pub(crate) last_error: Option<String>,
    /// The time before the first start has been read as far as it is wanted.
    pub(crate) done: bool,
    /// When there was nothing left to read.
    pub(crate) finished_at: Option<UtcMicros>,
}

impl Progress {
    /// It does something now.
    pub(crate) fn begin(&mut self, state: State, now: UtcMicros) {
        self.state = state;
        self.started.get_or_insert(now);
        self.finished_at = None;
    }

    /// There is nothing left to read.
    pub(crate) fn finish(&mut self, now: UtcMicros) {
        self.state = State::Idle;
        self.gap = None;
        self.last_error = None;
        self.finished_at.get_or_insert(now);
    }

    /// An attempt failed. Returns whether the reason is news.
    pub(crate) fn fail(&mut self, reason: &str) -> bool {
        self.state = State::Retrying;
        self.gap = None;
        let is_news = self.last_error.as_deref() != Some(reason);
        self.last_error = Some(reason.to_owned());
        is_news
    }
}
