//! Who may call, and what the open pages say.

use serde_json::json;

use crate::home::{self, Home, KEY, answer};

#[tokio::test]
async fn without_the_key_everything_but_the_status_is_closed() {
    let home = Home::new().await;
    for path in [
        "/api/v1/events",
        "/api/v1/events/stats",
        "/api/devices",
        "/api/entities",
        "/api/areas",
        "/api/services",
    ] {
        let url = home.url.join(path).unwrap();
        let response = home.http.get(url.clone()).send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], "Bearer", "{path}");
        assert!(
            response.headers().contains_key("x-correlation-id"),
            "{path}"
        );
        let (status, told) = answer(home.http.get(url.clone())).await;
        assert_eq!(
            (status, told),
            (401, json!({"detail": "Authentication required"})),
            "{path}"
        );
        let (status, told) = answer(home.http.get(url.clone()).bearer_auth("wrong")).await;
        assert_eq!(
            (status, told),
            (401, json!({"detail": "Invalid or expired credentials"})),
            "{path}"
        );
        assert_eq!(
            answer(home.http.get(url.clone()).bearer_auth(KEY)).await.0,
            200,
            "{path}"
        );
        assert_eq!(
            answer(home.http.get(url).header("x-api-key", KEY)).await.0,
            200,
            "{path}"
        );
    }
    for part in ["events", "devices", "entities", "areas", "services"] {
        let url = home
            .url
            .join(&format!("/internal/{part}/bulk_upsert"))
            .unwrap();
        let status = answer(home.http.post(url).json(&json!([]))).await.0;
        assert!(status == 401 || status == 429, "{part}: {status}");
    }
    for path in [
        "/",
        "/live",
        "/ready",
        "/health",
        "/api/info",
        "/docs",
        "/openapi.json",
        "/metrics",
    ] {
        assert_eq!(
            answer(home.http.get(home.url.join(path).unwrap())).await.0,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn callers_without_key_are_limited_and_siblings_are_not() {
    let home = Home::with(&[
        ("DATA_API_RATE_LIMIT_BURST", "5"),
        ("DATA_API_RATE_LIMIT_PER_MIN", "1"),
    ])
    .await;
    let url = home.url.join("/api/devices").unwrap();
    for _ in 0..5 {
        assert_eq!(answer(home.http.get(url.clone())).await.0, 401);
    }
    let limited = home.http.get(url.clone()).send().await.unwrap();
    assert_eq!(limited.status().as_u16(), 429);
    assert!(
        limited.headers().contains_key("retry-after")
            && limited.headers().contains_key("x-correlation-id")
    );
    for _ in 0..40 {
        assert_eq!(answer(home.get("/api/devices")).await.0, 200);
    }
    assert_eq!(
        answer(home.http.get(home.url.join("/health").unwrap()))
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn anonymous_callers_pass_when_that_was_asked_for_but_a_wrong_key_does_not() {
    let home = Home::with(&[("DATA_API_ALLOW_ANONYMOUS", "true")]).await;
    let url = home.url.join("/api/devices").unwrap();
    assert_eq!(answer(home.http.get(url.clone())).await.0, 200);
    assert_eq!(answer(home.http.get(url).bearer_auth("wrong")).await.0, 401);
}

#[tokio::test]
async fn health_has_the_contracts_keys_and_counts_requests() {
    let home = Home::new().await;
    home.json("/api/devices").await;
    let health = home.json("/health").await;
    for key in [
        "status",
        "service",
        "version",
        "timestamp",
        "uptime_seconds",
        "metrics",
        "cache",
        "rate_limiter",
        "dependencies",
        "authentication",
    ] {
        assert!(health.get(key).is_some(), "{key}");
    }
    assert_eq!(health["status"], "healthy");
    let database = &health["dependencies"][home::engine()];
    assert_eq!(database["status"], "healthy");
    assert!(database["database_size_mb"].is_number());
    let wal = (home::engine() == "sqlite").then_some("wal");
    assert_eq!(database["journal_mode"], json!(wal));
    assert!(health["metrics"]["total_requests"].as_u64().unwrap() >= 1);
    assert_eq!(health["authentication"]["api_key_required"], true);
}

#[tokio::test]
async fn unknown_paths_and_methods_have_the_contracts_bodies() {
    let home = Home::new().await;
    assert_eq!(
        answer(home.get("/nothing")).await,
        (404, json!({"detail": "Not Found"}))
    );
    assert_eq!(
        answer(home.post("/api/areas")).await,
        (405, json!({"detail": "Method Not Allowed"}))
    );
}

#[tokio::test]
async fn the_document_names_every_path_that_clients_call() {
    let home = Home::new().await;
    let document = home.json("/openapi.json").await;
    for path in [
        "/api/v1/events",
        "/api/v1/events/{event_id}",
        "/internal/services/bulk_upsert",
        "/api/services/{domain}/{service}",
    ] {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
}
