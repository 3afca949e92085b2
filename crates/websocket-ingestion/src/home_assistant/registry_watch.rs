//! When the registries are read: at each connection, when they changed, and when somebody asks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use common::api::registry::Rename;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::calls::{CallFailed, Calls};
use super::frame::Event;
use crate::app::Shared;
use crate::registry::{self, HandedOver, Registries};

/// After these the registries are read again.
pub(super) const EVENTS: [&str; 7] = [
    "device_registry_updated",
    "entity_registry_updated",
    "area_registry_updated",
    "floor_registry_updated",
    "label_registry_updated",
    "service_registered",
    "service_removed",
];

/// Longest wait for a flock of changes to end, in times the wait for one more.
const LONGEST_FLOCK: u32 = 4;
/// Shortest time between the beginnings of two readings, in the same measure.
const APART: u32 = 3;
/// Time until an empty list that was not empty before is read once more, in the same measure.
const DOUBT: u32 = 20;
/// Most renames that wait to be told; the list of entities shows the rest.
const MAX_RENAMES: usize = 10_000;

/// What a connection has heard of the registries.
#[derive(Debug, Default)]
pub(super) struct RegistryWatch {
    changed: Notify,
    renames: Mutex<Vec<Rename>>,
    /// data-api has complete lists of this connection.
    known: watch::Sender<bool>,
}

impl RegistryWatch {
    /// Takes note of an event. Never waits.
    pub(super) fn heard(&self, event: &Event<'_>) {
        if event.event_type == "entity_registry_updated"
            && let Some(rename) = rename(event)
        {
            let mut renames = self.renames();
            if renames.len() < MAX_RENAMES {
                renames.push(rename);
            } else {
                metrics::counter!("homeiq_renames_untold_total").increment(1);
            }
        }
        self.changed.notify_one();
    }

    /// Has the registries read soon, although no event said that they changed.
    pub(super) fn read_again(&self) {
        self.changed.notify_one();
    }

    /// Waits until data-api knows who has which id now, but not for longer than that.
    pub(super) async fn known(&self, patience: Duration) {
        let mut known = self.known.subscribe();
        // The sender lives as long as this, so only the patience can end the wait early.
        timeout(patience, known.wait_for(|known| *known)).await.ok();
    }

    /// Reads the registries now and whenever they changed, and hands them over. Ends with the connection.
    pub(super) async fn keep(&self, shared: &Shared, calls: &Calls) -> CallFailed {
        let quiet = shared.config.timing.registry_debounce;
        let mut first = true;
        loop {
            let begun = Instant::now();
            // What was told before the lists are read is older than the lists.
            let renames = std::mem::take(&mut *self.renames());
            let mut handed = HandedOver::default();
            match registry::read(calls).await {
                Ok(read) => {
                    if std::mem::take(&mut first) {
                        say_what_is_not_given(&read);
                    }
                    shared.enrichment.replace(&read);
                    shared
                        .discovery
                        .tell(read.devices.len(), read.entities.len());
                    handed = registry::hand_over(shared, &read, &renames).await;
                    if handed.complete {
                        self.known.send_replace(true);
                    }
                }
                Err(error @ (CallFailed::Disconnected | CallFailed::Timeout(_))) => return error,
                Err(error) => {
                    self.renames().splice(..0, renames);
                    tracing::warn!(%error, "the registries cannot be read; areas and devices stay as they were");
                }
            }
            let doubt = async {
                if handed.doubtful {
                    tokio::time::sleep(quiet * DOUBT).await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = self.flock(quiet, begun + quiet * APART) => {}
                () = shared.discovery.asked() => {}
                () = doubt => {}
            }
        }
    }

    /// Waits for a change, and for those that come with it: until none has come for `quiet`, though not for ever, and not before `earliest`.
    async fn flock(&self, quiet: Duration, earliest: Instant) {
        self.changed.notified().await;
        let latest = Instant::now() + quiet * LONGEST_FLOCK;
        while timeout_at(latest.min(Instant::now() + quiet), self.changed.notified())
            .await
            .is_ok()
            && Instant::now() < latest
        {}
        tokio::time::sleep_until(earliest).await;
    }

    fn renames(&self) -> std::sync::MutexGuard<'_, Vec<Rename>> {
        self.renames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which lists Home Assistant does not give, said once a connection.
fn say_what_is_not_given(read: &Registries) {
    if read.floors.is_none() || read.labels.is_none() {
        tracing::info!(
            "this version of Home Assistant has no list of floors or labels: there are none, then"
        );
    }
    if read.config_entries.is_none() {
        tracing::info!(
            "Home Assistant gives its list of integrations only to administrators: data-api knows those that devices and entities name"
        );
    }
}

/// The rename that an event tells.
fn rename(event: &Event<'_>) -> Option<Rename> {
    let data = event.data.as_ref()?;
    Some(Rename {
        old_entity_id: data.old_entity_id.as_deref()?.parse().ok()?,
        new_entity_id: data.entity_id.parse().ok()?,
        at: event.time_fired?,
    })
    .filter(|rename| rename.old_entity_id != rename.new_entity_id)
}

#[cfg(test)]
mod tests {
    use super::super::frame::messages;
    use super::*;

    fn hear(watch: &RegistryWatch, data: &str) {
        let text = format!(
            r#"{{"id":7,"type":"event","event":{{"event_type":"entity_registry_updated","data":{data},"origin":"LOCAL","time_fired":"2026-11-23T08:13:45.429374+00:00"}}}}"#
        );
        for message in messages(&text) {
            watch.heard(&message.unwrap().event.unwrap());
        }
    }

    #[test]
    fn a_rename_is_remembered_with_its_instant_and_nothing_else_is() {
        let watch = RegistryWatch::default();
        hear(
            &watch,
            r#"{"action":"update","entity_id":"light.new","changes":{"entity_id":"light.old"},"old_entity_id":"light.old"}"#,
        );
        hear(
            &watch,
            r#"{"action":"update","entity_id":"light.new","changes":{"icon":null}}"#,
        );
        hear(&watch, r#"{"action":"create","entity_id":"light.x"}"#);
        hear(
            &watch,
            r#"{"action":"update","entity_id":"not an id","old_entity_id":"light.y"}"#,
        );
        let renames = watch.renames().clone();
        assert_eq!(renames.len(), 1);
        assert_eq!(
            (
                renames[0].old_entity_id.as_str(),
                renames[0].new_entity_id.as_str(),
                renames[0].at.to_string().as_str()
            ),
            ("light.old", "light.new", "2026-11-23T08:13:45.429374+00:00")
        );
    }

    #[test]
    fn so_many_renames_that_nobody_fetches_are_not_kept_for_ever() {
        let watch = RegistryWatch::default();
        for n in 0..MAX_RENAMES + 5 {
            hear(
                &watch,
                &format!(
                    r#"{{"action":"update","entity_id":"light.n{n}","old_entity_id":"light.o{n}"}}"#
                ),
            );
        }
        assert_eq!(watch.renames().len(), MAX_RENAMES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flock_of_changes_is_waited_for_and_an_endless_one_is_not() {
        let quiet = Duration::from_millis(1500);
        let watch = RegistryWatch::default();
        let begun = Instant::now();
        watch.read_again();
        watch.flock(quiet, begun).await;
        assert_eq!(begun.elapsed(), quiet, "one change");

        let begun = Instant::now();
        let steady = async {
            loop {
                watch.read_again();
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::select! {
            () = watch.flock(quiet, begun) => {}
            () = steady => {}
        }
        let waited = begun.elapsed();
        assert!(
            waited >= quiet * LONGEST_FLOCK && waited <= quiet * (LONGEST_FLOCK + 1),
            "{waited:?}"
        );

        // A change right after a reading waits until some time has passed since that began.
        let begun = Instant::now();
        watch.read_again();
        watch.flock(quiet, begun + quiet * APART).await;
        assert_eq!(begun.elapsed(), quiet * APART);
    }
}
