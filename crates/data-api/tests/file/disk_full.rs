//! A full disk: nothing that was acknowledged is lost, nothing is damaged, and it goes on by itself when there is space.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::eventually;

use crate::disk::SmallDisk;
use crate::home::answer;
use crate::program::Program;

fn batch(from: i64, count: i64) -> Vec<Value> {
    (from..from + count)
        .map(|n| {
            json!({"entity_id": format!("sensor.s{}", n % 5), "state": n.to_string(),
                "attributes": {"text": format!("{n} {}", "y".repeat(100))}, "last_updated": 1_795_000_000_000_000_i64 + n * 1_000})
        })
        .collect()
}

async fn send(program: &Program, from: i64) -> (u16, Value) {
    answer(
        program
            .post("/internal/events/bulk_upsert")
            .json(&batch(from, 200)),
    )
    .await
}

#[tokio::test]
async fn a_full_disk_is_507_nothing_is_lost_or_damaged_and_it_goes_on_when_there_is_space() {
    let disk = SmallDisk::of_kib(12 * 1024);
    let path = disk.path().join("homeiq.db");
    let mut program = Program::ready(&path).await;
    let mut acknowledged = 0;
    for _ in 0..5 {
        let (status, reply) = send(&program, acknowledged).await;
        assert_eq!(status, 200, "{reply}");
        acknowledged += 200;
    }
    let ballast = disk.fill_but(512);
    // Until the disk is full, and for a while after.
    let mut refused = 0;
    for _ in 0..200 {
        match send(&program, acknowledged).await {
            (200, _) => acknowledged += 200,
            (507 | 503, told) => {
                let text = told.to_string();
                assert!(text.contains("nothing of this request was kept"), "{text}");
                refused += 1;
                if refused == 10 {
                    break;
                }
            }
            (status, told) => panic!("{status}: {told}"),
        }
    }
    assert_eq!(refused, 10, "{acknowledged} were taken");
    assert_eq!(program.get("/live").send().await.unwrap().status(), 200);
    // What is stored stays served.
    let page = program.json("/api/v1/events?limit=1").await;
    assert_eq!(page[0]["state"], (acknowledged - 1).to_string());
    assert!(!program.has_ended());
    std::fs::remove_file(ballast).unwrap();
    eventually(
        "events to be taken again",
        Duration::from_secs(10),
        async || (send(&program, acknowledged).await.0 == 200).then_some(()),
    )
    .await
    .unwrap();
    acknowledged += 200;
    assert_eq!(program.get("/ready").send().await.unwrap().status(), 200);
    // The same after a sudden end on the full disk.
    let ballast = disk.fill_but(256);
    while send(&program, acknowledged).await.0 == 200 {
        acknowledged += 200;
    }
    program.kill();
    std::fs::remove_file(ballast).unwrap();
    let program = Program::ready(&path).await;
    assert_eq!(
        program.json("/health").await["events"]["stored"],
        acknowledged
    );
    // After a sudden end every page is looked at soon.
    let health = eventually("the check", Duration::from_secs(30), async || {
        let health = program.json("/health").await;
        (health["integrity"]["checked_at"] != Value::Null).then_some(health)
    })
    .await
    .unwrap();
    assert_eq!(health["integrity"]["state"], "sound");
    assert_eq!(health["integrity"]["after_sudden_end"], true);
    let (_, reply) = answer(
        program
            .post("/internal/events/bulk_upsert")
            .json(&batch(0, acknowledged)),
    )
    .await;
    assert_eq!(reply["duplicates"], acknowledged, "{}", reply["stored"]);
}

#[tokio::test]
async fn a_reader_that_takes_long_makes_the_log_grow_only_while_it_reads() {
    use sqlx::sqlite::SqlitePoolOptions;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("homeiq.db");
    let program = Program::ready(&path).await;
    let log = folder.path().join("homeiq.db-wal");
    let bytes = || std::fs::metadata(&log).map_or(0, |log| log.len());
    send(&program, 0).await;
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let mut reading = pool.begin().await.unwrap();
    sqlx::query("SELECT COUNT(*) FROM events")
        .fetch_one(&mut *reading)
        .await
        .unwrap();
    // More than is folded in at once (8,000 pages, 33 MB), all of which stays while somebody reads what was before it.
    let (mut sent, mut most) = (200, 0);
    while bytes() < 40_000_000 {
        let rows = batch(sent, 2_000);
        let (status, reply) =
            answer(program.post("/internal/events/bulk_upsert").json(&rows)).await;
        assert_eq!(status, 200, "{reply}");
        sent += 2_000;
        most = most.max(bytes());
    }
    reading.rollback().await.unwrap();
    pool.close().await;
    // Then the log is used anew from its beginning, however much is written.
    let begun = bytes();
    let until = sent + 30_000;
    while sent < until {
        let rows = batch(sent, 2_000);
        assert_eq!(
            answer(program.post("/internal/events/bulk_upsert").json(&rows))
                .await
                .0,
            200
        );
        sent += 2_000;
    }
    assert!(bytes() <= begun.max(64 << 20), "{begun}, then {}", bytes());
    assert_eq!(program.json("/health").await["events"]["stored"], sent);
}
