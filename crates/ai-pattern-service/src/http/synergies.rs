//! Synergies, as the replaced service called what ties entities together: pairs and conditionals are `device_pair`, sequences are
//! `device_chain`. They are views of the habits of these kinds.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use common::http::extract::{Path, Query};
use common::http::problem::Problem;
use common::instant::UtcMicros;
use pattern_mining::pattern::{Kind, Pattern};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::{Api, bounds, enveloped, patterns, store_problem};
use crate::run::is_synergy;
use crate::store::{PatternFilter, StoredPattern};

/// Rows that are looked through.
const MAX_LOOKED_AT: u32 = 10_000;
const PAIR: &str = "device_pair";
const CHAIN: &str = "device_chain";

/// Which synergies. Other parameters of the replaced service change nothing.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// `device_pair` or `device_chain`.
    synergy_type: Option<String>,
    /// At least this sure, 0 to 1. Default 0.5, or as `SYNERGY_MIN_CONFIDENCE` says.
    min_confidence: Option<f64>,
    /// Entities in it, 2 to 5.
    synergy_depth: Option<usize>,
    /// Rows, 1 to 1,000. Default 100.
    limit: Option<u32>,
    /// `false`: by confidence instead of by impact.
    order_by_priority: Option<bool>,
    /// Also what is gone, or has not happened in the window.
    include_inactive: Option<bool>,
    /// Days within which it must have happened, 1 to 365. Default 30.
    activity_window_days: Option<i64>,
}

async fn read(
    api: &Api,
    include_gone: bool,
    seen_since: Option<UtcMicros>,
) -> Result<Vec<StoredPattern>, Problem> {
    let asked = PatternFilter {
        include_gone,
        seen_since,
        now: api.clock.now(),
        limit: MAX_LOOKED_AT,
        ..PatternFilter::default()
    };
    let mut found = api.store.patterns(&asked).await.map_err(store_problem)?;
    found.retain(|stored| is_synergy(stored.pattern.kind));
    Ok(found)
}

/// The synergy with this id; 404 where there is none.
pub(super) async fn find(api: &Api, id: &str) -> Result<StoredPattern, Problem> {
    let found = api.store.pattern(id).await.map_err(store_problem)?;
    found
        .filter(|stored| is_synergy(stored.pattern.kind))
        .ok_or_else(|| Problem::not_found(format!("there is no synergy '{id}'")))
}

/// Synergies: those that would do the most first.
#[utoipa::path(get, path = "/api/v1/synergies/list", tag = "synergies", params(ListParams),
    responses((status = 200, description = "The synergies"), (status = 422, description = "A parameter out of its bounds")))]
pub(super) async fn list(
    State(api): State<Api>,
    Query(params): Query<ListParams>,
) -> Result<Json<Value>, Problem> {
    let limit = bounds::rows(params.limit)?;
    let least = bounds::confidence(params.min_confidence)?.unwrap_or(api.least.synergy_confidence);
    if params
        .synergy_depth
        .is_some_and(|depth| !(2..=5).contains(&depth))
    {
        return Err(Problem::query("synergy_depth", "want 2 to 5"));
    }
    let inactive = params.include_inactive.unwrap_or(false);
    let since = bounds::active_since(params.activity_window_days, inactive, api.clock.now())?;
    let mut found = read(&api, inactive, since).await?;
    let wanted = params.synergy_type.filter(|kind| !kind.is_empty());
    found.retain(|stored| {
        let pattern = &stored.pattern;
        pattern.confidence >= least
            && wanted
                .as_deref()
                .is_none_or(|wanted| wanted == kind_of(pattern))
            && params
                .synergy_depth
                .is_none_or(|depth| depth == pattern.entities.len())
    });
    if params.order_by_priority.unwrap_or(true) {
        found.sort_by(|a, b| impact(&b.pattern).total_cmp(&impact(&a.pattern)));
    }
    found.truncate(limit as usize);
    let rows: Vec<Value> = found.iter().map(row).collect();
    let message = format!("{} synergies", rows.len());
    Ok(enveloped(
        json!({"count": rows.len(), "synergies": rows}),
        &message,
    ))
}

/// One synergy.
#[utoipa::path(get, path = "/api/v1/synergies/{synergy_id}", tag = "synergies", params(("synergy_id" = String, Path)),
    responses((status = 200, description = "The synergy"), (status = 404, description = "There is none")))]
pub(super) async fn one(
    State(api): State<Api>,
    Path(synergy_id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let found = find(&api, &synergy_id).await?;
    Ok(enveloped(row(&found), &found.pattern.sentence))
}

/// Counts and averages over the synergies that are alive.
#[utoipa::path(get, path = "/api/v1/synergies/statistics", tag = "synergies", responses((status = 200, description = "The counts")))]
pub(super) async fn statistics(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    let found = read(&api, false, None).await?;
    let patterns: Vec<&Pattern> = found.iter().map(|stored| &stored.pattern).collect();
    let by = |key: &dyn Fn(&Pattern) -> String| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for pattern in &patterns {
            *counts.entry(key(pattern)).or_default() += 1;
        }
        counts
    };
    let depth = |pattern: &Pattern| pattern.entities.len().to_string();
    let mut by_type_and_depth: BTreeMap<&str, BTreeMap<String, Vec<&Pattern>>> = BTreeMap::new();
    let mut by_type_and_complexity: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for &pattern in &patterns {
        let of_type = by_type_and_depth.entry(kind_of(pattern)).or_default();
        of_type.entry(depth(pattern)).or_default().push(pattern);
        let of_type = by_type_and_complexity.entry(kind_of(pattern)).or_default();
        *of_type.entry(complexity(pattern)).or_default() += 1;
    }
    let summed: BTreeMap<&str, BTreeMap<String, Value>> = by_type_and_depth
        .into_iter()
        .map(|(kind, by_depth)| {
            let by_depth = by_depth.into_iter();
            (
                kind,
                by_depth.map(|(depth, of)| (depth, summary(&of))).collect(),
            )
        })
        .collect();
    let whole = summary(&patterns);
    let data = json!({
        "total_synergies": patterns.len(),
        "by_type": by(&|pattern| kind_of(pattern).to_owned()),
        "by_complexity": by(&|pattern| complexity(pattern).to_owned()),
        "by_depth": by(&depth),
        "by_type_and_depth": summed,
        "by_type_and_complexity": by_type_and_complexity,
        "avg_impact_score": whole["avg_impact"],
        "avg_confidence": whole["avg_confidence"],
        "min_impact_score": whole["min_impact"],
        "max_impact_score": whole["max_impact"],
        // Habits are kept by entity; where those are, data-api knows.
        "unique_areas": 0,
    });
    let message = format!("{} synergies", patterns.len());
    Ok(enveloped(data, &message))
}

fn summary(patterns: &[&Pattern]) -> Value {
    let count = patterns.len().max(1) as f64;
    let impacts: Vec<f64> = patterns.iter().map(|pattern| impact(pattern)).collect();
    let confidence: f64 = patterns.iter().map(|pattern| pattern.confidence).sum();
    let three = |value: f64| (value * 1000.0).round() / 1000.0;
    let least = impacts.iter().copied().reduce(f64::min).unwrap_or(0.0);
    let most = impacts.iter().copied().reduce(f64::max).unwrap_or(0.0);
    json!({
        "count": patterns.len(),
        "avg_impact": three(impacts.iter().sum::<f64>() / count),
        "avg_confidence": three(confidence / count),
        "min_impact": three(least),
        "max_impact": three(most),
    })
}

fn kind_of(pattern: &Pattern) -> &'static str {
    match pattern.kind {
        Kind::Sequence => CHAIN,
        _ => PAIR,
    }
}

/// How often it would have acted rightly, 0 to 1: its confidence, times its occurrences a day where they are less than one.
pub(super) fn impact(pattern: &Pattern) -> f64 {
    let days = pattern.last_seen.seconds_since(pattern.first_seen) / 86_400.0;
    let a_day = f64::from(pattern.occurrences) / days.max(1.0);
    pattern.confidence * a_day.min(1.0)
}

/// How much an automation of it would need: a trigger and an action, a condition besides, several steps.
fn complexity(pattern: &Pattern) -> &'static str {
    match pattern.kind {
        Kind::Sequence if pattern.entities.len() > 3 => "high",
        Kind::Sequence | Kind::Conditional => "medium",
        _ => "low",
    }
}

fn row(stored: &StoredPattern) -> Value {
    let pattern = &stored.pattern;
    json!({
        "id": stored.number,
        "synergy_id": pattern.id,
        "synergy_type": kind_of(pattern),
        "devices": pattern.entities,
        "chain_devices": pattern.entities,
        "metadata": patterns::row(stored)["metadata"],
        "impact_score": (impact(pattern) * 1000.0).round() / 1000.0,
        "confidence": pattern.confidence,
        "complexity": complexity(pattern),
        "area": null,
        "synergy_depth": pattern.entities.len(),
        "explanation": {"summary": pattern.sentence},
        "context_breakdown": {"condition": pattern.condition, "days": pattern.days},
        "context_metadata": {"backtest": pattern.backtest, "q_value": pattern.q_value, "status": pattern.status},
        "feedback": stored.feedback,
        "rating": stored.rating,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "blueprint_id": null,
        "blueprint_name": null,
        "blueprint_fit_score": null,
        "has_blueprint_match": false,
    })
}
