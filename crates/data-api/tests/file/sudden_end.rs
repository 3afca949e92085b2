//! `kill -9`: while events are stored, and while the tables of an old file are brought up to date.

use std::path::Path;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Row, query};

use crate::program::Program;

const BEGIN: i64 = 1_795_000_000_000_000;

fn batch(from: i64, count: i64) -> Vec<Value> {
    (from..from + count)
        .map(|n| {
            json!({"entity_id": format!("sensor.s{}", n % 9), "state": format!("{}", n % 500), "attributes": {"n": n % 40},
                "last_updated": BEGIN + n * 1_000})
        })
        .collect()
}

/// Sends batches until nobody answers any more; how many events were acknowledged. The next one may be stored as well, or not.
async fn send_until_it_is_gone(program: &Program, mut sent: i64) -> i64 {
    loop {
        let request = program
            .post("/internal/events/bulk_upsert")
            .json(&batch(sent, 50));
        let Ok(response) = request.send().await else {
            return sent;
        };
        let Ok(reply) = response.json::<Value>().await else {
            return sent;
        };
        assert_eq!(
            reply["rejected"].as_array().map_or(0, Vec::len),
            0,
            "{reply}"
        );
        sent += 50;
    }
}

/// States of the events by their number, read straight from the file.
async fn stored(path: &Path) -> Vec<i64> {
    let pool = SqlitePoolOptions::new()
        .connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let check = query("PRAGMA integrity_check")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(check.get::<String, _>(0), "ok");
    let counted = query("SELECT (SELECT stored FROM event_totals), (SELECT COUNT(*) FROM events), (SELECT SUM(events) FROM event_days)")
        .fetch_one(&pool)
        .await
        .unwrap();
    let counts: Vec<i64> = (0..3).map(|place| counted.get(place)).collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    let rows = query("SELECT last_updated_us FROM events ORDER BY last_updated_us")
        .fetch_all(&pool)
        .await
        .unwrap();
    pool.close().await;
    rows.iter()
        .map(|row| (row.get::<i64, _>(0) - BEGIN) / 1_000)
        .collect()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_kill_9_however_often() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("homeiq.db");
    let (mut acknowledged, mut chance) = (0, StdRng::seed_from_u64(9));
    for round in 0..8 {
        let program = Program::ready(&path).await;
        let wait = Duration::from_millis(chance.random_range(50..600));
        let (sent, ()) = tokio::join!(send_until_it_is_gone(&program, acknowledged), async {
            tokio::time::sleep(wait).await;
            let id = program.id().to_string();
            let killed = std::process::Command::new("kill")
                .args(["-9", &id])
                .status();
            assert!(killed.unwrap().success());
        });
        program.kill();
        let there = stored(&path).await;
        assert!(
            (sent..=sent + 50).contains(&(there.len() as i64)),
            "round {round}: {sent} acknowledged, {} there",
            there.len()
        );
        assert!(
            there.iter().copied().eq(0..there.len() as i64),
            "round {round}"
        );
        // The one that was not acknowledged is sent again, as ingestion does.
        acknowledged = sent;
    }
    assert!(acknowledged > 500, "{acknowledged}");
}

/// A file as the program of four migrations made it.
async fn old_file(path: &Path, events: i64) {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/migrations/data-api/sqlite"
    );
    let migrations = sqlx::migrate::Migrator::new(Path::new(folder))
        .await
        .unwrap();
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect(&format!("sqlite://{}?mode=rwc", path.display()))
        .await
        .unwrap();
    query("PRAGMA journal_mode = wal")
        .execute(&pool)
        .await
        .unwrap();
    migrations.run_to(4, &pool).await.unwrap();
    for statement in [
        "INSERT INTO event_entities (id, entity_id, domain, category) VALUES (1, 'sensor.a', 'sensor', 'general'), (2, 'light.b', 'light', 'lighting')",
        "INSERT INTO event_states (id, state) VALUES (1, 'on'), (2, 'off')",
        "WITH RECURSIVE n(x) AS (SELECT 3 UNION ALL SELECT x + 1 FROM n WHERE x < 1002) INSERT INTO event_states SELECT x, x / 10.0 FROM n",
        "INSERT INTO event_attributes VALUES (1, x'44136fa355b3678a1146ad16f7e8649e', '{}')",
    ] {
        query(statement).execute(&pool).await.unwrap();
    }
    query(
        "WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n WHERE x < $1 - 1) \
         INSERT INTO events (entity, last_updated_us, last_changed_us, state, attributes, context_id, flags) \
         SELECT 1 + x % 2, 1795000000000000 + x * 1000, CASE x % 3 WHEN 0 THEN 1795000000000000 END, \
         CASE x % 2 WHEN 0 THEN 3 + x % 1000 ELSE 1 + x / 2 % 2 END, 1, randomblob(16), 0 FROM n",
    )
    .bind(events)
    .execute(&pool)
    .await
    .unwrap();
    query("UPDATE event_totals SET stored = $1")
        .bind(events)
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
}

/// The tables that `events` refers to, in a file that is sound.
async fn refers_to(path: &Path) -> Vec<String> {
    let pool = SqlitePoolOptions::new()
        .connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(sound, "ok");
    let tables = sqlx::query_scalar("SELECT \"table\" FROM pragma_foreign_key_list('events')")
        .fetch_all(&pool)
        .await
        .unwrap();
    pool.close().await;
    tables
}

#[tokio::test]
async fn tables_that_are_being_brought_up_to_date_survive_kill_9() {
    const EVENTS: i64 = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("old.db");
    old_file(&old, EVENTS).await;
    let path = folder.path().join("homeiq.db");
    let mut chance = StdRng::seed_from_u64(5);
    let mut in_the_middle = 0;
    for round in 0..6 {
        for end in ["", "-wal", "-shm"] {
            std::fs::remove_file(format!("{}{end}", path.display())).ok();
        }
        std::fs::copy(&old, &path).unwrap();
        // Killed again and again, at random moments, then let go on.
        for _ in 0..3 {
            let program = Program::start(&path);
            tokio::time::sleep(Duration::from_millis(chance.random_range(10..300))).await;
            in_the_middle += i32::from(!program.serves().await);
            program.kill();
        }
        let program = Program::ready(&path).await;
        let health = program.json("/health").await;
        assert_eq!(health["events"]["stored"], EVENTS, "round {round}");
        let newest = program.json("/api/v1/events?limit=2").await;
        let states: Vec<_> = [0, 1].map(|n| newest[n]["state"].clone()).into();
        assert_eq!(
            states,
            [json!("off"), json!("100.1")],
            "round {round}: {newest}"
        );
        assert_eq!(newest[0]["attributes"], json!({}));
        program.kill();
        let there = stored(&path).await;
        assert!(there.iter().copied().eq(0..EVENTS), "round {round}");
        assert_eq!(refers_to(&path).await, ["event_entities"], "round {round}");
    }
    assert!(
        in_the_middle >= 3,
        "killed before it served: {in_the_middle}"
    );
}
