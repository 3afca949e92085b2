//! Registries: floors and labels, what was removed, entities that get other ids.

use std::time::Duration;

use common::api::integrations::IntegrationOrigin;
use home_simulator::Registry;
use serde_json::json;
use test_support::eventually;

use crate::chain::{Ingestion, PATIENCE, Store, still_home};

const OLD: &str = "light.toilet";
const NEW: &str = "light.smallest_room";
// States are words that no light of the home has by itself, whatever the time of the day.

/// The states of an entity as data-api serves them, oldest first; a removal is empty.
async fn line(ingestion: &Ingestion, entity_id: &str) -> Vec<String> {
    let query = data_api_client::events::EventQuery {
        entity_id: Some(entity_id.to_owned()),
        limit: Some(1000),
        ..Default::default()
    };
    let page = ingestion.client.events(&query).await.unwrap();
    page.events
        .into_iter()
        .rev()
        .map(|event| event.state.unwrap_or_default())
        .collect()
}

async fn until_line(ingestion: &Ingestion, entity_id: &str, want: &[&str]) {
    let seen = eventually("the line", PATIENCE, async || {
        (line(ingestion, entity_id).await == want).then_some(())
    })
    .await;
    if let Err(error) = seen {
        panic!(
            "{error}: {entity_id} is {:?}, not {want:?}",
            line(ingestion, entity_id).await
        );
    }
}

async fn until_named(ingestion: &Ingestion, entity_id: &str, former: &[&str]) {
    let seen = eventually("the name", PATIENCE, async || {
        let all = ingestion.client.entities().await.unwrap().entities;
        let entity = all
            .into_iter()
            .find(|entity| entity.entity_id == entity_id)?;
        (entity.former_entity_ids == former).then_some(())
    })
    .await;
    seen.unwrap();
}

/// Waits until data-api has whole lists.
async fn handed_over(ingestion: &Ingestion) {
    ingestion
        .until("the registries", |health| {
            !health["registry"]["entities"].is_null()
        })
        .await;
}

#[tokio::test]
async fn floors_and_labels_arrive_and_follow_their_changes() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    let floors = ingestion.client.floors().await.unwrap();
    assert!(floors.count >= 2 && floors.floors.iter().any(|floor| !floor.areas.is_empty()));
    let labels = ingestion.client.labels().await.unwrap().labels;
    assert!(
        labels
            .iter()
            .any(|label| label.label_id == "energy" && label.entity_count > 0)
    );

    home.put(
        Registry::Floors,
        json!({"floor_id": "attic", "name": "Attic", "level": 7}),
    );
    home.put(
        Registry::Labels,
        json!({"label_id": "new_label", "name": "New"}),
    );
    home.put(
        Registry::Areas,
        json!({"area_id": "loft", "name": "Loft", "floor_id": "attic", "labels": ["new_label"]}),
    );
    eventually("the attic", PATIENCE, async || {
        let floors = ingestion.client.floors().await.unwrap().floors;
        let labels = ingestion.client.labels().await.unwrap().labels;
        let attic = floors.into_iter().find(|floor| floor.floor_id == "attic")?;
        let label = labels
            .into_iter()
            .find(|label| label.label_id == "new_label")?;
        (attic.areas == ["loft"] && label.area_count == 1).then_some(())
    })
    .await
    .unwrap();
    assert!(home.take_out(Registry::Floors, "attic") && home.take_out(Registry::Areas, "loft"));
    eventually("the attic to be gone", PATIENCE, async || {
        let floors = ingestion.client.floors().await.unwrap().floors;
        floors
            .iter()
            .all(|floor| floor.floor_id != "attic")
            .then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_version_without_floors_and_labels_has_none_and_everything_else_arrives() {
    let (home, store) = (still_home().await, Store::new().await);
    home.refuse("config/floor_registry/list");
    home.refuse("config/label_registry/list");
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    assert!(ingestion.client.entities().await.unwrap().count > 10);
    assert!(
        ingestion
            .client
            .floors()
            .await
            .unwrap()
            .floors
            .iter()
            .all(|floor| floor.timestamp.is_none())
    );
    assert!(
        ingestion
            .client
            .labels()
            .await
            .unwrap()
            .labels
            .iter()
            .all(|label| label.timestamp.is_none())
    );
}

#[tokio::test]
async fn integrations_are_home_assistants_own_list() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    let list = eventually("the integrations", PATIENCE, async || {
        let list = ingestion.client.integrations().await.ok()?;
        (list.origin == IntegrationOrigin::ConfigEntries).then_some(list)
    })
    .await
    .unwrap();
    let zha = list.integrations.iter().find(|one| one.domain == "zha");
    let zha = zha.expect("the simulated home has a Zigbee stick");
    assert_eq!((zha.title.as_str(), zha.state.as_str()), ("ZHA", "loaded"));
    let entities = ingestion.client.entities().await.unwrap().entities;
    assert!(
        entities
            .iter()
            .any(|entity| entity.config_entry_id.as_ref() == Some(&zha.entry_id))
    );
}

#[tokio::test]
async fn integrations_are_those_of_the_registry_where_the_token_is_not_of_an_administrator() {
    let (home, store) = (still_home().await, Store::new().await);
    home.refuse("config_entries/get");
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    let list = ingestion.client.integrations().await.unwrap();
    assert_eq!(list.origin, IntegrationOrigin::Registry);
    assert!(list.note.is_some() && list.integrations.iter().any(|one| one.domain == "zha"));
}

#[tokio::test]
async fn the_last_label_that_goes_is_gone_after_a_second_look() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    let reported = async || {
        let labels = ingestion.client.labels().await.unwrap().labels;
        let reported = labels
            .into_iter()
            .filter(|label| label.timestamp.is_some() && label.removed_at.is_none());
        reported.map(|label| label.label_id).collect::<Vec<_>>()
    };
    let all = reported().await;
    assert!(!all.is_empty());
    for label in &all {
        assert!(home.take_out(Registry::Labels, label));
    }
    eventually("no label", PATIENCE, async || {
        reported().await.is_empty().then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_a_starting_home_assistant_does_not_name_yet_is_not_taken_for_gone() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    let entities = ingestion.client.entities().await.unwrap().count;
    assert!(ingestion.tasks.stop(Duration::from_secs(10)).await);
    home.set_core_state("STARTING");
    assert!(home.take_out(Registry::Entities, OLD));
    let ingestion = Ingestion::start(&home, store.port).await;
    let health = ingestion
        .until("the registries", |health| {
            !health["registry"]["entities"].is_null()
        })
        .await;
    assert_eq!(
        health["registry"]["entities"],
        entities - 1,
        "what Home Assistant named"
    );
    assert_eq!(
        ingestion.client.entities().await.unwrap().count,
        entities,
        "nothing is marked"
    );
    home.set_core_state("RUNNING");
    eventually("the mark", PATIENCE, async || {
        (ingestion.client.entities().await.unwrap().count == entities - 1).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_removed_device_is_marked_and_its_events_stay() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    home.set_state(OLD, "one").unwrap();
    let entities = ingestion.client.entities().await.unwrap().entities;
    let device = entities
        .into_iter()
        .find(|e| e.entity_id == OLD)
        .unwrap()
        .device_id
        .unwrap();
    assert!(home.take_out(Registry::Devices, &device));
    eventually("the marks", PATIENCE, async || {
        let devices = ingestion.client.devices().await.unwrap().devices;
        let entities = ingestion.client.entities().await.unwrap().entities;
        (devices.iter().all(|d| d.device_id != device)
            && entities.iter().all(|e| e.entity_id != OLD))
        .then_some(())
    })
    .await
    .unwrap();
    until_line(&ingestion, OLD, &["one", ""]).await;
}

#[tokio::test]
async fn an_entity_that_gets_another_id_keeps_its_history_in_one_line() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    home.set_state(OLD, "one").unwrap();
    home.set_state(OLD, "two").unwrap();
    home.rename_entity(OLD, NEW).unwrap();
    home.set_state(NEW, "one").unwrap();
    until_named(&ingestion, NEW, &[OLD]).await;
    for id in [NEW, OLD] {
        until_line(&ingestion, id, &["one", "two", "", "two", "one"]).await;
    }
    // A device of its own under the id that became free.
    home.set_state(OLD, "unavailable").unwrap();
    until_line(&ingestion, OLD, &["unavailable"]).await;
    until_line(&ingestion, NEW, &["one", "two", "", "two", "one"]).await;
}

#[tokio::test]
async fn names_that_change_hands_within_a_moment_leave_each_history_whole() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    let (a, b) = (OLD, "light.porch");
    home.set_state(a, "unavailable").unwrap();
    home.set_state(b, "unknown").unwrap();
    home.rename_entity(a, "light.for_a_moment").unwrap();
    home.rename_entity(b, a).unwrap();
    home.rename_entity("light.for_a_moment", b).unwrap();
    home.set_state(a, "one").unwrap();
    until_named(&ingestion, a, &["light.porch"]).await;
    until_line(
        &ingestion,
        b,
        &["unavailable", "", "unavailable", "", "unavailable"],
    )
    .await;
    until_line(&ingestion, a, &["unknown", "", "unknown", "one"]).await;
}

#[tokio::test]
async fn a_rename_that_nobody_heard_is_seen_in_the_registry_at_the_next_connection() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    handed_over(&ingestion).await;
    home.set_state(OLD, "one").unwrap();
    until_line(&ingestion, OLD, &["one"]).await;
    assert!(ingestion.tasks.stop(Duration::from_secs(10)).await);
    // Nobody listens: the rename, and what follows, is known to Home Assistant only.
    home.rename_entity(OLD, NEW).unwrap();
    home.set_state(NEW, "two").unwrap();
    let ingestion = Ingestion::start(&home, store.port).await;
    until_named(&ingestion, NEW, &[OLD]).await;
    ingestion
        .until("the history", |health| {
            health["gaps"]["recent"][0]["closed_by"] == "backfill"
        })
        .await;
    eventually("the line to go on", PATIENCE, async || {
        let states = line(&ingestion, NEW).await;
        // The history may have the farewell, or not.
        let told: Vec<_> = states
            .iter()
            .filter(|state| !state.is_empty())
            .map(String::as_str)
            .collect();
        (told == ["one", "one", "two"]).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(line(&ingestion, OLD).await, line(&ingestion, NEW).await);
}

#[tokio::test]
async fn a_rename_while_data_api_is_away_is_carried_out_when_it_is_back() {
    let home = still_home().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let ingestion = Ingestion::start(&home, port).await;
    ingestion.subscribed().await;
    home.set_state(OLD, "one").unwrap();
    home.rename_entity(OLD, NEW).unwrap();
    home.set_state(NEW, "two").unwrap();
    let store = Store::on(
        tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .unwrap(),
    )
    .await;
    handed_over(&ingestion).await;
    until_line(&ingestion, NEW, &["one", "", "one", "two"]).await;
    store.stop().await;
}
