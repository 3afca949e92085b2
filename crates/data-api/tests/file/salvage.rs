//! Damaged files: what is carried over is right, and everything else is in a gap.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::clock::Clock;
use common::lifecycle::Tasks;
use data_api::App;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use test_support::eventually;

use crate::home::{Home, Place, answer, config, now};

const PAGE: usize = 4096;
const BEGIN: i64 = 1_795_000_000_000_000;
const ENTITIES: i64 = 12;
const EVENTS: i64 = 12_000;

/// An event by its number; everything about it follows from that.
fn event(n: i64) -> Value {
    let entity = n % ENTITIES;
    let state = match entity {
        0..4 => format!("{}.{}", n % 97, n % 10),
        4..8 => ["on", "off", "unavailable"][n as usize % 3].to_owned(),
        _ => format!("word {}", n % 701),
    };
    json!({"entity_id": format!("sensor.number_{entity}"), "state": state,
        "attributes": {"name": format!("The {entity}th of some entities"), "n": n % 29, "text": "x".repeat(n as usize % 20)},
        "context": {"id": format!("01HZX3{:020}", n / 3), "user_id": if n % 5 == 0 { Some("somebody") } else { None }},
        "last_updated": BEGIN + n * 20_000_000})
}

/// A file with all events, closed in order.
async fn filled() -> Place {
    let home = Home::new().await;
    for from in (0..EVENTS).step_by(2_000) {
        let rows: Vec<_> = (from..from + 2_000).map(event).collect();
        let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
        assert_eq!((status, &reply["stored"]), (200, &json!(2_000)), "{reply}");
    }
    let entities: Vec<_> = (0..ENTITIES)
        .map(|n| json!({"entity_id": format!("sensor.number_{n}"), "name": format!("Number {n}")}))
        .collect();
    answer(home.post("/internal/entities/bulk_upsert").json(&entities)).await;
    home.stop().await
}

/// What must hold after every salvage: no event that never was, and each one that is missing lies in a gap. Returns how many are there.
///
/// `attributes_may_be_lost`: a dictionary may be damaged, and events without their attributes or context are right.
async fn is_right_or_in_a_gap(home: &Home, attributes_may_be_lost: bool) -> i64 {
    let gaps = home.json("/api/v1/gaps?limit=1000&open=true").await;
    let instant = |value: &Value| -> i64 {
        let text = value.as_str().unwrap();
        text.parse::<common::instant::UtcMicros>().unwrap().get()
    };
    let gaps: Vec<(i64, i64)> = gaps["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|gap| gap["reason"] == "damaged")
        .map(|gap| (instant(&gap["start"]), instant(&gap["end"])))
        .collect();
    let mut there = BTreeMap::new();
    let mut path = "/api/v1/events?limit=10000".to_owned();
    loop {
        let response = home.get(&path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let next = response
            .headers()
            .get("x-next-cursor")
            .map(|next| next.to_str().unwrap().to_owned());
        for event in response.json::<Vec<Value>>().await.unwrap() {
            there.insert((instant(&event["timestamp"]) - BEGIN) / 20_000_000, event);
        }
        let Some(next) = next else { break };
        path = format!("/api/v1/events?limit=10000&cursor={next}");
    }
    for n in 0..EVENTS {
        let sent = event(n);
        if let Some(found) = there.get(&n) {
            assert_eq!(found["entity_id"], sent["entity_id"], "{n}");
            assert_eq!(found["new_state"]["state"], sent["state"], "{n}");
            let context = &found["context_id"];
            assert!(
                *context == sent["context"]["id"] || attributes_may_be_lost && context.is_null(),
                "{n}: {found}"
            );
            let attributes = &found["attributes"];
            let may_be_empty = attributes_may_be_lost && *attributes == json!({});
            assert!(
                *attributes == sent["attributes"] || may_be_empty,
                "{n}: {found}"
            );
        } else {
            let at = BEGIN + n * 20_000_000;
            assert!(
                gaps.iter().any(|gap| gap.0 <= at && at <= gap.1),
                "{n} is missing and in none of {gaps:?}"
            );
        }
    }
    assert!(there.keys().all(|n| (0..EVENTS).contains(n)));
    let stored = home.json("/health").await["events"]["stored"].clone();
    assert_eq!(stored, there.len(), "the count");
    there.len() as i64
}

fn salvage(folder: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_data-api"))
        .env_clear()
        .current_dir(folder)
        .args(["salvage", "homeiq.db"])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// The file that was set aside, and the report beside it.
fn aside(folder: &Path) -> (Vec<u8>, Value) {
    let find = |end: &str| {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.starts_with("homeiq.db.damaged-") && name.ends_with(end)
            })
            .unwrap()
    };
    (
        std::fs::read(find("Z")).unwrap(),
        serde_json::from_slice(&std::fs::read(find(".json")).unwrap()).unwrap(),
    )
}

fn damage(folder: &Path, how: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let path = folder.join("homeiq.db");
    let mut bytes = std::fs::read(&path).unwrap();
    how(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    bytes
}

#[tokio::test]
async fn random_pages_overwritten_cost_what_was_on_them_and_nothing_else() {
    let sound = filled().await;
    let sound = std::fs::read(sound.path().join("homeiq.db")).unwrap();
    let mut dictionaries = 0;
    for seed in 0..6 {
        let mut chance = StdRng::seed_from_u64(seed);
        let folder = Place::of(tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("homeiq.db"), &sound).unwrap();
        let pages = sound.len() / PAGE;
        let damaged = damage(folder.path(), |bytes| {
            for _ in 0..=seed {
                let page = chance.random_range(1..pages);
                chance.fill(&mut bytes[page * PAGE..(page + 1) * PAGE]);
            }
        });
        let (code, told) = salvage(folder.path());
        assert_eq!(code, Some(0), "seed {seed}: {told}");
        let (kept, report) = aside(folder.path());
        assert!(kept == damaged, "seed {seed}: the damaged file was changed");
        let home = Home::at(folder, &[]).await;
        let there = is_right_or_in_a_gap(&home, true).await;
        assert_eq!(report["rows"]["events"], there, "seed {seed}");
        assert_eq!(
            report["events_lost"],
            EVENTS - there,
            "seed {seed}: {report}"
        );
        // A page has some 60 events, or is an inner one with as many separating rows, or one of a dictionary.
        println!("seed {seed}: {there} of {EVENTS}, {}", report["incomplete"]);
        assert!(there > EVENTS / 2, "seed {seed}: {report}");
        dictionaries += i32::from(
            report["events_without_attributes"].as_i64() > Some(0)
                || report["contexts_lost"].as_i64() > Some(0),
        );
        home.stop().await;
    }
    assert!(dictionaries > 0, "no page of a dictionary was overwritten");
}

#[tokio::test]
async fn a_difference_whose_base_is_lost_or_is_another_is_lost_itself() {
    let folder = filled().await;
    let path = folder.path().join("homeiq.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let number = async |statement| -> i64 {
        sqlx::query_scalar(statement)
            .fetch_one(&pool)
            .await
            .unwrap()
    };
    let patches = number("SELECT COUNT(*) FROM event_attribute_patches").await;
    let base = number(
        "SELECT base FROM event_attribute_patches GROUP BY base ORDER BY COUNT(*) DESC LIMIT 1",
    )
    .await;
    let of_base = number(
        "SELECT COUNT(*) FROM event_attribute_patches GROUP BY base ORDER BY COUNT(*) DESC LIMIT 1",
    )
    .await;
    assert!(patches > of_base && of_base > 2, "{patches} {of_base}");
    for statement in [
        "DELETE FROM event_attributes WHERE id = $1",
        "UPDATE event_attribute_patches SET base = base + 1 WHERE id = (SELECT MIN(id) FROM event_attribute_patches WHERE base <> $1)",
    ] {
        sqlx::query(statement)
            .bind(base)
            .execute(&pool)
            .await
            .unwrap();
    }
    pool.close().await;
    let (code, told) = salvage(folder.path());
    assert_eq!(code, Some(0), "{told}");
    let (_, report) = aside(folder.path());
    assert_eq!(
        report["rows"]["event_attribute_patches"],
        patches - of_base - 1,
        "{report}"
    );
    assert!(
        report["incomplete"]
            .to_string()
            .contains("event_attribute_patches"),
        "{report}"
    );
    let home = Home::at(folder, &[]).await;
    assert_eq!(is_right_or_in_a_gap(&home, true).await, EVENTS);
}

#[tokio::test]
async fn a_zeroed_header_costs_nothing_and_the_start_salvages_by_itself() {
    let folder = filled().await;
    damage(folder.path(), |bytes| bytes[..100].fill(0));
    let home = Home::at(folder, &[]).await;
    assert_eq!(is_right_or_in_a_gap(&home, false).await, EVENTS);
    let health = home.json("/health").await;
    assert_eq!(health["status"], "degraded");
    assert!(
        health["degraded"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("12000 events were carried over, 0 are lost"),
        "{health}"
    );
    assert_eq!(health["integrity"]["salvage"]["rows"]["entities"], ENTITIES);
    assert_eq!(
        home.json("/api/entities?limit=100").await["count"],
        ENTITIES
    );
    // What comes again is known; what is new is stored.
    let rows: Vec<_> = (EVENTS - 10..EVENTS + 10).map(event).collect();
    let (_, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!(
        (&reply["stored"], &reply["duplicates"]),
        (&json!(10), &json!(10))
    );
    // When the damaged file has been deleted, all is well.
    let folder = home.stop().await;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains(".damaged-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let home = Home::at(folder, &[]).await;
    assert_eq!(home.json("/health").await["status"], "healthy");
}

#[tokio::test]
async fn a_truncated_file_keeps_what_stands_before_the_cut() {
    let folder = filled().await;
    damage(folder.path(), |bytes| bytes.truncate(bytes.len() * 3 / 4));
    let home = Home::at(folder, &[]).await;
    let there = is_right_or_in_a_gap(&home, true).await;
    assert!(there > EVENTS / 4, "{there}");
}

#[tokio::test]
async fn a_lost_first_page_costs_nothing_that_can_be_found_without_it() {
    let folder = filled().await;
    damage(folder.path(), |bytes| bytes[..PAGE].fill(0));
    let home = Home::at(folder, &[]).await;
    assert_eq!(is_right_or_in_a_gap(&home, false).await, EVENTS);
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_stays_where_it_is_and_the_start_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let notes = "somebody's notes\n".repeat(1_000);
    let path = folder.path().join("homeiq.db");
    std::fs::write(&path, &notes).unwrap();
    let (tasks, _ends) = Tasks::new();
    let config = config(&format!("sqlite://{}", path.display()), &[]);
    let told = App::start(config, &tasks, Clock::manual(now()))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("no table of events") && told.contains("DATABASE_URL"),
        "{told}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
}

#[tokio::test]
async fn a_damaged_page_is_found_while_it_serves_and_told_with_what_to_do() {
    let folder = filled().await;
    let sound = std::fs::read(folder.path().join("homeiq.db")).unwrap();
    damage(folder.path(), |bytes| {
        let page = sound.len() / PAGE / 2;
        bytes[page * PAGE..(page + 1) * PAGE].fill(0x5a);
    });
    // A log that was left: the end before was a sudden one, and the check comes at once.
    std::fs::write(folder.path().join("homeiq.db-wal"), "torn").unwrap();
    let home = Home::at(folder, &[]).await;
    let health = eventually("the check", Duration::from_secs(30), async || {
        let health = home.json("/health").await;
        (health["integrity"]["state"] == "damaged").then_some(health)
    })
    .await
    .unwrap();
    assert_eq!(health["integrity"]["after_sudden_end"], true);
    assert_eq!(health["status"], "degraded");
    let reason = health["degraded"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("salvage"), "{reason}");
    let metrics = home
        .get("/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(metrics.contains("homeiq_db_sound 0"), "{metrics}");
    // As it says: stop, salvage, start. While it runs, a salvage refuses.
    let (code, told) = salvage(home.folder.path());
    assert!(
        code == Some(1) && told.contains("stop the service"),
        "{told}"
    );
    let folder = home.stop().await;
    assert_eq!(salvage(folder.path()).0, Some(0));
    let home = Home::at(folder, &[]).await;
    is_right_or_in_a_gap(&home, true).await;
}

#[tokio::test]
async fn a_salvage_that_was_cut_short_is_ended_by_the_next_start() {
    let folder = filled().await;
    let path = folder.path().join("homeiq.db");
    // Between the two renames: the new file is whole, and the damaged one is away with its log or without.
    std::fs::rename(&path, folder.path().join("homeiq.db.salvaged")).unwrap();
    let home = Home::at(folder, &[]).await;
    assert_eq!(is_right_or_in_a_gap(&home, false).await, EVENTS);
    let folder = home.stop().await;
    // Before them: the damaged file is there still.
    std::fs::rename(&path, folder.path().join("homeiq.db.salvaged")).unwrap();
    std::fs::write(&path, "damaged").unwrap();
    std::fs::write(folder.path().join("homeiq.db-wal"), "its log").unwrap();
    let home = Home::at(folder, &[]).await;
    assert_eq!(is_right_or_in_a_gap(&home, false).await, EVENTS);
}
