//! What a complete list no longer names is marked, not forgotten.

use serde_json::{Value, json};

use crate::home::{Home, answer, now};
use crate::registry::upsert;

async fn complete(home: &Home, part: &str, body: &Value) -> Value {
    let path = format!("/internal/{part}/bulk_upsert?complete=true");
    let (status, reply) = answer(home.post(&path).json(body)).await;
    assert_eq!(status, 200, "{part}: {reply}");
    reply
}

/// Part, key, two objects of it, and the list that shows them.
fn parts() -> [(&'static str, &'static str, Value, &'static str); 5] {
    [
        (
            "devices",
            "device_id",
            json!([{"id": "one"}, {"id": "two"}]),
            "/api/devices",
        ),
        (
            "entities",
            "entity_id",
            json!([{"entity_id": "light.one"}, {"entity_id": "light.two"}]),
            "/api/entities",
        ),
        (
            "areas",
            "area_id",
            json!([{"area_id": "one"}, {"area_id": "two"}]),
            "/api/areas",
        ),
        (
            "floors",
            "floor_id",
            json!([{"floor_id": "one"}, {"floor_id": "two"}]),
            "/api/v1/floors",
        ),
        (
            "labels",
            "label_id",
            json!([{"label_id": "one"}, {"label_id": "two"}]),
            "/api/v1/labels",
        ),
    ]
}

async fn listed(home: &Home, path: &str, part: &str, key: &str) -> Vec<String> {
    let list = home.json(path).await;
    let rows = list[part].as_array().unwrap();
    assert_eq!(list["count"], rows.len());
    rows.iter()
        .map(|row| {
            row[key]
                .as_str()
                .unwrap()
                .rsplit('.')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn what_a_complete_list_no_longer_names_is_hidden_and_comes_back() {
    let home = Home::new().await;
    for (part, key, both, path) in parts() {
        let all = format!("{path}?include_removed=true");
        complete(&home, part, &both).await;
        let reply = complete(&home, part, &json!([both[0]])).await;
        assert_eq!(
            (&reply["upserted"], &reply["removed"], &reply["held_back"]),
            (&json!(1), &json!(1), &json!(0)),
            "{part}"
        );
        assert_eq!(listed(&home, path, part, key).await, ["one"], "{part}");
        assert_eq!(
            listed(&home, &all, part, key).await,
            ["one", "two"],
            "{part}"
        );
        let marks: Vec<_> = home.json(&all).await[part]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["removed_at"].clone())
            .collect();
        assert_eq!(marks, [Value::Null, json!(now().to_string())], "{part}");
        assert_eq!(
            complete(&home, part, &json!([both[0]])).await["removed"],
            0,
            "{part}: marked once"
        );
        assert_eq!(complete(&home, part, &both).await["removed"], 0, "{part}");
        assert_eq!(
            listed(&home, path, part, key).await,
            ["one", "two"],
            "{part} is back"
        );
    }
}

#[tokio::test]
async fn a_list_that_is_not_said_to_be_complete_marks_nothing_and_brings_back_what_it_names() {
    let home = Home::new().await;
    for (part, key, both, path) in parts() {
        complete(&home, part, &both).await;
        assert_eq!(upsert(&home, part, &json!([both[0]])).await["removed"], 0);
        assert_eq!(upsert(&home, part, &json!([])).await["removed"], 0);
        assert_eq!(
            listed(&home, path, part, key).await,
            ["one", "two"],
            "{part}"
        );
        complete(&home, part, &json!([both[0]])).await;
        upsert(&home, part, &json!([both[1]])).await;
        assert_eq!(
            listed(&home, path, part, key).await,
            ["one", "two"],
            "{part}"
        );
    }
}

#[tokio::test]
async fn one_empty_list_removes_nothing_and_a_second_one_is_believed() {
    let home = Home::new().await;
    for (part, key, both, path) in parts() {
        assert_eq!(
            complete(&home, part, &json!([])).await["held_back"],
            0,
            "{part}: there was nothing"
        );
        complete(&home, part, &both).await;
        let reply = complete(&home, part, &json!([])).await;
        assert_eq!(
            (&reply["removed"], &reply["held_back"]),
            (&json!(0), &json!(2)),
            "{part}"
        );
        assert_eq!(
            listed(&home, path, part, key).await,
            ["one", "two"],
            "{part}"
        );
        // A list with something in it in between, and the count begins anew.
        complete(&home, part, &both).await;
        assert_eq!(
            complete(&home, part, &json!([])).await["held_back"],
            2,
            "{part}"
        );
        assert_eq!(
            complete(&home, part, &json!([])).await["removed"],
            2,
            "{part}"
        );
        assert!(listed(&home, path, part, key).await.is_empty(), "{part}");
    }
}

#[tokio::test]
async fn removed_devices_and_entities_are_still_found_by_their_id_and_no_longer_counted() {
    let home = Home::new().await;
    complete(&home, "devices", &json!([{"id": "d", "area_id": "hall"}])).await;
    complete(&home, "entities", &json!([{"entity_id": "light.a", "id": "r1", "device_id": "d"}, {"entity_id": "light.b", "id": "r2", "device_id": "d", "labels": ["x"]}])).await;
    complete(
        &home,
        "entities",
        &json!([{"entity_id": "light.a", "id": "r1", "device_id": "d"}]),
    )
    .await;
    assert_eq!(
        home.json("/api/entities/light.b").await["removed_at"],
        json!(now().to_string())
    );
    assert_eq!(
        home.json("/api/entities/light.a").await["removed_at"],
        Value::Null
    );
    assert_eq!(home.json("/api/devices/d").await["entity_count"], 1);
    assert_eq!(home.json("/api/areas").await["areas"][0]["entity_count"], 1);
    assert_eq!(home.json("/api/v1/labels").await["count"], 0);
    assert_eq!(answer(home.get("/api/entities/light.never")).await.0, 404);
}
