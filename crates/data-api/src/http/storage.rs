//! What takes room, rules that give some back, and the deletion of what shall not be kept.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use common::api::storage::{
    Deletion, MAX_STORAGE_RULES, NewStorageRule, StorageAdvice, StorageEffect, StorageForecast,
    StorageReport, StorageRule, StorageShare,
};
use common::http::extract::{Json as Body, Path, Query};
use common::http::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::instant::QueryInstant;
use super::query_list::{QueryList, parts};
use super::{Api, store_problem};
use crate::retention::mistake;

const DAY_US: i64 = 86_400_000_000;
/// Entities that one deletion may name.
const MAX_ENTITIES: usize = 50;
/// The rule that is advised for an entity with more than a change a minute.
const ADVISED_SECONDS: u32 = 60;

/// What the report looks at.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StorageParams {
    /// Whole days before today that rates are reckoned from, 1 to 365. Default 30, or as many as there are.
    #[param(minimum = 1, maximum = 365)]
    days: Option<u32>,
    /// Entities, and rules that are advised, 1 to 1,000. Default 20.
    #[param(minimum = 1, maximum = 1_000)]
    top: Option<u32>,
}

/// What takes room in the store, how it grows, and what rules would save.
#[utoipa::path(get, path = "/api/v1/storage", tag = "storage", params(StorageParams), security(("key" = [])),
    responses((status = 200, body = StorageReport, description = "The report"), (status = 422, description = "A parameter is out of bounds")))]
pub(super) async fn report(
    State(api): State<Api>,
    Query(params): Query<StorageParams>,
) -> Result<Json<StorageReport>, Problem> {
    let (days, top) = (params.days.unwrap_or(30), params.top.unwrap_or(20));
    if !(1..=365).contains(&days) {
        return Err(Problem::query("days", "want 1 to 365"));
    }
    if !(1..=1_000).contains(&top) {
        return Err(Problem::query("top", "want 1 to 1000"));
    }
    let today = api.clock.now().get().div_euclid(DAY_US);
    let first_day = api.store.first_day().await.map_err(store_problem)?;
    let there = today - first_day.unwrap_or(today);
    // On the first day there is only that one to look at.
    let days = i64::from(days).min(there).max(1);
    let (first, last) = if there < 1 {
        (today, today)
    } else {
        (today - days, today - 1)
    };
    let usage = api.store.usage(first, last).await.map_err(store_problem)?;
    let bytes = api.store.size_bytes().await.map_err(store_problem)?;
    let events: u64 = usage.iter().map(|one| one.events).sum();
    let bytes_per_event = bytes as f64 / events.max(1) as f64;
    let share = |name: &str, events: u64, recent: u64| {
        let events_per_day = recent as f64 / days as f64;
        StorageShare {
            name: name.to_owned(),
            events,
            bytes: (events as f64 * bytes_per_event) as u64,
            events_per_day,
            bytes_per_day: events_per_day * bytes_per_event,
        }
    };
    let mut of_domain: HashMap<&str, (u64, u64)> = HashMap::new();
    for one in &usage {
        let sum = of_domain.entry(&one.domain).or_default();
        *sum = (sum.0 + one.events, sum.1 + one.recent);
    }
    let mut domains: Vec<_> = of_domain
        .into_iter()
        .map(|(domain, (events, recent))| share(domain, events, recent))
        .collect();
    domains.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.name.cmp(&b.name)));
    let all: Vec<_> = usage
        .iter()
        .map(|one| share(&one.entity_id, one.events, one.recent))
        .collect();
    let recent: u64 = usage.iter().map(|one| one.recent).sum();
    let whole = share("", events, recent);
    let forecast = [30, 365, 3_650].map(|days: u32| StorageForecast {
        days,
        bytes: bytes + (whole.bytes_per_day * f64::from(days)) as u64,
    });
    Ok(Json(StorageReport {
        bytes,
        events,
        bytes_per_event,
        days: u32::try_from(days).unwrap_or(u32::MAX),
        events_per_day: whole.events_per_day,
        bytes_per_day: whole.bytes_per_day,
        forecast: forecast.to_vec(),
        advice: advice(&all, bytes_per_event, top as usize),
        entities: all.into_iter().take(top as usize).collect(),
        domains,
    }))
}

/// Thinning to a change a minute for whatever has more of them.
fn advice(entities: &[StorageShare], bytes_per_event: f64, top: usize) -> Vec<StorageAdvice> {
    let a_day = 86_400.0 / f64::from(ADVISED_SECONDS);
    let mut advice: Vec<_> = entities
        .iter()
        .filter(|entity| entity.events_per_day > a_day)
        .map(|entity| {
            let saves = entity.events_per_day - a_day;
            StorageAdvice {
                rule: NewStorageRule {
                    entity_id: Some(entity.name.clone()),
                    thin_seconds: Some(ADVISED_SECONDS),
                    ..NewStorageRule::default()
                },
                saves_events_per_day: saves,
                saves_bytes_per_day: saves * bytes_per_event,
            }
        })
        .collect();
    advice.sort_by(|a, b| b.saves_events_per_day.total_cmp(&a.saves_events_per_day));
    advice.truncate(top);
    advice
}

/// The rules that run every night.
#[utoipa::path(get, path = "/api/v1/storage/rules", tag = "storage", security(("key" = [])),
    responses((status = 200, body = Vec<StorageRule>, description = "The rules, oldest first")))]
pub(super) async fn rules(State(api): State<Api>) -> Result<Json<Vec<StorageRule>>, Problem> {
    let rules = api.store.storage_rules().await;
    rules.map(Json).map_err(store_problem)
}

/// Keeps a rule. It deletes from the next run on: every night at 02:00 UTC, or with `POST /api/v1/storage/rules/run`.
#[utoipa::path(post, path = "/api/v1/storage/rules", tag = "storage", security(("key" = [])), request_body = NewStorageRule,
    responses((status = 200, body = StorageRule, description = "The rule"),
        (status = 409, description = "There are 200 rules"), (status = 422, description = "The rule cannot be")))]
pub(super) async fn add_rule(
    State(api): State<Api>,
    Body(new): Body<NewStorageRule>,
) -> Result<Json<StorageRule>, Problem> {
    check(std::slice::from_ref(&new))?;
    let rule = api
        .store
        .add_storage_rule(&new, api.clock.now(), MAX_STORAGE_RULES)
        .await
        .map_err(store_problem)?;
    rule.map(Json).ok_or_else(|| {
        Problem::Told(
            StatusCode::CONFLICT,
            format!("there are {MAX_STORAGE_RULES} rules: delete one first"),
        )
    })
}

/// Forgets a rule. What it deleted stays deleted.
#[utoipa::path(delete, path = "/api/v1/storage/rules/{rule_id}", tag = "storage", security(("key" = [])),
    params(("rule_id" = i64, Path, description = "Its `id`")),
    responses((status = 200, description = "It is gone"), (status = 404, description = "There is none")))]
pub(super) async fn remove_rule(
    State(api): State<Api>,
    Path(rule_id): Path<i64>,
) -> Result<Json<serde_json::Value>, Problem> {
    let removed = api.store.remove_storage_rule(rule_id).await;
    if removed.map_err(store_problem)? {
        return Ok(Json(serde_json::json!({"success": true, "id": rule_id})));
    }
    Err(Problem::not_found(format!("Rule {rule_id} not found")))
}

/// What rules would delete now: those of the body (a list), or without a body those that are kept.
#[utoipa::path(post, path = "/api/v1/storage/rules/dry-run", tag = "storage", security(("key" = [])),
    request_body(content = Option<Vec<NewStorageRule>>),
    responses((status = 200, body = Deletion, description = "What would go; nothing is deleted"), (status = 422, description = "A rule cannot be")))]
pub(super) async fn dry_run(
    State(api): State<Api>,
    body: Bytes,
) -> Result<Json<Deletion>, Problem> {
    let rules = if body.trim_ascii().is_empty() {
        let kept = api.store.storage_rules().await.map_err(store_problem)?;
        kept.into_iter().map(|kept| kept.rule).collect()
    } else {
        let rules: Option<Vec<NewStorageRule>> = serde_json::from_slice(&body)
            .map_err(|error| Problem::body(format!("not a list of rules: {error}")))?;
        rules.unwrap_or_default()
    };
    if rules.len() > MAX_STORAGE_RULES {
        return Err(Problem::body(format!(
            "want at most {MAX_STORAGE_RULES} rules"
        )));
    }
    check(&rules)?;
    let told = api.retention.dry_run(&rules).await;
    told.map(Json).map_err(store_problem)
}

/// Runs the rules that are kept, now, and answers when they are through. An answer that is not waited for ends the run where it is; the
/// next one goes on.
#[utoipa::path(post, path = "/api/v1/storage/rules/run", tag = "storage", security(("key" = [])),
    responses((status = 200, body = Deletion, description = "What was deleted"), (status = 409, description = "They are running")))]
pub(super) async fn run(State(api): State<Api>) -> Result<Json<Deletion>, Problem> {
    let run = api.retention.run().await.map_err(store_problem)?;
    run.map(Json).ok_or_else(|| {
        Problem::Told(
            StatusCode::CONFLICT,
            "the rules are running: wait for that run".to_owned(),
        )
    })
}

fn check(rules: &[NewStorageRule]) -> Result<(), Problem> {
    match rules.iter().find_map(mistake) {
        Some(mistake) => Err(Problem::body(mistake)),
        None => Ok(()),
    }
}

/// What to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeleteParams {
    /// 1 to 50 entities: repeat the parameter, or put commas between them.
    #[param(value_type = Vec<String>, explode = true)]
    entity_id: Option<String>,
    /// From this instant on (ISO 8601). Default: from the beginning.
    #[serde(alias = "start_time")]
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<QueryInstant>,
    /// Up to this instant (ISO 8601), which is included. Default: to the end.
    #[serde(alias = "end_time")]
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<QueryInstant>,
}

/// Deletes what is stored of entities in a span of time, also of their long-term statistics, for good, and says how much it was.
///
/// It goes in small steps, so that ingest goes on; a request that is not waited for leaves the rest. What Home Assistant still has in its
/// history comes back if a gap of that time is read again: delete it there first.
#[utoipa::path(delete, path = "/api/v1/events", tag = "storage", params(DeleteParams), security(("key" = [])),
    responses((status = 200, body = Deletion, description = "What was deleted"), (status = 422, description = "A parameter is out of bounds")))]
pub(super) async fn delete_events(
    State(api): State<Api>,
    QueryList(params): QueryList<DeleteParams>,
) -> Result<Json<Deletion>, Problem> {
    let entity_ids = parts(params.entity_id.as_deref());
    if !(1..=MAX_ENTITIES).contains(&entity_ids.len()) {
        return Err(Problem::query(
            "entity_id",
            format!("want 1 to {MAX_ENTITIES} entities"),
        ));
    }
    let (start, end) = (params.start.map(|at| at.0), params.end.map(|at| at.0));
    if start.zip(end).is_some_and(|(start, end)| start > end) {
        return Err(Problem::query("start", "lies after end"));
    }
    let start = start.map_or(i64::MIN, common::instant::UtcMicros::get);
    let end = end.map_or(i64::MAX, common::instant::UtcMicros::get);
    let bytes_per_event = api.store.bytes_per_event().await.map_err(store_problem)?;
    let mut deletion = Deletion::default();
    for entity_id in entity_ids {
        let entity = api.store.entity_row(entity_id).await;
        let Some(entity) = entity.map_err(store_problem)? else {
            continue;
        };
        let events = api.retention.delete(entity, start, end).await;
        let events = events.map_err(store_problem)?;
        let hours = api.store.delete_statistics(entity, start, end).await;
        deletion.statistics += hours.map_err(store_problem)?;
        if events > 0 {
            deletion.events += events;
            deletion.entities += 1;
            deletion.largest.push(StorageEffect {
                entity_id: entity_id.to_owned(),
                events,
                bytes: (events as f64 * bytes_per_event) as u64,
            });
        }
    }
    deletion.bytes = (deletion.events as f64 * bytes_per_event) as u64;
    deletion
        .largest
        .sort_by_key(|effect| std::cmp::Reverse(effect.events));
    tracing::info!(
        events = deletion.events,
        statistics = deletion.statistics,
        entities = deletion.entities,
        "stored changes were deleted on request"
    );
    Ok(Json(deletion))
}
