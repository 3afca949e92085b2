//! Errors as HTTP answers, in the shapes that clients of the replaced services know.
//!
//! Causes go to the log with the correlation id, never into a body.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error to answer with. The frame adds path, method and correlation id where the shape has them.
#[derive(Debug, Clone)]
pub enum Problem {
    /// The request is not of the form that is documented: 422.
    Validation(Vec<Invalid>),
    /// Something that was decided: any status, `{"detail": text}`.
    Told(StatusCode, String),
    /// The store or a peer is away; trying again later may help: 503 with `Retry-After`.
    Unavailable(String),
    /// A fault of ours: 500. The cause was logged where it was found.
    Internal,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone)]
pub struct Invalid {
    /// Where: such as `["query", "limit"]`.
    pub loc: Vec<String>,
    /// What is wrong and what would be right.
    pub msg: String,
}

/// Seconds after which a client may try again when something is unavailable.
const RETRY_AFTER_SECONDS: u8 = 5;

impl Problem {
    /// One thing wrong in the query or the path.
    pub fn query(name: &str, msg: impl Into<String>) -> Self {
        Self::Validation(vec![Invalid {
            loc: vec!["query".to_owned(), name.to_owned()],
            msg: msg.into(),
        }])
    }

    /// One thing wrong in the body.
    pub fn body(msg: impl Into<String>) -> Self {
        Self::Validation(vec![Invalid {
            loc: vec!["body".to_owned()],
            msg: msg.into(),
        }])
    }

    /// There is no such thing: 404.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::Told(StatusCode::NOT_FOUND, what.into())
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Validation(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Told(status, _) => *status,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The whole answer.
    pub(crate) fn render(&self, path: &str, method: &str, correlation_id: &str) -> Response {
        let coded = |code: &str, message: &str, detail: Option<Value>| {
            let mut error = json!({"code": code, "message": message, "path": path, "method": method,
                "correlation_id": correlation_id});
            if let Some(detail) = detail {
                error["detail"] = detail;
            }
            json!({ "error": error })
        };
        let body = match self {
            Self::Validation(invalid) => {
                let detail = invalid
                    .iter()
                    .map(|i| json!({"type": "value_error", "loc": i.loc, "msg": i.msg}))
                    .collect();
                coded("ValidationError", "Request validation failed", Some(detail))
            }
            Self::Told(_, detail) | Self::Unavailable(detail) => json!({ "detail": detail }),
            Self::Internal => coded("InternalServerError", "An internal error occurred", None),
        };
        let mut response = (self.status(), Json(body)).into_response();
        if matches!(self, Self::Unavailable(_)) {
            response.headers_mut().insert(
                header::RETRY_AFTER,
                HeaderValue::from(u16::from(RETRY_AFTER_SECONDS)),
            );
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // The frame, which knows the request, renders the body.
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
