//! The habits.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use pattern_mining::pattern::{Kind, Status};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{Api, bounds, enveloped, store_problem};
use crate::store::{PatternFilter, Store, StoreFailure, StoredPattern};

/// Rows that the counts are made over.
const MAX_COUNTED: u32 = 10_000;
/// Runs of history in an answer.
const MAX_HISTORY: u32 = 400;
/// What the replaced service called a pair.
const CO_OCCURRENCE: &str = "co_occurrence";

/// Which habits.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// One kind, such as `time_of_day`.
    pattern_type: Option<String>,
    /// One entity; several are joined by `+`.
    device_id: Option<String>,
    /// At least this sure, 0 to 1.
    min_confidence: Option<f64>,
    /// Rows, 1 to 1,000. Default 100.
    limit: Option<u32>,
    /// Also habits that are gone, or have not happened in the window.
    include_inactive: Option<bool>,
    /// Days within which a habit must have happened, 1 to 365. Default 30.
    activity_window_days: Option<i64>,
}

/// Habits, surest first.
#[utoipa::path(get, path = "/api/v1/patterns/list", tag = "patterns", params(ListParams),
    responses((status = 200, description = "The habits"), (status = 422, description = "A parameter out of its bounds")))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(params): Query<ListParams>,
) -> Result<Json<Value>, Problem> {
    let now = api.clock.now();
    let limit = bounds::rows(params.limit)?;
    let min_confidence = bounds::confidence(params.min_confidence)?;
    let include_gone = params.include_inactive.unwrap_or(false);
    let seen_since = bounds::active_since(params.activity_window_days, include_gone, now)?;
    let said = |value: Option<String>| value.filter(|text| !text.is_empty());
    let as_co_occurrence = params.pattern_type.as_deref() == Some(CO_OCCURRENCE);
    let asked = PatternFilter {
        // What the replaced service called so is a pair.
        pattern_type: if as_co_occurrence {
            Some(Kind::Pair.as_str().to_owned())
        } else {
            said(params.pattern_type)
        },
        device_id: said(params.device_id),
        min_confidence,
        include_gone,
        now,
        seen_since,
        limit,
    };
    let found = api.store.patterns(&asked).await.map_err(store_problem)?;
    let mut patterns: Vec<Value> = found.iter().map(row).collect();
    if as_co_occurrence {
        for pattern in &mut patterns {
            pattern["pattern_type"] = json!(CO_OCCURRENCE);
        }
    }
    let message = format!("{} habits", patterns.len());
    Ok(Json(
        json!({"success": true, "data": {"count": patterns.len(), "patterns": patterns}, "message": message}),
    ))
}

/// How many habits there are, and of what kind.
#[utoipa::path(get, path = "/api/v1/patterns/stats", tag = "patterns", responses((status = 200, description = "The counts")))]
pub(super) async fn stats(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let counts = Counts::read(&api.store, api.clock.now())
        .await
        .map_err(store_problem)?;
    let data = json!({
        "total_patterns": counts.total,
        "by_type": counts.by_type,
        "avg_confidence": counts.average_confidence(),
        "unique_devices": counts.devices.len(),
        "total_occurrences": counts.occurrences,
    });
    Ok(Json(
        json!({"success": true, "data": data, "message": format!("{} habits", counts.total)}),
    ))
}

/// One habit with the keys of the replaced service, and ours.
pub(super) fn row(stored: &StoredPattern) -> Value {
    let pattern = &stored.pattern;
    let mut metadata = json!(pattern);
    if let Some(minutes) = pattern.time_of_day_minutes {
        metadata["hour"] = json!(minutes / 60);
        metadata["minute"] = json!(minutes % 60);
    }
    if let Some(fields) = metadata.as_object_mut() {
        // It has a path of its own.
        fields.remove("evidence");
    }
    let status = match (stored.gone, pattern.status) {
        (true, Status::Stopped) => "stopped",
        (true, _) => "gone",
        (false, status) => status.as_str(),
    };
    json!({
        "id": stored.number,
        "pattern_key": pattern.id,
        "pattern_type": pattern.kind,
        "device_id": pattern.entities.join("+"),
        "sentence": pattern.sentence,
        "status": status,
        "confidence": pattern.confidence,
        "occurrences": pattern.occurrences,
        "opportunities": pattern.opportunities,
        "days_seen": pattern.days_seen,
        "q_value": pattern.q_value,
        "backtest": pattern.backtest,
        "feedback": stored.feedback,
        "later_until": stored.later_until,
        "rating": stored.rating,
        "covered_by": stored.covered_by,
        "contradicted_by": stored.contradicted_by,
        "automation": stored.automation,
        "metadata": metadata,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "first_seen": pattern.first_seen,
        "last_seen": pattern.last_seen,
        "trend_direction": stored.trend,
        "trend_strength": stored.trend_strength,
        "confidence_history_count": stored.history_count,
        "told_at": stored.told_at,
    })
}

/// The habit with this key or number; 404 where there is none.
pub(super) async fn find(api: &Api, id: &str) -> Result<StoredPattern, Problem> {
    let found = api.store.pattern(id).await.map_err(store_problem)?;
    found.ok_or_else(|| Problem::not_found(format!("there is no habit '{id}'")))
}

/// One habit, by its key or the number of its row.
#[utoipa::path(get, path = "/api/v1/patterns/{id}", tag = "patterns", params(("id" = String, Path)),
    responses((status = 200, description = "The habit"), (status = 404, description = "There is none")))]
pub(super) async fn one(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&api, &id).await?;
    Ok(enveloped(row(&found), &found.pattern.sentence))
}

/// What a habit's confidence was, run by run, newest first; at most 400.
#[utoipa::path(get, path = "/api/v1/patterns/{id}/history", tag = "patterns", params(("id" = String, Path)),
    responses((status = 200, description = "Its history"), (status = 404, description = "There is none")))]
pub(super) async fn history(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&api, &id).await?;
    let runs = api.store.pattern_history(found.number, MAX_HISTORY).await;
    let runs: Vec<Value> = runs
        .map_err(store_problem)?
        .into_iter()
        .map(|(at, confidence, occurrences)| {
            json!({"recorded_at": at, "confidence": confidence, "occurrences": occurrences})
        })
        .collect();
    let message = format!("{} runs", runs.len());
    let data = json!({"pattern_key": found.pattern.id, "count": runs.len(), "history": runs});
    Ok(enveloped(data, &message))
}

/// Every time a habit happened, and every time it could have and did not, in UTC.
#[utoipa::path(get, path = "/api/v1/patterns/{id}/evidence", tag = "patterns", params(("id" = String, Path)),
    responses((status = 200, description = "Its evidence"), (status = 404, description = "There is none")))]
pub(super) async fn evidence(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&api, &id).await?;
    let evidence = api.store.evidence(found.number).await;
    let evidence = evidence.map_err(store_problem)?;
    let message = format!(
        "happened {} times, missed {} times",
        evidence.occurrences.len(),
        evidence.misses.len()
    );
    let data = json!({
        "pattern_key": found.pattern.id,
        "occurrences": evidence.occurrences,
        "misses": evidence.misses,
        "expected_by_chance": found.pattern.expected_by_chance,
        "q_value": found.pattern.q_value,
    });
    Ok(enveloped(data, &message))
}

/// The habit replayed as the automation that it would be: learned on the first part of its life, played on the rest. Null where it is
/// too young for that.
#[utoipa::path(get, path = "/api/v1/patterns/{id}/backtest", tag = "patterns", params(("id" = String, Path)),
    responses((status = 200, description = "How it would have done"), (status = 404, description = "There is none")))]
pub(super) async fn backtest(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&api, &id).await?;
    let message = match &found.pattern.backtest {
        Some(played) => format!(
            "it would have acted {} times: {} right, {} unwanted; {} missed",
            played.fired, played.right, played.unwanted, played.missed
        ),
        None => "it is too young to be replayed".to_owned(),
    };
    let data = json!({"pattern_key": found.pattern.id, "backtest": found.pattern.backtest});
    Ok(enveloped(data, &message))
}

/// What was out of the ordinary in the last four weeks: left open, stuck, silent, at an unusual hour, a habit missed. `until` is null
/// for what has no length, and while it lasts.
#[utoipa::path(get, path = "/api/v1/anomalies", tag = "patterns", responses((status = 200, description = "The oddities")))]
pub(super) async fn anomalies(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let asked = PatternFilter {
        pattern_type: Some(Kind::Anomaly.as_str().to_owned()),
        now: api.clock.now(),
        limit: bounds::MAX_ROWS,
        ..PatternFilter::default()
    };
    let found = api.store.patterns(&asked).await.map_err(store_problem)?;
    let rows: Vec<Value> = found
        .iter()
        .map(|stored| {
            let pattern = &stored.pattern;
            json!({
                "id": stored.number,
                "pattern_key": pattern.id,
                "entity_id": pattern.entities.first(),
                "state": pattern.states.first(),
                "oddity": pattern.oddity,
                "since": pattern.t,
                "until": pattern.until,
                "usual_minutes": pattern.minutes,
                "q_value": pattern.q_value,
                "confidence": pattern.confidence,
                "sentence": pattern.sentence,
            })
        })
        .collect();
    let message = format!("{} oddities", rows.len());
    Ok(enveloped(
        json!({"count": rows.len(), "anomalies": rows}),
        &message,
    ))
}

/// Sums over the habits that are alive.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) total: usize,
    pub(super) by_type: BTreeMap<&'static str, u64>,
    pub(super) devices: BTreeSet<String>,
    occurrences: u64,
    confidence: f64,
}

impl Counts {
    pub(super) async fn read(store: &Store, now: UtcMicros) -> Result<Self, StoreFailure> {
        let all = store
            .patterns(&PatternFilter {
                limit: MAX_COUNTED,
                now,
                ..PatternFilter::default()
            })
            .await?;
        let mut counts = Self {
            total: all.len(),
            ..Self::default()
        };
        for StoredPattern { pattern, .. } in &all {
            *counts.by_type.entry(pattern.kind.as_str()).or_default() += 1;
            counts.devices.extend(pattern.entities.iter().cloned());
            counts.occurrences += u64::from(pattern.occurrences);
            counts.confidence += pattern.confidence;
        }
        Ok(counts)
    }

    /// To three digits; 0 where there is nothing.
    pub(super) fn average_confidence(&self) -> f64 {
        if self.total == 0 {
            0.0
        } else {
            (self.confidence / self.total as f64 * 1000.0).round() / 1000.0
        }
    }
}
