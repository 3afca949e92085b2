//! Keys besides the main one: made, listed and revoked by who has the scope `admin`.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::api::keys::{KeyList, MadeKey, NewKey};
use common::http::extract::{Json as Body, Path};
use common::http::problem::{Invalid, Problem};
use secrecy::ExposeSecret;

use super::{Api, store_problem};
use crate::keys::NotMade;

/// Every key, without the keys themselves: those in use, then the last ones that were revoked.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys",
    responses((status = 200, body = KeyList, description = "The keys")))]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<KeyList>, Problem> {
    let keys = api.keys.list().await.map_err(store_problem)?;
    Ok(Json(KeyList {
        count: keys.len(),
        keys,
    }))
}

/// Makes a key. It is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = NewKey,
    responses((status = 201, body = MadeKey, description = "The key, shown this once"),
        (status = 409, description = "A key in use has this name, or there are 200 keys in use"),
        (status = 422, description = "Name, scopes, expiry or rate are not usable")))]
pub(super) async fn make(
    State(api): State<Api>,
    Body(wish): Body<NewKey>,
) -> Result<Response, Problem> {
    let (about, key) = api.keys.make(wish).await.map_err(|error| match error {
        NotMade::Wrong(part, msg) => Problem::Validation(vec![Invalid {
            loc: vec!["body".to_owned(), part.to_owned()],
            msg,
        }]),
        NotMade::NameTaken(_) | NotMade::TooMany => {
            Problem::Told(StatusCode::CONFLICT, error.to_string())
        }
        NotMade::NoSecret(error) => {
            tracing::error!(%error, "no key was made");
            Problem::Internal
        }
        NotMade::Store(failure) => store_problem(failure),
    })?;
    let made = MadeKey {
        key: key.expose_secret().to_owned(),
        about,
    };
    Ok((
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(made),
    )
        .into_response())
}

/// Revokes a key for good. It is refused from the next request on.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys",
    params(("id" = i64, Path, description = "Its number")),
    responses((status = 204, description = "Revoked"), (status = 404, description = "No key in use has this number")))]
pub(super) async fn revoke(
    State(api): State<Api>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    if api.keys.revoke(id).await.map_err(store_problem)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("Key {id} not found")))
    }
}
