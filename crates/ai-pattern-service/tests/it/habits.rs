//! What is asked of habits once they are found, and what people say of them.

use data_api_client::registry::Registry;
use reqwest::Method;
use serde_json::{Value, json};

use crate::house::{House, Running, post};

async fn listed(service: &Running, query: &str) -> Vec<Value> {
    let list = service.get(&format!("/api/v1/patterns/list?{query}")).await;
    list["data"]["patterns"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_habit_shows_its_evidence_its_history_and_how_it_would_have_done() {
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[]).await;
    service.analyse().await;
    service.analyse().await;
    let habit = listed(&service, "").await.remove(0);
    let key = habit["pattern_key"].as_str().unwrap();
    for id in [key.to_owned(), habit["id"].to_string()] {
        let one = service.get(&format!("/api/v1/patterns/{id}")).await;
        assert_eq!(one["data"], habit, "by {id}");
    }
    let of = async |what: &str| {
        let path = format!("/api/v1/patterns/{key}/{what}");
        service.get(&path).await["data"].clone()
    };
    assert_eq!(of("history").await["count"], 2);
    let evidence = of("evidence").await;
    let times = evidence["occurrences"].as_array().unwrap();
    assert_eq!(json!(times.len()), habit["occurrences"], "{evidence}");
    assert!(times.len() >= 28, "{evidence}");
    assert_eq!(of("backtest").await["backtest"], habit["backtest"]);
    assert!(habit["backtest"]["right"].as_u64().unwrap() > 5, "{habit}");
    let (status, body) = service
        .send(Method::GET, "/api/v1/patterns/none/evidence")
        .await;
    assert_eq!(
        (status, &body["detail"]),
        (404, &json!("there is no habit 'none'"))
    );
    let odd = service.get("/api/v1/anomalies").await;
    assert_eq!(odd["data"], json!({"count": 0, "anomalies": []}));
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn what_is_dismissed_stays_away_and_what_is_rated_moves() {
    let house = House::new().await;
    house.live(&[420, 1320]).await;
    let service = house.service(&[]).await;
    service.analyse().await;
    let both = listed(&service, "").await;
    assert_eq!(both.len(), 2);
    let path = |habit: &Value| {
        format!(
            "/api/v1/patterns/{}/feedback",
            habit["pattern_key"].as_str().unwrap()
        )
    };

    // Five stars bring the second to the top.
    let (status, body) = post(
        &service,
        &path(&both[1]),
        json!({"rating": 5, "comment": "yes"}),
    )
    .await;
    assert_eq!(
        (status, &body["data"]["rating"]),
        (200, &json!(5)),
        "{body}"
    );
    assert_eq!(listed(&service, "").await[0]["id"], both[1]["id"]);

    let (status, _) = post(&service, &path(&both[0]), json!({"action": "dismiss"})).await;
    assert_eq!(status, 200);
    assert_eq!(listed(&service, "").await.len(), 1);
    let run = service.analyse().await;
    assert_eq!(
        (
            &run["patterns_found"],
            &run["patterns_new"],
            &run["patterns_gone"]
        ),
        (&json!(1), &json!(0), &json!(0)),
        "{run}"
    );
    assert_eq!(listed(&service, "include_inactive=true").await.len(), 2);

    // The words of the replaced service.
    let number = &both[1]["id"];
    let old = format!("/api/v1/patterns/feedback/{number}?action=");
    assert_eq!(
        service.send(Method::POST, &format!("{old}ignore")).await.0,
        200
    );
    assert_eq!(listed(&service, "").await.len(), 0, "put off");
    let (_, accepted) = service.send(Method::POST, &format!("{old}accept")).await;
    assert_eq!(
        accepted["data"],
        json!({"status": "ok", "pattern_id": number, "action": "accept"})
    );
    assert_eq!(listed(&service, "").await.len(), 1, "back");
    assert_eq!(
        service.send(Method::POST, &format!("{old}hate")).await.0,
        400
    );
    assert_eq!(
        service
            .send(Method::POST, "/api/v1/patterns/feedback/77?action=accept")
            .await
            .0,
        404
    );
    let stats = service.get("/api/v1/patterns/feedback/stats").await;
    assert_eq!(
        stats["data"]["stats"],
        json!([{"pattern_type": "time_of_day", "total": 3, "accepted": 1, "rejected": 1, "ignored": 1,
            "acceptance_rate": 1.0 / 3.0}])
    );
    for body in [
        json!({}),
        json!({"rating": 6}),
        json!({"action": "later", "days": 0}),
    ] {
        let (status, told) = post(&service, &path(&both[1]), body.clone()).await;
        assert_eq!(status, 422, "{body}: {told}");
    }
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_pair_is_a_synergy_and_a_co_occurrence_as_well() {
    let house = House::new().await;
    house.live_with_a_door().await;
    let service = house.service(&[]).await;
    service.analyse().await;
    let pairs = listed(&service, "pattern_type=pair").await;
    assert_eq!(pairs.len(), 1, "{:?}", listed(&service, "").await);
    let pair = &pairs[0];
    assert_eq!(pair["device_id"], "binary_sensor.cellar_door+light.cellar");
    let old = listed(&service, "pattern_type=co_occurrence").await;
    assert_eq!(
        (&old[0]["pattern_type"], &old[0]["id"]),
        (&json!("co_occurrence"), &pair["id"])
    );

    let list = service.get("/api/v1/synergies/list").await["data"].clone();
    assert_eq!(list["count"], 1, "{list}");
    let synergy = &list["synergies"][0];
    assert_eq!(
        (
            &synergy["synergy_type"],
            &synergy["synergy_depth"],
            &synergy["complexity"]
        ),
        (&json!("device_pair"), &json!(2), &json!("low"))
    );
    assert_eq!(
        synergy["devices"],
        json!(["binary_sensor.cellar_door", "light.cellar"])
    );
    for (query, count) in [
        ("synergy_type=device_chain", 0),
        ("synergy_depth=3", 0),
        ("synergy_depth=2&order_by_priority=false", 1),
        ("min_confidence=1", 0),
    ] {
        let list = service
            .get(&format!("/api/v1/synergies/list?{query}"))
            .await;
        assert_eq!(list["data"]["count"], count, "{query}");
    }
    assert_eq!(
        service
            .send(Method::GET, "/api/v1/synergies/list?synergy_depth=9")
            .await
            .0,
        422
    );
    let statistics = service.get("/api/v1/synergies/statistics").await["data"].clone();
    assert_eq!(
        (&statistics["total_synergies"], &statistics["by_type"]),
        (&json!(1), &json!({"device_pair": 1})),
        "{statistics}"
    );
    let id = synergy["synergy_id"].as_str().unwrap();
    let one = service.get(&format!("/api/v1/synergies/{id}")).await;
    assert_eq!(&one["data"], synergy);
    let path = format!("/api/v1/synergies/{id}/feedback");
    let (status, body) = post(&service, &path, json!({"accepted": false, "rating": 1})).await;
    assert_eq!(
        (status, &body["data"]["accepted"]),
        (200, &json!(false)),
        "{body}"
    );
    assert_eq!(
        service.get("/api/v1/synergies/list").await["data"]["count"],
        0
    );
    assert_eq!(
        service.send(Method::GET, "/api/v1/synergies/stats").await.0,
        404
    );
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn what_a_sensor_is_is_read_from_its_states_where_the_registry_does_not_say() {
    let house = House::new().await;
    // Home Assistant's list has no device class, and comes before the first state.
    let known = json!([{"entity_id": "binary_sensor.cellar_door", "platform": "zha"}]);
    house.know(Registry::Entities, known).await;
    house.live_with_a_door().await;
    let service = house.service(&[]).await;
    service.analyse().await;
    let habits = listed(&service, "").await;
    let sentences: Vec<&str> = habits
        .iter()
        .filter_map(|habit| habit["sentence"].as_str())
        .collect();
    assert!(
        sentences
            .iter()
            .any(|text| text.contains("Cellar Door opens")),
        "{sentences:?}"
    );
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn nothing_is_told_of_what_is_silenced() {
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[]).await;
    assert_eq!(
        service
            .send(Method::PUT, "/api/v1/silences/light.kitchen")
            .await
            .0,
        200
    );
    assert_eq!(
        service.get("/api/v1/silences").await["data"],
        json!({"silences": ["light.kitchen"]})
    );
    assert_eq!(service.analyse().await["patterns_found"], 0);
    assert_eq!(
        service
            .send(Method::DELETE, "/api/v1/silences/light.kitchen")
            .await
            .0,
        200
    );
    assert_eq!(
        service
            .send(Method::DELETE, "/api/v1/silences/light.kitchen")
            .await
            .0,
        404
    );
    assert_eq!(service.analyse().await["patterns_found"], 1);
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_second_run_reads_what_is_new_and_the_whole_past_when_that_has_changed() {
    let house = House::new().await;
    house.live(&[420, 1320]).await;
    let service = house.service(&[]).await;
    let first = service.analyse().await;
    assert_eq!(first["report"]["incremental"], false, "{first}");
    assert_eq!(first["report"]["taken_over"], 0, "{first}");
    let before = listed(&service, "").await;
    let second = service.analyse().await;
    assert_eq!(second["report"]["incremental"], true, "{second}");
    // All that the first one counted: nothing has happened since.
    assert!(
        second["report"]["taken_over"].as_u64().unwrap() > 0,
        "{second}"
    );
    assert_eq!(
        second["report"]["events_seen"],
        first["report"]["events_seen"]
    );
    let after = listed(&service, "").await;
    let told = |habits: &[Value]| -> Vec<(Value, Value, Value)> {
        let told = habits.iter().map(|habit| {
            (
                habit["pattern_key"].clone(),
                habit["confidence"].clone(),
                habit["sentence"].clone(),
            )
        });
        told.collect()
    };
    assert_eq!(told(&before), told(&after));

    // Something that happened ten days ago comes late.
    let now = common::clock::Clock::system().now().get();
    house
        .send(vec![json!({"entity_id": "light.kitchen", "state": "on", "last_updated": now - 10 * 86_400_000_000})])
        .await;
    let third = service.analyse().await;
    assert_eq!(third["report"]["incremental"], false, "{third}");
    let seen = |run: &Value| run["report"]["events_seen"].as_u64().unwrap();
    assert_eq!(seen(&third), seen(&first) + 1);

    // And what comes now is read by itself.
    house
        .send(vec![
            json!({"entity_id": "light.kitchen", "state": "off", "last_updated": now}),
        ])
        .await;
    let fourth = service.analyse().await;
    assert_eq!(
        (&fourth["report"]["incremental"], seen(&fourth)),
        (&json!(true), seen(&first) + 2),
        "{fourth}"
    );
    service.stop().await;
    house.data_api.stop().await;
}
