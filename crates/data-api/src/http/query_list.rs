//! A query string in which a name may stand several times.

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use common::http::problem::Problem;
use serde::de::DeserializeOwned;
use url::form_urlencoded;

/// The query string, with the values of a repeated name joined by commas: `entity_id=a&entity_id=b` reads as `entity_id=a,b`.
#[derive(Debug)]
pub(super) struct QueryList<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryList<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let uri = joined(parts.uri.query().unwrap_or_default());
        let query = axum::extract::Query::<T>::try_from_uri(&uri).map_err(Problem::from)?;
        Ok(Self(query.0))
    }
}

fn joined(query: &str) -> Uri {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match pairs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => {
                values.push(',');
                values.push_str(&value);
            }
            None => pairs.push((name.into_owned(), value.into_owned())),
        }
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    format!("/?{query}").parse().unwrap_or_default()
}

/// The parts of a list, each once, in their order.
pub(super) fn parts(list: Option<&str>) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in list.unwrap_or_default().split(',').map(str::trim) {
        if !part.is_empty() && !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_are_one_list() {
        let uri = joined("entity_id=a.b&points=5&entity_id=c.d&start=2026-11-23T10:00:00%2B00:00");
        let query = uri.query().unwrap_or_default();
        assert_eq!(
            query,
            "entity_id=a.b%2Cc.d&points=5&start=2026-11-23T10%3A00%3A00%2B00%3A00"
        );
        assert_eq!(parts(Some("a.b, c.d,,a.b")), ["a.b", "c.d"]);
        assert_eq!(parts(None), Vec::<&str>::new());
    }
}
