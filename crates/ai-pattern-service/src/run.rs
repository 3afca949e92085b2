//! One analysis at a time: fetch, mine, compare, store, notify.

mod automations;
mod first_look;
mod mining;
mod under_way;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use common::clock::Clock;
use common::health::Health;
use common::instant::UtcMicros;
use common::lifecycle::Tasks;
use data_api_client::{CallFailed, DataApi};
use pattern_mining::pattern::{Kind, Pattern};
use pattern_mining::{Known as Identity, Settings, Stop};
use serde::Serialize;
use serde_json::json;
use tracing::Instrument;

use crate::config::Least;
use crate::history::{Source, Span};
use crate::home_assistant::Home;
use crate::ledger::{self, Feedback, Known, News};
use crate::notify::message::RunStatus;
use crate::notify::news;
use crate::store::{NewMessage, RunRecord, Store, StoreFailure};
use crate::zone::HomeZone;

pub(crate) use first_look::first_look;
use under_way::UnderWay;

/// Habits that are told after a start at most, the surest first; the others follow after the next run.
const MAX_TOLD: u32 = 500;
/// Longest text of a failure in a message or a row, in characters.
const MAX_ERROR_CHARS: usize = 500;
const SECONDS_PER_DAY: i64 = 86_400;

/// Who looks for habits. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Analyst(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    running: Mutex<Option<Running>>,
    waiting_for: Mutex<Option<String>>,
    events_read: AtomicU64,
}

/// What the analyst works with.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Its tables.
    pub(crate) store: Store,
    /// The past.
    pub(crate) data_api: DataApi,
    /// Whether there is anybody to tell.
    pub(crate) has_broker: bool,
    /// The time.
    pub(crate) clock: Clock,
    /// The home's wall clock.
    pub(crate) zone: HomeZone,
    /// Days of the past to look at.
    pub(crate) lookback_days: u16,
    /// Whether to look at where people are.
    pub(crate) people: bool,
    /// What a habit must have to be told.
    pub(crate) least: Least,
    /// Home Assistant, as far as we are let in.
    pub(crate) home: Home,
    /// Where troubles are shown.
    pub(crate) health: Health,
    /// Owner of the runs.
    pub(crate) tasks: Tasks,
}

/// What sets off a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// Its hour has come.
    Schedule,
    /// Somebody asked.
    Trigger,
    /// Nothing was ever analysed.
    Start,
    /// Somebody asked over MQTT.
    Mqtt,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Trigger => "trigger",
            Self::Start => "start",
            Self::Mqtt => "mqtt",
        }
    }
}

/// A run under way.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Running {
    /// What set it off.
    pub(crate) cause: Cause,
    /// When it began.
    pub(crate) started_at: UtcMicros,
    /// Events read so far.
    pub(crate) events_read: u64,
}

/// A run is under way already.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("an analysis is already running, since {}", .0.started_at)]
pub(crate) struct AlreadyRunning(pub(crate) Running);

#[derive(Debug, thiserror::Error)]
enum RunFailed {
    #[error("the past cannot be read: {0}")]
    History(#[from] CallFailed),
    #[error("the own tables cannot be used: {0}")]
    Store(#[from] StoreFailure),
    #[error("mining failed: {0}")]
    Mining(#[from] tokio::task::JoinError),
    #[error("it was stopped")]
    Stopped,
}

impl Analyst {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            parts,
            running: Mutex::default(),
            waiting_for: Mutex::default(),
            events_read: AtomicU64::new(0),
        }))
    }

    /// Starts a run in the background, unless one is under way.
    pub(crate) fn trigger(&self, cause: Cause) -> Result<(), AlreadyRunning> {
        let guard = self.begin(cause)?;
        let analyst = self.clone();
        let stop = self.0.parts.tasks.stopping();
        let span = tracing::info_span!("analysis.run", cause = cause.as_str());
        let work = async move {
            tokio::select! {
                () = stop.cancelled() => tracing::info!("the analysis is stopped; nothing of it was kept"),
                () = analyst.run(cause) => {}
            }
            drop(guard);
        };
        self.0
            .parts
            .tasks
            .spawn_once("analysis", work.instrument(span));
        Ok(())
    }

    /// The run under way.
    pub(crate) fn running(&self) -> Option<Running> {
        let running = *self
            .0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        running.map(|running| Running {
            events_read: self.0.events_read.load(Ordering::Relaxed),
            ..running
        })
    }

    /// What the first run waits for.
    pub(crate) fn waiting_for(&self) -> Option<String> {
        self.0
            .waiting_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether there is anybody to tell.
    pub(crate) fn has_broker(&self) -> bool {
        self.0.parts.has_broker
    }

    fn begin(&self, cause: Cause) -> Result<UnderWay, AlreadyRunning> {
        let mut running = self
            .0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = *running {
            return Err(AlreadyRunning(running));
        }
        self.0.events_read.store(0, Ordering::Relaxed);
        *running = Some(Running {
            cause,
            started_at: self.0.parts.clock.now(),
            events_read: 0,
        });
        Ok(UnderWay(self.clone()))
    }

    async fn run(&self, cause: Cause) {
        let parts = &self.0.parts;
        let started_at = parts.clock.now();
        tracing::info!(cause = cause.as_str(), "looking for habits");
        let record = match self.attempt(cause, started_at).await {
            Ok(record) => {
                parts.health.restore("data_api");
                tracing::info!(
                    events = self.0.events_read.load(Ordering::Relaxed),
                    seconds = record.ended_at.seconds_since(started_at),
                    habits = record.patterns_found,
                    new = record.patterns_new,
                    gone = record.patterns_gone,
                    "the analysis is complete"
                );
                record
            }
            Err(failed) => self.failed(cause, started_at, &failed).await,
        };
        let seconds = record.ended_at.seconds_since(started_at);
        metrics::histogram!("homeiq_pattern_run_duration_seconds", "status" => record.status.clone()).record(seconds);
    }

    /// Asks for the home's time zone where none was set. Without an answer the zone stays as it is: the run itself shows what is wrong.
    async fn learn_zone(&self) {
        let parts = &self.0.parts;
        if parts.zone.is_to_be_learned()
            && let Ok(home) = parts.data_api.home().await
            && let Some(name) = home.time_zone
        {
            parts.zone.learn(&name);
        }
    }

    async fn attempt(&self, cause: Cause, started_at: UtcMicros) -> Result<RunRecord, RunFailed> {
        let parts = &self.0.parts;
        self.learn_zone().await;
        let known = parts.store.known().await?;
        let before = parts.store.timeline().await?;
        let source = Source {
            data_api: &parts.data_api,
            zone: parts.zone.current(),
            read: &self.0.events_read,
        };
        let span = Span {
            from: started_at.plus_seconds(-i64::from(parts.lookback_days) * SECONDS_PER_DAY),
            until: started_at,
        };
        let past = source
            .past(span, before.as_ref())
            .instrument(tracing::info_span!("analysis.fetch"))
            .await?;
        drop(before);
        let settings = Settings {
            people: parts.people,
            known: identities(&known, |known| known.feedback != Some(Feedback::Dismiss)),
            dismissed: identities(&known, |known| known.feedback == Some(Feedback::Dismiss)),
            silenced: parts.store.silences().await?,
        };
        let outcome = mining::look(past.timeline, settings, parts.least, Stop::default())
            .instrument(tracing::info_span!("analysis.mine"))
            .await?;
        let mined = outcome.ok_or(RunFailed::Stopped)?;
        let lines = ledger::compare(&known, &mined.patterns);
        let mut report = mined.report(past.incremental);
        let alive = lines
            .iter()
            .filter(|(_, news)| !matches!(news, News::Past | News::Gone | News::Missed));
        let found: Vec<_> = alive.map(|(pattern, _)| *pattern).collect();
        let ties = found.iter().filter(|pattern| is_synergy(pattern.kind));
        report["synergies"] = json!(ties.count());
        let record = RunRecord {
            cause: cause.as_str().to_owned(),
            started_at,
            ended_at: parts.clock.now(),
            status: RunStatus::Completed.as_str().to_owned(),
            patterns_found: found.len() as u32,
            patterns_new: ledger::count(&lines, &[News::New, News::Revived]),
            patterns_changed: ledger::count(&lines, &[News::Changed]),
            patterns_gone: ledger::count(&lines, &[News::Gone]),
            errors: Vec::new(),
            report,
        };
        let relations = self.relations(&lines).await;
        let to_tell = self.uncovered(&lines, &known, relations.as_ref()).await?;
        let messages = self.news(&to_tell, &known, &record).await?;
        parts.store.keep_run(&lines, &record, &messages).await?;
        if let Some(relations) = &relations {
            parts.store.keep_relations(relations).await?;
        }
        self.follow_automations().await?;
        self.announce().await?;
        if let Some(saved) = past.saved {
            let saved = saved.counted(mined.counted.as_ref());
            parts.store.keep_timeline(&saved).await?;
        }
        for kind in Kind::ALL {
            let count = found.iter().filter(|pattern| pattern.kind == kind).count();
            metrics::gauge!("homeiq_patterns", "kind" => kind.as_str(), "status" => "active")
                .set(count as f64);
        }
        Ok(record)
    }

    async fn failed(&self, cause: Cause, started_at: UtcMicros, failed: &RunFailed) -> RunRecord {
        let parts = &self.0.parts;
        if let RunFailed::History(reason) = failed {
            parts.health.degrade("data_api", reason.to_string());
        }
        tracing::error!(error = %failed, "the analysis failed; the habits stay as they were. It runs again when due or triggered");
        let record = RunRecord {
            cause: cause.as_str().to_owned(),
            started_at,
            ended_at: parts.clock.now(),
            status: RunStatus::Failed.as_str().to_owned(),
            patterns_found: 0,
            patterns_new: 0,
            patterns_changed: 0,
            patterns_gone: 0,
            errors: vec![failed.to_string().chars().take(MAX_ERROR_CHARS).collect()],
            report: json!({}),
        };
        let messages = self.end(&record);
        if let Err(failure) = parts.store.keep_failed_run(&record, &messages).await {
            tracing::error!(error = %failure, "the failed analysis is not written down");
        }
        record
    }

    /// What is told of a run that came to its end.
    async fn news(
        &self,
        lines: &[(&Pattern, News)],
        known: &[Known],
        record: &RunRecord,
    ) -> Result<Vec<NewMessage>, StoreFailure> {
        if !self.has_broker() {
            return Ok(Vec::new());
        }
        let mut messages = news::of_habits(lines, known);
        if !self.0.parts.store.notifications().await? {
            metrics::counter!("homeiq_mqtt_dropped_total", "reason" => "notifications_off")
                .increment(messages.len() as u64);
            messages.clear();
        }
        messages.extend(self.end(record));
        Ok(messages)
    }

    /// That a run is over.
    fn end(&self, record: &RunRecord) -> Vec<NewMessage> {
        if !self.has_broker() {
            return Vec::new();
        }
        let nothing_read = self.0.events_read.load(Ordering::Relaxed) == 0;
        let seconds = record.ended_at.seconds_since(record.started_at);
        news::of_run(record, if nothing_read { 0.0 } else { seconds }).into()
    }

    /// Puts every habit in the queue that nobody was told of: what was found while no broker was set.
    pub(crate) async fn post_untold(&self) {
        let (store, now) = (&self.0.parts.store, self.0.parts.clock.now());
        let posted = async {
            if store.notifications().await? {
                let habits = store.untold(MAX_TOLD).await?;
                store.post(&news::of_untold(&habits), now).await?;
            }
            Ok::<_, StoreFailure>(())
        };
        if let Err(failure) = posted.await {
            tracing::error!(error = %failure, "which habits are still to be told cannot be read; the next run tries again");
        }
    }
}

/// Whether the replaced service would have called it a synergy.
pub(crate) fn is_synergy(kind: Kind) -> bool {
    matches!(kind, Kind::Pair | Kind::Conditional | Kind::Sequence)
}

/// Those of the known habits, as the miner recognises them.
fn identities(known: &[Known], which: impl Fn(&Known) -> bool) -> Vec<Identity> {
    known
        .iter()
        .filter(|known| which(known))
        .map(|known| Identity::from(&known.pattern))
        .collect()
}
