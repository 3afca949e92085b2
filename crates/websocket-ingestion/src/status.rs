//! What the service knows of its own work: behind `/health` and the metrics. Log lines and counters of one fact come from one place.

mod breaker;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::instant::UtcMicros;
use serde::Serialize;

use crate::backfill::Progress;
use crate::config::Role;

/// Event types that are counted by name; the rest are counted together.
const MAX_EVENT_TYPES: usize = 50;

/// What the newest batch counts for in the average of the lag.
const NEW_LAG_COUNTS: f64 = 0.1;

/// Where the connection to Home Assistant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LinkState {
    #[default]
    Disconnected,
    Connecting,
    Authenticating,
    Connected,
    Reconnecting,
}

/// Facts that tasks report and `/health` tells.
#[derive(Debug, Default)]
pub(crate) struct Status(Mutex<Facts>);

/// The way over which Home Assistant is heard.
#[derive(Debug, Clone)]
pub(crate) struct Over {
    pub(crate) role: Role,
    /// Its address, without secrets.
    pub(crate) url: String,
    pub(crate) since: UtcMicros,
}

/// The facts at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) state: LinkState,
    pub(crate) attempts: u64,
    pub(crate) successes: u64,
    pub(crate) failures: u64,
    /// Those since the last connection.
    pub(crate) failures_in_a_row: u64,
    /// The last of them was that.
    pub(crate) token_refused: bool,
    pub(crate) last_error: Option<String>,
    pub(crate) last_successful: Option<UtcMicros>,
    pub(crate) home_assistant_version: Option<String>,
    pub(crate) subscribed_since: Option<UtcMicros>,
    pub(crate) over: Option<Over>,
    /// The way over which it was heard last, and how often that changed.
    pub(crate) last_role: Option<Role>,
    pub(crate) switches: u64,
    pub(crate) last_alive: Option<UtcMicros>,
    /// Home Assistant is connected and has not finished starting.
    pub(crate) starting: bool,
    pub(crate) last_event: Option<UtcMicros>,
    pub(crate) received: u64,
    pub(crate) received_before_session: u64,
    pub(crate) by_type: BTreeMap<String, u64>,
    pub(crate) stored: u64,
    pub(crate) duplicates: u64,
    /// From an event to its commit, averaged over the last batches.
    pub(crate) lag_seconds: Option<f64>,
    pub(crate) dropped: BTreeMap<&'static str, u64>,
    pub(crate) devices: Option<usize>,
    pub(crate) entities: Option<usize>,
    pub(crate) backfill: Progress,
    pub(crate) spool_records: u64,
    pub(crate) spool_bytes: u64,
    pub(crate) spool_set_aside: u64,
}

impl Status {
    /// All facts as they are now.
    pub(crate) fn facts(&self) -> Facts {
        self.lock().clone()
    }

    pub(crate) fn state(&self, state: LinkState) {
        let mut facts = self.lock();
        facts.state = state;
        if state != LinkState::Connected {
            facts.subscribed_since = None;
            if let Some(over) = facts.over.take() {
                connection(over.role, false);
            }
            metrics::gauge!("homeiq_ha_connected").set(0.0);
        }
    }

    pub(crate) fn attempt(&self) {
        self.lock().attempts += 1;
    }

    pub(crate) fn connected(&self, version: &str, now: UtcMicros) {
        let mut facts = self.lock();
        facts.state = LinkState::Connected;
        facts.successes += 1;
        (facts.failures_in_a_row, facts.token_refused) = (0, false);
        facts.last_successful = Some(now);
        facts.last_alive = Some(now);
        facts.home_assistant_version = Some(version.to_owned());
        facts.received_before_session = facts.received;
        metrics::gauge!("homeiq_ha_connected").set(1.0);
    }

    pub(crate) fn subscribed(&self, now: UtcMicros) {
        let mut facts = self.lock();
        facts.subscribed_since = Some(now);
        facts.last_error = None;
    }

    /// Events come over this way from now on.
    pub(crate) fn over(&self, role: Role, url: &str, since: UtcMicros) {
        let mut facts = self.lock();
        if let Some(before) = facts.over.take() {
            connection(before.role, false);
        }
        connection(role, true);
        facts.over = Some(Over {
            role,
            url: url.to_owned(),
            since,
        });
        if facts
            .last_role
            .replace(role)
            .is_some_and(|last| last != role)
        {
            facts.switches += 1;
            metrics::counter!("homeiq_ha_switches_total", "to" => role.as_str()).increment(1);
        }
    }

    pub(crate) fn failed(&self, reason: &'static str, error: &str) {
        let mut facts = self.lock();
        facts.failures += 1;
        facts.failures_in_a_row += 1;
        facts.token_refused = reason == "token_refused";
        facts.last_error = Some(error.to_owned());
        metrics::counter!("homeiq_ha_reconnects_total", "reason" => reason).increment(1);
    }

    pub(crate) fn lost(&self, reason: &'static str, error: &str) {
        self.lock().last_error = Some(error.to_owned());
        metrics::counter!("homeiq_ha_reconnects_total", "reason" => reason).increment(1);
    }

    /// Something arrived from Home Assistant.
    pub(crate) fn alive(&self, now: UtcMicros) {
        self.lock().last_alive = Some(now);
    }

    /// Home Assistant has not finished starting.
    pub(crate) fn starting(&self, starting: bool) {
        self.lock().starting = starting;
        metrics::gauge!("homeiq_ha_starting").set(f64::from(u8::from(starting)));
    }

    /// So many events of one type arrived.
    pub(crate) fn received(&self, event_type: &str, events: u64, now: UtcMicros) {
        if events == 0 {
            return;
        }
        let mut facts = self.lock();
        facts.received += events;
        facts.last_event = Some(now);
        if let Some(count) = facts.by_type.get_mut(event_type) {
            *count += events;
        } else {
            let name = if facts.by_type.len() < MAX_EVENT_TYPES {
                event_type
            } else {
                "other"
            };
            *facts.by_type.entry(name.to_owned()).or_default() += events;
        }
        metrics::counter!("homeiq_events_received_total").increment(events);
    }

    pub(crate) fn delivered(&self, stored: usize, duplicates: usize, newest: Option<UtcMicros>) {
        let mut facts = self.lock();
        facts.stored += stored as u64;
        facts.duplicates += duplicates as u64;
        metrics::counter!("homeiq_ingest_delivered_total").increment((stored + duplicates) as u64);
        if let (Some(alive), Some(newest)) = (facts.last_alive, newest) {
            let lag = alive.seconds_since(newest).max(0.0);
            let before = facts.lag_seconds.unwrap_or(lag);
            facts.lag_seconds = Some(before + (lag - before) * NEW_LAG_COUNTS);
            metrics::gauge!("homeiq_ingest_lag_seconds").set(lag);
        }
    }

    pub(crate) fn dropped(&self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.lock().dropped.entry(reason).or_default() += count;
            metrics::counter!("homeiq_events_dropped_total", "reason" => reason).increment(count);
        }
    }

    pub(crate) fn spooled(&self, records: u64, bytes: u64) {
        let mut facts = self.lock();
        (facts.spool_records, facts.spool_bytes) = (records, bytes);
        metrics::gauge!("homeiq_spool_records").set(records as f64);
        metrics::gauge!("homeiq_spool_bytes").set(bytes as f64);
    }

    /// Files of the spool were set aside, because they are damaged.
    pub(crate) fn set_aside(&self, files: u64) {
        self.lock().spool_set_aside += files;
        metrics::counter!("homeiq_spool_damaged_files_total").increment(files);
    }

    pub(crate) fn registry(&self, devices: usize, entities: usize) {
        let mut facts = self.lock();
        facts.devices = Some(devices);
        facts.entities = Some(entities);
    }

    /// Notes what the reader of the history does.
    pub(crate) fn backfill<T>(&self, note: impl FnOnce(&mut Progress) -> T) -> T {
        note(&mut self.lock().backfill)
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connection(role: Role, is_used: bool) {
    metrics::gauge!("homeiq_ha_connection", "candidate" => role.as_str())
        .set(f64::from(u8::from(is_used)));
}
