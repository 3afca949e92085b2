//! The habits.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use common::http::extract::Query;
use common::http::problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{Api, store_problem};
use crate::store::{PatternFilter, Store, StoreFailure, StoredPattern};

const DEFAULT_ROWS: u32 = 100;
const MAX_ROWS: u32 = 1_000;
/// Rows that the counts are made over.
const MAX_COUNTED: u32 = 10_000;
const DEFAULT_WINDOW_DAYS: i64 = 30;
const MAX_WINDOW_DAYS: i64 = 365;

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
    let limit = params.limit.unwrap_or(DEFAULT_ROWS);
    if !(1..=MAX_ROWS).contains(&limit) {
        return Err(Problem::query("limit", format!("want 1 to {MAX_ROWS}")));
    }
    if params
        .min_confidence
        .is_some_and(|least| !(0.0..=1.0).contains(&least))
    {
        return Err(Problem::query("min_confidence", "want 0 to 1"));
    }
    let window = params.activity_window_days.unwrap_or(DEFAULT_WINDOW_DAYS);
    if !(1..=MAX_WINDOW_DAYS).contains(&window) {
        return Err(Problem::query(
            "activity_window_days",
            format!("want 1 to {MAX_WINDOW_DAYS}"),
        ));
    }
    let include_inactive = params.include_inactive.unwrap_or(false);
    let said = |value: Option<String>| value.filter(|text| !text.is_empty());
    let asked = PatternFilter {
        pattern_type: said(params.pattern_type),
        device_id: said(params.device_id),
        min_confidence: params.min_confidence,
        include_gone: include_inactive,
        seen_since: (!include_inactive).then(|| api.clock.now().plus_seconds(-window * 86_400)),
        limit,
    };
    let found = api.store.patterns(&asked).await.map_err(store_problem)?;
    let patterns: Vec<Value> = found.iter().map(row).collect();
    let message = format!("{} habits", patterns.len());
    Ok(Json(
        json!({"success": true, "data": {"count": patterns.len(), "patterns": patterns}, "message": message}),
    ))
}

/// How many habits there are, and of what kind.
#[utoipa::path(get, path = "/api/v1/patterns/stats", tag = "patterns", responses((status = 200, description = "The counts")))]
pub(super) async fn stats(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let counts = Counts::read(&api.store).await.map_err(store_problem)?;
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
fn row(stored: &StoredPattern) -> Value {
    let pattern = &stored.pattern;
    let devices: Vec<&str> = pattern
        .entities
        .iter()
        .map(common::entity::EntityId::as_str)
        .collect();
    let mut metadata = json!(pattern);
    metadata["hour"] = json!(pattern.time_of_day_minutes / 60);
    metadata["minute"] = json!(pattern.time_of_day_minutes % 60);
    json!({
        "id": stored.number,
        "pattern_key": pattern.id,
        "pattern_type": pattern.kind,
        "device_id": devices.join("+"),
        "sentence": pattern.sentence,
        "status": if stored.gone { "gone" } else { "active" },
        "confidence": pattern.confidence,
        "occurrences": pattern.days_seen,
        "opportunities": pattern.opportunities,
        "q_value": pattern.q_value,
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
    pub(super) async fn read(store: &Store) -> Result<Self, StoreFailure> {
        let all = store
            .patterns(&PatternFilter {
                limit: MAX_COUNTED,
                ..PatternFilter::default()
            })
            .await?;
        let mut counts = Self {
            total: all.len(),
            ..Self::default()
        };
        for StoredPattern { pattern, .. } in &all {
            *counts.by_type.entry(pattern.kind.as_str()).or_default() += 1;
            counts
                .devices
                .extend(pattern.entities.iter().map(ToString::to_string));
            counts.occurrences += u64::from(pattern.days_seen);
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
