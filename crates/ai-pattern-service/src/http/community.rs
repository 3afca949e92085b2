//! The local library of shared patterns. Nothing leaves this machine: what is submitted here can be read, rated and exported here.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use common::http::extract::{Json as Body, Path, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{Api, enveloped, store_problem};
use crate::store::{
    CommunityFilter, CommunityOrder, CommunityPattern, NewCommunityPattern, Rating,
};

const DEFAULT_ROWS: u32 = 50;
const MAX_ROWS: u32 = 200;
const DEFAULT_RATINGS: u32 = 20;
const MAX_RATINGS: u32 = 100;
/// Characters of a description.
const DESCRIPTION: std::ops::RangeInclusive<usize> = 10..=500;
/// Longest other text, in characters.
const MAX_TEXT: usize = 500;
const MAX_TAGS: usize = 20;

/// Which patterns of the library.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// One kind, such as `time_of_day`.
    pattern_type: Option<String>,
    /// At least this mean rating, 0 to 5.
    min_rating: Option<f64>,
    /// With one of these tags, with commas between them.
    tags: Option<String>,
    /// Rows to pass over.
    skip: Option<u32>,
    /// Rows, 1 to 200. Default 50.
    limit: Option<u32>,
    /// `rating` (the default), `popularity` or `recent`.
    order_by: Option<String>,
}

/// A page of ratings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RatingsParams {
    /// Rows to pass over.
    skip: Option<u32>,
    /// Rows, 1 to 100. Default 20.
    limit: Option<u32>,
}

/// A pattern to share.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewPattern {
    /// Its kind, such as `time_of_day`.
    pattern_type: String,
    /// Entity ids joined by `+`.
    device_id: Option<String>,
    /// What it is made of.
    #[serde(default)]
    #[schema(value_type = Object)]
    pattern_metadata: Option<serde_json::Map<String, Value>>,
    /// What it is for, 10 to 500 characters.
    description: String,
    /// Words to find it by, at most 20.
    #[serde(default)]
    tags: Vec<String>,
    /// Who shares it.
    author: Option<String>,
}

/// A rating.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewRating {
    /// 1 to 5.
    rating: i64,
    /// In words, at most 500 characters.
    comment: Option<String>,
    /// Who.
    user_id: Option<String>,
}

fn limit(asked: Option<u32>, usual: u32, most: u32) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(usual);
    if !(1..=most).contains(&limit) {
        return Err(Problem::query("limit", format!("want 1 to {most}")));
    }
    Ok(limit)
}

fn short(name: &str, text: Option<&String>) -> Result<(), Problem> {
    if text.is_some_and(|text| text.chars().count() > MAX_TEXT) {
        return Err(Problem::body(format!(
            "{name}: want at most {MAX_TEXT} characters"
        )));
    }
    Ok(())
}

/// The library.
#[utoipa::path(get, path = "/api/v1/community/patterns/list", tag = "community", params(ListParams),
    responses((status = 200, description = "The patterns"), (status = 422, description = "A parameter out of its bounds")))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(params): Query<ListParams>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(params.limit, DEFAULT_ROWS, MAX_ROWS)?;
    let least = params.min_rating.unwrap_or(0.0);
    if !(0.0..=5.0).contains(&least) {
        return Err(Problem::query("min_rating", "want 0 to 5"));
    }
    let order_by = params.order_by.as_deref().unwrap_or("rating");
    let order = match order_by {
        "rating" => CommunityOrder::Rating,
        "popularity" => CommunityOrder::Popularity,
        "recent" => CommunityOrder::Recent,
        _ => {
            return Err(Problem::query(
                "order_by",
                "want rating, popularity or recent",
            ));
        }
    };
    let words = params.tags.as_deref().unwrap_or_default().split(',');
    let tags: Vec<String> = words
        .map(|tag| tag.trim().to_owned())
        .filter(|tag| !tag.is_empty())
        .collect();
    let asked = CommunityFilter {
        pattern_type: params.pattern_type.clone().filter(|kind| !kind.is_empty()),
        min_rating: least,
        tags: tags.clone(),
        order,
    };
    let found = api.store.shared(&asked).await.map_err(store_problem)?;
    let skip = params.skip.unwrap_or(0);
    let page: Vec<Value> = found
        .iter()
        .skip(skip as usize)
        .take(limit as usize)
        .map(row)
        .collect();
    let message = format!("{} patterns", page.len());
    let data = json!({
        "count": page.len(),
        "patterns": page,
        "total": found.len(),
        "skip": skip,
        "limit": limit,
        "filters": {"pattern_type": params.pattern_type, "min_rating": least, "tags": tags, "order_by": order_by},
    });
    Ok(enveloped(data, &message))
}

/// Adds a pattern to the library; it can be found at once.
#[utoipa::path(post, path = "/api/v1/community/patterns/submit", tag = "community", request_body = NewPattern,
    responses((status = 201, description = "It is in the library"), (status = 422, description = "A value out of its bounds")))]
pub(super) async fn submit(
    State(api): State<Api>,
    Body(new): Body<NewPattern>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    if !DESCRIPTION.contains(&new.description.chars().count()) {
        return Err(Problem::body("description: want 10 to 500 characters"));
    }
    if new.pattern_type.trim().is_empty() {
        return Err(Problem::body(
            "pattern_type: want a kind, such as time_of_day",
        ));
    }
    for (name, text) in [
        ("pattern_type", Some(&new.pattern_type)),
        ("device_id", new.device_id.as_ref()),
        ("author", new.author.as_ref()),
    ] {
        short(name, text)?;
    }
    if new.tags.len() > MAX_TAGS {
        return Err(Problem::body(format!("tags: want at most {MAX_TAGS}")));
    }
    for tag in &new.tags {
        short("tags", Some(tag))?;
    }
    let now = api.clock.now();
    let pattern = NewCommunityPattern {
        id: common::http::correlation::new_id(&api.clock).replace("req_", "community_"),
        pattern_type: new.pattern_type,
        device_id: new.device_id,
        metadata: Value::Object(new.pattern_metadata.unwrap_or_default()),
        description: new.description,
        tags: new.tags,
        author: new.author,
    };
    let sharing = api.store.share(&pattern, now);
    sharing.await.map_err(store_problem)?;
    let data =
        json!({"pattern_id": pattern.id, "status": "approved", "message": "it is in the library"});
    Ok((StatusCode::CREATED, enveloped(data, "it is in the library")))
}

async fn find(api: &Api, id: &str) -> Result<CommunityPattern, Problem> {
    let found = api.store.shared_pattern(id).await.map_err(store_problem)?;
    found.ok_or_else(|| Problem::not_found(format!("the library has no pattern '{id}'")))
}

/// One pattern of the library.
#[utoipa::path(get, path = "/api/v1/community/patterns/{id}", tag = "community", params(("id" = String, Path)),
    responses((status = 200, description = "The pattern"), (status = 404, description = "There is none")))]
pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&api, &id).await?;
    Ok(enveloped(row(&found), &found.pattern.description))
}

/// Rates a pattern of the library.
#[utoipa::path(post, path = "/api/v1/community/patterns/{id}/rate", tag = "community", params(("id" = String, Path)),
    request_body = NewRating,
    responses((status = 201, description = "It is rated"), (status = 404, description = "There is no such pattern"),
        (status = 422, description = "A value out of its bounds")))]
pub(super) async fn rate(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(new): Body<NewRating>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    if !(1..=5).contains(&new.rating) {
        return Err(Problem::body("rating: want 1 to 5"));
    }
    short("comment", new.comment.as_ref())?;
    short("user_id", new.user_id.as_ref())?;
    find(&api, &id).await?;
    let (comment, user) = (new.comment.as_deref(), new.user_id.as_deref());
    let now = api.clock.now();
    let rating = api.store.rate(&id, new.rating, comment, user, now);
    let number = rating.await.map_err(store_problem)?;
    let after = find(&api, &id).await?;
    let data = json!({
        "rating_id": number,
        "pattern_id": id,
        "rating": new.rating,
        "comment_received": new.comment.is_some(),
        "updated_average": after.rating_avg,
        "total_ratings": after.rating_count,
    });
    Ok((StatusCode::CREATED, enveloped(data, "it is rated")))
}

/// Ratings of a pattern, newest first.
#[utoipa::path(get, path = "/api/v1/community/patterns/{id}/ratings", tag = "community", params(("id" = String, Path), RatingsParams),
    responses((status = 200, description = "The ratings"), (status = 404, description = "There is no such pattern")))]
pub(super) async fn ratings(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(params): Query<RatingsParams>,
) -> Result<Json<Value>, Problem> {
    let limit = limit(params.limit, DEFAULT_RATINGS, MAX_RATINGS)?;
    let skip = params.skip.unwrap_or(0);
    let pattern = find(&api, &id).await?;
    let found = api.store.ratings(&id, skip, limit).await;
    let rows: Vec<Value> = found
        .map_err(store_problem)?
        .iter()
        .map(rating_row)
        .collect();
    let message = format!("{} ratings", pattern.rating_count);
    let data = json!({
        "pattern_id": id,
        "count": rows.len(),
        "ratings": rows,
        "total": pattern.rating_count,
        "average": pattern.rating_avg,
        "skip": skip,
        "limit": limit,
    });
    Ok(enveloped(data, &message))
}

fn rating_row(rating: &Rating) -> Value {
    json!({
        "id": rating.number,
        "rating": rating.rating,
        "comment": rating.comment,
        "user_id": rating.user_id,
        "created_at": rating.created_at,
    })
}

fn row(shared: &CommunityPattern) -> Value {
    let pattern = &shared.pattern;
    json!({
        "id": pattern.id,
        "pattern_type": pattern.pattern_type,
        "device_id": pattern.device_id,
        "pattern_metadata": pattern.metadata,
        "description": pattern.description,
        "tags": pattern.tags,
        "author": pattern.author,
        "status": "approved",
        "rating_avg": shared.rating_avg,
        "rating_count": shared.rating_count,
        "download_count": 0,
        "created_at": shared.created_at,
        "updated_at": shared.updated_at,
    })
}
