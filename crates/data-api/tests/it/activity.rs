//! What the people of a home seem to be doing, as far as it is stored.

use serde_json::{Value, json};

use crate::home::{Home, answer, now};

async fn store(home: &Home, rows: &[Value]) {
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(rows)).await;
    assert_eq!(
        (status, &reply["stored"]),
        (200, &json!(rows.len())),
        "{reply}"
    );
}

fn row(entity_id: &str, state: &str, minutes_ago: i64, attributes: &Value) -> Value {
    json!({"entity_id": entity_id, "state": state, "last_updated": now().plus_seconds(-60 * minutes_ago), "attributes": attributes})
}

#[tokio::test]
async fn without_anything_that_tells_of_people_there_is_no_activity() {
    let home = Home::new().await;
    store(
        &home,
        &[
            row("sensor.t", "21", 1, &json!({})),
            row(
                "binary_sensor.smoke",
                "on",
                1,
                &json!({"device_class": "smoke"}),
            ),
        ],
    )
    .await;
    let (status, body) = answer(home.get("/api/v1/activity")).await;
    assert!(
        status == 404
            && body["detail"]
                .as_str()
                .unwrap()
                .starts_with("No activity data available"),
        "{body}"
    );
    assert_eq!(home.json("/api/v1/activity/history").await, json!([]));
}

#[tokio::test]
async fn motion_users_and_absence_are_told_apart() {
    let home = Home::new().await;
    let motion = json!({"device_class": "motion"});
    let mut pressed = row("light.a", "on", 130, &json!({}));
    pressed["context"] = json!({"id": "C", "user_id": "u1"});
    store(&home, &[
        row("person.anna", "home", 600, &json!({})),
        row("person.anna", "not_home", 70, &json!({})),
        row("binary_sensor.hall", "off", 300, &motion),
        row("binary_sensor.hall", "on", 190, &motion),
        // The same state again, with other attributes, is no motion.
        json!({"entity_id": "binary_sensor.hall", "state": "on", "attributes": motion, "last_updated": now().plus_seconds(-60 * 20),
            "last_changed": now().plus_seconds(-60 * 190)}),
        pressed,
    ])
    .await;
    let current = home.json("/api/v1/activity").await;
    assert_eq!(
        (
            &current["activity"],
            &current["activity_id"],
            &current["signs"]
        ),
        (&json!("away"), &json!(0), &json!(0))
    );
    assert_eq!(current["timestamp"], json!(now()));
    let history = home.json("/api/v1/activity/history?hours=4").await;
    let told: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["activity"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "away", "away", "away", "away", "away", "quiet", "quiet", "quiet", "active", "quiet",
            "quiet", "quiet", "active", "quiet", "quiet", "quiet"
        ]
    );
    assert_eq!(
        home.json("/api/v1/activity/history?limit=2")
            .await
            .as_array()
            .unwrap()
            .len(),
        2
    );
    for query in ["hours=0", "hours=721", "limit=0", "limit=501"] {
        assert_eq!(
            answer(home.get(&format!("/api/v1/activity/history?{query}")))
                .await
                .0,
            422,
            "{query}"
        );
    }
}
