//! The HTTP API: one module per resource, and what stands around them.

mod activity;
mod alerts;
mod analytics;
mod auth;
mod backup;
mod counters;
mod derived;
mod device_health;
mod device_reports;
mod energy;
mod event_id;
mod event_summaries;
mod events;
mod export;
mod gaps;
mod history;
mod home;
mod ingest;
mod instant;
mod integrations;
mod keys;
mod not_built;
mod places;
mod process_metrics;
mod query_list;
mod rate_limit;
mod read_limits;
mod registry;
mod registry_in;
mod relations;
mod router;
mod statistics;
mod status;
mod trace;
pub(crate) mod trusted_proxies;
mod upkeep;

use std::sync::Arc;

use common::clock::Clock;
use common::health::Health;
use common::http::problem::Problem;
use common::lifecycle::Tasks;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::backup::Backups;
use crate::config::{Config, EnergyConfig};
use crate::integrity::Integrity;
use crate::keys::Keys;
use crate::measured::Measured;
use crate::store::{EventWriter, Store, StoreFailure};
use rate_limit::RateLimit;
use read_limits::ReadLimits;
use status::RequestCounts;
use trusted_proxies::TrustedProxies;

pub use router::openapi_document;

/// What every handler may use. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    store: Store,
    writer: EventWriter,
    keys: Keys,
    allow_anonymous: bool,
    reads: Arc<ReadLimits>,
    trusted_proxies: Arc<TrustedProxies>,
    rate_limit: Arc<RateLimit>,
    requests: Arc<RequestCounts>,
    measured: Arc<Measured>,
    energy: Arc<EnergyConfig>,
    health: Health,
    clock: Clock,
    backups: Backups,
    integrity: Integrity,
    tasks: Tasks,
    /// Cancelled when the server is to close: streams end then.
    closing: CancellationToken,
    exports: Arc<Semaphore>,
}

impl Api {
    #[expect(clippy::too_many_arguments, reason = "each is a part of its own")]
    pub(crate) fn new(
        store: Store,
        writer: EventWriter,
        keys: Keys,
        config: &Config,
        health: Health,
        clock: Clock,
        backups: Backups,
        integrity: Integrity,
        tasks: Tasks,
    ) -> Self {
        Self {
            store,
            writer,
            keys,
            allow_anonymous: config.allow_anonymous,
            reads: Arc::new(ReadLimits::new(config.reads_at_once, config.read_within.0)),
            trusted_proxies: Arc::new(config.trusted_proxies.clone()),
            rate_limit: Arc::new(RateLimit::new(config.rate_per_minute, config.rate_burst)),
            requests: Arc::default(),
            measured: Arc::default(),
            energy: Arc::new(config.energy.clone()),
            health,
            clock,
            backups,
            integrity,
            closing: tasks.closing(),
            tasks,
            exports: Arc::new(Semaphore::new(export::MAX_EXPORTS)),
        }
    }
}

impl Api {
    /// What is measured of the requests that this serves.
    pub(crate) fn measured(&self) -> Arc<Measured> {
        Arc::clone(&self.measured)
    }
}

/// Logs a failure of the store, where it is handled, and says what a caller needs to know of it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
pub(crate) fn store_problem(failure: StoreFailure) -> Problem {
    let problem = match &failure {
        StoreFailure::DiskFull(_) => Problem::Told(
            axum::http::StatusCode::INSUFFICIENT_STORAGE,
            "the disk is full: nothing of this request was kept; free some space, then send it again".to_owned(),
        ),
        StoreFailure::Busy(_) | StoreFailure::ReadOnly(_) | StoreFailure::Damaged(_) | StoreFailure::Unreachable(_) => {
            Problem::Unavailable("storage is unavailable: nothing of this request was kept; try again".to_owned())
        }
        StoreFailure::Statement(_) => Problem::Internal,
    };
    tracing::error!(
        error = &failure as &dyn std::error::Error,
        "the store failed"
    );
    problem
}
