//! A disk that is full, and a spool that is damaged, under the real binary.

use std::path::Path;

use serde_json::json;
use test_support::{Fault, Proxy, eventually};

use crate::chain::{Ingestion, PATIENCE, Store, still_home};
use crate::process::Process;

/// Blocks of 512 bytes: room for some hundred events, so that a write ends in the middle of a batch.
const BLOCKS: u32 = 128;

async fn looks_at(store: &Store) -> Ingestion {
    Ingestion::with(store.port, &[("ENABLE_HOME_ASSISTANT", "false")]).await
}

#[tokio::test]
async fn with_a_full_disk_events_wait_in_memory_and_nothing_is_lost() {
    let (home, store) = (still_home().await, Store::new().await);
    let proxy = Proxy::to(([127, 0, 0, 1], store.port).into())
        .await
        .unwrap();
    let spool = tempfile::tempdir().unwrap();
    let port = proxy.address().port();
    let process = Process::on_a_small_disk(&home.url(), port, spool.path(), 0, &[]);
    process.subscribed().await;
    home.burst(10).await;
    proxy.set(Fault::Refuse);
    // More than the largest batch, which may be on its way.
    home.burst(7000).await;
    process.says("spool", "events wait in memory").await;
    assert!(
        process
            .metric("homeiq_spool_errors_total{part=\"spool\"}")
            .await
            >= 1.0
    );
    let health = process
        .until("all of them to wait", |health| {
            health["subscription"]["events_by_type"]["state_changed"] == 7010
                && health["delivery"]["waiting"].as_u64() >= Some(2000)
        })
        .await;
    assert!(process.metric("homeiq_spool_usable{part=\"spool\"}").await < 0.5);
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["delivery"]["dropped"], json!({}));
    // The disk stays full, and data-api comes back: everything goes there by itself.
    proxy.set(Fault::Pass);
    looks_at(&store).await.has_exactly(&home).await;
    process.says("spool", "Free some space").await;
    // Space again, and that is seen although nothing has to be written, and while events keep coming.
    process.give_space();
    eventually("a spool that can be used", PATIENCE, async || {
        home.burst(1).await;
        let health = process.health().await?;
        (health["degraded"] == json!([])).then_some(())
    })
    .await
    .unwrap();
    assert!(process.metric("homeiq_spool_usable{part=\"spool\"}").await > 0.5);
    process.kill();
}

#[tokio::test]
async fn with_a_full_disk_and_full_memory_the_oldest_become_a_gap_that_the_history_fills() {
    let (home, store) = (still_home().await, Store::new().await);
    let proxy = Proxy::to(([127, 0, 0, 1], store.port).into())
        .await
        .unwrap();
    let spool = tempfile::tempdir().unwrap();
    let process = Process::on_a_small_disk(
        &home.url(),
        proxy.address().port(),
        spool.path(),
        BLOCKS,
        &[("INGEST_BUFFER_BYTES", "200000")],
    );
    process.subscribed().await;
    proxy.set(Fault::Refuse);
    for _ in 0..10 {
        home.burst(300).await;
    }
    let health = process
        .until("dropped events", |health| {
            health["delivery"]["dropped"]["buffer_full"].is_u64()
                && health["subscription"]["events_by_type"]["state_changed"] == 3000
        })
        .await;
    assert!(
        health["delivery"]["waiting"].as_u64().unwrap() < 1000,
        "{health}"
    );
    assert!(
        process
            .metric("homeiq_events_dropped_total{reason=\"buffer_full\"}")
            .await
            >= 1.0
    );
    assert!(
        health["gaps"]["recent"].to_string().contains("buffer_full"),
        "{health}"
    );
    process.give_space();
    proxy.set(Fault::Pass);
    // The history is read at the next connection at the latest.
    home.drop_connections();
    let reader = looks_at(&store).await;
    reader.has_exactly(&home).await;
    eventually("the gap to be closed at data-api", PATIENCE, async || {
        let gaps = reader.gaps().await;
        let gaps = gaps["gaps"].as_array().unwrap().clone();
        gaps.iter()
            .any(|gap| gap["reason"] == "buffer_full" && gap["closed_by"] == "backfill")
            .then_some(())
    })
    .await
    .unwrap();
    process.kill();
}

#[tokio::test]
async fn a_slow_data_api_and_a_full_disk_together_still_deliver() {
    let (home, store) = (still_home().await, Store::new().await);
    let proxy = Proxy::to(([127, 0, 0, 1], store.port).into())
        .await
        .unwrap();
    let spool = tempfile::tempdir().unwrap();
    let port = proxy.address().port();
    // Not even the first file can be made.
    let process = Process::on_a_small_disk(&home.url(), port, spool.path(), 0, &[]);
    process.subscribed().await;
    // Far more than the time after which a batch goes to disk.
    proxy.set(Fault::Delay(std::time::Duration::from_millis(800)));
    home.burst(2000).await;
    looks_at(&store).await.has_exactly(&home).await;
    process.says("spool", "cannot be used").await;
    process.kill();
}

/// Turns a byte in the middle of the oldest file.
fn damage(folder: &Path) {
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|entry| entry.unwrap().path());
    let oldest = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .min()
        .unwrap();
    let mut bytes = std::fs::read(&oldest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&oldest, bytes).unwrap();
}

#[tokio::test]
async fn of_a_damaged_spool_the_valid_part_is_kept_and_the_rest_is_read_from_the_history() {
    let (home, store) = (still_home().await, Store::new().await);
    let proxy = Proxy::to(([127, 0, 0, 1], store.port).into())
        .await
        .unwrap();
    let spool = tempfile::tempdir().unwrap();
    let port = proxy.address().port();
    let first = Process::start(&home.url(), port, spool.path());
    first.subscribed().await;
    home.burst(10).await;
    first.delivered(10).await;
    proxy.set(Fault::Refuse);
    // More than a file of the spool holds, so that the damage is not at the torn end of the newest.
    home.burst(20_000).await;
    first
        .until("all on disk", |health| health["spool"]["records"] == 20_000)
        .await;
    first.kill();
    damage(spool.path());
    let second = Process::start(&home.url(), port, spool.path());
    let health = second
        .until("the damage", |health| health["spool"]["damaged_files"] == 1)
        .await;
    assert!(second.metric("homeiq_spool_damaged_files_total").await >= 1.0);
    let kept = health["spool"]["records"].as_u64().unwrap();
    assert!((1000..20_000).contains(&kept), "{kept}");
    proxy.set(Fault::Pass);
    let reader = looks_at(&store).await;
    reader.has_exactly(&home).await;
    let gaps = reader.gaps().await.to_string();
    assert!(gaps.contains("spool_damaged"), "{gaps}");
    // What was set aside does not disturb the next start.
    second.kill();
    let third = Process::start(&home.url(), port, spool.path());
    third.subscribed().await;
    assert_eq!(third.health().await.unwrap()["spool"]["damaged_files"], 0);
    third.kill();
}
