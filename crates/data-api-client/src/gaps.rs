//! Spans of time from which events may be missing.

use common::api::gaps::{Gap, GapList, MAX_GAPS};
use common::api::registry::UpsertReply;
use reqwest::Method;

use crate::call::{CallFailed, DataApi};

impl DataApi {
    /// Reports gaps; a known one (same start and reason) is replaced.
    pub async fn report_gaps(&self, gaps: &[Gap]) -> Result<UpsertReply, CallFailed> {
        self.json(self.request(Method::POST, "/internal/gaps")?.json(gaps))
            .await
    }

    /// Gaps that are not closed, latest first.
    pub async fn open_gaps(&self) -> Result<GapList, CallFailed> {
        let limit = MAX_GAPS.to_string();
        self.json(
            self.request(Method::GET, "/api/v1/gaps")?
                .query(&[("open", "true"), ("limit", &limit)]),
        )
        .await
    }
}
