//! Ids that go from one entity to another: each keeps its own history.

use serde_json::{Value, json};

use crate::home::{Home, now};
use crate::renames::{event, line, list, store, tell, total};

#[tokio::test]
async fn another_entity_that_gets_the_old_id_has_a_line_of_its_own() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.a", 0.0)]).await;
    store(&home, &[event("light.a", 1.0, "first")]).await;
    list(&home, &[("r1", "light.b", 2.0)]).await;
    // The farewell arrives late, then somebody else has the id, and an event of before arrives even later.
    store(&home, &[event("light.a", 2.1, Value::Null)]).await;
    assert_eq!(line(&home, "light.b").await, "first -");
    store(
        &home,
        &[
            event("light.a", 5.0, "other"),
            event("light.a", 6.0, Value::Null),
            event("light.b", 5.5, "first"),
        ],
    )
    .await;
    store(
        &home,
        &[
            event("light.a", 1.5, "late"),
            event("light.a", 7.0, "other"),
        ],
    )
    .await;
    assert_eq!(line(&home, "light.b").await, "first late - first");
    assert_eq!(
        line(&home, "light.a").await,
        "other - other",
        "an id in use is of whoever has it now"
    );
    let list = list(&home, &[("r1", "light.b", 2.0), ("r9", "light.a", 4.9)]).await;
    assert_eq!(list["renamed"], 0);
    assert_eq!(line(&home, "light.a").await, "other - other");
    // What Home Assistant's history says under the id now is of the other one: it has moved the rest.
    let mut read = event("light.a", 4.9, "other");
    read["origin"] = json!("backfill");
    store(&home, &[read]).await;
    assert_eq!(line(&home, "light.a").await, "other other - other");
}

#[tokio::test]
async fn an_old_id_that_is_taken_before_the_rename_is_known_is_divided_at_the_rename() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.a", 0.0)]).await;
    store(
        &home,
        &[
            event("light.a", 1.0, "first"),
            event("light.a", 2.1, Value::Null),
            event("light.b", 2.2, "first"),
            event("light.a", 3.0, "other"),
            event("light.a", 4.0, "other"),
        ],
    )
    .await;
    assert_eq!(
        list(&home, &[("r1", "light.b", 2.0), ("r2", "light.a", 2.9)]).await["renamed"],
        1
    );
    assert_eq!(line(&home, "light.b").await, "first - first");
    assert_eq!(line(&home, "light.a").await, "other other");
    assert_eq!(total(&home).await, 5);
}

/// Home Assistant's events when light.a (states 1…) and light.b (states 2…) change names by way of light.tmp.
fn swap() -> Vec<Value> {
    vec![
        event("light.a", 1.0, "1"),
        event("light.b", 1.0, "2"),
        event("light.a", 2.01, Value::Null),
        event("light.tmp", 2.02, "1t"),
        event("light.b", 2.11, Value::Null),
        event("light.a", 2.12, "2n"),
        event("light.tmp", 2.21, Value::Null),
        event("light.b", 2.22, "1n"),
        event("light.a", 3.0, "2m"),
        event("light.b", 3.0, "1m"),
    ]
}

#[tokio::test]
async fn two_entities_that_change_names_keep_their_own_histories() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.a", 0.0), ("r2", "light.b", 0.0)]).await;
    store(&home, &swap()).await;
    assert_eq!(
        list(&home, &[("r1", "light.b", 2.2), ("r2", "light.a", 2.1)]).await["renamed"],
        2
    );
    assert_eq!(line(&home, "light.b").await, "1 - 1n 1m");
    assert_eq!(line(&home, "light.a").await, "2 - 2n 2m");
    // Late ones of before go to whom the id belonged then.
    store(
        &home,
        &[
            event("light.a", 1.5, "1late"),
            event("light.b", 1.5, "2late"),
        ],
    )
    .await;
    assert_eq!(line(&home, "light.b").await, "1 1late - 1n 1m");
    assert_eq!(line(&home, "light.a").await, "2 2late - 2n 2m");
    assert_eq!(total(&home).await, 12);
}

#[tokio::test]
async fn renames_that_are_told_one_by_one_keep_even_what_came_under_the_name_in_between() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.a", 0.0), ("r2", "light.b", 0.0)]).await;
    store(&home, &swap()).await;
    let told = [
        ("light.a", "light.tmp", 2.0),
        ("light.b", "light.a", 2.1),
        ("light.tmp", "light.b", 2.2),
    ];
    assert_eq!(tell(&home, &told).await["renamed"], 3);
    assert_eq!(tell(&home, &told).await["renamed"], 0, "twice is once");
    assert_eq!(
        list(&home, &[("r1", "light.b", 2.2), ("r2", "light.a", 2.1)]).await["renamed"],
        0
    );
    assert_eq!(line(&home, "light.b").await, "1 - 1t - 1n 1m");
    assert_eq!(line(&home, "light.a").await, "2 - 2n 2m");
    assert_eq!(line(&home, "light.tmp").await, "1 - 1t - 1n 1m");
    assert_eq!(total(&home).await, 10);
}

#[tokio::test]
async fn a_told_rename_onto_an_id_that_another_entity_is_known_to_have_is_left_to_the_list() {
    let home = Home::new().await;
    list(&home, &[("r1", "light.a", 0.0), ("r2", "light.b", 0.0)]).await;
    store(&home, &swap()).await;
    // Only the last step was heard.
    assert_eq!(
        tell(&home, &[("light.tmp", "light.b", 2.2)]).await["skipped"],
        1
    );
    assert_eq!(
        list(&home, &[("r1", "light.b", 2.2), ("r2", "light.a", 2.1)]).await["renamed"],
        2
    );
    assert_eq!(line(&home, "light.b").await, "1 - 1n 1m");
    assert_eq!(line(&home, "light.a").await, "2 - 2n 2m");
}

#[tokio::test]
async fn the_counts_of_days_follow_the_events_of_a_rename() {
    let (home, clock) = Home::with_clock(&[]).await;
    list(&home, &[("r1", "light.old", 0.0)]).await;
    let day = 86_400.0;
    store(
        &home,
        &[
            event("light.old", 1.0, "1"),
            event("light.old", -day, "the day before"),
            event("light.old", 8.0, "of another"),
            event("light.new", 1.0, "twice"),
            event("light.new", 3.0, "2"),
        ],
    )
    .await;
    assert_eq!(
        tell(&home, &[("light.old", "light.new", 5.0)]).await["duplicates"],
        1
    );
    assert_eq!(line(&home, "light.new").await, "the day before 1 2");
    assert_eq!(line(&home, "light.old").await, "of another");
    assert_eq!(total(&home).await, 4);
    // Days later all of them lie in whole days, which are counted without reading events.
    clock.set(now().plus_seconds(3 * 86_400));
    let stats = home.json("/api/v1/events/stats?period=7d").await;
    assert_eq!(
        (&stats["total_events"], &stats["unique_entities"]),
        (&json!(4), &json!(2)),
        "{stats}"
    );
}
