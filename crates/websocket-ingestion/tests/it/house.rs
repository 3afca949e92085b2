//! `/api/status/house` and `/ws/status`.

use std::collections::BTreeMap;
use std::time::Duration;

use home_simulator::Simulator;
use serde_json::{Value, json};
use test_support::eventually;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, still_home};
use crate::socket::{Closed, dial};

const SECTIONS: [&str; 6] = [
    "climate",
    "presence",
    "lights_by_area",
    "sensors",
    "switches_on",
    "active_automations",
];

async fn status(ingestion: &Ingestion) -> Value {
    let known = async || {
        let (code, status) = ingestion.get("/api/status/house").await;
        (code == 200).then_some(status)
    };
    eventually("the status of the house", PATIENCE, known)
        .await
        .unwrap()
}

/// What the home says of itself.
async fn states(home: &Simulator) -> Vec<Value> {
    common::tls::install();
    let answer = reqwest::Client::builder()
        .build()
        .unwrap()
        .get(format!("{}/api/states", home.url()))
        .bearer_auth(TOKEN)
        .send()
        .await;
    answer.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn it_is_complete_before_anything_changes() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    let status = status(&ingestion).await;
    let states = states(&home).await;
    let ids = |domain: &str| -> Vec<(&str, &str)> {
        let of_domain = states.iter().filter_map(|state| {
            let id = state["entity_id"].as_str()?;
            id.starts_with(&format!("{domain}."))
                .then_some((id, state["state"].as_str()?))
        });
        of_domain.collect()
    };
    let on = |domain: &str| -> Vec<&str> {
        let mut on: Vec<&str> = ids(domain)
            .into_iter()
            .filter(|(_, state)| *state == "on")
            .map(|(id, _)| id)
            .collect();
        on.sort_unstable();
        on
    };
    assert_eq!(
        status["climate"].as_array().unwrap().len(),
        ids("climate").len()
    );
    assert_eq!(
        status["presence"].as_array().unwrap().len(),
        ids("person").len()
    );
    assert_eq!(status["switches_on"], json!(on("switch")));
    assert_eq!(status["active_automations"], json!(on("automation")));
    let lights = status["lights_by_area"].as_array().unwrap();
    let sum = |key: &str| -> u64 { lights.iter().map(|area| area[key].as_u64().unwrap()).sum() };
    assert_eq!(sum("on_count") as usize, on("light").len());
    assert_eq!(
        (sum("on_count") + sum("off_count")) as usize,
        ids("light").len()
    );
    assert!(
        lights.iter().any(|area| area["area"] == "kitchen"),
        "{lights:?}"
    );
    assert!(
        lights.iter().all(|area| area["area"] != "unknown"),
        "every light of this home has its area: {lights:?}"
    );
    let sensors: usize = status["sensors"]
        .as_object()
        .unwrap()
        .values()
        .map(|class| class.as_array().unwrap().len())
        .sum();
    assert_eq!(sensors, ids("binary_sensor").len());
    assert!(
        ids("climate").len() >= 2 && ids("person").len() >= 2 && sensors >= 5,
        "the home has all kinds"
    );
    assert_eq!(status["connected"], true);
}

#[tokio::test]
async fn without_any_connection_it_is_a_503_and_the_socket_is_closed() {
    let ingestion = Ingestion::with(test_support::free_port().unwrap(), &[]).await;
    let (code, body) = ingestion.get("/api/status/house").await;
    assert_eq!(code, 503);
    assert!(
        body["detail"].as_str().unwrap().contains("/health"),
        "{body}"
    );
    let mut socket = dial(&ingestion, "/ws/status", None).await.unwrap();
    let (told, closed) = socket.read_out().await;
    assert_eq!(
        (&told["type"], closed),
        (&json!("error"), Closed(Some(1013)))
    );
}

#[tokio::test]
async fn a_client_that_replaces_sections_sees_what_the_house_is() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    let mut socket = dial(&ingestion, "/ws/status", None).await.unwrap();
    let mut seen = socket.hear().await;
    assert_eq!(seen["type"], "snapshot");
    let climate = seen["climate"][0]["entity_id"].as_str().unwrap().to_owned();
    // What the client says is passed over.
    socket.send("anything").await;
    home.set_state("light.kitchen_ceiling", "on");
    home.set_state("light.kitchen_ceiling", "off");
    home.set_state("light.new_one", "on").unwrap();
    home.set_state("switch.new_one", "on").unwrap();
    home.set_state("person.guest", "home").unwrap();
    home.set_state(&climate, "auto").unwrap();
    home.set_state("binary_sensor.new_one", "on").unwrap();
    home.set_state("automation.new_one", "on").unwrap();
    home.set_state("light.short_lived", "on").unwrap();
    assert!(home.remove_state("light.short_lived"));
    let mut deltas: BTreeMap<String, usize> = BTreeMap::new();
    let same = async || {
        let delta = socket.hear().await;
        if delta["type"] == "delta" {
            let section = delta["section"].as_str().unwrap();
            assert!(SECTIONS.contains(&section), "{delta}");
            seen[section] = delta["data"].clone();
            *deltas.entry(section.to_owned()).or_default() += 1;
        }
        let now = status(&ingestion).await;
        let is_same = SECTIONS.iter().all(|section| seen[section] == now[section]);
        (is_same && deltas.len() == SECTIONS.len()).then_some(now)
    };
    let now = eventually("the same by both ways", PATIENCE, same)
        .await
        .unwrap();
    assert!(now["switches_on"].to_string().contains("switch.new_one"));
    assert!(now["presence"].to_string().contains("person.guest"));
    assert_eq!(now["climate"][0]["hvac_mode"], "auto");
    let unknown = now["lights_by_area"]
        .as_array()
        .unwrap()
        .iter()
        .find(|area| area["area"] == "unknown");
    assert_eq!(
        unknown.unwrap(),
        &json!({"area": "unknown", "on_count": 1, "off_count": 0}),
        "the removed one is gone"
    );
}

#[tokio::test]
async fn it_stays_known_while_home_assistant_is_away_and_is_read_again_after() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    home.set_state("switch.of_the_first_connection", "on")
        .unwrap();
    let has = async |id: &str, is_connected: bool| {
        let shown = async || {
            let now = status(&ingestion).await;
            (now["switches_on"].to_string().contains(id) && now["connected"] == is_connected)
                .then_some(())
        };
        eventually(id, PATIENCE, shown).await.unwrap();
    };
    has("switch.of_the_first_connection", true).await;
    let port = home.address().port();
    let memory = home.stop().await;
    has("switch.of_the_first_connection", false).await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .unwrap();
    let home = Simulator::resume(memory, listener).unwrap();
    home.set_state("switch.of_the_time_away", "on").unwrap();
    has("switch.of_the_time_away", true).await;
}

#[tokio::test]
async fn what_the_filter_names_is_not_shown() {
    let (home, store) = (still_home().await, Store::new().await);
    let url = home.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
        (
            "ENTITY_FILTER_CONFIG",
            r#"{"patterns": [{"domain": "person"}, {"area_id": "kitchen"}]}"#,
        ),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    let status = status(&ingestion).await;
    assert_eq!(status["presence"], json!([]));
    assert!(
        !status["lights_by_area"].to_string().contains("kitchen"),
        "{status}"
    );
    assert!(status["lights_by_area"].as_array().unwrap().len() > 2);
    let (_, stats) = ingestion.get("/api/v1/filter/stats").await;
    assert_eq!(
        stats["statistics"]["total_processed"], 0,
        "states that are read are no events"
    );
}

#[tokio::test]
async fn a_watcher_is_kept_awake() {
    let (home, store) = (still_home().await, Store::new().await);
    let url = home.url();
    let settings = [("HA_HTTP_URL", url.as_str()), ("HA_TOKEN", TOKEN)];
    let ingestion = Ingestion::with_timing(store.port, &settings, |timing| {
        assert_eq!(timing.status_ping_every, Duration::from_secs(15));
        timing.status_ping_every = Duration::from_millis(200);
    })
    .await;
    let mut socket = dial(&ingestion, "/ws/status", None).await.unwrap();
    // A ping may come before the states are known, but none between two others is anything else.
    while socket.hear().await["type"] == "ping" {}
    for _ in 0..2 {
        assert_eq!(socket.hear().await, json!({"type": "ping"}));
    }
}
