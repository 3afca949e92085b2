//! kill -9 of the real binary: what was on disk is delivered by the next start.

use std::time::Duration;

use tokio::net::TcpListener;

use crate::chain::{Ingestion, Store, still_home};
use crate::process::{Process, has_delivered};

#[tokio::test]
async fn a_killed_process_has_its_events_on_disk_after_the_sync_interval() {
    common::tls::install();
    let home = still_home().await;
    let spool = tempfile::tempdir().unwrap();
    let store_port = test_support::free_port().unwrap();
    let first = Process::start(&home.url(), store_port, spool.path());
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
    let second = Process::start(&home.url(), store_port, spool.path());
    second
        .until("an empty spool", |health| {
            health["spool"]["records"] == 0 && has_delivered(health, 2_000)
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
    let mut process = Process::start(&home.url(), store.port, spool.path());
    process
        .until("the subscription", |health| {
            health["subscription"]["is_subscribed"] == true
        })
        .await;
    home.burst(1).await;
    process.delivered(1).await;
    for round in 0..5_u64 {
        home.burst(300).await;
        // Another moment of the way each time: before, while and after batches are sent.
        tokio::time::sleep(Duration::from_millis(17 * round)).await;
        process.kill();
        home.burst(100).await;
        process = Process::start(&home.url(), store.port, spool.path());
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
