//! Search in plain words.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use common::http::extract::Query;
use common::http::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{Api, enveloped, origin, store_problem};
use crate::search::{DocumentKind, Found, Question};

const DEFAULT_RESULTS: u32 = 10;
const MOST_RESULTS: u32 = 100;
/// Longest question, in characters.
const LONGEST: usize = 500;

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParams {
    /// In plain words, at most 500 characters, such as `what happens when we go to bed`.
    q: String,
    /// Results, 1 to 100. Default 10.
    limit: Option<u32>,
    /// Only habits, entities, areas or actions. Default all of them.
    #[param(inline)]
    kind: Option<DocumentKind>,
}

/// The answer to a question.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SearchAnswer {
    /// Always true; failures have another status.
    success: bool,
    /// What was found.
    data: Found,
    /// Such as `3 results`.
    message: String,
}

/// Habits, entities, areas and actions that a question in plain words is about, the best first. An action is a service that can be called on
/// an entity; it names the habits whose automations do so.
#[utoipa::path(get, path = "/api/v1/search", tag = "search", params(SearchParams),
    responses((status = 200, description = "What was found, also where that is nothing", body = SearchAnswer),
        (status = 422, description = "No question, one that is too long, or a parameter out of its bounds")))]
pub(super) async fn search(
    State(api): State<Api>,
    Query(params): Query<SearchParams>,
) -> Result<Json<SearchAnswer>, Problem> {
    let text = params.q.trim().to_owned();
    if text.is_empty() {
        return Err(Problem::query("q", "want a question in plain words"));
    }
    if text.chars().count() > LONGEST {
        return Err(Problem::query(
            "q",
            format!("want at most {LONGEST} characters"),
        ));
    }
    let limit = params.limit.unwrap_or(DEFAULT_RESULTS);
    if !(1..=MOST_RESULTS).contains(&limit) {
        return Err(Problem::query("limit", format!("want 1 to {MOST_RESULTS}")));
    }
    let question = Question {
        text,
        kind: params.kind,
        limit: limit as usize,
    };
    let data = api.search.find(question).await.map_err(store_problem)?;
    Ok(Json(SearchAnswer {
        success: true,
        message: format!("{} results", data.count),
        data,
    }))
}

/// Forgets everything that is kept for the search, and makes it anew from the habits and from data-api. Nothing else is lost.
#[utoipa::path(post, path = "/api/v1/search/rebuild", tag = "search",
    responses((status = 200, description = "How many things can be found"), (status = 403, description = "A page of another site asks")))]
pub(super) async fn rebuild(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    origin::check(&headers, &api.cors)?;
    let count = api.search.rebuild().await.map_err(store_problem)?;
    let message = format!("{count} things can be found");
    Ok(enveloped(json!({"documents": count}), &message))
}
