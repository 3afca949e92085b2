//! Alerts are evaluated. In the replaced service nothing ever did, so that every list was empty for ever.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::home::{Home, KEY, answer, engine, now};

const QUICK: [(&str, &str); 1] = [("ALERT_CHECK_INTERVAL", "0.05")];

async fn store_one(home: &Home, seconds_ago: i64) {
    let row = json!([{"entity_id": "light.a", "state": "on", "last_updated": now().plus_seconds(-seconds_ago)}]);
    let (status, _) = answer(home.post("/internal/events/bulk_upsert").json(&row)).await;
    assert_eq!(status, 200);
}

/// The first alert of this name that is as wanted.
async fn alert(home: &Home, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let alerts = home.json("/api/v1/alerts").await;
        let found = alerts
            .as_array()
            .unwrap()
            .iter()
            .find(|a| a["name"] == name && wanted(a));
        if let Some(found) = found {
            return found.clone();
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "no {name} as wanted: {alerts}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_ingest_that_stalls_is_told_acknowledged_and_resolved_by_itself() {
    let home = Home::with(&QUICK).await;
    store_one(&home, 60).await;
    home.clock.set(now().plus_seconds(16 * 60));
    let stalled = alert(&home, "ingest_stalled", |a| a["status"] == "active").await;
    assert_eq!(
        (
            &stalled["severity"],
            &stalled["service"],
            &stalled["threshold_value"]
        ),
        (
            &json!("warning"),
            &json!("websocket-ingestion"),
            &json!(15.0)
        ),
        "{stalled}"
    );
    for key in [
        "id",
        "name",
        "severity",
        "status",
        "message",
        "service",
        "metric",
        "current_value",
        "threshold_value",
        "created_at",
        "resolved_at",
        "acknowledged_at",
        "metadata",
    ] {
        assert!(stalled.get(key).is_some(), "{key} is there, if null");
    }
    let id = stalled["id"].as_str().unwrap().to_owned();
    assert_eq!(
        home.json(&format!("/api/v1/alerts/{id}")).await["id"],
        stalled["id"]
    );
    assert_eq!(
        home.json("/api/v1/alerts/active?severity=warning")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        home.json("/api/v1/alerts/active?severity=critical").await,
        json!([])
    );
    let (status, reply) = answer(home.post(&format!("/api/v1/alerts/{id}/acknowledge"))).await;
    assert_eq!((status, &reply["status"]), (200, &json!("success")));
    let known = alert(&home, "ingest_stalled", |a| a["status"] == "acknowledged").await;
    assert_eq!(known["acknowledged_at"], json!(now().plus_seconds(16 * 60)));
    let summary = home.json("/api/v1/alerts/summary").await;
    assert_eq!(
        summary,
        json!({"total_active": 1, "critical": 0, "warning": 1, "info": 0, "total_alerts": 1, "alert_history_count": 0})
    );
    // It survives a restart, and what came meanwhile ends it.
    let folder = home.stop().await;
    let home = Home::at(folder, &QUICK).await;
    home.clock.set(now().plus_seconds(17 * 60));
    store_one(&home, -60 * 17).await;
    let over = alert(&home, "ingest_stalled", |a| a["status"] == "resolved").await;
    assert_eq!(over["id"], json!(id));
    assert!(over["resolved_at"].is_string());
    let cleanup = home.http.delete(
        home.url
            .join("/api/v1/alerts/cleanup?older_than_hours=1")
            .unwrap(),
    );
    let (status, reply) = answer(cleanup.bearer_auth(KEY)).await;
    assert_eq!(
        (status, &reply["message"]),
        (200, &json!("Deleted 0 alerts"))
    );
    home.clock.set(now().plus_seconds(20_000));
    let cleanup = home.http.delete(
        home.url
            .join("/api/v1/alerts/cleanup?older_than_hours=1")
            .unwrap(),
    );
    let (_, reply) = answer(cleanup.bearer_auth(KEY)).await;
    assert_eq!(reply["message"], "Deleted 1 alerts");
}

#[tokio::test]
async fn an_open_gap_is_told_when_it_stays_open() {
    let home = Home::with(&QUICK).await;
    let gap = |closed: Value| json!([{"start": now().plus_seconds(-600), "end": now(), "reason": "disconnected", "closed_by": closed}]);
    let (status, _) = answer(home.post("/internal/gaps").json(&gap(Value::Null))).await;
    assert_eq!(status, 200);
    // It must have been seen open for ten minutes; two looks are needed.
    let looks = async |at: i64| {
        let before = looked(&home).await;
        home.clock.set(now().plus_seconds(at));
        let begun = Instant::now();
        while looked(&home).await < before + 2 {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "it no longer looks"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    looks(1).await;
    assert_eq!(home.json("/api/v1/alerts").await, json!([]));
    home.clock.set(now().plus_seconds(700));
    let open = alert(&home, "gap_open", |a| a["status"] == "active").await;
    assert_eq!(open["current_value"], 1.0);
    answer(home.post("/internal/gaps").json(&gap(json!("backfill")))).await;
    alert(&home, "gap_open", |a| a["status"] == "resolved").await;
}

/// How many small reads the watch has measured: one a look.
async fn looked(home: &Home) -> u64 {
    let metrics = home.json("/api/v1/metrics").await;
    metrics["timers"]["database_read"]["count"]
        .as_u64()
        .unwrap()
}

#[tokio::test]
async fn a_service_that_is_unhealthy_is_told_and_one_that_is_degraded_is_not() {
    // A websocket-ingestion that says what it is told to say.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (say, said) = tokio::sync::watch::channel("degraded");
    let server = async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _length = socket.read(&mut request).await.unwrap();
            let body = json!({"status": *said.borrow()}).to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            socket.write_all((head + &body).as_bytes()).await.unwrap();
        }
    };
    let test = async {
        let home = Home::with(&[QUICK[0], ("WEBSOCKET_INGESTION_URL", &url)]).await;
        let begun = Instant::now();
        while looked(&home).await < 2 {
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        say.send("unhealthy").unwrap();
        let before = looked(&home).await;
        while looked(&home).await < before + 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(
            home.json("/api/v1/alerts").await,
            json!([]),
            "a minute has not passed"
        );
        home.clock.set(now().plus_seconds(61));
        let told = alert(&home, "service_unhealthy", |a| a["status"] == "active").await;
        assert_eq!(told["severity"], "critical");
        say.send("healthy").unwrap();
        alert(&home, "service_unhealthy", |a| a["status"] == "resolved").await;
    };
    tokio::select! {
        () = test => {}
        () = server => {}
    }
}

#[tokio::test]
async fn a_disk_that_fills_is_told() {
    if engine() != "sqlite" {
        // The disk of a PostgreSQL server is not ours to see.
        return;
    }
    let home = Home::with(&[QUICK[0], ("ALERT_DISK_FREE_PERCENT", "100.1")]).await;
    let filling = alert(&home, "disk_filling", |_| true).await;
    assert_eq!(
        (&filling["metric"], &filling["status"]),
        (&json!("disk_free_percent"), &json!("active"))
    );
    let id = filling["id"].as_str().unwrap();
    let (status, _) = answer(home.post(&format!("/api/v1/alerts/{id}/resolve"))).await;
    assert_eq!(status, 200);
    let before = looked(&home).await;
    while looked(&home).await < before + 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let alerts = home.json("/api/v1/alerts").await;
    assert_eq!(
        alerts.as_array().unwrap().len(),
        1,
        "it cools down: {alerts}"
    );
}

#[tokio::test]
async fn bad_words_are_400_and_unknown_alerts_404() {
    let home = Home::new().await;
    for path in [
        "/api/v1/alerts?severity=bad",
        "/api/v1/alerts?status=bad",
        "/api/v1/alerts/active?severity=bad",
    ] {
        let (status, body) = answer(home.get(path)).await;
        assert_eq!(status, 400, "{path}");
        assert!(body["detail"].as_str().unwrap().contains("bad"), "{body}");
    }
    let missing = json!({"detail": "Alert x not found"});
    assert_eq!(
        answer(home.get("/api/v1/alerts/x")).await,
        (404, missing.clone())
    );
    for what in ["acknowledge", "resolve"] {
        let path = format!("/api/v1/alerts/x/{what}");
        assert_eq!(answer(home.post(&path)).await, (404, missing.clone()));
    }
}
