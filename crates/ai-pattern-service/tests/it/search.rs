//! Search over HTTP, by keywords: what is found, what is not, and what is said of it.

use common::clock::Clock;
use data_api_client::registry::Registry;
use reqwest::Method;
use serde_json::{Value, json};

use crate::house::{House, Running, post};
use crate::store::{habit, reopen, run};
use ai_pattern_service::store::News;

/// Asks, and returns the whole answer.
pub(crate) async fn ask(service: &Running, question: &[(&str, &str)]) -> Value {
    let mut url = url::Url::parse("http://home/api/v1/search").expect("an address");
    url.query_pairs_mut().extend_pairs(question);
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    let (status, body) = service.send(Method::GET, &path).await;
    assert_eq!(status, 200, "{question:?}: {body}");
    body["data"].clone()
}

/// Kind and id of what was found, in order.
pub(crate) fn ids(found: &Value) -> Vec<String> {
    let results = found["results"].as_array().expect("results");
    let id = |hit: &Value| {
        let text = |name: &str| hit[name].as_str().expect("a text").to_owned();
        format!("{}:{}", text("kind"), text("id"))
    };
    results.iter().map(id).collect()
}

async fn ask_ids(service: &Running, question: &str) -> Vec<String> {
    ids(&ask(service, &[("q", question)]).await)
}

/// A home of two rooms.
async fn furnish(house: &House) {
    house
        .know(
            Registry::Floors,
            json!([{"floor_id": "up", "name": "Upper floor", "level": 1}]),
        )
        .await;
    house
        .know(
            Registry::Areas,
            json!([
                {"area_id": "kuche", "name": "Küche", "aliases": ["Wohnküche"]},
                {"area_id": "bedroom", "name": "Bedroom", "floor_id": "up", "aliases": ["Chambre à coucher"]},
            ]),
        )
        .await;
    house
        .know(
            Registry::Labels,
            json!([{"label_id": "cosy", "name": "Gemütlich"}]),
        )
        .await;
    house
        .know(
            Registry::Devices,
            json!([{"id": "d1", "name": "Bulb 7", "name_by_user": "Great bulb", "area_id": "bedroom", "labels": ["cosy"]}]),
        )
        .await;
    house
        .know(
            Registry::Entities,
            json!([
                {"entity_id": "light.kitchen", "name": "Kitchen light", "area_id": "kuche", "platform": "zha", "id": "r1"},
                {"entity_id": "light.bedside", "name": "Bedside", "device_id": "d1", "platform": "zha", "aliases": ["Nachttischlampe"], "id": "r2"},
                {"entity_id": "sensor.old", "name": "Old thing", "disabled_by": "user", "platform": "zha", "id": "r3"},
                {"entity_id": "media_player.living", "name": "寝室のテレビ", "platform": "cast", "id": "r4"},
            ]),
        )
        .await;
    house
        .know(
            Registry::Services,
            json!({"light": {"turn_on": {}, "turn_off": {}, "toggle": {}}}),
        )
        .await;
}

/// A habit of the kitchen light, kept by an earlier run.
async fn remember_a_habit(house: &House) {
    let store = reopen(&house.folder).await;
    store
        .keep_run(&[(&habit("morning", 0.9), News::New)], &run(1000, 30), &[])
        .await
        .expect("kept");
    store.close().await;
}

#[tokio::test]
async fn habits_entities_areas_and_actions_are_found_in_plain_words() {
    let house = House::new().await;
    furnish(&house).await;
    remember_a_habit(&house).await;
    let service = house.service(&[]).await;
    let found = ask(
        &service,
        &[("q", "what happens in the kitchen?"), ("limit", "100")],
    )
    .await;
    let all = ids(&found);
    for wanted in [
        "habit:morning",
        "entity:light.kitchen",
        "action:light.turn_on light.kitchen",
        "action:light.turn_off light.kitchen",
    ] {
        assert!(all.contains(&wanted.to_owned()), "{wanted}: {found}");
    }
    assert_eq!(found["count"], all.len());
    assert_eq!(found["query"], "what happens in the kitchen?");
    assert_eq!(found["home"]["missing"], Value::Null, "{found}");
    assert!(found["home"]["read_at"].is_string(), "{found}");
    let habits = ask(&service, &[("q", "kitchen"), ("kind", "habit")]).await;
    let hit = &habits["results"][0];
    assert_eq!(
        *hit,
        json!({
            "kind": "habit", "id": "morning", "title": "Kitchen light turns on around 06:45 on weekdays",
            "text": "early in the morning, when people get up, Küche", "area": "Küche",
            "score": hit["score"], "found_by": {"keywords": {"place": 1, "score": hit["found_by"]["keywords"]["score"]}, "meaning": null},
            "actions": ["light.turn_on light.kitchen"],
        })
    );
    assert!(hit["score"].as_f64().unwrap() > 0.016, "{hit}");
    let actions = ask(
        &service,
        &[("q", "turn on the kitchen light"), ("kind", "action")],
    )
    .await;
    assert_eq!(
        (
            &actions["results"][0]["id"],
            &actions["results"][0]["habits"]
        ),
        (&json!("light.turn_on light.kitchen"), &json!(["morning"])),
        "{actions}"
    );
    assert_eq!(ask_ids(&service, "bedrooms").await[0], "area:bedroom");
    // What is not in use is not found.
    assert!(ask_ids(&service, "old thing").await.is_empty());
    let limited = ask(&service, &[("q", "kitchen"), ("limit", "2")]).await;
    assert_eq!(limited["count"], 2);
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn names_in_any_language_and_without_their_accents_are_found() {
    let house = House::new().await;
    furnish(&house).await;
    let service = house.service(&[]).await;
    for (question, first) in [
        ("KUCHE", "area:kuche"),
        ("küche", "area:kuche"),
        ("Wohnku", "area:kuche"),
        ("Was passiert in der Wohnküche?", "area:kuche"),
        ("chambre a coucher", "area:bedroom"),
        ("nachttisch", "entity:light.bedside"),
        ("great bulb", "entity:light.bedside"),
        ("gemutlich", "entity:light.bedside"),
        ("テレビ", "entity:media_player.living"),
        ("寝室", "entity:media_player.living"),
        ("upper floor", "area:bedroom"),
    ] {
        let found = ask_ids(&service, question).await;
        assert_eq!(
            found.first().map(String::as_str),
            Some(first),
            "{question}: {found:?}"
        );
    }
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_run_and_a_word_of_the_people_are_known_to_the_next_search() {
    let house = House::new().await;
    house.live(&[420]).await;
    let service = house.service(&[]).await;
    assert!(ask_ids(&service, "kitchen light").await.is_empty());
    service.analyse().await;
    let found = ask(
        &service,
        &[("q", "kitchen light turns on"), ("kind", "habit")],
    )
    .await;
    let key = found["results"][0]["id"]
        .as_str()
        .expect("a habit")
        .to_owned();
    let path = format!("/api/v1/patterns/{key}/feedback");
    let (status, _) = post(&service, &path, json!({"action": "dismiss"})).await;
    assert_eq!(status, 200);
    let found = ask(
        &service,
        &[("q", "kitchen light turns on"), ("kind", "habit")],
    )
    .await;
    assert!(!ids(&found).contains(&format!("habit:{key}")), "{found}");
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn a_home_that_changed_is_read_again_after_a_minute() {
    let house = House::new().await;
    furnish(&house).await;
    let clock = Clock::ahead(0);
    let data_api = format!("http://{}", house.data_api.address);
    let service = house.service_by(clock.clone(), &data_api, &[]).await;
    assert_eq!(
        ask_ids(&service, "bedside").await[0],
        "entity:light.bedside"
    );
    house
        .know(
            Registry::Entities,
            json!([{"entity_id": "light.bedside", "name": "Reading lamp", "platform": "zha", "id": "r2"}]),
        )
        .await;
    assert!(ask_ids(&service, "reading").await.is_empty(), "not yet");
    clock.set(clock.now().plus_seconds(61));
    assert_eq!(
        ask_ids(&service, "reading").await[0],
        "entity:light.bedside"
    );
    let found = ask_ids(&service, "kitchen").await;
    assert!(found.is_empty(), "what is removed is not found: {found:?}");
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn without_data_api_habits_are_found_and_the_answer_says_what_is_missing() {
    let house = House::new().await;
    furnish(&house).await;
    remember_a_habit(&house).await;
    let nobody = "http://127.0.0.1:1";
    let service = house.service_with(nobody, &[]).await;
    let found = ask(&service, &[("q", "kitchen")]).await;
    assert_eq!(ids(&found), ["habit:morning"]);
    let missing = found["home"]["missing"].as_str().expect("a reason");
    assert!(
        missing.contains("data-api does not answer") && missing.ends_with("are not known yet"),
        "{missing}"
    );
    assert_eq!(found["home"]["read_at"], Value::Null);
    service.stop().await;
    let service = house.service(&[]).await;
    let read_at = ask(&service, &[("q", "kitchen")]).await["home"]["read_at"].clone();
    assert!(read_at.is_string());
    service.stop().await;
    // What was read before is found, and so are the areas of habits.
    let service = house.service_with(nobody, &[]).await;
    let found = ask(&service, &[("q", "kitchen"), ("limit", "100")]).await;
    let all = ids(&found);
    assert!(all.contains(&"entity:light.kitchen".to_owned()), "{found}");
    assert!(all.contains(&"habit:morning".to_owned()), "{found}");
    let habits = ask(&service, &[("q", "wohnkuche kuche"), ("kind", "habit")]).await;
    assert_eq!(ids(&habits), ["habit:morning"], "{habits}");
    assert_eq!(found["home"]["read_at"], read_at);
    let missing = found["home"]["missing"].as_str().expect("a reason");
    assert!(missing.ends_with("are those of read_at"), "{missing}");
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn hostile_questions_are_answered_or_refused_and_break_nothing() {
    let house = House::new().await;
    furnish(&house).await;
    let service = house.service(&[]).await;
    for question in [
        "\"",
        "'",
        "*",
        "bedside*",
        "^bedside",
        "NEAR(a b)",
        "title_words:x",
        "{a b}: c",
        "a AND OR NOT",
        "-bedside",
        "(((",
        "a'b''c",
        "a\u{0}b",
        "😀",
        "\u{202e}edisdeb",
        "a | b & !c <-> d:*",
        "\\",
        "%",
        "$1",
        "; DROP TABLE patterns; --",
        "\u{301}\u{301}",
        "a b c d e f g h i j k l m n o p q r s t u v w x y z 0 1 2 3 4 5 6 7 8 9",
    ] {
        ask(&service, &[("q", question)]).await;
    }
    // All that is left of it are its words.
    let found = ask_ids(&service, "\"bedside* OR ^(").await;
    assert_eq!(found[0], "entity:light.bedside");
    let long = "bed ".repeat(2_500);
    for (question, name) in [
        (vec![("q", "")], "q"),
        (vec![("q", " \t\n")], "q"),
        (vec![("q", long.as_str())], "q"),
        (vec![], "q"),
        (vec![("q", "bed"), ("limit", "0")], "limit"),
        (vec![("q", "bed"), ("limit", "101")], "limit"),
        (vec![("q", "bed"), ("limit", "many")], "limit"),
        (vec![("q", "bed"), ("kind", "house")], "kind"),
    ] {
        let mut url = url::Url::parse("http://home/api/v1/search").unwrap();
        url.query_pairs_mut().extend_pairs(&question);
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let (status, body) = service.send(Method::GET, &path).await;
        assert_eq!(status, 422, "{name}: {body}");
        assert!(
            body["error"]["detail"].to_string().contains(name),
            "{name}: {body}"
        );
    }
    service.stop().await;
    house.data_api.stop().await;
}

#[tokio::test]
async fn everything_can_be_made_anew() {
    let house = House::new().await;
    furnish(&house).await;
    remember_a_habit(&house).await;
    let service = house.service(&[]).await;
    let before = ask(&service, &[("q", "kitchen"), ("limit", "100")]).await;
    let (status, body) = service.send(Method::POST, "/api/v1/search/rebuild").await;
    assert_eq!(status, 200, "{body}");
    // One habit, two areas, three entities in use, four actions of two lights.
    assert_eq!(body["data"]["documents"], 10, "{body}");
    let after = ask(&service, &[("q", "kitchen"), ("limit", "100")]).await;
    assert_eq!(ids(&after), ids(&before));
    service.stop().await;
    house.data_api.stop().await;
}
