//! The HTTP API where nothing was analysed yet, and where others know it from before.

use reqwest::Method;
use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn answers_with_the_bodies_of_the_replaced_service() {
    let house = House::new().await;
    let service = house.service(&[("TZ", "Europe/Berlin")]).await;
    let root = service.get("/").await;
    assert_eq!(
        (&root["service"], &root["status"]),
        (&json!("ai-pattern-service"), &json!("operational"))
    );
    assert_eq!(service.get("/live").await, json!({"status": "live"}));
    assert_eq!(service.get("/ready").await, json!({"status": "ready"}));
    let health = service.get("/health").await;
    assert_eq!(
        (&health["status"], &health["database"]),
        (&json!("ok"), &json!("connected"))
    );
    let list = service.get("/api/v1/patterns/list").await;
    assert_eq!(
        list,
        json!({"success": true, "data": {"patterns": [], "count": 0}, "message": "0 habits"})
    );
    let stats = service.get("/api/v1/patterns/stats").await["data"].clone();
    let empty = json!({"total_patterns": 0, "by_type": {}, "avg_confidence": 0.0, "unique_devices": 0, "total_occurrences": 0});
    assert_eq!(stats, empty);
    let status = service.get("/api/analysis/status").await;
    assert_eq!(
        (&status["status"], &status["scheduler"]["last_run"]),
        (&json!("ready"), &json!(null))
    );
    let schedule = service.get("/api/analysis/schedule").await;
    assert_eq!(
        (&schedule["schedule"], &schedule["enabled"]),
        (&json!("0 3 * * *"), &json!(true))
    );
    assert!(schedule["next_run"].is_string(), "{schedule}");
    assert!(
        service.get("/openapi.json").await["paths"]["/api/analysis/trigger"]["post"].is_object()
    );
    assert!(
        service
            .get("/metrics")
            .await
            .as_str()
            .unwrap()
            .contains("homeiq_build_info")
    );
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn parameters_out_of_their_bounds_are_named() {
    let house = House::new().await;
    let service = house.service(&[]).await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("min_confidence=1.5", "min_confidence"),
        ("activity_window_days=366", "activity_window_days"),
    ] {
        let (status, body) = service
            .send(Method::GET, &format!("/api/v1/patterns/list?{query}"))
            .await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (422, &json!("ValidationError")),
            "{query}: {body}"
        );
        assert!(
            body["error"]["detail"].to_string().contains(name),
            "{query}: {body}"
        );
    }
    assert_eq!(
        service.send(Method::GET, "/api/analysis/trigger").await.0,
        405
    );
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_second_trigger_while_one_runs_says_so() {
    let house = House::new().await;
    // Nobody answers there, so the run keeps trying for some seconds.
    let service = house.service_with("http://127.0.0.1:1", &[]).await;
    let (first, body) = service.send(Method::POST, "/api/analysis/trigger").await;
    assert_eq!((first, &body["status"]), (200, &json!("running")), "{body}");
    let (second, body) = service.send(Method::POST, "/api/analysis/trigger").await;
    assert_eq!((second, &body["success"]), (409, &json!(false)), "{body}");
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .starts_with("an analysis is already running, since 20"),
        "{body}"
    );
    assert_eq!(
        service.get("/api/analysis/status").await["analysis"]["running"]["cause"],
        "trigger"
    );
    // And the stop does not wait for it.
    let begun = std::time::Instant::now();
    service.stop().await;
    assert!(begun.elapsed().as_secs() < 3);
    house.data_api.stop().await;
}
