//! kill -9 of the real binary: what was on disk is delivered by the next start.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use home_simulator::Simulator;
use serde_json::Value;
use test_support::eventually;
use tokio::net::TcpListener;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, still_home};

/// The binary; killed when dropped.
struct Process {
    child: Child,
    port: u16,
}

impl Process {
    fn start(home: &Simulator, store_port: u16, spool: &Path) -> Self {
        let port = test_support::free_port().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_websocket-ingestion"))
            .env_clear()
            .env("WEBSOCKET_INGESTION_PORT", port.to_string())
            .env("HA_HTTP_URL", home.url())
            .env("HA_TOKEN", TOKEN)
            .env("DATA_API_URL", format!("http://127.0.0.1:{store_port}"))
            .env("DATA_API_KEY", "key-of-this-test")
            .env("SPOOL_DIR", spool)
            .env("BACKFILL_INITIAL_DAYS", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    async fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) {
        let url = format!("http://127.0.0.1:{}/health", self.port);
        let outcome = eventually(what, PATIENCE, async || {
            let health: Value = reqwest::get(&url).await.ok()?.json().await.ok()?;
            wanted(&health).then_some(())
        });
        outcome.await.unwrap();
    }

    fn kill(mut self) {
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

#[tokio::test]
async fn a_killed_process_has_its_events_on_disk_after_the_sync_interval() {
    common::tls::install();
    let home = still_home().await;
    let spool = tempfile::tempdir().unwrap();
    let store_port = test_support::free_port().unwrap();
    let first = Process::start(&home, store_port, spool.path());
    first
        .until("the subscription", |health| {
            health["subscription"]["is_subscribed"] == true
        })
        .await;
    home.burst(2000).await;
    first
        .until("2000 events on disk", |health| {
            health["spool"]["records"] == 2000
        })
        .await;
    first.kill();

    let _store = Store::on(TcpListener::bind(("127.0.0.1", store_port)).await.unwrap()).await;
    let second = Process::start(&home, store_port, spool.path());
    second
        .until("an empty spool", |health| {
            health["spool"]["records"] == 0 && health["delivery"]["stored"] == 2000
        })
        .await;
    // Looks at the store only: named after nothing, it listens to nobody.
    let reader = Ingestion::with(store_port, &[("ENABLE_HOME_ASSISTANT", "false")]).await;
    reader.has_exactly(&home).await;
    second.kill();
}

#[tokio::test]
async fn kills_at_any_moment_lose_nothing_that_the_history_has() {
    common::tls::install();
    let (home, store) = (still_home().await, Store::new().await);
    let spool = tempfile::tempdir().unwrap();
    // The first event makes the store know from when on to look.
    let mut process = Process::start(&home, store.port, spool.path());
    process
        .until("the subscription", |health| {
            health["subscription"]["is_subscribed"] == true
        })
        .await;
    home.burst(1).await;
    process
        .until("the first event", |health| {
            health["delivery"]["stored"] == 1
        })
        .await;
    for round in 0..5_u64 {
        home.burst(300).await;
        // Another moment of the way each time: before, while and after batches are sent.
        tokio::time::sleep(Duration::from_millis(17 * round)).await;
        process.kill();
        home.burst(100).await;
        process = Process::start(&home, store.port, spool.path());
        process
            .until("the subscription", |health| {
                health["subscription"]["is_subscribed"] == true
            })
            .await;
    }
    let reader = Ingestion::with(store.port, &[("ENABLE_HOME_ASSISTANT", "false")]).await;
    reader.has_exactly(&home).await;
    process.kill();
}
