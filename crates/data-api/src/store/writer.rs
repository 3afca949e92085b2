//! The one place that stores events: batches wait in a queue, and all that wait together are one commit.
//!
//! A batch is stored to its end even if its sender hangs up meanwhile: what was committed is counted, and what the memory knows is
//! what the tables have.

use tokio::sync::{mpsc, oneshot};

use super::{Appended, Store, StoreFailure, ValidEvent};

/// Batches that wait; senders beyond it wait for a place.
const QUEUE: usize = 16;
/// Events in one commit, beyond which no further batch joins it.
const ROWS_IN_A_COMMIT: usize = 20_000;

/// Takes batches to store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventWriter(mpsc::Sender<Job>);

/// The queue's other end: stores what comes.
#[derive(Debug)]
pub struct EventWriting {
    store: Store,
    jobs: mpsc::Receiver<Job>,
}

#[derive(Debug)]
struct Job {
    batch: Vec<ValidEvent>,
    done: oneshot::Sender<Result<Appended, StoreFailure>>,
}

impl EventWriter {
    /// A writer into this store; nothing is stored before `EventWriting::run` runs.
    pub fn new(store: Store) -> (Self, EventWriting) {
        let (sender, jobs) = mpsc::channel(QUEUE);
        (Self(sender), EventWriting { store, jobs })
    }

    /// Stores a batch; when this returns, it is on disk. Rows that are there already are counted, not changed.
    pub async fn append(&self, batch: Vec<ValidEvent>) -> Result<Appended, StoreFailure> {
        let (done, answer) = oneshot::channel();
        let stopped = || StoreFailure::from(sqlx::Error::PoolClosed);
        self.0
            .send(Job { batch, done })
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

impl EventWriting {
    /// Stores batches until nobody can send any more.
    pub async fn run(mut self) {
        while let Some(first) = self.jobs.recv().await {
            let mut rows = first.batch.len();
            let mut jobs = vec![first];
            while rows < ROWS_IN_A_COMMIT
                && let Ok(next) = self.jobs.try_recv()
            {
                rows += next.batch.len();
                jobs.push(next);
            }
            self.store_together(jobs).await;
        }
    }

    async fn store_together(&self, jobs: Vec<Job>) {
        let (batches, waiting): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.batch, job.done)).unzip();
        match self.store.append(&batches).await {
            Ok(appended) => {
                for (done, appended) in waiting.into_iter().zip(appended) {
                    answer(done, Ok(appended));
                }
            }
            // A batch that fails must not take those with it that only came at the same time.
            Err(failure) if batches.len() == 1 => {
                if let Some(done) = waiting.into_iter().next() {
                    answer(done, Err(failure));
                }
            }
            Err(_) => {
                for (batch, done) in batches.into_iter().zip(waiting) {
                    let stored = self.store.append(std::slice::from_ref(&batch)).await;
                    answer(done, stored.map(|appended| appended.into_iter().sum()));
                }
            }
        }
    }
}

/// Counts what was stored and tells who asked, if somebody still waits.
fn answer(
    done: oneshot::Sender<Result<Appended, StoreFailure>>,
    stored: Result<Appended, StoreFailure>,
) {
    if let Ok(appended) = &stored {
        metrics::counter!("homeiq_events_stored_total").increment(appended.stored as u64);
        metrics::counter!("homeiq_events_duplicate_total").increment(appended.duplicates as u64);
    }
    done.send(stored).ok();
}
