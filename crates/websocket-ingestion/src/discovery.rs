//! Reading the registries on request, and telling who asked what was found.

use std::time::Duration;

use tokio::sync::{Notify, watch};

/// What one reading of the registries found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Found {
    /// Which reading of this process it was.
    reading: u64,
    pub(crate) devices: usize,
    pub(crate) entities: usize,
}

/// Requests on one side, readings on the other.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    wanted: Notify,
    found: watch::Sender<Found>,
}

impl Discovery {
    /// Asks for a reading and waits for the next that ends; none within the patience gives none.
    pub(crate) async fn ask(&self, patience: Duration) -> Option<Found> {
        let mut found = self.found.subscribe();
        let before = found.borrow_and_update().reading;
        self.wanted.notify_one();
        // The sender lives as long as this, so only the patience can end the wait without an answer.
        let newer = found.wait_for(|found| found.reading > before);
        tokio::time::timeout(patience, newer)
            .await
            .ok()?
            .ok()
            .map(|found| *found)
    }

    /// Resolves when somebody asks.
    pub(crate) async fn asked(&self) {
        self.wanted.notified().await;
    }

    /// Tells what a reading found.
    pub(crate) fn tell(&self, devices: usize, entities: usize) {
        self.found.send_modify(|found| {
            *found = Found {
                reading: found.reading + 1,
                devices,
                entities,
            }
        });
    }
}
