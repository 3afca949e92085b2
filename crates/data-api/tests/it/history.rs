//! The history of entities, for charts.

use serde_json::{Value, json};

use crate::home::{Home, answer};

const HOUR: i64 = 3_600_000_000;
/// 2026-11-23T00:00:00Z; the clock of these tests says 12:00.
const MIDNIGHT: i64 = 1_795_392_000_000_000;

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

fn row(entity_id: &str, at: i64, state: impl Into<Value>) -> Value {
    json!({"entity_id": entity_id, "state": state.into(), "last_updated": at})
}

#[tokio::test]
async fn few_numbers_are_told_as_they_are_and_the_start_is_carried_in() {
    let home = Home::new().await;
    stored(
        &home,
        &[
            row("sensor.t", MIDNIGHT - 50 * HOUR, "19.5"),
            row("sensor.t", MIDNIGHT + HOUR, "20"),
            row("sensor.t", MIDNIGHT + 2 * HOUR, "unavailable"),
            row("sensor.t", MIDNIGHT + 3 * HOUR, "21.25"),
            row("sensor.t", MIDNIGHT + 4 * HOUR, Value::Null),
            row("sensor.other", MIDNIGHT + HOUR, "7"),
        ],
    )
    .await;
    let told = home
        .json("/api/v1/history?entity_id=sensor.t&start=2026-11-23T00:00:00Z")
        .await;
    assert_eq!(told["end"], "2026-11-23T12:00:00.000000+00:00");
    let series = &told["series"][0];
    assert_eq!(
        (&series["kind"], &series["rows"]),
        (&json!("raw"), &json!(4))
    );
    assert_eq!(
        series["points"],
        json!([
            {"at": "2026-11-23T00:00:00.000000+00:00", "value": 19.5, "state": null},
            {"at": "2026-11-23T01:00:00.000000+00:00", "value": 20.0, "state": null},
            {"at": "2026-11-23T02:00:00.000000+00:00", "value": null, "state": "unavailable"},
            {"at": "2026-11-23T03:00:00.000000+00:00", "value": 21.25, "state": null},
            {"at": "2026-11-23T04:00:00.000000+00:00", "value": null, "state": null}
        ])
    );
}

#[tokio::test]
async fn many_numbers_are_bands_over_time() {
    let home = Home::new().await;
    // Every 10 s for 12 hours, over several parts of reading: 0 most of the time, 100 for the last 10 s of each hour.
    let rows: Vec<_> = (0..24 * 360)
        .map(|n| {
            row(
                "sensor.p",
                MIDNIGHT - 12 * HOUR + n * 10_000_000,
                if n % 360 == 359 { "100" } else { "0" },
            )
        })
        .collect();
    stored(&home, &rows).await;
    let told = home
        .json("/api/v1/history?entity_id=sensor.p&start=2026-11-22T12:00:00Z&points=24")
        .await;
    let series = &told["series"][0];
    assert_eq!(
        (&series["kind"], &series["rows"]),
        (&json!("bands"), &json!(8640))
    );
    let bands = series["bands"].as_array().unwrap();
    assert_eq!(bands.len(), 24);
    for band in bands {
        assert_eq!(
            (&band["min"], &band["max"], &band["last"], &band["changes"]),
            (&json!(0.0), &json!(100.0), &json!(100.0), &json!(360)),
            "{band}"
        );
        assert!((band["mean"].as_f64().unwrap() - 100.0 / 360.0).abs() < 1e-9);
        assert_eq!(band["known"], 1.0);
    }
    let raw = home
        .json("/api/v1/history?entity_id=sensor.p&start=2026-11-23T11:00:00Z")
        .await;
    assert_eq!(raw["series"][0]["points"].as_array().unwrap().len(), 360);
}

#[tokio::test]
async fn a_range_of_more_rows_than_are_read_at_once_is_whole() {
    let home = Home::new().await;
    let rows: Vec<_> = (0..45_000_i64)
        .map(|n| {
            row(
                "sensor.p",
                MIDNIGHT - 500 * HOUR + n * 40_000_000,
                n.to_string(),
            )
        })
        .collect();
    stored(&home, &rows).await;
    let begun = std::time::Instant::now();
    let told = home
        .json("/api/v1/history?entity_id=sensor.p&start=2025-11-23T12:00:00Z")
        .await;
    println!("45,000 rows as bands: {:?}", begun.elapsed());
    let series = &told["series"][0];
    assert_eq!(series["rows"], 45_000);
    let bands = series["bands"].as_array().unwrap();
    assert!(bands.len() <= 500);
    assert_eq!(
        (&bands[0]["min"], &bands[bands.len() - 1]["max"]),
        (&json!(0.0), &json!(44_999.0))
    );
    let changes: u64 = bands
        .iter()
        .map(|band| band["changes"].as_u64().unwrap())
        .sum();
    assert_eq!(changes, 45_000);
}

#[tokio::test]
async fn words_are_spans_and_several_entities_come_in_the_order_asked_for() {
    let home = Home::new().await;
    stored(
        &home,
        &[
            row("light.a", MIDNIGHT - HOUR, "off"),
            row("light.a", MIDNIGHT + HOUR, "on"),
            row("light.a", MIDNIGHT + 2 * HOUR, "off"),
            row("sensor.t", MIDNIGHT + HOUR, "20"),
        ],
    )
    .await;
    for query in [
        "entity_id=light.a&entity_id=light.none&entity_id=sensor.t",
        "entity_id=light.a,light.none,sensor.t",
    ] {
        let told = home
            .json(&format!(
                "/api/v1/history?{query}&start=2026-11-23T00:00:00Z&end=2026-11-23T06:00:00Z"
            ))
            .await;
        let series = told["series"].as_array().unwrap();
        let ids: Vec<_> = series.iter().map(|one| &one["entity_id"]).collect();
        assert_eq!(ids, ["light.a", "light.none", "sensor.t"]);
        assert_eq!(
            series[0]["spans"],
            json!([
                {"start": "2026-11-23T00:00:00.000000+00:00", "end": "2026-11-23T01:00:00.000000+00:00", "state": "off", "changes": 0},
                {"start": "2026-11-23T01:00:00.000000+00:00", "end": "2026-11-23T02:00:00.000000+00:00", "state": "on", "changes": 1},
                {"start": "2026-11-23T02:00:00.000000+00:00", "end": "2026-11-23T06:00:00.000000+00:00", "state": "off", "changes": 1}
            ])
        );
        assert_eq!(series[1]["rows"], 0);
        assert_eq!(series[2]["kind"], "raw");
    }
}

#[tokio::test]
async fn gaps_that_nothing_filled_are_marked() {
    let home = Home::new().await;
    let gap = |hour: u32, closed_by: Option<&str>| {
        json!({"start": format!("2026-11-23T{hour:02}:00:00Z"), "end": format!("2026-11-23T{hour:02}:10:00Z"),
            "reason": "disconnected", "closed_by": closed_by})
    };
    let sent = json!([
        gap(1, Some("backfill")),
        gap(2, Some("unrecoverable")),
        gap(3, None),
        gap(9, None)
    ]);
    assert_eq!(answer(home.post("/internal/gaps").json(&sent)).await.0, 200);
    let told = home
        .json(
            "/api/v1/history?entity_id=light.a&start=2026-11-23T00:00:00Z&end=2026-11-23T06:00:00Z",
        )
        .await;
    let starts: Vec<_> = told["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap["start"].as_str().unwrap())
        .collect();
    assert_eq!(
        starts,
        [
            "2026-11-23T02:00:00.000000+00:00",
            "2026-11-23T03:00:00.000000+00:00"
        ]
    );
}

#[tokio::test]
async fn a_former_name_leads_to_the_line_of_its_entity() {
    let home = Home::new().await;
    stored(&home, &[row("light.old", MIDNIGHT, "on")]).await;
    let rename = json!([{"old_entity_id": "light.old", "new_entity_id": "light.new", "at": "2026-11-23T01:00:00Z"}]);
    let (status, told) = answer(home.post("/internal/entities/renames").json(&rename)).await;
    assert_eq!(status, 200, "{told}");
    for name in ["light.old", "light.new"] {
        let told = home
            .json(&format!("/api/v1/history?entity_id={name}"))
            .await;
        assert_eq!(told["series"][0]["rows"], 1, "{name}");
    }
}

#[tokio::test]
async fn what_is_out_of_bounds_is_named() {
    let home = Home::new().await;
    let many = (0..51)
        .map(|n| format!("light.l{n}"))
        .collect::<Vec<_>>()
        .join(",");
    for (query, name) in [
        (String::new(), "entity_id"),
        ("entity_id=".to_owned(), "entity_id"),
        (format!("entity_id={many}"), "entity_id"),
        ("entity_id=a.b&points=0".to_owned(), "points"),
        ("entity_id=a.b&points=5001".to_owned(), "points"),
        ("entity_id=a.b&start=soon".to_owned(), "start"),
        (
            "entity_id=a.b&start=2026-11-23T10:00:00Z&end=2026-11-22T10:00:00Z".to_owned(),
            "start",
        ),
    ] {
        let (status, told) = answer(home.get(&format!("/api/v1/history?{query}"))).await;
        assert_eq!(status, 422, "{query}: {told}");
        assert!(
            told["error"]["detail"].to_string().contains(name),
            "{query}: {told}"
        );
    }
}

#[tokio::test]
async fn a_range_of_many_rows_is_the_same_whatever_parts_it_is_read_in() {
    let home = Home::new().await;
    // A flood, a quiet time, another flood, and an even rest: no two parts of the same length have as many rows.
    let seconds = (0..21_500)
        .map(|n| f64::from(n) / 400.0)
        .chain((0..50).map(|n| 10_000.0 + f64::from(n) * 7_000.0))
        .chain((0..24_000).map(|n| 400_000.0 + f64::from(n) / 300.0))
        .chain((0..3_000).map(|n| 500_000.0 + f64::from(n) * 30.0));
    let start = MIDNIGHT - 7 * 24 * HOUR;
    let rows: Vec<Value> = seconds
        .enumerate()
        .map(|(n, second)| {
            let value = (n * 37 % 1_000) as f64 / 10.0;
            row("sensor.t", start + (second * 1e6) as i64, value.to_string())
        })
        .collect();
    stored(&home, &rows).await;
    for points in [7_i64, 500] {
        let told = home
            .json(&format!(
                "/api/v1/history?entity_id=sensor.t&start=2026-11-16T00:00:00Z&end=2026-11-23T00:00:00Z&points={points}"
            ))
            .await;
        let series = &told["series"][0];
        assert_eq!(
            (&series["kind"], &series["rows"]),
            (&json!("bands"), &json!(rows.len()))
        );
        let width = (7 * 24 * HOUR) as f64 / points as f64;
        let mut expected: Vec<Option<(f64, f64)>> = vec![None; points as usize];
        for row in &rows {
            let at = row["last_updated"].as_i64().unwrap() - start;
            let value: f64 = row["state"].as_str().unwrap().parse().unwrap();
            let band = &mut expected[(at as f64 / width) as usize];
            let (least, most) = band.unwrap_or((value, value));
            *band = Some((least.min(value), most.max(value)));
        }
        let mut compared = 0;
        for band in series["bands"].as_array().unwrap() {
            let at: common::instant::UtcMicros =
                serde_json::from_value(band["start"].clone()).unwrap();
            let place = ((at.get() - start) as f64 / width).round() as usize;
            let Some((least, most)) = expected[place] else {
                continue;
            };
            // What held at the band's beginning counts as well.
            let held = expected[..place].iter().rev().flatten().next();
            let (min, max) = (band["min"].as_f64().unwrap(), band["max"].as_f64().unwrap());
            assert!(
                min <= least && max >= most,
                "{place}: {band} of {least} to {most}"
            );
            if held.is_none() {
                assert_eq!((min, max), (least, most), "{band}");
            }
            compared += 1;
        }
        assert!(compared >= 5, "{compared}");
    }
}
