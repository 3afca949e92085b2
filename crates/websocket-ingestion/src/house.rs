//! How the house stands: who is at home, what is on, what is open. Kept in memory, behind `/api/status/house` and `/ws/status`.
//!
//! At each connection all states are read once (`get_states`), so that it is complete before anything changes; live changes
//! follow. Only the domains that are shown are kept, and of those only what is shown.

mod rooms;
mod sections;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::api::events::{NewEvent, Origin};
use common::entity::EntityId;
use common::instant::UtcMicros;
use common::lifecycle::Failure;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::app::Shared;
use crate::enrich::Enrichment;
use crate::home_assistant::calls::{CallFailed, Calls};
use crate::home_assistant::frame::State;
use rooms::{Kind, Rooms, Seen};
pub(crate) use sections::View;

/// Most entities that are kept; a home has some hundreds in these domains.
pub(crate) const MAX_ENTITIES: usize = 5000;
/// From a change until it is shown: changes come in flocks.
const GATHER: Duration = Duration::from_millis(100);
/// How long the first reading of the states waits for the registries, without which no light has its area.
const REGISTRY_PATIENCE: Duration = Duration::from_secs(10);

/// How the house stands.
#[derive(Debug)]
pub(crate) struct House {
    inbox: Mutex<Inbox>,
    changed: Notify,
    view: watch::Sender<Option<Arc<View>>>,
}

/// What has not been taken into account yet.
#[derive(Debug, Default)]
struct Inbox {
    /// The newest change of each entity.
    changes: HashMap<EntityId, Change>,
    /// All states, as they were read.
    snapshot: Option<Snapshot>,
    /// They are being read: until they are there, changes wait.
    is_reading: bool,
}

type Snapshot = Vec<(EntityId, Seen)>;

/// The newest that is known of an entity; no state: it was removed.
#[derive(Debug)]
struct Change {
    kind: Kind,
    state: Option<String>,
    attributes: Option<Box<RawValue>>,
    at: UtcMicros,
}

impl Default for House {
    fn default() -> Self {
        Self {
            inbox: Mutex::default(),
            changed: Notify::new(),
            view: watch::Sender::new(None),
        }
    }
}

impl House {
    /// Takes note of a change. Never waits; what is not shown costs one look at the domain.
    pub(crate) fn note(&self, change: &NewEvent) {
        let Some(kind) = Kind::of(change.entity_id.domain()) else {
            return;
        };
        let attributes = change.attributes.as_ref().filter(|_| kind.has_attributes());
        let mut inbox = self.inbox();
        if let Some(known) = inbox.changes.get_mut(&change.entity_id) {
            known.state.clone_from(&change.state);
            known.attributes = attributes.cloned();
            known.at = change.last_updated;
        } else if inbox.changes.len() < MAX_ENTITIES {
            let change_now = Change {
                kind,
                state: change.state.clone(),
                attributes: attributes.cloned(),
                at: change.last_updated,
            };
            inbox.changes.insert(change.entity_id.clone(), change_now);
            drop(inbox);
            self.changed.notify_one();
        } else {
            left_out(1);
        }
    }

    /// How it stands; nothing before the states were read for the first time.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.view.borrow().clone()
    }

    /// An ear for changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Arc<View>>> {
        self.view.subscribe()
    }

    /// Keeps the view as the changes say, until the process stops.
    pub(crate) async fn run(
        &self,
        shared: &Shared,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let (mut rooms, mut readings) = (Rooms::default(), shared.enrichment.readings());
        loop {
            tokio::select! {
                () = self.changed.notified() => {}
                // Lights may be in other areas now, and temperatures of another unit.
                Ok(()) = readings.changed() => {
                    rooms.touch(Kind::Light);
                    rooms.touch(Kind::Climate);
                }
                () = stop.cancelled() => return Ok(()),
            }
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = stop.cancelled() => return Ok(()),
            }
            if self.take_in(&mut rooms) || self.view().is_some() {
                self.show(&shared.enrichment, &mut rooms);
            }
        }
    }

    /// The states were read, or cannot be.
    fn take_states(&self, read: Result<Snapshot, CallFailed>) {
        let mut inbox = self.inbox();
        inbox.is_reading = false;
        match read {
            Ok(snapshot) => inbox.snapshot = Some(snapshot),
            Err(error) => {
                tracing::warn!(%error, "the states cannot be read; the status of the house is as before, and follows the changes");
            }
        }
        drop(inbox);
        self.changed.notify_one();
    }

    /// Takes in what has come. Returns whether that were all the states.
    fn take_in(&self, rooms: &mut Rooms) -> bool {
        let (snapshot, changes) = {
            let mut inbox = self.inbox();
            if inbox.is_reading && inbox.snapshot.is_none() {
                return false;
            }
            (inbox.snapshot.take(), std::mem::take(&mut inbox.changes))
        };
        let is_all = snapshot.is_some();
        if let Some(states) = snapshot {
            left_out(rooms.replace(states));
        }
        for (entity_id, change) in changes {
            // Changes that waited for the states may be older than these. At other times the order in which they came
            // counts, not their stamps: the clock of Home Assistant may have been set back.
            if is_all && rooms.at(change.kind, &entity_id) >= Some(change.at) {
                continue;
            }
            let seen = change.state.map(|state| {
                Seen::read(change.kind, state, change.attributes.as_deref(), change.at)
            });
            left_out(u64::from(!rooms.set(change.kind, entity_id, seen)));
        }
        is_all
    }

    /// Writes the sections that may have become others.
    fn show(&self, enrichment: &Enrichment, rooms: &mut Rooms) {
        let unit = enrichment.readings().borrow().temperature_unit.clone();
        let unit = unit.as_deref().unwrap_or("C");
        let before = self.view();
        let area = |entity_id: &str| enrichment.area(entity_id);
        let view = View::of(rooms, before.as_deref(), unit, &area);
        self.view.send_if_modified(|shown| {
            let is_other = before.is_none_or(|before| *before != view);
            if is_other {
                *shown = Some(Arc::new(view));
            }
            is_other
        });
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts entities that found no place.
fn left_out(count: u64) {
    if count > 0 {
        metrics::counter!("homeiq_house_entities_left_out_total").increment(count);
    }
}

/// Reads all states, once for each connection. Begun when the changes are subscribed to, so that none falls in between.
pub(crate) async fn read_states(shared: &Shared, calls: &Calls) -> Infallible {
    let house = &shared.live.house;
    house.inbox().is_reading = true;
    let read = read(shared, calls).await;
    house.take_states(read);
    std::future::pending().await
}

async fn read(shared: &Shared, calls: &Calls) -> Result<Snapshot, CallFailed> {
    let mut readings = shared.enrichment.readings();
    let placed = readings.wait_for(|reading| reading.number > 0);
    // Late registries cost the lights their areas for a while, nothing more.
    drop(tokio::time::timeout(REGISTRY_PATIENCE, placed).await);
    let answer = calls.call(json!({"type": "get_states"})).await?;
    let shared = shared.clone();
    // A large home's answer takes a while to read; the socket must not wait for it.
    tokio::task::spawn_blocking(move || snapshot(&shared, answer.get()))
        .await
        .map_err(|_| CallFailed::Disconnected)?
        .map_err(CallFailed::from)
}

/// What is shown of the states that the owner's filter lets through.
fn snapshot(shared: &Shared, answer: &str) -> Result<Snapshot, serde_json::Error> {
    let states: Vec<&RawValue> = serde_json::from_str(answer)?;
    let mut found = Vec::new();
    for text in states {
        // A state that cannot be read spoils only itself.
        let Some((entity_id, kind, state)) = relevant(text.get()) else {
            continue;
        };
        let mut event = NewEvent {
            entity_id,
            state: Some(state.state.into_owned()),
            attributes: state.attributes.map(ToOwned::to_owned),
            last_changed: None,
            last_updated: state.last_updated,
            context: None,
            origin: Origin::Live,
            startup: None,
            device_id: None,
            area_id: None,
        };
        shared.enrichment.place(&mut event);
        if shared.filter.shows(&event) {
            let state = event.state.take().unwrap_or_default();
            let seen = Seen::read(kind, state, event.attributes.as_deref(), event.last_updated);
            found.push((event.entity_id, seen));
        }
    }
    Ok(found)
}

fn relevant(text: &str) -> Option<(EntityId, Kind, State<'_>)> {
    #[derive(Deserialize)]
    struct Name {
        entity_id: String,
    }
    let Name { entity_id } = serde_json::from_str(text).ok()?;
    let entity_id: EntityId = entity_id.parse().ok()?;
    let kind = Kind::of(entity_id.domain())?;
    let state = serde_json::from_str(text).ok()?;
    Some((entity_id, kind, state))
}

#[cfg(test)]
mod tests;
