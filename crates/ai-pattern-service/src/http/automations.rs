//! Habits as automations of Home Assistant: shown, created, removed, followed.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use home_assistant_automation::{Automation, NotAutomatable, automate};
use home_assistant_client::AskFailed;
use pattern_mining::pattern::Pattern;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::patterns::find;
use super::{Api, enveloped, origin, store_problem, synergies};
use crate::home_assistant::{CreateFailed, rating};

/// Says whether Home Assistant takes an automation, where the body is YAML: `true`, `false` or `unknown`.
const VALIDATED: &str = "x-validated";

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FormatParams {
    /// `json` (with the YAML in it, and what Home Assistant says), `yaml` or `blueprint`. Default `json`.
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Yaml,
    Blueprint,
}

/// The automation of a habit, or why there is none.
fn automation(pattern: &Pattern) -> Result<Automation, Problem> {
    automate(pattern).map_err(|reason: NotAutomatable| {
        Problem::Told(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("this habit cannot be an automation: {reason}"),
        )
    })
}

/// The habit as an automation of Home Assistant. `validated` is `true` or `false` where Home Assistant was asked, and else `unknown`.
#[utoipa::path(get, path = "/api/v1/patterns/{id}/automation", tag = "automations", params(("id" = String, Path), FormatParams),
    responses((status = 200, description = "The automation", content((Object = "application/json"), (String = "application/yaml"))),
        (status = 404, description = "There is no such habit"),
        (status = 422, description = "It cannot be an automation, and why")))]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
    Query(params): Query<FormatParams>,
) -> Result<Response, Problem> {
    let found = find(&api, &id).await?;
    let automation = automation(&found.pattern)?;
    let validation = api.analyst.home().validate(&automation).await;
    let text = match params.format.unwrap_or_default() {
        Format::Yaml => automation.yaml(),
        Format::Blueprint => automation.blueprint(),
        Format::Json => {
            let mut data = json!(validation);
            data["pattern_key"] = json!(found.pattern.id);
            data["automation_id"] = json!(automation.id());
            data["automation"] = automation.json();
            data["yaml"] = json!(automation.yaml());
            data["covered_by"] = json!(found.covered_by);
            data["contradicted_by"] = json!(found.contradicted_by);
            return Ok(enveloped(data, automation.alias()).into_response());
        }
    };
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/yaml"),
        (VALIDATED, validation.validated.as_str()),
    ];
    Ok((headers, text).into_response())
}

/// Creates the automation of a habit in Home Assistant, or brings it up to date. Doing it again changes nothing.
#[utoipa::path(post, path = "/api/v1/patterns/{id}/create", tag = "automations", params(("id" = String, Path)),
    responses((status = 200, description = "It was there, and is up to date"), (status = 201, description = "It is created"),
        (status = 403, description = "A page of another site asks"), (status = 404, description = "There is no such habit"),
        (status = 409, description = "This service has no right to: what to set"),
        (status = 422, description = "It cannot be an automation, and why"),
        (status = 502, description = "Home Assistant did not do it, in its words")))]
pub(super) async fn create(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<Value>), Problem> {
    origin::check(&headers, &api.cors)?;
    let found = find(&api, &id).await?;
    let automation = automation(&found.pattern)?;
    let created = api
        .analyst
        .home()
        .create(&automation)
        .await
        .map_err(|failed| problem(&failed))?;
    let entity = created.entity_id.as_deref();
    let keeping = api
        .store
        .keep_automation(found.number, automation.id(), entity, api.clock.now());
    keeping.await.map_err(store_problem)?;
    tracing::info!(
        pattern = %found.pattern.id,
        automation = entity.unwrap_or("not loaded yet"),
        is_new = created.is_new,
        "an automation is created in Home Assistant"
    );
    let data = json!({
        "pattern_key": found.pattern.id,
        "automation_id": automation.id(),
        "entity_id": created.entity_id,
        "created": created.is_new,
        "automation": automation.json(),
    });
    let (status, message) = match (&created.entity_id, created.is_new) {
        (None, _) => (
            StatusCode::CREATED,
            "Home Assistant has it, and has not loaded it yet",
        ),
        (Some(_), true) => (StatusCode::CREATED, "it is created"),
        (Some(_), false) => (StatusCode::OK, "it was there, and is up to date"),
    };
    Ok((status, enveloped(data, message)))
}

/// Removes the automation of a habit from Home Assistant. What became of it is forgotten.
#[utoipa::path(delete, path = "/api/v1/patterns/{id}/create", tag = "automations", params(("id" = String, Path)),
    responses((status = 200, description = "It is gone"), (status = 403, description = "A page of another site asks"),
        (status = 404, description = "There is no such habit, or no automation of it"),
        (status = 409, description = "This service has no right to: what to set"),
        (status = 502, description = "Home Assistant did not do it, in its words")))]
pub(super) async fn remove(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    origin::check(&headers, &api.cors)?;
    let found = find(&api, &id).await?;
    let automation_id = home_assistant_automation::id_of(&found.pattern.id);
    let removed = api
        .analyst
        .home()
        .remove(&automation_id)
        .await
        .map_err(|failed| problem(&failed))?;
    let forgotten = api
        .store
        .forget_automation(found.number)
        .await
        .map_err(store_problem)?;
    if !removed && !forgotten {
        return Err(Problem::not_found("this habit has no automation"));
    }
    let data = json!({"pattern_key": found.pattern.id, "automation_id": automation_id, "removed": removed});
    Ok(enveloped(data, "it is gone"))
}

/// What became of the automation of a habit: how often it acted, and how often a person took that back within two minutes.
#[utoipa::path(get, path = "/api/v1/patterns/{id}/automation/effect", tag = "automations", params(("id" = String, Path)),
    responses((status = 200, description = "The counts"), (status = 404, description = "There is no such habit, or no automation of it")))]
pub(super) async fn effect(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&api, &id).await?;
    let automation = api
        .store
        .automation(found.number)
        .await
        .map_err(store_problem)?;
    let automation =
        automation.ok_or_else(|| Problem::not_found("no automation was created of this habit"))?;
    let effect = api
        .analyst
        .follow(&automation, &found.pattern)
        .await
        .map_err(store_problem)?;
    let data = json!({
        "pattern_key": found.pattern.id,
        "automation_id": automation.automation_id,
        "entity_id": automation.entity_id,
        "created_at": automation.created_at,
        "updated_at": automation.updated_at,
        "fired": effect.fired,
        "undone": effect.undone,
        "last_fired": effect.last_fired,
        "rating": rating(effect.fired, effect.undone),
    });
    let message = format!(
        "it acted {} times; {} times it was taken back",
        effect.fired, effect.undone
    );
    Ok(enveloped(data, &message))
}

/// The same as text, in the form of the replaced service. It creates nothing.
#[utoipa::path(post, path = "/api/v1/synergies/{synergy_id}/generate-automation", tag = "synergies", params(("synergy_id" = String, Path)),
    responses((status = 200, description = "The automation"), (status = 404, description = "There is no such synergy"),
        (status = 422, description = "It cannot be an automation, and why")))]
pub(super) async fn of_synergy(
    State(api): State<Api>,
    Path(synergy_id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = synergies::find(&api, &synergy_id).await?;
    let automation = automation(&found.pattern)?;
    let validation = api.analyst.home().validate(&automation).await;
    let mut data = json!(validation);
    data["automation_id"] = json!(automation.id());
    data["automation_yaml"] = json!(automation.yaml());
    data["blueprint_id"] = Value::Null;
    data["deployment_status"] = json!("not_deployed");
    data["deployment_method"] = json!("create");
    data["estimated_impact"] = json!(synergies::impact(&found.pattern));
    Ok(enveloped(data, automation.alias()))
}

/// What a person can do about it is 409; what Home Assistant did is 502.
fn problem(failed: &CreateFailed) -> Problem {
    let status = match failed {
        CreateFailed::NotAllowed
        | CreateFailed::Asked(AskFailed::NoToken(_) | AskFailed::Refused { .. }) => {
            StatusCode::CONFLICT
        }
        CreateFailed::Asked(
            AskFailed::Unreachable(_) | AskFailed::Answered { .. } | AskFailed::Unreadable(_),
        )
        | CreateFailed::Differs(_) => StatusCode::BAD_GATEWAY,
    };
    Problem::Told(status, failed.to_string())
}
