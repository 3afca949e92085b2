//! How events follow from each other, as stored.

use common::instant::UtcMicros;
use serde_json::{Value, json};

use crate::home::{Home, answer, now};

/// A ULID of `millis`, the last characters of which are `tail`.
fn ulid(at: UtcMicros, tail: &str) -> String {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let millis = at.get() / 1000;
    let time: String = (0..10)
        .rev()
        .map(|i| char::from(ALPHABET[(millis >> (5 * i)) as usize & 31]))
        .collect();
    format!("{time}{tail:0>16}")
}

fn row(
    entity_id: &str,
    at: UtcMicros,
    context: &str,
    parent: Option<&str>,
    user: Option<&str>,
) -> Value {
    json!({"entity_id": entity_id, "state": "on", "last_updated": at,
        "attributes": {"friendly_name": format!("Name of {entity_id}")},
        "context": {"id": context, "parent_id": parent, "user_id": user}})
}

struct Story {
    home: Home,
    motion: String,
    run: String,
    clock: String,
}

/// Motion sets an automation off, which switches a lamp on at once and a fan on ten minutes later. A person switches a plug on;
/// an automation by the clock opens the blinds.
async fn story() -> Story {
    let home = Home::new().await;
    let t = now().plus_seconds(-3_600);
    let (motion, run) = (ulid(t, "M"), ulid(t.plus_micros(3_000), "R"));
    let (person, clock) = (ulid(t, "P"), ulid(t, "C"));
    let mut rows = vec![
        row("binary_sensor.hall_motion", t, &motion, None, None),
        row(
            "light.hall",
            t.plus_micros(5_000),
            &run,
            Some(&motion),
            None,
        ),
        row(
            "automation.hall",
            t.plus_micros(9_000),
            &run,
            Some(&motion),
            None,
        ),
        row("fan.hall", t.plus_seconds(600), &run, Some(&motion), None),
        row(
            "switch.plug",
            t.plus_seconds(1),
            &person,
            None,
            Some("user-1"),
        ),
        row("automation.morning", t.plus_seconds(1), &clock, None, None),
        row("cover.blinds", t.plus_seconds(2), &clock, None, None),
        json!({"entity_id": "sensor.bare", "state": "1", "last_updated": t}),
    ];
    let mut anna = row("person.anna", t.plus_seconds(-9), &ulid(t, "X"), None, None);
    anna["attributes"] = json!({"friendly_name": "Anna", "user_id": "user-1"});
    rows.push(anna);
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!((status, &reply["stored"]), (200, &json!(9)), "{reply}");
    Story {
        home,
        motion,
        run,
        clock,
    }
}

fn entities(steps: &Value) -> Vec<(u64, &str)> {
    let step = |s: &'_ Value| s["depth"].as_u64().unwrap();
    steps
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (step(s), s["entity_id"].as_str().unwrap_or("")))
        .collect()
}

#[tokio::test]
async fn the_trace_of_an_automation_is_no_longer_always_empty() {
    let story = story().await;
    let want = [
        (0, "binary_sensor.hall_motion"),
        (1, "light.hall"),
        (1, "automation.hall"),
        (1, "fan.hall"),
    ];
    // From its end and from its beginning it is the same chain.
    for context in [&story.run, &story.motion] {
        let path = format!("/api/v1/events/automation-trace/{context}");
        assert_eq!(entities(&story.home.json(&path).await), want);
    }
    let path = format!(
        "/api/v1/events/automation-trace/{}?include_details=false",
        story.run
    );
    let bare = story.home.json(&path).await;
    assert_eq!(bare[1]["context_parent_id"], json!(story.motion));
    assert_eq!(bare[1].as_object().unwrap().len(), 4, "{bare}");
    let path = "/api/v1/events/automation-trace/nobody";
    assert_eq!(story.home.json(path).await, json!([]));
    for depth in [0, 51] {
        let path = format!("/api/v1/events/automation-trace/x?max_depth={depth}");
        assert_eq!(answer(story.home.get(&path)).await.0, 422);
    }
}

#[tokio::test]
async fn an_event_is_found_by_its_context_and_by_its_old_id_with_underscores() {
    let story = story().await;
    let home = &story.home;
    let by_context = home.json(&format!("/api/v1/events/{}", story.run)).await;
    assert_eq!(by_context["entity_id"], "light.hall");
    assert_eq!(
        by_context["attributes"]["friendly_name"],
        "Name of light.hall"
    );
    let at = now().plus_seconds(-3_600).get() as f64 / 1e6;
    for id in [
        format!("event_{at}_binary_sensor_hall_motion"),
        format!("event_{at}_binary_sensor.hall_motion"),
    ] {
        let (status, event) = answer(home.get(&format!("/api/v1/events/{id}"))).await;
        assert_eq!(
            (status, &event["entity_id"]),
            (200, &json!("binary_sensor.hall_motion")),
            "{id}"
        );
        assert_eq!(event["state"], "on", "it used to be null");
    }
    let nobody = ulid(now(), "NB");
    for id in [format!("event_{at}_light_none"), "01X".to_owned(), nobody] {
        let (status, body) = answer(home.get(&format!("/api/v1/events/{id}"))).await;
        assert_eq!(
            (status, body),
            (404, json!({"detail": format!("Event {id} not found")}))
        );
    }
}

#[tokio::test]
async fn what_changed_it_is_a_person_an_automation_or_the_thing_itself() {
    let story = story().await;
    let cause = async |entity_id: &str, offset_us: i64| {
        let at = now().plus_seconds(-3_600).get() + offset_us;
        story
            .home
            .json(&format!("/api/v1/events/{entity_id}@{at}/cause"))
            .await
    };
    let light = cause("light.hall", 5_000).await;
    assert_eq!(
        (
            &light["kind"],
            &light["entity_id"],
            &light["name"],
            &light["sureness"]
        ),
        (
            &json!("automation"),
            &json!("automation.hall"),
            &json!("Name of automation.hall"),
            &json!("certain")
        ),
        "{light}"
    );
    let roles: Vec<_> = light["chain"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["trigger", "automation", "event"]);
    // Ten minutes after the run began.
    let fan = cause("fan.hall", 600_000_000).await;
    assert_eq!(fan["entity_id"], "automation.hall", "{fan}");
    let plug = cause("switch.plug", 1_000_000).await;
    assert_eq!(
        (&plug["kind"], &plug["user_id"], &plug["name"]),
        (&json!("person"), &json!("user-1"), &json!("Anna"))
    );
    let blinds = cause("cover.blinds", 2_000_000).await;
    assert_eq!(
        blinds["entity_id"], "automation.morning",
        "no parent_id: {blinds}"
    );
    assert_eq!(
        cause("binary_sensor.hall_motion", 0).await["kind"],
        "device"
    );
    let bare = cause("sensor.bare", 0).await;
    assert_eq!(
        (&bare["kind"], &bare["sureness"]),
        (&json!("unknown"), &json!("none"))
    );
    let by_context = story
        .home
        .json(&format!("/api/v1/events/{}/cause", story.clock))
        .await;
    assert_eq!(
        by_context["event_id"],
        json!(format!(
            "automation.morning@{}",
            now().plus_seconds(-3_599).get()
        ))
    );
    let (status, _) = answer(story.home.get("/api/v1/events/light.none@1/cause")).await;
    assert_eq!(status, 404);
}
