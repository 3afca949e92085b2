//! Who may call: the key as `Authorization: Bearer …` or `X-API-Key`, and the scope that a route needs.
//!
//! [`authenticate`] stands before every guarded route and says who calls; [`need_scope`] stands before each group of routes
//! ([`super::router`]) and says whether that is enough.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::api::keys::Scope;
use common::http::problem::Problem;
use serde_json::json;

use super::Api;
use super::rate_limit::{Quota, Who};
use crate::keys::Caller;

const NO_KEY: &str = "Authentication required";
const WRONG_KEY: &str = "Invalid or expired credentials";

/// What a request says of itself.
#[derive(Debug, PartialEq, Eq)]
enum Credential<'a> {
    None,
    Key(&'a str),
}

fn credential(headers: &HeaderMap) -> Credential<'_> {
    // What is sent but cannot be a key is a wrong key, not none.
    let bearer = headers.get(header::AUTHORIZATION).map(|value| {
        let value = value.to_str().unwrap_or("");
        let (scheme, key) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            key.trim()
        } else {
            ""
        }
    });
    let plain = headers
        .get("x-api-key")
        .map(|value| value.to_str().unwrap_or(""));
    match bearer.or(plain) {
        Some(key) => Credential::Key(key),
        None => Credential::None,
    }
}

/// Says who calls, to all that comes after; who has no valid key gets 401, or 429 when asking too often.
pub(super) async fn authenticate(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match credential(request.headers()) {
        Credential::Key(key) => api.keys.find(key).await.ok_or(WRONG_KEY),
        Credential::None if api.allow_anonymous => Ok(Caller::Anonymous),
        Credential::None => Err(NO_KEY),
    };
    let quota = match &caller {
        Ok(Caller::Main) => None,
        Ok(Caller::Named(key)) => key.about.rate_limit_per_min.map(|rate| {
            api.rate_limit
                .admit(Who::Key(key.about.id), rate, Instant::now())
        }),
        Ok(Caller::Anonymous) | Err(_) => {
            let address = client_address(&api, &request);
            Some(api.rate_limit.admit_address(address, Instant::now()))
        }
    };
    let now = api.clock.now().get() / 1_000_000;
    if let Some(quota) = quota.filter(|quota| quota.wait_seconds.is_some()) {
        metrics::counter!("homeiq_http_refused_total", "reason" => "rate_limit").increment(1);
        let body = json!({"success": false, "error": "Rate limit exceeded. Please try again later.",
            "error_code": "RATE_LIMIT_EXCEEDED"});
        let mut response = (StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response();
        tell(&mut response, quota, now);
        return response;
    }
    let mut response = match caller {
        Err(text) => {
            metrics::counter!("homeiq_http_refused_total", "reason" => "key").increment(1);
            unauthorized(text)
        }
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    };
    if let Some(quota) = quota {
        tell(&mut response, quota, now);
    }
    response
}

/// Lets a caller pass that has this scope.
pub(super) async fn need_scope(
    State(scope): State<Scope>,
    request: Request,
    next: Next,
) -> Response {
    let refuse =
        || metrics::counter!("homeiq_http_refused_total", "reason" => "scope").increment(1);
    match request.extensions().get::<Caller>() {
        Some(caller) if caller.may(scope) => {
            if scope == Scope::Admin {
                tracing::info!(key = caller.name(), method = %request.method(), path = request.uri().path(), "asked of an administrator");
            }
            next.run(request).await
        }
        Some(Caller::Named(key)) => {
            refuse();
            let has: Vec<_> = key
                .about
                .scopes
                .iter()
                .map(|scope| scope.as_str())
                .collect();
            let text = format!(
                "This needs a key with the scope '{scope}'; the key '{}' has: {}",
                key.about.name,
                has.join(", ")
            );
            Problem::Told(StatusCode::FORBIDDEN, text).into_response()
        }
        _ => {
            refuse();
            unauthorized(NO_KEY)
        }
    }
}

fn unauthorized(text: &str) -> Response {
    Problem::Told(StatusCode::UNAUTHORIZED, text.to_owned()).into_response()
}

/// The address that a rate is counted for.
fn client_address(api: &Api, request: &Request) -> IpAddr {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.ip());
    api.trusted_proxies.client(peer, request.headers())
}

/// Says how much is left, and when to come again.
fn tell(response: &mut Response, quota: Quota, now: i64) {
    let full_at = now.saturating_add_unsigned(quota.full_in_seconds);
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", quota.per_minute.into());
    headers.insert("x-ratelimit-remaining", quota.remaining.into());
    headers.insert("x-ratelimit-reset", full_at.into());
    if let Some(seconds) = quota.wait_seconds {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn both_headers_are_understood_and_what_cannot_be_a_key_is_a_wrong_key() {
        let headers = |name: &'static str, value: &'static [u8]| {
            HeaderMap::from_iter([(
                header::HeaderName::from_static(name),
                HeaderValue::from_bytes(value).unwrap(),
            )])
        };
        for (name, value, key) in [
            ("authorization", b"bearer abc".as_slice(), "abc"),
            ("x-api-key", b"abc", "abc"),
            ("authorization", b"Basic abc", ""),
            ("authorization", b"Bearer \xff", ""),
            ("x-api-key", b"\xff", ""),
        ] {
            assert_eq!(credential(&headers(name, value)), Credential::Key(key));
        }
        assert_eq!(credential(&HeaderMap::new()), Credential::None);
    }
}
