//! Routes of what follows from stored events: sums, traces, causes.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Api, event_summaries, trace};

/// For who may read.
pub(super) fn read_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(event_summaries::categories))
        .routes(routes!(event_summaries::search))
        .routes(routes!(event_summaries::recent))
        .routes(routes!(event_summaries::entities))
        .routes(routes!(event_summaries::types))
        .routes(routes!(trace::automation_trace))
        .routes(routes!(trace::cause))
}
