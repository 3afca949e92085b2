//! The task that looks at the facts, and keeps what follows from them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::api::alerts::AlertSeverity;
use common::api::gaps::MAX_GAPS;
use common::clock::Clock;
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use database::url::DatabaseUrl;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{Bounds, Decision, Facts, Holding, conditions, raised};
use crate::config::AlertConfig;
use crate::measured::Measured;
use crate::store::{AlertFilter, GapFilter, Store, StoreFailure};

/// Alerts that are looked at for what is open and what cools down.
const RECENT_ALERTS: u32 = 200;
/// Seconds of requests that an error rate is of.
const ERROR_RATE_SECONDS: i64 = 300;
/// Whole days that a rate of growth is of.
const GROWTH_DAYS: i64 = 7;
const DAY_US: i64 = 86_400_000_000;

/// Asks websocket-ingestion how it is.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// A client with a deadline.
    pub(crate) http: reqwest::Client,
    /// Its `/health`.
    pub(crate) url: String,
}

/// Looks and tells.
#[derive(Debug)]
pub(crate) struct Watch {
    store: Store,
    measured: Arc<Measured>,
    clock: Clock,
    bounds: Bounds,
    interval: Duration,
    /// The database file, where there is one.
    file: Option<PathBuf>,
    peer: Option<Peer>,
    holding: Holding,
    /// Whether the last look failed, which is said once.
    failing: bool,
}

impl Watch {
    pub(crate) fn new(
        store: Store,
        measured: Arc<Measured>,
        clock: Clock,
        config: &AlertConfig,
        database: &DatabaseUrl,
        peer: Option<Peer>,
    ) -> Self {
        Self {
            store,
            measured,
            clock,
            bounds: Bounds {
                stalled_minutes: config.stalled_minutes,
                free_percent: config.disk_free_percent,
                full_in_days: config.disk_full_days,
            },
            interval: config.check_interval,
            file: match database {
                DatabaseUrl::Sqlite(path) => Some(path.clone()),
                DatabaseUrl::Postgres(_) => None,
            },
            peer,
            holding: Holding::default(),
            failing: false,
        }
    }

    /// Looks again and again until the process stops.
    pub(crate) async fn run(mut self, stopping: CancellationToken) -> Result<(), Failure> {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            match self.look().await {
                Ok(()) => self.failing = false,
                Err(failure) if !self.failing => {
                    self.failing = true;
                    tracing::warn!(
                        error = &failure as &dyn std::error::Error,
                        "alerts cannot be evaluated or kept; it is tried again until it works"
                    );
                }
                Err(_) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), StoreFailure> {
        let facts = self.facts().await?;
        let now = facts.now;
        let conditions = conditions(&facts, self.bounds);
        for severity in [
            AlertSeverity::Info,
            AlertSeverity::Warning,
            AlertSeverity::Critical,
        ] {
            let holding = conditions.iter().filter(|c| c.severity == severity).count();
            metrics::gauge!("homeiq_alert_conditions", "severity" => severity.as_str())
                .set(holding as f64);
        }
        let asked = AlertFilter {
            limit: RECENT_ALERTS,
            ..AlertFilter::default()
        };
        let kept = self.store.alerts(asked).await?;
        for decision in self.holding.decide(now, conditions, &kept) {
            match decision {
                Decision::Raise(condition) => {
                    let alert = raised(condition, now);
                    self.store.insert_alert(&alert).await?;
                    tracing::warn!(
                        alert = alert.name,
                        severity = alert.severity.as_str(),
                        "{}",
                        alert.message
                    );
                }
                Decision::Update(id, condition) => {
                    self.store
                        .update_alert(&id, condition.severity, &condition.message, condition.value)
                        .await?;
                }
                Decision::Resolve(id) => {
                    self.store.resolve_alert(&id, now).await?;
                    tracing::info!(alert = id, "the condition has ended");
                }
            }
        }
        Ok(())
    }

    async fn facts(&self) -> Result<Facts, StoreFailure> {
        let now = self.clock.now();
        let begun = Instant::now();
        let totals = self.store.totals().await?;
        self.measured.read(now, begun.elapsed());
        let gaps = GapFilter {
            open_only: true,
            limit: MAX_GAPS as u32,
            ..GapFilter::default()
        };
        // What was stored just now may be old: it was read from the history, and something comes in.
        let newest = totals
            .newest
            .map(|newest| newest.min(now))
            .max(self.measured.last_stored());
        Ok(Facts {
            now,
            newest,
            open_gaps: self.store.gaps(gaps).await?,
            disk: self
                .file
                .as_deref()
                .and_then(|file| common::disk::of(file.parent()?)),
            growth_bytes_per_day: self.growth(now, totals.events).await?,
            requests: self.measured.since(now.plus_seconds(-ERROR_RATE_SECONDS)),
            ingestion: match &self.peer {
                Some(peer) => peer.ask().await.err(),
                None => None,
            },
        })
    }

    /// Bytes of one event, times the events of a day: the mean of the last whole days.
    async fn growth(&self, now: UtcMicros, events: u64) -> Result<Option<f64>, StoreFailure> {
        if events == 0 || self.file.is_none() {
            return Ok(None);
        }
        let today = now.get().div_euclid(DAY_US) * DAY_US;
        let (Ok(start), Ok(end)) = (
            UtcMicros::new(today - GROWTH_DAYS * DAY_US),
            UtcMicros::new(today - 1),
        ) else {
            return Ok(None);
        };
        let counts = self.store.counts(start, end).await?;
        let recent: u64 = counts.values().sum();
        let bytes = self.store.size_bytes().await? as f64 / events as f64;
        Ok((recent > 0).then(|| bytes * recent as f64 / GROWTH_DAYS as f64))
    }
}

impl Peer {
    /// What is wrong with it, in words that name no address.
    async fn ask(&self) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Health {
            status: String,
        }
        let response = self
            .http
            .get(&self.url)
            .send()
            .await
            .map_err(|_| "it does not answer at WEBSOCKET_INGESTION_URL".to_owned())?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("/health answered {status}"));
        }
        let health: Health = response
            .json()
            .await
            .map_err(|_| "/health answered what is no health".to_owned())?;
        // Degraded means that something outside is missing, which it says itself.
        match health.status.as_str() {
            "healthy" | "degraded" | "ok" => Ok(()),
            _ => Err("/health says that it is unhealthy".to_owned()),
        }
    }
}
