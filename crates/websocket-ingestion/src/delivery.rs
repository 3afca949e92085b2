//! From the buffer to data-api: straight while it answers in time, else by way of the spool.
//!
//! An event is in memory only for as long as [`Delivery::sync_interval`]: by then data-api has committed it, or it is on
//! disk. The order stays: nothing goes straight while the spool holds something older.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::api::events::NewEvent;
use common::lifecycle::Failure;
use tokio_util::sync::CancellationToken;

use crate::app::Shared;
use crate::spool::Spool;

/// Name of the part in `/health`.
const PART: &str = "spool";
/// Most events that are moved to disk at once.
const MOVED: usize = 20_000;
/// Time to hand over what is left when the process stops, before it goes to disk.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The way of the events.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) shared: Shared,
    pub(crate) spool: Arc<Mutex<Spool>>,
}

impl Delivery {
    /// Delivers until the process stops; what is left then is on disk.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        while !stop.is_cancelled() {
            if self.records() == 0 {
                self.straight(&stop).await;
            } else {
                self.by_way_of_disk(&stop).await;
            }
        }
        let left = self.shared.buffer.take(usize::MAX);
        if self.records() > 0 {
            self.keep(left).await;
            // What is not taken in this time is on disk.
            tokio::time::timeout(LAST_WORDS, self.send_spooled())
                .await
                .ok();
        } else if tokio::time::timeout(LAST_WORDS, self.shared.sink.deliver(&left))
            .await
            .is_err()
        {
            self.keep(left).await;
        }
        let unkept = self.shared.buffer.len();
        if unkept > 0 {
            self.shared.status.dropped("stopped", unkept as u64);
            tracing::error!(
                events = unkept,
                "stopped with events that neither data-api nor the disk took; the next start looks for them in the history"
            );
        }
        Ok(())
    }

    /// How long an event may be in memory only.
    fn sync_interval(&self) -> Duration {
        self.shared.config.spool_sync_interval
    }

    /// One batch straight to data-api; one that is not taken in time goes to the spool.
    async fn straight(&self, stop: &CancellationToken) {
        let config = &self.shared.config;
        let (batch, waited) = tokio::select! {
            next = self.shared.buffer.next_batch(config.batch_size, config.batch_timeout.min(self.sync_interval() / 2)) => next,
            () = stop.cancelled() => return,
        };
        let left = self.sync_interval().saturating_sub(waited);
        if tokio::time::timeout(left, self.shared.sink.deliver(&batch))
            .await
            .is_err()
        {
            self.keep(batch).await;
        }
    }

    /// Sends what is on disk and moves there what comes in meanwhile, until all has been sent.
    async fn by_way_of_disk(&self, stop: &CancellationToken) {
        let is_done = AtomicBool::new(false);
        let send = async {
            tokio::select! {
                () = self.send_spooled() => {}
                () = stop.cancelled() => {}
            }
            is_done.store(true, Ordering::Relaxed);
        };
        // Never interrupted: events that were taken from the buffer must reach the disk, or the buffer again.
        let spool = async {
            while !is_done.load(Ordering::Relaxed) {
                tokio::time::sleep(self.sync_interval() / 2).await;
                self.keep(self.shared.buffer.take(MOVED)).await;
            }
        };
        tokio::join!(send, spool);
    }

    /// Sends what is on disk, oldest first, until there is no more.
    async fn send_spooled(&self) {
        loop {
            let size = self.shared.config.batch_size;
            let batch = match self.with_spool(move |spool| spool.peek(size)).await {
                Ok(batch) if batch.events.is_empty() => return,
                Ok(batch) => batch,
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    self.leave_damaged(&error).await;
                    continue;
                }
                Err(error) => {
                    self.trouble(&error);
                    tokio::time::sleep(self.sync_interval()).await;
                    continue;
                }
            };
            self.shared.sink.deliver(&batch.events).await;
            if let Err(error) = self.with_spool(move |spool| spool.pass(&batch)).await {
                self.trouble(&error);
            }
        }
    }

    /// Puts events on disk; if that fails they go back to memory, and the trouble is shown.
    async fn keep(&self, events: Vec<NewEvent>) {
        if events.is_empty() {
            return;
        }
        let events = Arc::new(events);
        let for_disk = Arc::clone(&events);
        match self.with_spool(move |spool| spool.append(&for_disk)).await {
            Ok(lost) => {
                if self.shared.health.restore(PART) {
                    tracing::info!("the spool can be written to again");
                }
                if let Some((start, end)) = lost.span {
                    self.shared.status.dropped("spool_full", lost.records);
                    self.shared.gaps.spool_full(start, end);
                }
            }
            Err(error) => {
                self.trouble(&error);
                let dropped = self.shared.buffer.put_back(Arc::unwrap_or_clone(events));
                self.shared
                    .status
                    .dropped("buffer_full", dropped.len() as u64);
                for event in dropped {
                    self.shared.gaps.overflowed(event.last_updated);
                }
            }
        }
    }

    /// Goes on with the next file of the spool; what was in the damaged one becomes a gap.
    async fn leave_damaged(&self, error: &std::io::Error) {
        match self.with_spool(Spool::set_aside).await {
            Ok(lost) => {
                tracing::error!(
                    events = lost.records,
                    "the spool: {error}; it was set aside as *.damaged, and its events become a gap"
                );
                self.shared.status.dropped("spool_damaged", lost.records);
                if let Some((start, end)) = lost.span {
                    self.shared.gaps.spool_damaged(start, end);
                }
            }
            Err(error) => {
                self.trouble(&error);
                tokio::time::sleep(self.sync_interval()).await;
            }
        }
    }

    fn trouble(&self, error: &std::io::Error) {
        let reason = format!(
            "the spool cannot be used: {error}; events wait in memory. Free some space, or check SPOOL_DIR"
        );
        if self.shared.health.degrade(PART, reason.as_str()) {
            tracing::error!("{reason}");
        }
    }

    fn records(&self) -> u64 {
        self.spool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .records()
    }

    /// Works on the spool where waiting for the disk holds up nobody.
    async fn with_spool<T, W>(&self, work: W) -> std::io::Result<T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Spool) -> std::io::Result<T> + Send + 'static,
    {
        let spool = Arc::clone(&self.spool);
        let done = tokio::task::spawn_blocking(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            let done = work(&mut spool);
            (done, spool.records(), spool.bytes())
        });
        let (done, records, bytes) = done.await.map_err(std::io::Error::other)?;
        self.shared.status.spooled(records, bytes);
        done
    }
}
