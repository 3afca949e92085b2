//! How many requests read at the same time, how many wait for that, and for how long one may take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Extension, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::http::problem::Problem;
use tokio::sync::{Semaphore, TryAcquireError};

/// For each request that reads, so many may wait.
const WAITING_PER_READ: usize = 8;

/// Bounds of reading.
#[derive(Debug)]
pub(super) struct ReadLimits {
    /// Who reads.
    running: Semaphore,
    /// Who reads or waits.
    inside: Semaphore,
    within: Duration,
}

impl ReadLimits {
    pub(super) fn new(at_once: usize, within: Duration) -> Self {
        let at_once = at_once.clamp(1, 1_000);
        Self {
            running: Semaphore::new(at_once),
            inside: Semaphore::new(at_once * (1 + WAITING_PER_READ)),
            within,
        }
    }
}

/// Lets a request read within the bounds; a dropped handler ends its statement ([`database::Database::fetch_all`]). A stream counts
/// until its head is there: who makes one bounds it.
pub(super) async fn limit(
    Extension(limits): Extension<Arc<ReadLimits>>,
    request: Request,
    next: Next,
) -> Response {
    let inside = match limits.inside.try_acquire() {
        Ok(inside) => inside,
        Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => {
            return refuse(
                "too_many",
                "too many requests read at the same time; try again later",
            );
        }
    };
    let begun = Instant::now();
    let path = request.uri().path().to_owned();
    let read = async {
        let running = limits.running.acquire().await;
        let response = next.run(request).await;
        drop(running);
        response
    };
    let read = tokio::time::timeout(limits.within, read).await;
    drop(inside);
    if let Ok(response) = read {
        return response;
    }
    tracing::warn!(
        path,
        seconds = begun.elapsed().as_secs_f64(),
        "a request took too long to read and was ended (DB_QUERY_TIMEOUT)"
    );
    refuse(
        "timeout",
        "this took too long to read and was ended; ask for a shorter span or a smaller page, or try again later",
    )
}

fn refuse(reason: &'static str, text: &str) -> Response {
    metrics::counter!("homeiq_http_refused_total", "reason" => reason).increment(1);
    Problem::Unavailable(text.to_owned()).into_response()
}
