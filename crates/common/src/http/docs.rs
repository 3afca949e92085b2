//! `/docs`: a page that shows `/openapi.json`, without anything from another server.

use axum::response::Html;

/// The page.
pub async fn page() -> Html<&'static str> {
    Html(include_str!("docs.html"))
}
