//! The acceptance checks of the replaced service's contract that no other test has. The others: removals, counts of a triggered
//! discovery and the filter in `events`, data-api away or refusing in `faults` and `missing`, bad input on `/ws` in `live`.

use std::time::{Duration, Instant};

use data_api_client::events::EventQuery;
use home_simulator::Simulator;
use serde_json::{Value, json};
use test_support::eventually;
use tokio::net::TcpListener;
use websocket_ingestion::Timing;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, still_home};

fn client() -> reqwest::Client {
    common::tls::install();
    reqwest::Client::builder().build().unwrap()
}

#[tokio::test]
async fn check_1_a_closed_socket_is_opened_again_soon_while_health_answers_and_discovery_runs_again()
 {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion
        .until("the registries", |health| {
            !health["registry"]["entities"].is_null()
        })
        .await;
    // A store that knows nothing takes the place of the one that got the registries.
    let port = store.port;
    store.stop().await;
    let _store = Store::on(TcpListener::bind(("127.0.0.1", port)).await.unwrap()).await;
    let home_port = home.address().port();
    let memory = home.stop().await;
    let mut quick = 0;
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(ingestion.get("/health").await.0, 200);
        quick += usize::from(asked.elapsed() < Duration::from_millis(100));
    }
    assert!(quick >= 15, "{quick} of 20 answers within 100 ms");
    let listener = TcpListener::bind(("127.0.0.1", home_port)).await.unwrap();
    let home = Simulator::resume(memory, listener).unwrap();
    let health = ingestion.subscribed().await;
    assert_eq!(health["subscription"]["active_subscriptions"], 1);
    home.set_state("light.after_it", "on").unwrap();
    let again = async || {
        let entities = ingestion.client.entities().await.ok()?;
        (entities.count > 10).then_some(())
    };
    eventually("the registries at the new store", PATIENCE, again)
        .await
        .unwrap();
    eventually("one row of one event", PATIENCE, async || {
        (ingestion.stored("light.after_it").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
    // The tests wait less; the program tries again within a second.
    assert_eq!(Timing::default().reconnect.first, Duration::from_secs(1));
}

#[tokio::test]
async fn check_2_one_event_is_one_row_with_its_state_attributes_and_contexts() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    let call = client()
        .post(format!("{}/api/services/light/turn_on", home.url()))
        .bearer_auth(TOKEN)
        .json(&json!({"entity_id": "light.kitchen_ceiling", "brightness_pct": 40}));
    assert_eq!(call.send().await.unwrap().status(), 200);
    let (_, now) = states(&home, "light.kitchen_ceiling").await;
    let query = EventQuery {
        entity_id: Some("light.kitchen_ceiling".to_owned()),
        limit: Some(100),
        ..EventQuery::default()
    };
    let rows = eventually("the row", PATIENCE, async || {
        let rows = ingestion.client.events(&query).await.ok()?.events;
        (!rows.is_empty()).then_some(rows)
    })
    .await
    .unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(row.state.as_deref(), Some("on"));
    let attributes: Value = serde_json::from_str(row.attributes.get()).unwrap();
    assert_eq!(attributes, now["attributes"]);
    assert_eq!(attributes["brightness"], 102);
    let context = &now["context"];
    let stored = json!({"id": row.context_id, "parent_id": row.context_parent_id, "user_id": row.context_user_id});
    assert_eq!(stored, *context);
    assert!(context["user_id"].is_string(), "{context}");
}

async fn states(home: &Simulator, entity_id: &str) -> (u16, Value) {
    let answer = client()
        .get(format!("{}/api/states/{entity_id}", home.url()))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn check_4_every_service_of_home_assistant_arrives_at_data_api() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    let services: Value = client()
        .get(format!("{}/api/services", home.url()))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let domains = services.as_array().unwrap().iter();
    let want: usize = domains
        .map(|domain| domain["services"].as_object().unwrap().len())
        .sum();
    assert!(want > 20);
    eventually("all services", PATIENCE, async || {
        let stored = ingestion.client.services(None).await.ok()?;
        (stored.count == want).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn check_6_an_entity_that_moves_has_its_new_area_within_seconds() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    let entities = eventually("the registries", PATIENCE, async || {
        let entities = ingestion.client.entities().await.ok()?;
        (entities.count > 10).then_some(entities)
    })
    .await
    .unwrap();
    let in_kitchen = |entity: &&common::api::registry::Entity| {
        entity.domain == "light" && entity.area_id.as_deref() == Some("kitchen")
    };
    let moved = entities.entities.iter().find(in_kitchen).unwrap();
    home.put(
        home_simulator::Registry::Entities,
        json!({"entity_id": moved.entity_id, "area_id": "attic"}),
    );
    let begun = Instant::now();
    eventually("the house with the move", PATIENCE, async || {
        let (_, house) = ingestion.get("/api/status/house").await;
        let areas = house["lights_by_area"].as_array()?;
        areas
            .iter()
            .any(|area| area["area"] == "attic")
            .then_some(())
    })
    .await
    .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    home.set_state(&moved.entity_id, "on");
    home.set_state(&moved.entity_id, "off");
    let query = EventQuery {
        entity_id: Some(moved.entity_id.clone()),
        limit: Some(1),
        ..EventQuery::default()
    };
    eventually("an event from there", PATIENCE, async || {
        let page = ingestion.client.events(&query).await.ok()?;
        (page.events.first()?.area_id.as_deref() == Some("attic")).then_some(())
    })
    .await
    .unwrap();
}
