//! One id for everything that belongs to one request, across services (`X-Correlation-ID`).

use std::future::Future;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::clock::Clock;

/// The header that carries the id, in requests and in answers.
pub const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// Longest id that is taken over from a caller, in bytes.
const MAX_LEN: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// A new id: `req_<unix seconds>_<8 hex digits>`.
pub fn new_id(clock: &Clock) -> String {
    let mut random = [0_u8; 4];
    // Without random bytes the id is still useful, only less unique.
    getrandom::fill(&mut random).ok();
    format!(
        "req_{}_{:08x}",
        clock.now().get() / 1_000_000,
        u32::from_ne_bytes(random)
    )
}

/// The caller's id, if it sent a usable one.
pub fn from_headers(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(&HEADER)?.to_str().ok()?;
    (!text.is_empty() && text.len() <= MAX_LEN).then(|| text.to_owned())
}

/// Does `work` under this id.
pub async fn with_id<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The id of the request that this code works for.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// The id as a header value.
pub fn header_value(id: &str) -> HeaderValue {
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("invalid"))
}
