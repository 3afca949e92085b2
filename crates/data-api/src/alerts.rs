//! Conditions that somebody should look at: when they begin, when they end, and how often they may be said again.
//!
//! Pure: [`conditions`] says what holds, [`Holding::decide`] what to do about it. [`watch`] gathers the facts and carries it out; alerts are
//! kept in the table `alerts`, so that a restart neither forgets nor repeats them.

pub(crate) mod watch;

use std::collections::BTreeMap;

use common::api::alerts::{Alert, AlertSeverity, AlertStatus};
use common::api::gaps::Gap;
use common::disk::Disk;
use common::instant::UtcMicros;

use crate::measured::Measurement;

/// Requests without which an error rate says nothing.
const MIN_REQUESTS: u64 = 20;
/// Percent of failed requests beyond which there is an alert, and beyond which it is critical.
const ERROR_PERCENT: (f64, f64) = (10.0, 50.0);
/// Percent of free space below which a disk is critically full.
const CRITICAL_FREE_PERCENT: f64 = 2.0;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    IngestStalled,
    GapOpen,
    DiskFilling,
    ErrorRate,
    ServiceUnhealthy,
}

impl Rule {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::IngestStalled => "ingest_stalled",
            Self::GapOpen => "gap_open",
            Self::DiskFilling => "disk_filling",
            Self::ErrorRate => "error_rate",
            Self::ServiceUnhealthy => "service_unhealthy",
        }
    }

    /// Seconds that it must hold before anybody is told.
    const fn hold_seconds(self) -> f64 {
        match self {
            Self::IngestStalled | Self::DiskFilling | Self::ErrorRate => 0.0,
            // Most gaps are read from the history within minutes.
            Self::GapOpen => 600.0,
            Self::ServiceUnhealthy => 60.0,
        }
    }

    /// Seconds after its end before it is said again.
    const fn cool_down_seconds(self) -> f64 {
        match self {
            Self::IngestStalled | Self::ServiceUnhealthy => 60.0,
            Self::GapOpen | Self::DiskFilling | Self::ErrorRate => 300.0,
        }
    }
}

/// From where on there is something to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Minutes without a new event.
    pub(crate) stalled_minutes: u32,
    /// Percent of free space.
    pub(crate) free_percent: f64,
    /// Days until the disk is full.
    pub(crate) full_in_days: f64,
}

/// What is known at an instant.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) now: UtcMicros,
    /// When events came last; none when there never were any.
    pub(crate) newest: Option<UtcMicros>,
    pub(crate) open_gaps: Vec<Gap>,
    /// The disk of the database file; none where there is no file.
    pub(crate) disk: Option<Disk>,
    /// By how much the file grows; none while that cannot be told.
    pub(crate) growth_bytes_per_day: Option<f64>,
    /// Requests of the last five minutes.
    pub(crate) requests: Measurement,
    /// What is wrong with websocket-ingestion; none when it is well or not asked.
    pub(crate) ingestion: Option<String>,
}

/// Something that holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) rule: Rule,
    pub(crate) severity: AlertSeverity,
    pub(crate) service: &'static str,
    pub(crate) message: String,
    pub(crate) metric: &'static str,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Everything that holds.
pub(crate) fn conditions(facts: &Facts, bounds: Bounds) -> Vec<Condition> {
    [
        ingest_stalled(facts, bounds),
        gap_open(facts),
        disk_filling(facts, bounds),
        error_rate(facts),
        service_unhealthy(facts),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn severity(critical: bool) -> AlertSeverity {
    if critical {
        AlertSeverity::Critical
    } else {
        AlertSeverity::Warning
    }
}

fn ingest_stalled(facts: &Facts, bounds: Bounds) -> Option<Condition> {
    let newest = facts.newest?;
    let (minutes, threshold) = (
        facts.now.seconds_since(newest) / 60.0,
        f64::from(bounds.stalled_minutes),
    );
    (minutes > threshold).then(|| Condition {
        rule: Rule::IngestStalled,
        severity: severity(minutes > 4.0 * threshold),
        service: "websocket-ingestion",
        message: format!(
            "no event was stored for {minutes:.0} minutes; see /health of websocket-ingestion for its connection to Home Assistant"
        ),
        metric: "minutes_without_events",
        value: minutes,
        threshold,
        metadata: BTreeMap::from([("newest".to_owned(), newest.to_string())]),
    })
}

fn gap_open(facts: &Facts) -> Option<Condition> {
    let oldest = facts.open_gaps.iter().map(|gap| gap.start).min()?;
    let gaps = facts.open_gaps.len();
    Some(Condition {
        rule: Rule::GapOpen,
        severity: AlertSeverity::Warning,
        service: "websocket-ingestion",
        message: format!(
            "events may be missing from {gaps} {} of time, the first from {oldest} on; they are read from Home Assistant's history \
             as soon as it can be asked. GET /api/v1/gaps?open=true lists them",
            if gaps == 1 { "span" } else { "spans" }
        ),
        metric: "open_gaps",
        value: gaps as f64,
        threshold: 0.0,
        metadata: BTreeMap::from([("oldest".to_owned(), oldest.to_string())]),
    })
}

fn disk_filling(facts: &Facts, bounds: Bounds) -> Option<Condition> {
    let disk = facts.disk?;
    let free_percent = 100.0 * disk.free_bytes as f64 / (disk.total_bytes as f64).max(1.0);
    let days = facts
        .growth_bytes_per_day
        .filter(|growth| *growth > 0.0)
        .map(|growth| disk.free_bytes as f64 / growth);
    let mebibytes = disk.free_bytes >> 20;
    let mut metadata = BTreeMap::from([("free_bytes".to_owned(), disk.free_bytes.to_string())]);
    if let Some(days) = days {
        metadata.insert("full_in_days".to_owned(), format!("{days:.1}"));
    }
    let condition = |critical, message, metric, value, threshold| Condition {
        rule: Rule::DiskFilling,
        severity: severity(critical),
        service: "data-api",
        message,
        metric,
        value,
        threshold,
        metadata,
    };
    if free_percent < bounds.free_percent {
        return Some(condition(
            free_percent < CRITICAL_FREE_PERCENT,
            format!(
                "{mebibytes} MiB ({free_percent:.1} %) of the disk of the database are free; free some space or move the database"
            ),
            "disk_free_percent",
            free_percent,
            bounds.free_percent,
        ));
    }
    let days = days.filter(|days| *days < bounds.full_in_days)?;
    Some(condition(
        days < 2.0,
        format!(
            "at its rate of growth the database fills the disk in {days:.1} days ({mebibytes} MiB are free); free some space or keep less"
        ),
        "disk_full_in_days",
        days,
        bounds.full_in_days,
    ))
}

fn error_rate(facts: &Facts) -> Option<Condition> {
    let percent = facts.requests.error_percent()?;
    let (warning, critical) = ERROR_PERCENT;
    (facts.requests.requests >= MIN_REQUESTS && percent > warning).then(|| Condition {
        rule: Rule::ErrorRate,
        severity: severity(percent > critical),
        service: "data-api",
        message: format!(
            "{percent:.0} % of the {} requests of the last five minutes failed; the log of data-api has the causes",
            facts.requests.requests
        ),
        metric: "error_rate_percent",
        value: percent,
        threshold: warning,
        metadata: BTreeMap::new(),
    })
}

fn service_unhealthy(facts: &Facts) -> Option<Condition> {
    let reason = facts.ingestion.as_ref()?;
    Some(Condition {
        rule: Rule::ServiceUnhealthy,
        severity: AlertSeverity::Critical,
        service: "websocket-ingestion",
        message: format!("websocket-ingestion is not healthy: {reason}"),
        metric: "healthy",
        value: 0.0,
        threshold: 1.0,
        metadata: BTreeMap::new(),
    })
}

/// What to do about an alert.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// Begin one.
    Raise(Condition),
    /// What the open one of this id says has changed.
    Update(String, Condition),
    /// The condition of the open one of this id has ended.
    Resolve(String),
}

/// Since when conditions hold.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    since: BTreeMap<Rule, UtcMicros>,
}

impl Holding {
    /// What follows from what holds `now`, given the alerts that are kept, newest first.
    pub(crate) fn decide(
        &mut self,
        now: UtcMicros,
        conditions: Vec<Condition>,
        kept: &[Alert],
    ) -> Vec<Decision> {
        self.since
            .retain(|rule, _| conditions.iter().any(|condition| condition.rule == *rule));
        let open = |rule: Rule| {
            kept.iter()
                .find(|alert| alert.name == rule.name() && alert.status != AlertStatus::Resolved)
        };
        let mut decisions: Vec<Decision> = kept
            .iter()
            .filter(|alert| alert.status != AlertStatus::Resolved)
            .filter(|alert| !conditions.iter().any(|c| c.rule.name() == alert.name))
            .map(|alert| Decision::Resolve(alert.id.clone()))
            .collect();
        for condition in conditions {
            let rule = condition.rule;
            let since = *self.since.entry(rule).or_insert(now);
            if let Some(alert) = open(rule) {
                let same = alert.severity == condition.severity
                    && alert.current_value == Some(condition.value)
                    && alert.message == condition.message;
                if !same {
                    decisions.push(Decision::Update(alert.id.clone(), condition));
                }
                continue;
            }
            let cooling = kept
                .iter()
                .filter(|alert| alert.name == rule.name())
                .filter_map(|alert| alert.resolved_at)
                .any(|ended| now.seconds_since(ended) < rule.cool_down_seconds());
            if !cooling && now.seconds_since(since) >= rule.hold_seconds() {
                decisions.push(Decision::Raise(condition));
            }
        }
        decisions
    }
}

/// The alert of a condition that begins.
pub(crate) fn raised(condition: Condition, now: UtcMicros) -> Alert {
    let seconds = now.get().div_euclid(1_000_000);
    Alert {
        id: format!("{}_{}_{seconds}", condition.service, condition.rule.name()),
        name: condition.rule.name().to_owned(),
        severity: condition.severity,
        status: AlertStatus::Active,
        message: condition.message,
        service: condition.service.to_owned(),
        metric: Some(condition.metric.to_owned()),
        current_value: Some(condition.value),
        threshold_value: Some(condition.threshold),
        created_at: now,
        resolved_at: None,
        acknowledged_at: None,
        metadata: (!condition.metadata.is_empty()).then_some(condition.metadata),
    }
}

#[cfg(test)]
mod tests;
