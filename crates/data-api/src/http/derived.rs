//! Routes of what follows from stored events and from what was measured: sums, traces, causes, series, alerts.

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Api, activity, alerts, analytics, energy, event_summaries, process_metrics, trace};

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
        .routes(routes!(activity::current))
        .routes(routes!(activity::history))
        .routes(routes!(energy::correlations::correlations))
        .routes(routes!(energy::current))
        .routes(routes!(energy::circuits))
        .routes(routes!(energy::statistics))
        .routes(routes!(energy::top_consumers))
        .routes(routes!(energy::device_impact))
        .routes(routes!(energy::carbon_intensity))
        .routes(routes!(analytics::show))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::active))
        .routes(routes!(alerts::summary))
        .routes(routes!(alerts::one))
        .routes(routes!(process_metrics::show))
        .routes(routes!(process_metrics::all))
        .routes(routes!(process_metrics::of_system))
        .routes(routes!(process_metrics::summary))
}

/// For who may change what others see.
pub(super) fn admin_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::resolve))
        .routes(routes!(alerts::cleanup))
        .routes(routes!(process_metrics::reset))
}
