//! The real binary as a child process.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use test_support::eventually;

use crate::chain::{PATIENCE, TOKEN, metric, reason};

/// The binary; killed when dropped.
pub(crate) struct Process {
    child: Child,
    port: u16,
}

impl Process {
    /// Listens to the home at `home` and delivers to the data-api at that port of loopback.
    pub(crate) fn start(home: &str, store_port: u16, spool: &Path) -> Self {
        Self::with(home, store_port, spool, &[])
    }

    pub(crate) fn with(
        home: &str,
        store_port: u16,
        spool: &Path,
        settings: &[(&str, &str)],
    ) -> Self {
        let binary = Command::new(env!("CARGO_BIN_EXE_websocket-ingestion"));
        Self::run(binary, home, store_port, spool, settings)
    }

    /// The same with a disk on which no file can be longer than so many blocks of 512 bytes. A limit of the kernel on this
    /// process: writes end in the middle of a batch, as on a full disk, and nobody has to be root.
    pub(crate) fn on_a_small_disk(
        home: &str,
        store_port: u16,
        spool: &Path,
        blocks: u32,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut shell = Command::new("sh");
        // The signal that comes with the error would end the process; what is ignored stays ignored in the program.
        shell.args(["-c", "trap '' XFSZ; ulimit -S -f \"$0\"; exec \"$1\""]);
        shell.arg(blocks.to_string());
        shell.arg(env!("CARGO_BIN_EXE_websocket-ingestion"));
        Self::run(shell, home, store_port, spool, settings)
    }

    fn run(
        mut command: Command,
        home: &str,
        store_port: u16,
        spool: &Path,
        settings: &[(&str, &str)],
    ) -> Self {
        common::tls::install();
        let port = test_support::free_port().unwrap();
        let child = command
            .env_clear()
            .env("WEBSOCKET_INGESTION_PORT", port.to_string())
            .env("HA_HTTP_URL", home)
            .env("HA_TOKEN", TOKEN)
            .env("DATA_API_URL", format!("http://127.0.0.1:{store_port}"))
            .env("DATA_API_KEY", "key-of-this-test")
            .env("SPOOL_DIR", spool)
            .env("BACKFILL_INITIAL_DAYS", "0")
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    pub(crate) async fn health(&self) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/health", self.port);
        reqwest::get(&url).await.ok()?.json().await.ok()
    }

    /// Waits until `/health` says what is wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let seen = eventually(what, PATIENCE, async || {
            self.health().await.filter(|health| wanted(health))
        });
        match seen.await {
            Ok(health) => health,
            Err(error) => panic!("{error}: {:?}", self.health().await),
        }
    }

    /// Waits until data-api has so many events from it: those that it took again, because its first answer was lost or late, count too.
    pub(crate) async fn delivered(&self, events: u64) {
        self.until(&format!("{events} events delivered"), |health| {
            has_delivered(health, events)
        })
        .await;
    }

    pub(crate) async fn subscribed(&self) {
        self.until("the subscription", |health| {
            health["subscription"]["is_subscribed"] == true
        })
        .await;
    }

    /// Waits until `/health` says of a part what is the matter, in this word.
    pub(crate) async fn says(&self, part: &str, word: &str) {
        self.until(&format!("{part} to be '{word}'"), |health| {
            reason(health, part).is_some_and(|reason| reason.contains(word))
        })
        .await;
    }

    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        metric(
            &reqwest::get(&url).await.unwrap().text().await.unwrap(),
            series,
        )
    }

    /// Sends a signal such as `TERM`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Makes the disk as large again as it was.
    pub(crate) fn give_space(&self) {
        let id = self.child.id().to_string();
        let given = Command::new("prlimit")
            .args(["--pid", &id, "--fsize=unlimited"])
            .status();
        assert!(given.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self, within: Duration) -> ExitStatus {
        eventually("the end of the process", within, async || {
            self.child.try_wait().unwrap()
        })
        .await
        .unwrap()
    }

    pub(crate) fn kill(mut self) {
        // SIGKILL: no handler, no flush.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Whether data-api has so many events, stored or known before.
pub(crate) fn has_delivered(health: &Value, events: u64) -> bool {
    let count = |what: &str| health["delivery"][what].as_u64().unwrap_or(0);
    count("stored") + count("duplicates") == events
}
