//! A store moves to another database: exported by one data-api, imported into another.

use common::api::events::{Event, NewEvent};
use history_import::Source;
use serde_json::{Value, json};
use test_support::Postgres;

use crate::home::{Home, KEY};

/// Changes of every kind, some in each way in which an event reaches a store.
fn changes() -> Vec<NewEvent> {
    let mut rows: Vec<Value> = (0..500)
        .map(|n| {
            json!({"entity_id": format!("sensor.s{}", n % 7), "state": format!("{n}.50"), "origin": "live",
                "attributes": {"friendly_name": "Zoë \"1\"\n", "n": n % 3, "x": {}},
                "last_updated": 1_795_421_580_000_001_i64 + n, "last_changed": 1_795_421_580_000_001_i64 + n - n % 2,
                "context": {"id": "01K1ZG04926D25ASKQH2CTNEYC", "parent_id": "old", "user_id": "8f0f00112233445566778899aabbccdd"}})
        })
        .collect();
    rows.extend([
        json!({"entity_id": "light.a", "state": "on", "origin": "backfill", "startup": true, "last_updated": 1_700_000_000_000_000_i64}),
        json!({"entity_id": "light.a", "state": "", "origin": "import", "last_updated": 1_700_000_000_000_001_i64}),
        json!({"entity_id": "light.a", "state": null, "last_updated": 1_700_000_000_000_002_i64}),
    ]);
    serde_json::from_value(json!(rows)).unwrap()
}

async fn exported(home: &Home, query: &str) -> Vec<u8> {
    let url = home.client.url().join("/api/v1/events/export").unwrap();
    let http = reqwest::Client::builder().build().unwrap();
    let response = http
        .get(format!("{url}?{query}"))
        .bearer_auth(KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{query}");
    response.bytes().await.unwrap().to_vec()
}

fn all(events: &[Event]) -> Vec<Value> {
    events
        .iter()
        .map(|event| serde_json::to_value(event).unwrap())
        .collect()
}

#[tokio::test]
async fn a_store_moves_from_sqlite_to_postgresql_and_nothing_changes_on_the_way() {
    let from = Home::new().await;
    let sent = changes();
    assert_eq!(from.client.send_events(&sent).await.unwrap().stored, 503);
    let before = all(&from.events().await);
    let server = Postgres::start().await.unwrap();
    for (number, (query, name)) in [
        ("compression=zstd", "events.ndjson.zst"),
        ("compression=gzip", "events.ndjson.gz"),
        ("format=ndjson", "events.ndjson"),
    ]
    .into_iter()
    .enumerate()
    {
        let database = server
            .create_owned_database(&format!("home_{number}"))
            .await
            .unwrap();
        let to = Home::with_database(&database).await;
        let file = to.file(name);
        std::fs::write(&file, exported(&from, query).await).unwrap();
        let mut import = to.import(Source::Events(file.display().to_string()));
        let outcome = to.run(&import).await;
        assert!(outcome.failed.is_none(), "{name}: {outcome:?}");
        assert_eq!(
            (outcome.report.read, outcome.report.stored),
            (503, 503),
            "{name}: {}",
            outcome.report
        );
        assert_eq!(all(&to.events().await), before, "{name}");
        import.from_start = true;
        let again = to.run(&import).await.report;
        assert_eq!((again.stored, again.duplicates), (0, 503), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_export_is_told_and_a_file_that_was_cut_is_not_taken_for_whole() {
    let home = Home::new().await;
    home.client.send_events(&changes()).await.unwrap();
    let csv = home.file("events.csv");
    std::fs::write(&csv, exported(&home, "format=csv").await).unwrap();
    let report = home
        .run(&home.import(Source::Events(csv.display().to_string())))
        .await
        .report;
    assert_eq!((report.stored, report.duplicates), (0, 0), "{report}");
    assert!(report.to_string().contains("NDJSON"), "{report}");
    let whole = exported(&home, "compression=zstd").await;
    let cut = home.file("cut.ndjson.zst");
    std::fs::write(&cut, &whole[..whole.len() - 8]).unwrap();
    let outcome = home
        .run(&home.import(Source::Events(cut.display().to_string())))
        .await;
    let failed = outcome.failed.unwrap().to_string();
    assert!(failed.contains("cut.ndjson.zst"), "{failed}");
    let missing = Source::Events(home.file("none").display().to_string());
    let told = history_import::run(&home.import(missing), None)
        .await
        .unwrap_err();
    assert!(told.to_string().contains("/api/v1/events/export"), "{told}");
}
