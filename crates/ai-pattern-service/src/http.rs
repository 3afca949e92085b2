//! The HTTP API.

mod analysis;
mod automations;
mod bounds;
mod community;
mod feedback;
mod origin;
mod patterns;
mod router;
mod search;
mod silences;
mod status;
mod synergies;

use axum::Json;
use common::clock::Clock;
use common::health::Health;
use common::http::problem::Problem;
use common::settings::CorsOrigins;

use serde_json::{Value, json};

use crate::config::Least;
use crate::run::Analyst;
use crate::schedule::Schedule;
use crate::search::Search;
use crate::store::{Store, StoreFailure};
use crate::zone::HomeZone;

pub use router::openapi_document;

/// What every handler may use. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) analyst: Analyst,
    pub(crate) search: Search,
    pub(crate) schedule: Schedule,
    pub(crate) zone: HomeZone,
    pub(crate) health: Health,
    pub(crate) has_broker: bool,
    pub(crate) clock: Clock,
    pub(crate) least: Least,
    pub(crate) cors: CorsOrigins,
}

/// The envelope of the replaced service.
#[expect(clippy::needless_pass_by_value, reason = "it is built for this")]
fn enveloped(data: Value, message: &str) -> Json<Value> {
    Json(json!({"success": true, "data": data, "message": message}))
}

/// Logs a failure of the store, where it is handled, and says what a caller needs to know of it.
#[expect(clippy::needless_pass_by_value, reason = "made for map_err")]
fn store_problem(failure: StoreFailure) -> Problem {
    tracing::error!(
        error = &failure as &dyn std::error::Error,
        "the store failed"
    );
    match failure {
        StoreFailure::DiskFull(_)
        | StoreFailure::Busy(_)
        | StoreFailure::ReadOnly(_)
        | StoreFailure::Damaged(_)
        | StoreFailure::Unreachable(_) => {
            Problem::Unavailable("storage is unavailable: try again".to_owned())
        }
        StoreFailure::Statement(_) => Problem::Internal,
    }
}
