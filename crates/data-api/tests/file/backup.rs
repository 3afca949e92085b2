//! Copies of the store: made while it is written to, kept to a number, and restored.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::eventually;

use crate::disk::SmallDisk;
use crate::home::{Home, Place, answer, now};

const PATIENCE: Duration = Duration::from_secs(60);

fn rows(from: i64, count: i64) -> Vec<Value> {
    (from..from + count)
        .map(|n| {
            json!({"entity_id": format!("sensor.s{}", n % 7), "state": n.to_string(), "attributes": {"n": n % 5},
                "last_updated": 1_795_428_000_000_000_i64 + n * 1_000})
        })
        .collect()
}

async fn send(home: &Home, from: i64, count: i64) {
    let (status, reply) = answer(
        home.post("/internal/events/bulk_upsert")
            .json(&rows(from, count)),
    )
    .await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(reply["stored"], count);
}

/// Asks for one and waits until it is there.
async fn backup(home: &Home) -> Value {
    let before = home.json("/api/v1/backup").await["backups"][0].clone();
    let (status, told) = answer(home.post("/api/v1/backup")).await;
    assert_eq!(status, 202, "{told}");
    assert_eq!(told["running"]["step"], "copying", "{told}");
    finished(home, &before).await
}

async fn finished(home: &Home, before: &Value) -> Value {
    eventually("a backup", PATIENCE, async || {
        let list = home.json("/api/v1/backup").await;
        assert_eq!(list["last_error"], Value::Null, "{list}");
        let newest = list["backups"][0].clone();
        (list["running"].is_null() && newest != *before).then_some(newest)
    })
    .await
    .unwrap()
}

fn file(home: &Home, backup: &Value) -> PathBuf {
    home.folder
        .path()
        .join("backups")
        .join(backup["name"].as_str().unwrap())
}

#[tokio::test]
async fn a_backup_made_during_ingest_is_whole_and_can_be_restored() {
    let home = Home::new().await;
    send(&home, 0, 20_000).await;
    let before = home.json("/api/v1/backup").await["backups"][0].clone();
    assert_eq!(answer(home.post("/api/v1/backup")).await.0, 202);
    // Hundreds of batches go on meanwhile, none of which waits for the copy.
    let mut sent = 20_000;
    let made = loop {
        send(&home, sent, 100).await;
        sent += 100;
        let list = home.json("/api/v1/backup").await;
        if list["running"].is_null() && list["backups"][0] != before {
            break list["backups"][0].clone();
        }
    };
    let events = made["events"].as_i64().unwrap();
    assert!((20_000..=sent).contains(&events), "{made}");
    assert_eq!(made["sha256"].as_str().unwrap().len(), 64);
    let copy = file(&home, &made);
    assert_eq!(
        std::fs::metadata(&copy).unwrap().len(),
        made["size_bytes"].as_u64().unwrap()
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // As docs/OPERATIONS.md says: stop, put the copy in its place, start.
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::copy(&copy, elsewhere.path().join("homeiq.db")).unwrap();
    home.stop().await;
    let home = Home::at(Place::of(elsewhere), &[]).await;
    assert_eq!(home.json("/health").await["events"]["stored"], events);
    // Every row up to the instant of the copy and none beyond: sending all again brings exactly the rest.
    let (_, reply) = answer(
        home.post("/internal/events/bulk_upsert")
            .json(&rows(20_000, sent - 20_000)),
    )
    .await;
    assert_eq!(reply["stored"].as_i64().unwrap(), sent - events);
}

#[tokio::test]
async fn the_oldest_go_when_there_are_more_than_are_kept_and_what_was_left_unfinished_goes_too() {
    let (home, clock) = Home::with_clock(&[("BACKUP_KEEP", "2")]).await;
    send(&home, 0, 10).await;
    let folder = home.folder.path().join("backups");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("homeiq-x.db.partial"), "half").unwrap();
    std::fs::write(folder.join("holiday.txt"), "of somebody else").unwrap();
    let first = backup(&home).await;
    clock.set(clock.now().plus_seconds(60));
    let second = backup(&home).await;
    clock.set(clock.now().plus_seconds(60));
    let third = backup(&home).await;
    let list = home.json("/api/v1/backup").await;
    assert_eq!(list["backups"], json!([third, second]));
    assert!(!file(&home, &first).exists());
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(names.contains(&"holiday.txt".to_owned()));
}

#[tokio::test]
async fn one_at_a_time_also_when_another_process_makes_it() {
    let (home, clock) = Home::with_clock(&[]).await;
    send(&home, 0, 10).await;
    backup(&home).await;
    let lock = std::fs::File::open(home.folder.path().join("backups/.lock")).unwrap();
    lock.lock().unwrap();
    let (status, told) = answer(home.post("/api/v1/backup")).await;
    assert_eq!(status, 409, "{told}");
    drop(lock);
    clock.set(clock.now().plus_seconds(1));
    backup(&home).await;
}

#[tokio::test]
async fn a_disk_without_space_for_it_is_told_with_numbers_before_anything_is_written() {
    let disk = SmallDisk::of_kib(2_048);
    let home = Home::with(&[("BACKUP_DIR", disk.path().to_str().unwrap())]).await;
    send(&home, 0, 10).await;
    let (status, told) = answer(home.post("/api/v1/backup")).await;
    assert_eq!(status, 507, "{told}");
    let detail = told["detail"].as_str().unwrap();
    assert!(
        detail.contains("bytes are needed") && detail.contains("are free"),
        "{detail}"
    );
    assert_eq!(home.json("/api/v1/backup").await["count"], 0);
}

#[tokio::test]
async fn a_schedule_makes_them_by_itself() {
    let (home, clock) = Home::with_clock(&[("BACKUP_SCHEDULE", "1 12 * * *")]).await;
    send(&home, 0, 10).await;
    assert_eq!(home.json("/api/v1/backup").await["count"], 0);
    clock.set(now().plus_seconds(60));
    let made = finished(&home, &Value::Null).await;
    assert_eq!(made["events"], 10);
}

fn program(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_data-api"))
        .env_clear()
        .current_dir(folder)
        .env("DATABASE_URL", "sqlite://homeiq.db")
        .args(arguments)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[tokio::test]
async fn the_command_copies_beside_the_running_service_and_overwrites_nothing() {
    let home = Home::new().await;
    send(&home, 0, 1_000).await;
    let folder = home.folder.path().to_owned();
    let (code, told) = program(&folder, &["backup", "copy.db"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("1000 events"), "{told}");
    let (code, told) = program(&folder, &["backup", "copy.db"]);
    assert!(
        code == Some(1) && told.contains("is there already"),
        "{told}"
    );
    let (code, told) = program(&folder, &["backup"]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(home.json("/api/v1/backup").await["count"], 1);
    let (code, told) = program(tempfile::tempdir().unwrap().path(), &["backup"]);
    assert!(code == Some(1) && told.contains("no database"), "{told}");
}
