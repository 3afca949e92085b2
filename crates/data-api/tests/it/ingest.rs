//! Storing state changes.

use std::io::Write;

use serde_json::{Value, json};

use crate::home::{Home, answer, now};

const PATH: &str = "/internal/events/bulk_upsert";

fn change(entity_id: &str, state: &str, second: u32) -> Value {
    json!({"entity_id": entity_id, "state": state, "last_updated": format!("2026-11-23T10:00:{second:02}.5+00:00")})
}

#[tokio::test]
async fn a_batch_sent_twice_is_stored_once() {
    let home = Home::new().await;
    let batch = json!([
        change("light.a", "on", 1),
        change("light.a", "off", 2),
        change("light.b", "on", 1)
    ]);
    let (status, first) = answer(home.post(PATH).json(&batch)).await;
    assert_eq!(
        (status, &first),
        (
            200,
            &json!({"received": 3, "stored": 3, "duplicates": 0, "rejected": []})
        )
    );
    let (_, second) = answer(home.post(PATH).json(&batch)).await;
    assert_eq!(
        second,
        json!({"received": 3, "stored": 0, "duplicates": 3, "rejected": []})
    );
    assert_eq!(
        home.json("/api/v1/events").await.as_array().unwrap().len(),
        3
    );
    assert_eq!(
        home.json("/api/v1/events/stats?period=24h").await["stored_events"],
        3
    );
}

#[tokio::test]
async fn a_row_twice_in_one_batch_is_a_duplicate() {
    let home = Home::new().await;
    let batch = json!([change("light.a", "on", 1), change("light.a", "on", 1)]);
    let (_, reply) = answer(home.post(PATH).json(&batch)).await;
    assert_eq!(
        (&reply["stored"], &reply["duplicates"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn integer_microseconds_and_iso_text_are_the_same_instant() {
    let home = Home::new().await;
    let batch = json!([
        {"entity_id": "sensor.a", "state": "1", "last_updated": "2026-11-23T10:00:00.000001+00:00"},
        {"entity_id": "sensor.a", "state": "1", "last_updated": 1_795_428_000_000_001_i64},
        {"entity_id": "sensor.a", "state": "1", "last_updated": "2026-11-23T11:00:00.000001+01:00"},
    ]);
    let (_, reply) = answer(home.post(PATH).json(&batch)).await;
    assert_eq!(
        (&reply["stored"], &reply["duplicates"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test]
async fn bad_rows_are_named_and_the_others_are_stored() {
    let home = Home::new().await;
    let batch = json!([
        change("light.a", "on", 1),
        {"entity_id": "nodot", "state": "on", "last_updated": "2026-11-23T10:00:00Z"},
        {"entity_id": "light.a", "last_updated": "2026-11-23T10:00:00Z"},
        {"entity_id": "light.a", "state": "on", "last_updated": "2026-11-23T10:00:00"},
        {"entity_id": "light.a", "state": "x".repeat(256), "last_updated": "2026-11-23T10:00:00Z"},
        {"entity_id": "light.a", "state": "on", "attributes": [1], "last_updated": "2026-11-23T10:00:00Z"},
        5,
        change("light.a", "off", 2),
    ]);
    let (status, reply) = answer(home.post(PATH).json(&batch)).await;
    assert_eq!(
        (status, &reply["received"], &reply["stored"]),
        (200, &json!(8), &json!(2))
    );
    let indexes: Vec<_> = reply["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indexes, [1, 2, 3, 4, 5, 6]);
    for (row, word) in reply["rejected"].as_array().unwrap().iter().zip([
        "nodot",
        "state",
        "offset",
        "256",
        "attributes",
        "5",
    ]) {
        assert!(row["reason"].as_str().unwrap().contains(word), "{row}");
    }
}

#[tokio::test]
async fn an_instant_of_no_home_is_refused_and_is_not_the_newest_for_ever() {
    const DAY: i64 = 86_400;
    let home = Home::new().await;
    let at = |last_updated: Value| json!({"entity_id": "light.a", "state": "on", "last_updated": last_updated});
    let ahead = |days: i64| json!(now().plus_seconds(days * DAY));
    let batch = json!([
        at(json!("0001-01-01T00:00:00Z")),
        at(json!(-1)),
        at(json!(0)),
        at(ahead(0)),
        at(ahead(366)),
        at(ahead(367)),
        at(json!("9999-01-01T00:00:00Z")),
    ]);
    let (status, reply) = answer(home.post(PATH).json(&batch)).await;
    assert_eq!((status, &reply["stored"]), (200, &json!(3)), "{reply}");
    let refused: Vec<_> = reply["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["index"].as_u64().unwrap(),
                row["reason"].as_str().unwrap(),
            )
        })
        .collect();
    let (past, future) = ("last_updated is before 1970", "366 days in the future");
    for ((index, reason), (wanted, word)) in
        refused
            .iter()
            .zip([(0, past), (1, past), (5, future), (6, future)])
    {
        assert!(*index == wanted && reason.contains(word), "{refused:?}");
    }
    assert_eq!(refused.len(), 4);
    let newest = home
        .json(
            "/api/v1/events?limit=1&start_time=2026-01-01T00:00:00Z&end_time=9999-01-01T00:00:00Z",
        )
        .await;
    assert_eq!(newest[0]["timestamp"], ahead(366));
    // A clock that was never set refuses nothing that may be true.
    home.clock.set(common::instant::UtcMicros::default());
    let row = json!([{"entity_id": "light.b", "state": "on", "last_updated": now()}]);
    let (_, reply) = answer(home.post(PATH).json(&row)).await;
    assert_eq!(reply["stored"], 1, "{reply}");
}

#[tokio::test]
async fn ndjson_is_read_line_by_line() {
    let home = Home::new().await;
    let body = format!(
        "{}\n\n{{broken\r\n{}",
        change("light.a", "on", 1),
        change("light.a", "off", 2)
    );
    let (status, reply) = answer(
        home.post(PATH)
            .header("content-type", "application/x-ndjson")
            .body(body),
    )
    .await;
    assert_eq!(
        (status, &reply["received"], &reply["stored"]),
        (200, &json!(3), &json!(2))
    );
    assert_eq!(reply["rejected"][0]["index"], 1);
}

#[tokio::test]
async fn compressed_bodies_are_understood() {
    let home = Home::new().await;
    let plain = json!([change("light.a", "on", 1)]).to_string();
    for (second, coding) in ["gzip", "zstd"].into_iter().enumerate() {
        let plain = plain.replace("10:00:01", &format!("10:00:1{second}"));
        let mut child = std::process::Command::new(coding)
            .args(["-c", "-q"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{coding}: {error}; apt-get install {coding}"));
        child
            .stdin
            .take()
            .unwrap()
            .write_all(plain.as_bytes())
            .unwrap();
        let body = child.wait_with_output().unwrap().stdout;
        let request = home
            .post(PATH)
            .header("content-type", "application/json")
            .header("content-encoding", coding);
        let (status, reply) = answer(request.body(body)).await;
        assert_eq!(
            (status, &reply["stored"]),
            (200, &json!(1)),
            "{coding}: {reply}"
        );
    }
    let torn = home
        .post(PATH)
        .header("content-encoding", "gzip")
        .body("not gzip");
    let (status, told) = answer(torn).await;
    assert_eq!(
        (status, &told["error"]["code"]),
        (422, &json!("ValidationError"))
    );
}

#[tokio::test]
async fn a_body_that_is_no_batch_gets_a_422_in_the_contracts_shape() {
    let home = Home::new().await;
    let request = home
        .post(PATH)
        .header("x-correlation-id", "test-1")
        .header("content-type", "application/json");
    let (status, told) = answer(request.body("[{\"entity_id\":")).await;
    assert_eq!(status, 422);
    let error = &told["error"];
    assert_eq!(
        (&error["code"], &error["path"], &error["method"]),
        (&json!("ValidationError"), &json!(PATH), &json!("POST"))
    );
    assert_eq!(
        (&error["correlation_id"], &error["detail"][0]["loc"]),
        (&json!("test-1"), &json!(["body"]))
    );
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whole() {
    let home = Home::new().await;
    let body = format!(
        "[{}{}]",
        " ".repeat(common::api::events::MAX_INGEST_BODY_BYTES),
        change("light.a", "on", 1)
    );
    let (status, told) = answer(
        home.post(PATH)
            .header("content-type", "application/json")
            .body(body),
    )
    .await;
    assert_eq!(status, 413, "{told}");
    assert_eq!(home.json("/api/v1/events").await, json!([]));
}

#[tokio::test]
async fn a_text_with_the_character_0_is_stored_and_asked_for_like_any_other() {
    let home = Home::new().await;
    let row = json!({"entity_id": "sensor.serial", "state": "a\u{0}b", "attributes": {"x": "c\u{0}"}, "last_updated": 1_795_428_000_000_000_i64});
    let (status, reply) = answer(home.post(PATH).json(&json!([row]))).await;
    assert_eq!((status, &reply["stored"]), (200, &json!(1)), "{reply}");
    let events = home.json("/api/v1/events").await;
    // PostgreSQL has no such character.
    let kept = match crate::home::engine() {
        "sqlite" => "a\u{0}b",
        _ => "a\u{fffd}b",
    };
    assert_eq!(events[0]["state"], kept);
    assert_eq!(events[0]["attributes"], json!({"x": "c\u{0}"}));
    for path in [
        "/api/v1/events?device_id=a%00",
        "/api/entities?label=a%00",
        "/api/devices?manufacturer=a%00",
    ] {
        let (status, told) = answer(home.get(path)).await;
        assert_eq!(status, 200, "{path}: {told}");
    }
}
