//! How a process starts, works and stops: named tasks, signals, and an ordered end with a deadline.
//!
//! Order of the end: pipelines first (sources stop, buffers are flushed to their sinks), then the HTTP servers, so that a
//! flush still finds the service that it flushes to, even in the same process.

use std::collections::BTreeMap;
use std::future::Future;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::signals::Signals;

/// What a task or a start may fail with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Time for everything to end after the first signal.
const DRAIN_DEADLINE: Duration = Duration::from_secs(9);

/// Starts and owns the tasks of a process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    pipelines: TaskTracker,
    servers: TaskTracker,
    stopping: CancellationToken,
    closing: CancellationToken,
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    ended: mpsc::Sender<Ended>,
}

/// A task that ended before it was asked to.
#[derive(Debug)]
struct Ended {
    name: &'static str,
    result: Result<(), Failure>,
}

/// Hears of tasks that end unasked.
#[derive(Debug)]
pub struct Ends(mpsc::Receiver<Ended>);

impl Tasks {
    /// No tasks yet, and the ear for those that end unasked.
    pub fn new() -> (Self, Ends) {
        let (ended, ends) = mpsc::channel(16);
        let tasks = Self {
            pipelines: TaskTracker::new(),
            servers: TaskTracker::new(),
            stopping: CancellationToken::new(),
            closing: CancellationToken::new(),
            running: Arc::default(),
            ended,
        };
        (tasks, Ends(ends))
    }

    /// Runs a part of the work. It must end soon after [`Self::stopping`] is cancelled; ending before stops the process.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.start(&self.pipelines, &self.stopping, name, task);
    }

    /// Runs a server. It must end soon after [`Self::closing`] is cancelled, which happens when all other work has ended.
    pub fn serve<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.start(&self.servers, &self.closing, name, task);
    }

    /// Runs a piece of work that may end at any time, such as one analysis; the process waits for it when it stops.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn_once<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let _ = name;
        drop(tokio::spawn(self.pipelines.track_future(task)));
    }

    /// Cancelled when the process begins to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Cancelled when the servers are to close.
    pub fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// Names of the tasks that are running.
    pub fn running(&self) -> Vec<&'static str> {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .copied()
            .collect()
    }

    /// Stops everything in order; false when something was still running at the deadline.
    pub async fn stop(&self, deadline: Duration) -> bool {
        let end = async {
            self.stopping.cancel();
            self.pipelines.close();
            self.pipelines.wait().await;
            self.closing.cancel();
            self.servers.close();
            self.servers.wait().await;
        };
        tokio::time::timeout(deadline, end).await.is_ok()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    fn start<F>(
        &self,
        tracker: &TaskTracker,
        asked: &CancellationToken,
        name: &'static str,
        task: F,
    ) where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (asked, ended, running) =
            (asked.clone(), self.ended.clone(), Arc::clone(&self.running));
        *running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name)
            .or_default() += 1;
        let inner = tokio::spawn(task);
        drop(tokio::spawn(tracker.track_future(async move {
            let result = match inner.await {
                Ok(result) => result,
                Err(panic) => Err(Failure::from(format!("it panicked: {panic}"))),
            };
            {
                let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(count) = running.get_mut(name) {
                    *count -= 1;
                    if *count == 0 {
                        running.remove(name);
                    }
                }
            }
            if !asked.is_cancelled() {
                // A full channel means that the end has been heard already.
                drop(ended.try_send(Ended { name, result }));
            } else if let Err(error) = result {
                tracing::warn!(task = name, %error, "ended with an error while stopping");
            }
        })));
    }
}

/// Builds a runtime, starts the work, waits for a signal or a failure, and stops in order.
///
/// Exit codes: 0 after a signal, 1 after a failure or when the deadline passed.
pub fn run<F, B>(start: B) -> ExitCode
where
    B: FnOnce(Tasks) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start: no threads to run on");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run_until_stopped(start));
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

async fn run_until_stopped<F, B>(start: B) -> ExitCode
where
    B: FnOnce(Tasks) -> F,
    F: Future<Output = Result<(), Failure>>,
{
    let (tasks, mut ends) = Tasks::new();
    // One ear from the first moment on: a signal that comes while a start ends must not fall between two.
    let mut signals = Signals::listen();
    let mut code = ExitCode::SUCCESS;
    let started = tokio::select! {
        started = start(tasks.clone()) => started,
        () = signals.next() => {
            tasks.stopping.cancel();
            Ok(())
        }
    };
    if let Err(error) = started {
        tracing::error!("cannot start: {error}");
        code = ExitCode::FAILURE;
    } else if !tasks.stopping.is_cancelled() {
        tokio::select! {
            () = signals.next() => tracing::info!("stopping"),
            Some(Ended { name, result }) = ends.0.recv() => {
                let reason = result.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
                tracing::error!(task = name, "stopping, because a part failed: {reason}");
                code = ExitCode::FAILURE;
            }
        }
    }
    tokio::select! {
        drained = tasks.stop(DRAIN_DEADLINE) => if !drained {
            tracing::error!(still_running = ?tasks.running(), "stopped at the deadline");
            code = ExitCode::FAILURE;
        },
        () = signals.next() => {
            tracing::error!(still_running = ?tasks.running(), "stopped at once by a second signal");
            code = ExitCode::FAILURE;
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pipelines_end_before_servers_do() {
        let (tasks, _ends) = Tasks::new();
        let order = Arc::new(Mutex::new(Vec::new()));
        let (stopping, closing) = (tasks.stopping(), tasks.closing());
        let (first, second) = (Arc::clone(&order), Arc::clone(&order));
        tasks.serve("server", async move {
            closing.cancelled().await;
            second.lock().unwrap().push("server");
            Ok(())
        });
        tasks.spawn("pipeline", async move {
            stopping.cancelled().await;
            tokio::task::yield_now().await;
            first.lock().unwrap().push("pipeline");
            Ok(())
        });
        assert!(tasks.stop(Duration::from_secs(5)).await);
        assert_eq!(*order.lock().unwrap(), ["pipeline", "server"]);
    }

    #[tokio::test]
    async fn a_task_that_ends_unasked_or_panics_is_heard() {
        let (tasks, mut ends) = Tasks::new();
        tasks.spawn("short", async { Err("no more input".into()) });
        let ended = ends.0.recv().await.unwrap();
        assert_eq!(
            (ended.name, ended.result.unwrap_err().to_string().as_str()),
            ("short", "no more input")
        );
        tasks.spawn("broken", async { panic!("a mistake") });
        assert!(
            ends.0
                .recv()
                .await
                .unwrap()
                .result
                .unwrap_err()
                .to_string()
                .contains("a mistake")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_stop_is_named_at_the_deadline() {
        let (tasks, _ends) = Tasks::new();
        tasks.spawn("stubborn", std::future::pending());
        assert!(!tasks.stop(DRAIN_DEADLINE).await);
        assert_eq!(tasks.running(), ["stubborn"]);
    }
}
