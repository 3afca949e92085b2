//! Without Home Assistant, token or data-api: the service runs, serves, and says what is missing.

use crate::chain::{Ingestion, Store, TOKEN, still_home};

async fn says(ingestion: &Ingestion, part: &str, words: &[&str]) {
    let health = ingestion.says(part, words).await;
    assert_eq!(health["status"], "degraded");
    assert_eq!(ingestion.get("/live").await.0, 200);
    assert_eq!(ingestion.get("/ready").await.0, 200);
    assert_eq!(ingestion.get("/openapi.json").await.0, 200);
}

#[tokio::test]
async fn without_a_named_home_assistant() {
    let store = Store::new().await;
    let ingestion = Ingestion::with(store.port, &[]).await;
    says(&ingestion, "home_assistant", &["HA_HTTP_URL", "HA_TOKEN"]).await;
    assert_eq!(ingestion.health().await["connection"]["is_running"], false);
}

#[tokio::test]
async fn without_a_named_home_assistant_where_the_demo_could_be_but_is_not() {
    let store = Store::new().await;
    let settings = [
        ("DEMO_HA_HTTP_URL", "http://127.0.0.1:1"),
        ("DEMO_HA_TOKEN_FILE", "/nowhere/token"),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    says(
        &ingestion,
        "home_assistant",
        &["HA_HTTP_URL", "HA_TOKEN", "demo"],
    )
    .await;
}

#[tokio::test]
async fn turned_off_on_purpose() {
    let store = Store::new().await;
    let ingestion = Ingestion::with(
        store.port,
        &[
            ("ENABLE_HOME_ASSISTANT", "false"),
            ("HA_HTTP_URL", "http://127.0.0.1:1"),
        ],
    )
    .await;
    says(&ingestion, "home_assistant", &["ENABLE_HOME_ASSISTANT"]).await;
}

#[tokio::test]
async fn without_a_token_and_then_with_one() {
    let (home, store) = (still_home().await, Store::new().await);
    let folder = tempfile::tempdir().unwrap();
    let (url, file) = (home.url(), folder.path().join("token"));
    let ingestion = Ingestion::with(
        store.port,
        &[
            ("HA_HTTP_URL", &url),
            ("HA_TOKEN_FILE", file.to_str().unwrap()),
        ],
    )
    .await;
    says(&ingestion, "home_assistant", &["no token", "HA_TOKEN_FILE"]).await;
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    ingestion.subscribed().await;
}

#[tokio::test]
async fn without_home_assistant_there() {
    let store = Store::new().await;
    let port = test_support::free_port().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let ingestion =
        Ingestion::with(store.port, &[("HA_HTTP_URL", &url), ("HA_TOKEN", TOKEN)]).await;
    says(
        &ingestion,
        "home_assistant",
        &["cannot be reached", &port.to_string()],
    )
    .await;
}

#[tokio::test]
async fn without_data_api_events_wait_and_arrive_later() {
    let home = still_home().await;
    let port = test_support::free_port().unwrap();
    let ingestion = Ingestion::start(&home, port).await;
    says(&ingestion, "data_api", &["does not answer", "events wait"]).await;
    ingestion.subscribed().await;
    home.burst(500).await;
    ingestion
        .until("500 waiting events", |health| {
            health["subscription"]["events_by_type"]["state_changed"] == 500
        })
        .await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .unwrap();
    let _store = Store::on(listener).await;
    ingestion.has_exactly(&home).await;
    ingestion
        .until("health", |health| health["status"] == "healthy")
        .await;
}
