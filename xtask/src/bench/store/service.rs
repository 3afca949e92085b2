//! data-api as users run it, with a file of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::rows::Rows;
use crate::bench::usage::Process;
use crate::http::{self, Peer};
use crate::patience;
use crate::server::Server;

/// Rows in one request.
const BATCH: u64 = 5000;
/// Requests at the same time.
const SENDERS: usize = 2;
/// The key of a data-api that is measured.
pub(crate) const KEY: &str = "a-key-for-this-benchmark-only-0123456789";
const UP_WITHIN: Duration = Duration::from_secs(60);

/// A running data-api.
#[derive(Debug)]
pub(crate) struct DataApi {
    server: Server,
    pub(crate) peer: Peer,
    /// From the start of the process to the first 200 of `/ready`.
    pub(crate) ready_after: Duration,
    folder: PathBuf,
}

impl DataApi {
    /// Starts it with its data in `folder`.
    pub(crate) fn start(programs: &Path, folder: &Path) -> anyhow::Result<Self> {
        let port = http::free_port()?;
        std::fs::create_dir_all(folder)?;
        let key_file = folder.join("key");
        std::fs::write(&key_file, KEY)?;
        let mut command = Command::new(programs.join("data-api"));
        command
            .current_dir(folder)
            .env_clear()
            .env("DATA_API_PORT", port.to_string())
            .env("DATA_API_KEY_FILE", &key_file);
        let begun = Instant::now();
        let mut server = Server::start("data-api", &mut command, folder)?;
        let peer = Peer::with_key(port, KEY);
        while !peer.get("/ready").is_ok_and(|answer| answer.status == 200) {
            server.check()?;
            ensure!(begun.elapsed() < UP_WITHIN, "data-api is not ready");
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Self {
            server,
            peer,
            ready_after: begun.elapsed(),
            folder: folder.to_owned(),
        })
    }

    /// Stores rows from several senders; how long it took until the last was committed.
    pub(crate) fn load(&self, rows: Rows, range: std::ops::Range<u64>) -> anyhow::Result<Duration> {
        let next = AtomicU64::new(range.start);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| scope.spawn(|| self.send(rows, &next, range.end)))
                .collect();
            senders.into_iter().try_for_each(|sender| {
                sender
                    .join()
                    .map_err(|_| anyhow::anyhow!("a sender panicked"))?
            })
        })?;
        Ok(begun.elapsed())
    }

    fn send(&self, rows: Rows, next: &AtomicU64, end: u64) -> anyhow::Result<()> {
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            if start >= end {
                return Ok(());
            }
            let stop = (start + BATCH).min(end);
            self.post(&rows.ndjson(start..stop), stop - start)?;
        }
    }

    /// Stores one batch, all of which must be new.
    pub(crate) fn post(&self, lines: &str, rows: u64) -> anyhow::Result<()> {
        let path = "/internal/events/bulk_upsert";
        let reply = self.peer.post_lines(path, lines)?.json()?;
        ensure!(reply["stored"] == rows, "{rows} rows were sent: {reply}");
        Ok(())
    }

    pub(crate) fn process(&self) -> Process {
        Process::new(self.server.id())
    }

    /// Bytes of the database after an orderly end.
    pub(crate) fn stop(self) -> anyhow::Result<u64> {
        self.server.stop()?;
        let file = self.folder.join("data/homeiq.db");
        let file = std::fs::metadata(&file).with_context(|| file.display().to_string())?;
        Ok(file.len())
    }
}

/// Waits until a process has done nothing for a while, and tells what it holds in memory then.
pub(crate) fn idle_memory(process: &Process) -> anyhow::Result<f64> {
    std::thread::sleep(Duration::from_secs(2));
    let quiet = patience::until("a quiet data-api", Duration::from_secs(60), || {
        let before = process.cpu_seconds()?;
        std::thread::sleep(Duration::from_secs(1));
        Ok((process.cpu_seconds()? - before < 0.05).then_some(()))
    });
    quiet?;
    Ok(process.memory()?.now)
}
