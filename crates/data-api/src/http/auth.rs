//! Who may call: the key as `Authorization: Bearer …` or `X-API-Key`, compared in constant time.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use common::http::problem::Problem;
use secrecy::ExposeSecret;
use serde_json::json;
use subtle::ConstantTimeEq;

use super::Api;

/// What a request says of itself.
#[derive(Debug, PartialEq, Eq)]
enum Credential<'a> {
    None,
    Key(&'a str),
}

fn credential(headers: &HeaderMap) -> Credential<'_> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .map(|value| {
            let (scheme, key) = value.split_once(' ').unwrap_or((value, ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                key.trim()
            } else {
                ""
            }
        });
    let plain = headers
        .get("x-api-key")
        .and_then(|value| value.to_str().ok());
    match bearer.or(plain) {
        Some(key) => Credential::Key(key),
        None => Credential::None,
    }
}

/// Lets a request pass that has the key; others get 401, or 429 when they ask too often.
pub(super) async fn require_key(State(api): State<Api>, request: Request, next: Next) -> Response {
    let refusal = match credential(request.headers()) {
        Credential::Key(key)
            if key
                .as_bytes()
                .ct_eq(api.key.expose_secret().as_bytes())
                .into() =>
        {
            return next.run(request).await;
        }
        Credential::Key(_) => Some("Invalid or expired credentials"),
        Credential::None if api.allow_anonymous => None,
        Credential::None => Some("Authentication required"),
    };
    let address = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.ip());
    if let Err(seconds) = api.rate_limit.admit(address, Instant::now()) {
        metrics::counter!("homeiq_http_refused_total", "reason" => "rate_limit").increment(1);
        let body = json!({"success": false, "error": "Rate limit exceeded. Please try again later.",
            "error_code": "RATE_LIMIT_EXCEEDED"});
        return (
            StatusCode::TOO_MANY_REQUESTS,
            [(header::RETRY_AFTER, seconds.to_string())],
            axum::Json(body),
        )
            .into_response();
    }
    match refusal {
        Some(text) => {
            metrics::counter!("homeiq_http_refused_total", "reason" => "key").increment(1);
            Problem::Told(StatusCode::UNAUTHORIZED, text.to_owned()).into_response()
        }
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn both_headers_are_understood_and_another_scheme_is_a_wrong_key() {
        let headers = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(
                header::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )])
        };
        assert_eq!(
            credential(&headers("authorization", "bearer abc")),
            Credential::Key("abc")
        );
        assert_eq!(
            credential(&headers("x-api-key", "abc")),
            Credential::Key("abc")
        );
        assert_eq!(
            credential(&headers("authorization", "Basic abc")),
            Credential::Key("")
        );
        assert_eq!(credential(&HeaderMap::new()), Credential::None);
    }
}
