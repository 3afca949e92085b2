//! What happens at the bounds, and what a body may tell when something is broken.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use sqlx::{Connection, Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::access::{ask, make, operations};
use crate::home::{Home, KEY, answer, engine, pass};

async fn fill(home: &Home, events: usize) {
    let rows: Vec<Value> = (0..events)
        .map(|n| {
            json!({"entity_id": format!("sensor.s{}", n % 7), "state": n.to_string(), "origin": "live",
                "attributes": {"friendly_name": "a sensor", "n": n}, "last_updated": 1_795_428_000_000_000_i64 + n as i64})
        })
        .collect();
    let (status, told) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!((status, &told["stored"]), (200, &json!(events)), "{told}");
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_ended_and_says_when_to_come_again() {
    let home = Home::with(&[("DB_QUERY_TIMEOUT", "0.001")]).await;
    fill(&home, 8_000).await;
    let response = home.get("/api/v1/events?limit=8000").send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    let told: Value = response.json().await.unwrap();
    assert!(
        told["detail"].as_str().unwrap().contains("took too long"),
        "{told}"
    );
    // Writing has no such bound, and is not in its way.
    assert_eq!(
        answer(home.post("/internal/devices/bulk_upsert").json(&json!([])))
            .await
            .0,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rush_of_heavy_reads_waits_up_to_a_bound_and_the_rest_is_sent_away() {
    let home = Home::with(&[("DATA_API_MAX_READS", "1"), ("DB_QUERY_TIMEOUT", "60")]).await;
    fill(&home, 3_000).await;
    let request = || home.get("/api/v1/events?limit=3000").build().unwrap();
    let mut rush = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (http, request) = (home.http.clone(), request());
        rush.spawn(async move {
            let response = http.execute(request).await.unwrap();
            let wait = response.headers().get("retry-after").is_some();
            (response.status().as_u16(), wait)
        });
    }
    let all = rush.join_all().await;
    let served = all.iter().filter(|seen| **seen == (200, false)).count();
    let sent_away = all.iter().filter(|seen| **seen == (503, true)).count();
    assert_eq!(served + sent_away, 40, "{all:?}");
    assert!(
        served >= 9 && sent_away >= 1,
        "{served} served, {sent_away} sent away"
    );
    assert_eq!(answer(home.get("/api/v1/events?limit=3000")).await.0, 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_for_its_route_is_refused_with_413() {
    let home = Home::new().await;
    let large = json!({"name": "x".repeat(3_000_000), "scopes": ["read"]});
    assert_eq!(answer(home.post("/api/v1/keys").json(&large)).await.0, 413);
    // What may be large may still be large.
    let device = json!([{"id": "d", "name": "x".repeat(3_000_000)}]);
    assert_eq!(
        answer(home.post("/internal/devices/bulk_upsert").json(&device))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn who_is_limited_is_told_how_much_is_left_also_a_web_page_and_a_key_with_a_rate() {
    let settings = [
        ("DATA_API_RATE_LIMIT_BURST", "2"),
        ("DATA_API_RATE_LIMIT_PER_MIN", "1"),
        ("CORS_ORIGINS", "http://dashboard.home:3000"),
    ];
    let home = Home::with(&settings).await;
    let wish = json!({"name": "tablet", "scopes": ["read"], "rate_limit_per_min": 1});
    let (_, key) = make(&home, &wish).await;
    let url = home.url.join("/api/devices").unwrap();
    let from_page = || {
        home.http
            .get(url.clone())
            .header("origin", "http://dashboard.home:3000")
    };
    let limited = [from_page(), from_page().bearer_auth(&key)];
    for (request, expected) in limited.into_iter().zip([401, 200]) {
        for left in ["1", "0"] {
            let response = request.try_clone().unwrap().send().await.unwrap();
            assert_eq!(response.status(), expected);
            assert_eq!(response.headers()["x-ratelimit-remaining"], left);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 429);
        let headers = response.headers();
        assert_eq!(
            headers["access-control-allow-origin"],
            "http://dashboard.home:3000"
        );
        assert_eq!(headers["x-ratelimit-limit"], "1");
        for name in ["retry-after", "x-correlation-id", "x-ratelimit-reset"] {
            assert!(headers.contains_key(name), "{name}");
        }
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error_code"], "RATE_LIMIT_EXCEEDED");
    }
    for path in ["/health", "/live", "/ready"] {
        for _ in 0..5 {
            assert_eq!(
                answer(home.http.get(home.url.join(path).unwrap())).await.0,
                200
            );
        }
    }
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_proxy_that_is_trusted() {
    for (trusted, expected) in [("", 429), ("127.0.0.0/8", 401)] {
        let settings = [
            ("DATA_API_RATE_LIMIT_BURST", "1"),
            ("DATA_API_RATE_LIMIT_PER_MIN", "1"),
            ("DATA_API_TRUSTED_PROXIES", trusted),
        ];
        let home = Home::with(&settings).await;
        let from = |address: &str| -> RequestBuilder {
            let url = home.url.join("/api/devices").unwrap();
            home.http.get(url).header("x-forwarded-for", address)
        };
        assert_eq!(answer(from("192.0.2.1")).await.0, 401);
        assert_eq!(
            answer(from("192.0.2.2")).await.0,
            expected,
            "trusted: {trusted}"
        );
    }
}

#[tokio::test]
async fn only_the_pages_that_were_named_may_call_and_with_a_star_none_has_credentials() {
    let home = Home::with(&[("CORS_ORIGINS", "http://a.home,http://b.home:3000")]).await;
    let asked_by = |home: &Home, origin: &str| {
        let request = home.http.request(
            reqwest::Method::OPTIONS,
            home.url.join("/api/v1/events").unwrap(),
        );
        request
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
    };
    for (origin, allowed) in [
        ("http://a.home", true),
        ("http://b.home:3000", true),
        ("http://b.home", false),
        ("https://a.home", false),
        ("http://a.home.evil.example", false),
        ("null", false),
    ] {
        let response = asked_by(&home, origin).send().await.unwrap();
        let headers = response.headers();
        let found = headers.get("access-control-allow-origin");
        assert_eq!(found.is_some(), allowed, "{origin}: {found:?}");
        if let Some(found) = found {
            assert_eq!(found, origin);
            assert_eq!(headers["access-control-allow-credentials"], "true");
        }
    }
    let home = Home::with(&[("CORS_ORIGINS", "*")]).await;
    let response = asked_by(&home, "http://anywhere.example")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-credentials")
    );
}

async fn drop_all_tables(home: &Home) {
    let database = &home.folder.database;
    if engine() == "postgresql" {
        let mut other = sqlx::PgConnection::connect(database).await.unwrap();
        let all = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
        let tables: Vec<String> = sqlx::query_scalar(all).fetch_all(&mut other).await.unwrap();
        assert!(tables.len() > 10, "{tables:?}");
        let drop = format!("DROP TABLE {} CASCADE", tables.join(", "));
        other.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
        return;
    }
    let mut other = sqlx::SqliteConnection::connect(database).await.unwrap();
    other.execute("PRAGMA foreign_keys = off").await.unwrap();
    let all = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<String> = sqlx::query_scalar(all).fetch_all(&mut other).await.unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    for table in &tables {
        let drop = sqlx::AssertSqlSafe(format!("DROP TABLE {table}"));
        other.execute(drop).await.unwrap();
    }
}

/// The replaced service sent SQL text and parameters in its 500s.
#[tokio::test]
async fn a_broken_store_tells_its_callers_nothing_of_its_statements() {
    let home = Home::new().await;
    fill(&home, 10).await;
    drop_all_tables(&home).await;
    let mut failed = 0;
    for operation in operations(&home).await {
        let request = ask(&home, &operation).bearer_auth(KEY).send();
        let response = request.await.unwrap();
        let status = response.status().as_u16();
        failed += usize::from(status >= 500);
        // A stream may have no end.
        let body = tokio::time::timeout(Duration::from_secs(2), response.text()).await;
        let body = body
            .map(Result::unwrap_or_default)
            .unwrap_or_default()
            .to_lowercase();
        for word in [
            "select ",
            "insert ",
            "update ",
            "no such table",
            "sqlite_",
            "relation \\",
            "sqlx",
            "(code",
        ] {
            assert!(!body.contains(word), "{operation:?} {status}: {body}");
        }
    }
    assert!(failed > 10, "only {failed} operations failed");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_and_nothing_of_it_is_kept() {
    let home = Home::new().await;
    let row = r#"[{"entity_id": "light.a", "state": "on", "last_updated": 1795428000000000}"#;
    let head = format!(
        "POST /internal/events/bulk_upsert HTTP/1.1\r\nHost: home\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{row}",
        row.len() + 1
    );
    let address = home.url.socket_addrs(|| None).unwrap()[0];
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut told = String::new();
    let answered = async {
        socket.read_to_string(&mut told).await.unwrap();
    };
    let passing = async {
        // The last byte does not come for half a minute.
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            pass(Duration::from_secs(31)).await;
        }
    };
    tokio::select! {
        () = answered => {}
        () = passing => panic!("it waits for ever"),
    }
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    assert!(told.contains("did not come in time"), "{told}");
    assert_eq!(
        home.json("/api/v1/events/stats?period=24h").await["stored_events"],
        0
    );
}
