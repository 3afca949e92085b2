//! What a broker keeps for those who come later: a summary, each habit, the links, the switch, and what Home Assistant is to show.

use std::collections::BTreeMap;
use std::time::Duration;

use common::clock::Clock;
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use data_api_client::DataApi;
use pattern_mining::pattern::Status;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::message::{Habit, json};
use super::peers::{Ingestion, Peers};
use super::settings::HomeSettings;
use super::topics::Topic;
use super::{discovery, expected};
use crate::ledger::Feedback;
use crate::store::{PatternFilter, Store, StoreFailure, StoredPattern};
use crate::zone::HomeZone;

/// Habits that have a topic of their own at most, the surest ones.
const MAX_HABITS: u32 = 1_000;
/// Between two looks at whether habits are due, and while data-api does not answer.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Between two looks at everything else.
const ASK_AGAIN: Duration = Duration::from_secs(60);

/// Payload of [`Topic::Summary`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Habits and oddities that are shown.
    pub count: u64,
    /// The same by kind.
    pub by_type: BTreeMap<String, u64>,
    /// Those of them that somebody accepted.
    pub accepted: u64,
    /// When the last analysis was over.
    pub last_analysis: Option<UtcMicros>,
    /// How it ended: `completed` or `failed`.
    pub last_analysis_status: Option<String>,
    /// State changes that data-api has stored; none while it does not answer.
    pub events_stored: Option<u64>,
    /// About how many bytes its database has; none while it does not answer.
    pub database_bytes: Option<u64>,
}

/// Payload of [`Topic::Pattern`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternState {
    /// The habit.
    #[serde(flatten)]
    pub habit: Habit,
    /// Where it is in its life.
    pub status: Status,
    /// Times that it happened.
    pub occurrences: u32,
    /// Half the width of its window of the day, in minutes.
    pub window_minutes: Option<u16>,
    /// First time that it happened.
    pub first_seen: UtcMicros,
    /// Last time that it happened.
    pub last_seen: UtcMicros,
    /// What people said of it last.
    pub feedback: Option<Feedback>,
    /// 1 to 5.
    pub rating: Option<i64>,
}

impl From<&StoredPattern> for PatternState {
    fn from(stored: &StoredPattern) -> Self {
        let pattern = &stored.pattern;
        Self {
            habit: Habit::from(pattern),
            status: pattern.status,
            occurrences: pattern.occurrences,
            window_minutes: pattern.window_minutes,
            first_seen: pattern.first_seen,
            last_seen: pattern.last_seen,
            feedback: stored.feedback,
            rating: stored.rating,
        }
    }
}

/// Keeps what the broker keeps true.
#[derive(Debug)]
pub(crate) struct States {
    pub(crate) settings: HomeSettings,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) zone: HomeZone,
    pub(crate) data_api: DataApi,
}

impl States {
    /// Looks at everything whenever something has changed and once a minute, until told to stop.
    pub(crate) async fn keep(self, stop: CancellationToken) -> Result<(), Failure> {
        let mut peers = Peers::new(self.data_api.clone(), self.settings.ingestion.clone())?;
        let mut accepted = Vec::new();
        let mut next_look = Instant::now();
        let mut failing = false;
        loop {
            let looked = async {
                if Instant::now() >= next_look {
                    peers.ask().await;
                    let is_there = peers.standing.is_some();
                    next_look = Instant::now() + if is_there { ASK_AGAIN } else { LOOK_AGAIN };
                }
                accepted = self.tell(&peers).await?;
                loop {
                    self.tell_expected(&accepted).await?;
                    tokio::select! {
                        () = self.store.changed() => return Ok::<_, StoreFailure>(()),
                        () = tokio::time::sleep_until(next_look) => return Ok(()),
                        () = tokio::time::sleep(LOOK_AGAIN), if !accepted.is_empty() => {}
                    }
                }
            };
            let looked = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                looked = looked => looked,
            };
            match looked {
                Ok(()) => failing = false,
                Err(failure) => {
                    if !failing {
                        tracing::error!(error = %failure, "what is shown over MQTT cannot be brought up to date; it is tried again");
                    }
                    failing = true;
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        () = tokio::time::sleep(LOOK_AGAIN) => {}
                    }
                }
            }
        }
    }

    /// Writes down what is to be told; returns the habits that may be due.
    async fn tell(&self, peers: &Peers) -> Result<Vec<StoredPattern>, StoreFailure> {
        let (store, now) = (&self.store, self.clock.now());
        let habits = store
            .patterns(&PatternFilter {
                now,
                limit: u32::MAX,
                ..PatternFilter::default()
            })
            .await?;
        let with_sensor = |habit: &&StoredPattern| {
            self.settings.expected_now
                && habit.feedback == Some(Feedback::Accept)
                && expected::can_be_due(&habit.pattern)
        };
        let accepted: Vec<&StoredPattern> = habits.iter().filter(with_sensor).collect();
        let wanted = discovery::messages(&self.settings, &accepted);
        let before = store.states(DISCOVERY).await?;
        let removals = discovery::removals(&before, &wanted, &self.settings);
        store
            .set_states(DISCOVERY, &wanted, removals.as_slice(), now)
            .await?;

        let mut shown: BTreeMap<String, String> = habits
            .iter()
            .take(MAX_HABITS as usize)
            .map(|habit| {
                let topic = Topic::Pattern(habit.pattern.id.clone());
                (topic.to_string(), json(&PatternState::from(habit)))
            })
            .collect();
        store.set_states("habits", &shown, &[], now).await?;

        shown.clear();
        let summary = self.summary(&habits, peers).await?;
        shown.insert(Topic::Summary.to_string(), json(&summary));
        let on = |is_on: bool| if is_on { "ON" } else { "OFF" }.to_owned();
        let notifications = store.notifications().await?;
        shown.insert(Topic::Notify.to_string(), on(notifications));
        shown.insert(Topic::DataApiLink.to_string(), on(peers.standing.is_some()));
        if peers.ingestion != Ingestion::NotAsked {
            let topic = Topic::HomeAssistantLink.to_string();
            shown.insert(topic, on(peers.ingestion == Ingestion::Connected));
        }
        store.set_states("service", &shown, &[], now).await?;
        Ok(accepted.into_iter().cloned().collect())
    }

    async fn summary(
        &self,
        habits: &[StoredPattern],
        peers: &Peers,
    ) -> Result<Summary, StoreFailure> {
        let last_run = self.store.last_run().await?;
        let mut by_type = BTreeMap::new();
        for habit in habits {
            *by_type
                .entry(habit.pattern.kind.as_str().to_owned())
                .or_default() += 1;
        }
        let accepted = |habit: &&StoredPattern| habit.feedback == Some(Feedback::Accept);
        Ok(Summary {
            count: habits.len() as u64,
            by_type,
            accepted: habits.iter().filter(accepted).count() as u64,
            last_analysis: last_run.as_ref().map(|run| run.ended_at),
            last_analysis_status: last_run.map(|run| run.status),
            events_stored: peers.standing.and_then(|standing| standing.stored_events),
            database_bytes: peers.standing.and_then(|standing| standing.database_bytes),
        })
    }

    async fn tell_expected(&self, accepted: &[StoredPattern]) -> Result<(), StoreFailure> {
        let (now, zone) = (self.clock.now(), self.zone.current());
        let due = accepted.iter().map(|habit| {
            let word = if expected::is_due(&habit.pattern, now, &zone) {
                "ON"
            } else {
                "OFF"
            };
            let topic = Topic::Expected(habit.pattern.id.clone());
            (topic.to_string(), word.to_owned())
        });
        let due: BTreeMap<String, String> = due.collect();
        self.store.set_states("expected", &due, &[], now).await?;
        Ok(())
    }
}

const DISCOVERY: &str = "discovery";
