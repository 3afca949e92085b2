//! Whose web pages may change the home. A browser sends a simple POST for any page, and asks nobody before.

use axum::http::{HeaderMap, StatusCode, header};
use common::http::problem::Problem;
use common::settings::CorsOrigins;
use url::Url;

/// Refuses what a page of another site sends. Programs send no `Origin`.
pub(super) fn check(headers: &HeaderMap, allowed: &CorsOrigins) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN.as_str()) else {
        return Ok(());
    };
    let is_allowed = allowed.0.iter().any(|known| known == origin);
    let hosts = [text("x-forwarded-host"), text(header::HOST.as_str())];
    let is_own = Url::parse(origin).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default();
        let authority = url
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        hosts.iter().flatten().any(|own| *own == authority)
    });
    if is_allowed || is_own {
        return Ok(());
    }
    Err(Problem::Told(
        StatusCode::FORBIDDEN,
        format!(
            "a page of {origin} may not change the home: name it in CORS_ORIGINS if it is yours"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "homeiq.local:8020".parse().unwrap());
        headers.insert(header::ORIGIN, origin.parse().unwrap());
        check(
            &headers,
            &CorsOrigins(vec!["http://mine:3000".to_owned(), "*".to_owned()]),
        )
        .is_ok()
    }

    #[test]
    fn only_own_pages_and_named_ones_may() {
        assert!(check(&HeaderMap::new(), &CorsOrigins(Vec::new())).is_ok());
        assert!(from("http://homeiq.local:8020") && from("http://mine:3000"));
        for foreign in [
            "http://evil.example",
            "http://homeiq.local",
            "http://homeiq.local:8021",
            "null",
        ] {
            assert!(!from(foreign), "{foreign}");
        }
    }
}
