//! Everything that is stored, as a stream of text.

use std::io::Read;

use serde_json::{Value, json};

use crate::home::{Home, answer};

/// 2026-11-23T00:00:00Z; the clock of these tests says 12:00.
const MIDNIGHT: i64 = 1_795_392_000_000_000;
const SECOND: i64 = 1_000_000;

async fn stored(home: &Home, rows: &[Value]) {
    for rows in rows.chunks(20_000) {
        let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(rows)).await;
        assert_eq!(
            (status, &reply["stored"]),
            (200, &json!(rows.len())),
            "{reply}"
        );
    }
}

/// Rows with everything that a row can have.
fn rows() -> Vec<Value> {
    vec![
        json!({"entity_id": "light.b", "state": "on", "last_updated": MIDNIGHT + 5 * SECOND, "last_changed": MIDNIGHT + 2 * SECOND,
            "attributes": {"friendly_name": "Küche, \"unten\"", "n": 1.50},
            "context": {"id": "01M8PY9AEYK6XKGQ1J50FTM3RV", "parent_id": "CTX1", "user_id": "u1"}, "startup": true, "origin": "backfill"}),
        json!({"entity_id": "light.b", "state": null, "last_updated": MIDNIGHT + 9 * SECOND}),
        json!({"entity_id": "light.a", "state": "", "last_updated": MIDNIGHT}),
        json!({"entity_id": "sensor.t", "state": "3\n=#!;,\"x\"", "last_updated": MIDNIGHT + 7 * SECOND}),
    ]
}

async fn exported(home: &Home, query: &str) -> Vec<u8> {
    let response = home
        .get(&format!("/api/v1/events/export?{query}"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200, "{query}");
    response.bytes().await.unwrap().to_vec()
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    std::str::from_utf8(bytes)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn the_client_reads_a_span_and_counts_it() {
    let home = Home::new().await;
    let many: Vec<Value> = (0..3_000)
        .map(|n| json!({"entity_id": format!("sensor.s{}", n % 7), "state": "x".repeat(n % 256), "last_updated": MIDNIGHT + n as i64 * SECOND}))
        .collect();
    stored(&home, &rows()).await;
    stored(&home, &many).await;
    let at = |second: i64| common::instant::UtcMicros::new(MIDNIGHT + second * SECOND).unwrap();
    for (start, end) in [(0, 2_999), (5, 9), (7, 7), (100, 2_000), (4_000, 5_000)] {
        let mut read = Vec::new();
        let each = |event: &common::api::export::ExportedEvent<'_>| {
            let state = event.state.as_deref().map(str::to_owned);
            read.push((event.entity_id.to_string(), event.last_updated, state));
        };
        home.client
            .exported_events(at(start), at(end), each)
            .await
            .unwrap();
        let in_span = |row: &&Value| {
            let second = (row["last_updated"].as_i64().unwrap() - MIDNIGHT) / SECOND;
            (start..=end).contains(&second)
        };
        let all = rows().into_iter().chain(many.clone()).collect::<Vec<_>>();
        let mut wanted: Vec<_> = all
            .iter()
            .filter(in_span)
            .map(|row| {
                (
                    row["entity_id"].as_str().unwrap().to_owned(),
                    common::instant::UtcMicros::new(row["last_updated"].as_i64().unwrap()).unwrap(),
                    row["state"].as_str().map(str::to_owned),
                )
            })
            .collect();
        read.sort();
        wanted.sort();
        assert_eq!(read, wanted, "{start} to {end}");
        if start < end {
            let counted = home.client.count_events(at(start), at(end)).await.unwrap();
            assert_eq!(counted, wanted.len() as u64, "{start} to {end}");
        }
    }
}

#[tokio::test]
async fn ndjson_has_everything_of_every_row_entity_after_entity() {
    let home = Home::new().await;
    stored(&home, &rows()).await;
    let lines = lines(&exported(&home, "").await);
    assert_eq!(lines.len(), 4);
    let of = |entity: &str| -> Vec<Value> {
        lines
            .iter()
            .filter(|line| line["entity_id"] == entity)
            .cloned()
            .collect()
    };
    assert_eq!(
        of("light.b"),
        [
            json!({"entity_id": "light.b", "state": "on", "last_changed": "2026-11-23T00:00:02.000000+00:00",
                "last_updated": "2026-11-23T00:00:05.000000+00:00", "attributes": {"friendly_name": "Küche, \"unten\"", "n": 1.50},
                "context_id": "01M8PY9AEYK6XKGQ1J50FTM3RV", "context_parent_id": "CTX1", "context_user_id": "u1",
                "origin": "backfill", "startup": true}),
            json!({"entity_id": "light.b", "state": null, "last_changed": "2026-11-23T00:00:09.000000+00:00",
                "last_updated": "2026-11-23T00:00:09.000000+00:00", "attributes": {}, "context_id": null, "context_parent_id": null,
                "context_user_id": null, "origin": "live", "startup": false}),
        ]
    );
    assert_eq!(of("light.a")[0]["state"], "");
    assert_eq!(of("sensor.t")[0]["state"], "3\n=#!;,\"x\"");
    let entities: Vec<_> = lines.iter().map(|line| &line["entity_id"]).collect();
    let mut grouped = entities.clone();
    grouped.dedup();
    assert_eq!(grouped.len(), 3, "one entity after the other: {entities:?}");
}

#[tokio::test]
async fn csv_compressed_or_not_and_without_attributes() {
    let home = Home::new().await;
    stored(&home, &rows()).await;
    let plain = String::from_utf8(exported(&home, "format=csv").await).unwrap();
    assert!(plain.starts_with("entity_id,state,last_changed,last_updated,attributes,context_id,"));
    assert!(plain.contains("light.b,on,2026-11-23T00:00:02.000000+00:00,2026-11-23T00:00:05.000000+00:00,\"{\"\"friendly_name\"\""));
    assert!(plain.contains("\"3\n=#!;,\"\"x\"\"\""));
    let gzip = exported(&home, "format=csv&compression=gzip").await;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&gzip[..])
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain);
    let zstd = exported(&home, "format=csv&compression=zstd").await;
    assert_eq!(zstd::decode_all(&zstd[..]).unwrap(), plain.as_bytes());
    let without = String::from_utf8(exported(&home, "format=csv&attributes=false").await).unwrap();
    assert!(!without.contains("friendly_name"));
    let nothing = exported(&home, "format=csv&domain=none").await;
    assert_eq!(
        String::from_utf8(nothing).unwrap().lines().count(),
        1,
        "the names only"
    );
    let nothing = exported(&home, "domain=none&compression=zstd").await;
    assert_eq!(zstd::decode_all(&nothing[..]).unwrap(), b"");
}

#[tokio::test]
async fn every_filter_of_an_export_filters() {
    let home = Home::new().await;
    stored(&home, &rows()).await;
    stored(&home, &[json!({"entity_id": "light.c", "state": "on", "last_updated": MIDNIGHT, "device_id": "d1", "area_id": "kitchen"})]).await;
    for (query, want) in [
        (
            "entity_id=light.a&entity_id=sensor.t",
            vec!["light.a", "sensor.t"],
        ),
        ("entity_id=light.none", vec![]),
        (
            "domain=light",
            vec!["light.a", "light.b", "light.b", "light.c"],
        ),
        ("device_id=d1", vec!["light.c"]),
        ("area_id=kitchen", vec!["light.c"]),
        (
            "event_category=lighting",
            vec!["light.a", "light.b", "light.b", "light.c"],
        ),
        (
            "start=2026-11-23T00:00:05Z&end=2026-11-23T00:00:07Z",
            vec!["light.b", "sensor.t"],
        ),
    ] {
        let lines = lines(&exported(&home, query).await);
        let mut got: Vec<_> = lines
            .iter()
            .map(|line| line["entity_id"].as_str().unwrap())
            .collect();
        got.sort_unstable();
        assert_eq!(got, want, "{query}");
    }
    for query in [
        "format=xml",
        "compression=lzma",
        "start=soon",
        "start=2026-11-23T01:00:00Z&end=2026-11-22T01:00:00Z",
    ] {
        assert_eq!(
            answer(home.get(&format!("/api/v1/events/export?{query}")))
                .await
                .0,
            422,
            "{query}"
        );
    }
}

fn many() -> Vec<Value> {
    (0..60_000_i64)
        .map(|n| {
            json!({"entity_id": format!("sensor.s{}", n % 3), "state": n.to_string(), "last_updated": MIDNIGHT - n * SECOND,
                "attributes": {"unit": "W", "part": n / 40, "filling": "x".repeat(100)}, "context": {"id": "01M8PY9AEYK6XKGQ1J50FTM3RV"}})
        })
        .collect()
}

#[tokio::test]
async fn many_rows_over_many_parts_are_each_there_once_with_their_own_attributes() {
    let home = Home::new().await;
    stored(&home, &many()).await;
    let begun = std::time::Instant::now();
    let bytes = exported(&home, "").await;
    println!("60,000 rows, {} bytes: {:?}", bytes.len(), begun.elapsed());
    let lines = lines(&bytes);
    let mut seen: Vec<i64> = lines
        .iter()
        .map(|line| {
            let n: i64 = line["state"].as_str().unwrap().parse().unwrap();
            assert_eq!(line["attributes"]["part"], n / 40);
            assert_eq!(line["entity_id"], format!("sensor.s{}", n % 3));
            n
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..60_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_export_that_ends_early_is_an_error_for_its_reader() {
    let home = Home::new().await;
    stored(&home, &many()).await;
    let mut response = home.get("/api/v1/events/export").send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"{\"entity_id\""));
    let (folder, read) = tokio::join!(home.stop(), async {
        // The service is told to stop before the rest is read.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        response.bytes().await
    });
    assert!(read.is_err(), "a short body must not look whole");
    drop(folder);
}

#[tokio::test]
async fn only_two_exports_run_at_once() {
    let home = Home::new().await;
    stored(&home, &many()).await;
    let first = home.get("/api/v1/events/export").send().await.unwrap();
    let second = home.get("/api/v1/events/export").send().await.unwrap();
    let (status, told) = answer(home.get("/api/v1/events/export")).await;
    assert_eq!(status, 503, "{told}");
    drop((first, second));
    // A connection that was closed is noticed with the next piece.
    for _ in 0..100 {
        if home
            .get("/api/v1/events/export?domain=none")
            .send()
            .await
            .unwrap()
            .status()
            == 200
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the places were not given back");
}
