//! Long-term statistics.

use common::api::statistics::{StatisticList, StatisticsReply};
use common::instant::UtcMicros;
use reqwest::{Body, Method, header};

use crate::call::{CallFailed, DataApi};

impl DataApi {
    /// Stores a batch that was written as NDJSON before, one `NewStatistic` a line. The answer means that it is on disk.
    pub async fn send_statistic_lines(
        &self,
        body: impl Into<Body>,
    ) -> Result<StatisticsReply, CallFailed> {
        let request = self
            .request(Method::POST, "/internal/statistics/bulk_upsert")?
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .body(body);
        self.json(request).await
    }

    /// A page of hours of an entity from `start` on, earliest first.
    pub async fn statistics(
        &self,
        entity_id: &str,
        start: Option<UtcMicros>,
    ) -> Result<StatisticList, CallFailed> {
        let mut request = self
            .request(Method::GET, "/api/v1/statistics")?
            .query(&[("entity_id", entity_id)]);
        if let Some(start) = start {
            request = request.query(&[("start", start)]);
        }
        self.json(request).await
    }
}
