//! What people say of habits: accept, dismiss, later, and stars.

use axum::Json;
use axum::extract::State;
use common::http::extract::{Json as Body, Path, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::patterns::find;
use super::{Api, enveloped, store_problem, synergies};
use crate::ledger::LATER_DAYS;
use crate::store::{Feedback, Said, StoredPattern};

/// Longest comment, in characters.
const MAX_COMMENT: usize = 500;

/// The word of the replaced service.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ActionParams {
    /// `accept`, `dismiss` (or `reject`), `later` (or `ignore`).
    action: String,
}

/// What is said of a habit; each part may be left out, not all.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(super) struct PatternFeedback {
    /// `accept`, `dismiss` (or `reject`), `later` (or `ignore`).
    action: Option<String>,
    /// Days for which "later" holds, 1 to 3,650. Default 30.
    days: Option<i64>,
    /// 1 to 5: moves it up or down in the lists.
    rating: Option<i64>,
    /// In words, at most 500 characters.
    comment: Option<String>,
}

/// What is said of a synergy, in the form of the replaced service.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct SynergyFeedback {
    /// Whether it is wanted; if not, it is not shown again.
    accepted: bool,
    /// In words, at most 500 characters.
    feedback_text: Option<String>,
    /// 1 to 5.
    rating: Option<i64>,
}

fn action(word: &str) -> Result<Feedback, Problem> {
    Feedback::from_word(word).ok_or_else(|| {
        Problem::Told(
            axum::http::StatusCode::BAD_REQUEST,
            "want the action accept, dismiss (reject) or later (ignore)".to_owned(),
        )
    })
}

fn checked(api: &Api, said: PatternFeedback) -> Result<Said, Problem> {
    if said.action.is_none() && said.rating.is_none() && said.comment.is_none() {
        return Err(Problem::body("want an action, a rating or a comment"));
    }
    if said.rating.is_some_and(|stars| !(1..=5).contains(&stars)) {
        return Err(Problem::body("rating: want 1 to 5"));
    }
    let is_long = |text: &String| text.chars().count() > MAX_COMMENT;
    if said.comment.as_ref().is_some_and(is_long) {
        return Err(Problem::body(format!(
            "comment: want at most {MAX_COMMENT} characters"
        )));
    }
    let days = said.days.unwrap_or(LATER_DAYS.0);
    if !(1..=LATER_DAYS.1).contains(&days) {
        return Err(Problem::body(format!("days: want 1 to {}", LATER_DAYS.1)));
    }
    let feedback = said.action.as_deref().map(action).transpose()?;
    let now = api.clock.now();
    Ok(Said {
        feedback,
        later_until: (feedback == Some(Feedback::Later)).then(|| now.plus_seconds(days * 86_400)),
        rating: said.rating,
        comment: said.comment,
    })
}

async fn say(api: &Api, found: &StoredPattern, said: &Said) -> Result<(), Problem> {
    let saying = api.store.say(found.number, said, api.clock.now());
    saying.await.map_err(store_problem)
}

/// Says what is to become of a habit. What is dismissed is not told again, nor what differs from it only trivially.
#[utoipa::path(post, path = "/api/v1/patterns/{id}/feedback", tag = "feedback", params(("id" = String, Path)), request_body = PatternFeedback,
    responses((status = 200, description = "It holds from now on"), (status = 404, description = "There is no such habit"),
        (status = 422, description = "A value out of its bounds")))]
pub(super) async fn of_pattern(
    State(api): State<Api>,
    Path(id): Path<String>,
    Body(body): Body<PatternFeedback>,
) -> Result<Json<Value>, Problem> {
    let found = find(&api, &id).await?;
    let said = checked(&api, body)?;
    say(&api, &found, &said).await?;
    let data = json!({
        "pattern_key": found.pattern.id,
        "feedback": said.feedback.or(found.feedback),
        "later_until": said.later_until,
        "rating": said.rating.or(found.rating),
    });
    Ok(enveloped(data, "it holds from now on"))
}

/// The same in the form of the replaced service.
#[utoipa::path(post, path = "/api/v1/patterns/feedback/{pattern_id}", tag = "feedback", params(("pattern_id" = i64, Path), ActionParams),
    responses((status = 200, description = "It holds from now on"), (status = 400, description = "No such action"),
        (status = 404, description = "There is no such habit")))]
pub(super) async fn by_number(
    State(api): State<Api>,
    Path(pattern_id): Path<i64>,
    Query(params): Query<ActionParams>,
) -> Result<Json<Value>, Problem> {
    action(&params.action)?;
    let found = find(&api, &pattern_id.to_string()).await?;
    let body = PatternFeedback {
        action: Some(params.action.clone()),
        ..PatternFeedback::default()
    };
    say(&api, &found, &checked(&api, body)?).await?;
    let data = json!({"status": "ok", "pattern_id": pattern_id, "action": params.action});
    Ok(enveloped(data, "it holds from now on"))
}

/// How habits of each kind were received.
#[utoipa::path(get, path = "/api/v1/patterns/feedback/stats", tag = "feedback", responses((status = 200, description = "The counts")))]
pub(super) async fn stats(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let counts = api.store.feedback_counts().await.map_err(store_problem)?;
    let stats: Vec<Value> = counts
        .iter()
        .map(|kind| {
            json!({
                "pattern_type": kind.pattern_type,
                "total": kind.total,
                "accepted": kind.accepted,
                "rejected": kind.dismissed,
                "ignored": kind.later,
                "acceptance_rate": kind.accepted as f64 / kind.total.max(1) as f64,
            })
        })
        .collect();
    Ok(enveloped(json!({"stats": stats}), "what people said"))
}

/// Says whether a synergy is wanted.
#[utoipa::path(post, path = "/api/v1/synergies/{synergy_id}/feedback", tag = "synergies", params(("synergy_id" = String, Path)),
    request_body = SynergyFeedback,
    responses((status = 200, description = "It holds from now on"), (status = 404, description = "There is no such synergy"),
        (status = 422, description = "A value out of its bounds")))]
pub(super) async fn of_synergy(
    State(api): State<Api>,
    Path(synergy_id): Path<String>,
    Body(body): Body<SynergyFeedback>,
) -> Result<Json<Value>, Problem> {
    let found = synergies::find(&api, &synergy_id).await?;
    let word = if body.accepted { "accept" } else { "dismiss" };
    let said = PatternFeedback {
        action: Some(word.to_owned()),
        rating: body.rating,
        comment: body.feedback_text,
        ..PatternFeedback::default()
    };
    say(&api, &found, &checked(&api, said)?).await?;
    let data = json!({
        "synergy_id": found.pattern.id,
        "feedback_received": true,
        "accepted": body.accepted,
        "rating": body.rating,
        // There is no model that learns from it: what is dismissed is gone, and a rating moves it in the lists.
        "rl_updated": false,
    });
    Ok(enveloped(data, "it holds from now on"))
}
