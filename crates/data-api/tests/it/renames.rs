//! An entity that gets another id: its history stays one line.

use serde_json::{Value, json};

use crate::home::{Home, answer};

/// Seconds after 10:00 as Home Assistant's registry says instants.
fn at(second: f64) -> f64 {
    1_795_428_000.0 + second
}

fn iso(second: f64) -> String {
    let micros = (at(second) * 1e6).round() as i64;
    common::instant::UtcMicros::new(micros).unwrap().to_string()
}

pub(crate) fn event(entity_id: &str, second: f64, state: impl Into<Value>) -> Value {
    json!({"entity_id": entity_id, "state": state.into(), "last_updated": iso(second)})
}

pub(crate) async fn store(home: &Home, events: &[Value]) -> Value {
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&events)).await;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(reply["rejected"], json!([]));
    reply
}

/// A complete list of entities: registry id, entity id, second of its last modification.
pub(crate) async fn list(home: &Home, entities: &[(&str, &str, f64)]) -> Value {
    let body: Vec<_> = entities.iter().map(|(id, entity_id, second)| {
        json!({"id": id, "entity_id": entity_id, "unique_id": format!("u-{id}"), "platform": "zha", "modified_at": at(*second), "created_at": 0.0})
    }).collect();
    let (status, reply) = answer(
        home.post("/internal/entities/bulk_upsert?complete=true")
            .json(&body),
    )
    .await;
    assert_eq!(status, 200, "{reply}");
    reply
}

pub(crate) async fn tell(home: &Home, renames: &[(&str, &str, f64)]) -> Value {
    let body: Vec<_> = renames.iter().map(|(old, new, second)| json!({"old_entity_id": old, "new_entity_id": new, "at": iso(*second)})).collect();
    let (status, reply) = answer(home.post("/internal/entities/renames").json(&body)).await;
    assert_eq!(status, 200, "{reply}");
    reply
}

/// The states of an entity, oldest first; a removal is `-`.
pub(crate) async fn line(home: &Home, entity_id: &str) -> String {
    let events = home
        .json(&format!("/api/v1/events?limit=1000&entity_id={entity_id}"))
        .await;
    let mut states: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["state"].as_str().unwrap_or("-").to_owned())
        .collect();
    states.reverse();
    states.join(" ")
}

/// How many events there are, as the total says and as they are served.
pub(crate) async fn total(home: &Home) -> usize {
    let all = home.json("/api/v1/events?limit=1000").await;
    let served = all.as_array().unwrap().len();
    let counted = home.json("/health").await["events"]["stored"].as_u64();
    assert_eq!(counted, Some(served as u64), "the total is what is served");
    served
}

#[tokio::test]
async fn a_rename_seen_in_the_registry_moves_the_history_and_late_events_of_the_old_id_follow() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.old", 0.0)]).await;
    store(
        &home,
        &[event("light.old", 1.0, "a"), event("light.old", 2.0, "b")],
    )
    .await;
    // As Home Assistant does it: the registry at 3.0, the old state goes, the new one comes. All of it is stored before the list is read.
    store(
        &home,
        &[
            event("light.old", 3.1, Value::Null),
            event("light.new", 3.2, "b"),
            event("light.new", 4.0, "c"),
        ],
    )
    .await;
    let reply = list(&home, &[("r1", "light.new", 3.0)]).await;
    assert_eq!(
        (&reply["renamed"], &reply["removed"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(line(&home, "light.new").await, "a b - b c");
    assert_eq!(
        line(&home, "light.old").await,
        "a b - b c",
        "the old id still finds it"
    );
    // A batch that waited on disk under the old id, and history that was read under it.
    store(
        &home,
        &[
            event("light.old", 2.5, "late"),
            event("light.old", 2.0, "b"),
        ],
    )
    .await;
    let mut read = event("light.old", 0.5, "read");
    read["origin"] = json!("backfill");
    store(&home, &[read]).await;
    assert_eq!(line(&home, "light.new").await, "read a b late - b c");
    assert_eq!(total(&home).await, 7);
    let events = home.json("/api/v1/events?limit=1000").await;
    assert!(
        events
            .as_array()
            .unwrap()
            .iter()
            .all(|e| e["entity_id"] == "light.new"),
        "{events}"
    );
    // An event by its id of before, as a person may have noted it.
    let micros = (at(1.0) * 1e6).round() as i64;
    let one = home
        .json(&format!("/api/v1/events/light.old@{micros}"))
        .await;
    assert_eq!(
        (&one["entity_id"], &one["state"]),
        (&json!("light.new"), &json!("a"))
    );
    let entity = home.json("/api/entities/light.new").await;
    assert_eq!(
        (&entity["former_entity_ids"], &entity["registry_id"]),
        (&json!(["light.old"]), &json!("r1"))
    );
    assert_eq!(
        home.json("/api/entities/light.old").await["entity_id"],
        "light.new"
    );
    assert_eq!(home.json("/api/entities").await["count"], 1);
}

#[tokio::test]
async fn the_same_list_and_the_same_rename_told_twice_change_nothing() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.old", 0.0)]).await;
    store(&home, &[event("light.old", 1.0, "a")]).await;
    assert_eq!(
        tell(&home, &[("light.old", "light.new", 2.0)]).await["renamed"],
        1
    );
    assert_eq!(
        tell(&home, &[("light.old", "light.new", 2.0)]).await,
        json!({"renamed": 0, "skipped": 1, "duplicates": 0})
    );
    for _ in 0..2 {
        assert_eq!(list(&home, &[("r1", "light.new", 2.0)]).await["renamed"], 0);
    }
    // Told after the list had shown it.
    list(&home, &[("r1", "light.third", 3.0)]).await;
    assert_eq!(
        tell(&home, &[("light.new", "light.third", 3.000_01)]).await["renamed"],
        0
    );
    assert_eq!(line(&home, "light.third").await, "a");
    // Nothing is known of it, another domain, or itself.
    let reply = tell(
        &home,
        &[
            ("light.never", "light.x", 4.0),
            ("light.third", "switch.third", 4.0),
            ("light.third", "light.third", 4.0),
        ],
    )
    .await;
    assert_eq!(
        (&reply["renamed"], &reply["skipped"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(line(&home, "light.third").await, "a");
}

#[tokio::test]
async fn a_chain_of_renames_is_one_line_under_every_name_it_had() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.a", 0.0)]).await;
    store(&home, &[event("light.a", 1.0, "1")]).await;
    list(&home, &[("r1", "light.b", 2.0)]).await;
    store(&home, &[event("light.b", 3.0, "2")]).await;
    list(&home, &[("r1", "light.c", 4.0)]).await;
    store(
        &home,
        &[event("light.c", 5.0, "3"), event("light.a", 1.5, "late")],
    )
    .await;
    for name in ["light.a", "light.b", "light.c"] {
        assert_eq!(line(&home, name).await, "1 late 2 3", "{name}");
    }
    let former = home.json("/api/entities/light.c").await["former_entity_ids"].clone();
    assert_eq!(former, json!(["light.a", "light.b"]));
    // And back to the first name.
    list(&home, &[("r1", "light.a", 6.0)]).await;
    store(
        &home,
        &[event("light.a", 7.0, "4"), event("light.b", 3.5, "late2")],
    )
    .await;
    assert_eq!(line(&home, "light.a").await, "1 late 2 late2 3 4");
}

#[tokio::test]
async fn history_that_the_new_id_has_already_becomes_part_of_the_line_once() {
    // The longer of the two lines is kept in place, so both ways are tried.
    for others in [1, 5] {
        let home = Home::new().await;
        list(
            &home,
            &[
                ("broken", "light.kitchen", 0.0),
                ("r2", "light.bulb_2", 0.0),
            ],
        )
        .await;
        for n in 0..others {
            store(&home, &[event("light.kitchen", f64::from(n), "kitchen")]).await;
        }
        store(
            &home,
            &[
                event("light.bulb_2", 0.0, "bulb"),
                event("light.bulb_2", 9.0, "bulb"),
                event("light.bulb_2", 9.5, "bulb"),
            ],
        )
        .await;
        // The broken lamp is removed, the new one gets its id: automations go on.
        list(&home, &[("r2", "light.bulb_2", 0.0)]).await;
        let reply = list(&home, &[("r2", "light.kitchen", 10.0)]).await;
        assert_eq!(reply["renamed"], 1);
        let want: Vec<_> = std::iter::once("bulb")
            .chain((1..others).map(|_| "kitchen"))
            .chain(["bulb", "bulb"])
            .collect();
        assert_eq!(
            line(&home, "light.kitchen").await,
            want.join(" "),
            "of one instant the line's own is kept"
        );
        assert_eq!(line(&home, "light.bulb_2").await, want.join(" "));
        assert_eq!(total(&home).await, want.len());
        // Both ids lead to one row, now and later.
        let reply = store(
            &home,
            &[
                event("light.kitchen", 0.0, "kitchen"),
                event("light.bulb_2", 9.0, "bulb"),
                event("light.kitchen", 11.0, "next"),
            ],
        )
        .await;
        assert_eq!(
            (&reply["stored"], &reply["duplicates"]),
            (&json!(1), &json!(2))
        );
        assert_eq!(
            home.json("/api/entities?include_removed=true").await["count"],
            1
        );
    }
}

#[tokio::test]
async fn entries_that_were_stored_without_the_registrys_id_are_known_by_integration_and_unique_id()
{
    let home = Home::new().await;
    // A plain list, as other clients send it, does not carry the identity.
    let plain =
        json!([{"id": "r1", "entity_id": "light.a", "platform": "zha", "unique_id": "u-r1"}]);
    answer(home.post("/internal/entities/bulk_upsert").json(&plain)).await;
    store(&home, &[event("light.a", 1.0, "1")]).await;
    assert_eq!(
        home.json("/api/entities/light.a").await["registry_id"],
        Value::Null
    );
    // Old versions of Home Assistant do not say when.
    let body =
        json!([{"id": "r1", "entity_id": "light.b", "platform": "zha", "unique_id": "u-r1"}]);
    let (_, reply) = answer(
        home.post("/internal/entities/bulk_upsert?complete=true")
            .json(&body),
    )
    .await;
    assert_eq!(reply["renamed"], 1);
    store(
        &home,
        &[event("light.a", 1.5, "late"), event("light.b", 3.0, "2")],
    )
    .await;
    assert_eq!(line(&home, "light.b").await, "1 late 2");
    // A plain list renames nothing.
    let (_, reply) = answer(
        home.post("/internal/entities/bulk_upsert")
            .json(&json!([{"id": "r1", "entity_id": "light.c"}])),
    )
    .await;
    assert_eq!(reply["renamed"], 0);
    assert_eq!(line(&home, "light.b").await, "1 late 2");
}

#[tokio::test]
async fn a_rename_survives_a_restart_and_events_keep_finding_their_line() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.a", 0.0)]).await;
    store(&home, &[event("light.a", 1.0, "1")]).await;
    list(&home, &[("r1", "light.b", 2.0)]).await;
    let home = Home::at(home.stop().await, &[]).await;
    store(
        &home,
        &[event("light.a", 1.5, "late"), event("light.b", 3.0, "2")],
    )
    .await;
    assert_eq!(line(&home, "light.a").await, "1 late 2");
    // Removed, and made again by the same integration under another name: Home Assistant gives it the same id.
    list(&home, &[("r5", "light.z", 4.0)]).await;
    assert_eq!(
        list(&home, &[("r5", "light.z", 4.0), ("r1", "light.c", 5.0)]).await["renamed"],
        1
    );
    assert_eq!(line(&home, "light.c").await, "1 late 2");
}
