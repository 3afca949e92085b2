//! From the buffer to a sink: straight while it answers in time, else by way of the spool.
//!
//! An event is in memory only for as long as [`Limits::sync_interval`]: by then the sink has committed it, or it is on disk.
//! The order stays: nothing goes straight while the spool holds something older.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::health::Health;
use common::lifecycle::Failure;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::buffer::Buffer;
use crate::lines::{Line, Lines, LinesBuilder};
use crate::sink::{Loss, Sink};
use crate::spool::{Batch, Spool};

/// Batches of the spool that are on their way at the same time: while one is committed, the next is read.
const ON_THEIR_WAY: usize = 2;
/// Most events that are moved to disk at once.
const MOVED: usize = 2000;
/// Between two looks at a disk that failed.
const LOOK_AT_DISK: Duration = Duration::from_secs(2);
/// Time to hand over what is left when the process stops, before it goes to disk.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The way of the events to one sink.
#[derive(Debug)]
pub(crate) struct Delivery<S> {
    sink: S,
    buffer: Arc<Buffer>,
    spool: Arc<Mutex<Spool>>,
    health: Health,
    limits: Limits,
    /// The last attempt to write to the spool, or to read it, failed.
    disk_fails: AtomicBool,
    /// When a disk that failed is looked at again.
    next_look: Mutex<Instant>,
}

/// How much at once, and how soon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most events in one batch.
    pub(crate) batch_size: usize,
    /// Longest time that an event waits for its batch to fill.
    pub(crate) batch_timeout: Duration,
    /// Longest time that an event is in memory only.
    pub(crate) sync_interval: Duration,
}

impl<S: Sink> Delivery<S> {
    pub(crate) fn new(
        sink: S,
        buffer: Arc<Buffer>,
        spool: Spool,
        health: Health,
        limits: Limits,
    ) -> Self {
        Self {
            sink,
            buffer,
            spool: Arc::new(Mutex::new(spool)),
            health,
            limits,
            disk_fails: AtomicBool::new(false),
            next_look: Mutex::new(Instant::now()),
        }
    }

    /// Delivers until the process stops; what is left then is on disk.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        while !stop.is_cancelled() {
            if self.records() == 0 {
                self.straight(&stop).await;
            } else {
                self.by_way_of_disk(&stop).await;
            }
        }
        let left = self.buffer.take(usize::MAX);
        if self.records() > 0 {
            self.keep(left).await;
            self.sync().await;
            // What is not taken in this time is on disk.
            tokio::time::timeout(LAST_WORDS, self.send_spooled())
                .await
                .ok();
        } else {
            let lines: Lines = left.iter().collect();
            if tokio::time::timeout(LAST_WORDS, self.sink.deliver(&lines))
                .await
                .is_err()
            {
                self.keep(left).await;
            }
        }
        self.sync().await;
        let unkept = self.buffer.take(usize::MAX);
        if !unkept.is_empty() {
            let lines: Lines = unkept.iter().collect();
            self.sink
                .lost(Loss::Stopped, lines.len() as u64, lines.span());
            tracing::error!(
                events = lines.len(),
                "stopped with events that went neither on nor to the disk ({}); {}",
                S::PART,
                S::AFTER_LOSS
            );
        }
        Ok(())
    }

    /// One batch straight to the sink; one that is not taken in time, or that holds up too much, goes to the spool.
    async fn straight(&self, stop: &CancellationToken) {
        let limits = self.limits;
        let patience = limits.batch_timeout.min(limits.sync_interval / 2);
        let (batch, waited) = tokio::select! {
            next = self.buffer.next_batch(limits.batch_size, patience) => next,
            () = self.disk_comes_back() => return,
            () = stop.cancelled() => return,
        };
        let lines: Lines = batch.iter().collect();
        let left = limits.sync_interval.saturating_sub(waited);
        let has_disk = !self.disk_fails();
        let is_delivered = tokio::select! {
            () = self.sink.deliver(&lines) => true,
            () = tokio::time::sleep(left), if has_disk => false,
            () = self.buffer.pressed(), if has_disk => false,
            // A sink that is slow, and a disk that is full: no less patience than the sink needs.
            () = self.disk_comes_back() => false,
            () = stop.cancelled() => false,
        };
        if !is_delivered {
            self.keep(batch).await;
        }
    }

    fn disk_fails(&self) -> bool {
        self.disk_fails.load(Ordering::Relaxed)
    }

    /// Resolves when a disk that failed can be written to again; never while it works.
    async fn disk_comes_back(&self) {
        while self.disk_fails() {
            // Kept from one wait to the next: batches may come and go faster than the disk is looked at.
            let next = *self.next_look();
            tokio::time::sleep_until(next).await;
            *self.next_look() = Instant::now() + LOOK_AT_DISK;
            if let Ok(()) = self.with_spool(|spool| spool.probe()).await {
                self.recovered();
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    fn next_look(&self) -> MutexGuard<'_, Instant> {
        self.next_look
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn recovered(&self) {
        self.disk_fails.store(false, Ordering::Relaxed);
        metrics::gauge!("homeiq_spool_usable", "part" => S::PART).set(1.0);
        if self.health.restore(S::PART) {
            tracing::info!("the spool can be written to again");
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
        let sync = async {
            while !is_done.load(Ordering::Relaxed) {
                self.sync().await;
                tokio::time::sleep(self.limits.sync_interval / 2).await;
            }
        };
        // Never interrupted: lines that were taken from the buffer must reach the disk, or the buffer again.
        let spool = async {
            while !is_done.load(Ordering::Relaxed) {
                tokio::select! {
                    () = tokio::time::sleep(self.limits.sync_interval / 2) => {}
                    () = self.buffer.pressed() => {}
                }
                if !self.keep_all().await {
                    tokio::time::sleep(self.limits.sync_interval / 2).await;
                }
            }
        };
        tokio::join!(send, spool, sync);
        self.sync().await;
    }

    /// Sends what is on disk, oldest first, until there is no more.
    async fn send_spooled(&self) {
        loop {
            let next = LinesBuilder::default();
            match self.with_spool(|spool| spool.peek(None, 1, next)).await {
                Ok(next) if next.lines.is_empty() => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    self.leave_damaged(&error).await;
                    continue;
                }
                Err(error) => {
                    self.trouble(&error);
                    tokio::time::sleep(self.limits.sync_interval).await;
                    continue;
                }
            }
            self.send_until_none().await;
        }
    }

    /// Sends batch after batch, the next while the one before is being committed.
    async fn send_until_none(&self) {
        let size = self.limits.batch_size;
        let mut on_their_way = FuturesOrdered::new();
        let mut behind = None;
        // A few megabytes for each batch, asked for once: given back to the heap each time, they would spread all over it.
        let mut spare: Vec<Vec<u8>> = Vec::new();
        loop {
            while on_their_way.len() < ON_THEIR_WAY {
                let lines = LinesBuilder::reusing(spare.pop().unwrap_or_default());
                let peeked = self.with_spool(move |spool| spool.peek(behind, size, lines));
                // What cannot be read is looked at again when all before it has been sent.
                let Some(batch) = peeked.await.ok().filter(|batch| !batch.lines.is_empty()) else {
                    break;
                };
                behind = Some(batch.end);
                on_their_way.push_back(self.send(batch));
            }
            let Some(batch) = on_their_way.next().await else {
                return;
            };
            let passed = self.with_spool(move |spool| {
                spool.pass(&batch);
                Ok(batch)
            });
            match passed.await {
                Ok(batch) => spare.extend(batch.lines.into_memory()),
                Err(error) => self.trouble(&error),
            }
        }
    }

    async fn send(&self, batch: Batch) -> Batch {
        self.sink.deliver(&batch.lines).await;
        batch
    }

    /// Puts what is in memory on disk, in parts, so that it is never there twice.
    async fn keep_all(&self) -> bool {
        loop {
            let lines = self.buffer.take(MOVED);
            if lines.is_empty() {
                return true;
            }
            if !self.keep(lines).await {
                return false;
            }
        }
    }

    /// Puts lines on disk; if that fails they go back to memory, and the trouble is shown. Says whether it went well.
    async fn keep(&self, lines: Vec<Line>) -> bool {
        if lines.is_empty() {
            return true;
        }
        let lines = Arc::new(lines);
        let for_disk = Arc::clone(&lines);
        let kept = self.with_spool(move |spool| {
            let appended = spool.append(&for_disk);
            Ok((appended, spool.take_lost()))
        });
        let (appended, lost) = match kept.await {
            Ok(kept) => kept,
            Err(error) => (Err(error), crate::spool::Lost::default()),
        };
        if lost.records > 0 {
            self.sink.lost(Loss::SpoolFull, lost.records, lost.span);
        }
        match appended {
            Ok(()) => {
                self.recovered();
                true
            }
            Err(error) => {
                self.trouble(&error);
                let lines = Arc::try_unwrap(lines).unwrap_or_else(|lines| lines.to_vec());
                let dropped: Lines = self.buffer.put_back(lines).iter().collect();
                if !dropped.is_empty() {
                    self.sink
                        .lost(Loss::BufferFull, dropped.len() as u64, dropped.span());
                }
                false
            }
        }
    }

    /// Makes sure that what was added is on disk, without holding up what is being added.
    async fn sync(&self) {
        let synced = match self.with_spool(Spool::upkeep).await {
            Ok(upkeep) => tokio::task::spawn_blocking(move || upkeep.run())
                .await
                .map_err(std::io::Error::other)
                .flatten(),
            Err(error) => Err(error),
        };
        if let Err(error) = synced {
            self.trouble(&error);
        }
    }

    /// Goes on with the next file of the spool; what was in the damaged one is lost to this sink.
    async fn leave_damaged(&self, error: &std::io::Error) {
        match self.with_spool(Spool::set_aside).await {
            Ok(lost) => {
                tracing::error!(
                    events = lost.records,
                    "the spool: {error}; it was set aside as *.damaged; {}",
                    S::AFTER_LOSS
                );
                self.sink.lost(Loss::SpoolDamaged, lost.records, lost.span);
            }
            Err(error) => {
                self.trouble(&error);
                tokio::time::sleep(self.limits.sync_interval).await;
            }
        }
    }

    fn trouble(&self, error: &std::io::Error) {
        self.disk_fails.store(true, Ordering::Relaxed);
        metrics::gauge!("homeiq_spool_usable", "part" => S::PART).set(0.0);
        metrics::counter!("homeiq_spool_errors_total", "part" => S::PART).increment(1);
        let reason = format!(
            "the spool cannot be used: {error}; events wait in memory. Free some space, or check SPOOL_DIR"
        );
        if self.health.degrade(S::PART, reason.as_str()) {
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
        self.sink.spooled(records, bytes);
        done
    }
}
