//! The client that the other services use, against the real server.

use common::api::events::{Context, NewEvent, Origin};
use common::env::Secret;
use common::instant::UtcMicros;
use common::settings::DataApiPeer;
use data_api_client::events::EventQuery;
use data_api_client::registry::Registry;
use data_api_client::{CallFailed, DataApi};
use serde_json::json;

use crate::home::Home;

fn event(n: i64) -> NewEvent {
    NewEvent {
        entity_id: "light.a".parse().unwrap(),
        state: Some(n.to_string()),
        attributes: serde_json::value::RawValue::from_string(r#"{"x": 1.10}"#.to_owned()).ok(),
        last_changed: None,
        last_updated: UtcMicros::new(1_795_428_000_000_000 + n).unwrap(),
        context: Some(Context {
            id: Some("CTX".to_owned()),
            ..Context::default()
        }),
        origin: Origin::Live,
        startup: None,
        device_id: None,
        area_id: Some("hall".to_owned()),
    }
}

#[tokio::test]
async fn what_the_client_sends_comes_back_page_by_page() {
    let home = Home::new().await;
    let batch: Vec<_> = (0..7).map(event).collect();
    assert_eq!(home.client.send_events(&batch).await.unwrap().stored, 7);
    let mut query = EventQuery {
        limit: Some(3),
        entity_id: Some("light.a".to_owned()),
        ..EventQuery::default()
    };
    let mut states = Vec::new();
    loop {
        let page = home.client.events(&query).await.unwrap();
        states.extend(page.events.into_iter().filter_map(|event| event.state));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(states, ["6", "5", "4", "3", "2", "1", "0"]);
    assert_eq!(
        home.client.event_stats("1h").await.unwrap().stored_events,
        7
    );
    let services = json!({"light": {"turn_on": {}}});
    assert_eq!(
        home.client
            .upsert(Registry::Services, &services)
            .await
            .unwrap()
            .upserted,
        1
    );
    assert_eq!(home.client.services(Some("light")).await.unwrap().count, 1);
    home.client
        .upsert(Registry::Entities, &json!([{"entity_id": "light.a"}]))
        .await
        .unwrap();
    assert_eq!(home.client.entities().await.unwrap().count, 1);
    assert_eq!(home.client.devices().await.unwrap().count, 0);
    assert_eq!(home.client.areas().await.unwrap().count, 0);
}

#[tokio::test]
async fn failures_say_what_to_do_and_whether_to_try_again() {
    let home = Home::new().await;
    let with = |url: &str, key: Secret| {
        DataApi::new(DataApiPeer {
            url: url.parse().unwrap(),
            key,
        })
        .unwrap()
    };
    let wrong = with(home.url.as_str(), Secret::Value("wrong".to_owned().into()));
    let error = wrong.devices().await.unwrap_err();
    assert!(
        matches!(error, CallFailed::KeyRefused) && error.may_pass_later(),
        "{error}"
    );
    let missing = with(
        home.url.as_str(),
        Secret::File(home.folder.path().join("none")),
    );
    assert!(matches!(
        missing.devices().await.unwrap_err(),
        CallFailed::NoKey
    ));
    let nobody = with("http://127.0.0.1:1", Secret::Value("x".to_owned().into()));
    let told = nobody.devices().await.unwrap_err();
    assert!(
        told.may_pass_later() && told.to_string().contains("127.0.0.1:1"),
        "{told}"
    );
    let error = home
        .client
        .upsert(Registry::Services, &json!("nothing"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallFailed::Refused { .. }) && !error.may_pass_later(),
        "{error}"
    );
}
