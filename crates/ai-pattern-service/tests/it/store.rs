//! The tables.

use ai_pattern_service::store::{News, PatternFilter, Receipt, RunRecord, Store, Trend};
use common::instant::UtcMicros;

use pattern_mining::pattern::Pattern;
use serde_json::json;
use test_support::Place;

use crate::house;
use crate::outbox::found;

pub(crate) fn at(second: i64) -> UtcMicros {
    UtcMicros::new(second * 1_000_000).expect("an instant")
}

pub(crate) fn habit(id: &str, confidence: f64) -> Pattern {
    serde_json::from_value(json!({
        "id": id, "type": "time_of_day", "entities": ["light.kitchen"], "states": ["on"], "status": "active",
        "confidence": confidence, "q_value": 1e-9, "occurrences": 19, "opportunities": 21, "days_seen": 19,
        "expected_by_chance": 1.25, "time_of_day_minutes": 405, "spread_minutes": 3.5, "window_minutes": 10, "days": "weekday",
        "first_seen": at(100), "last_seen": at(200),
        "sentence": "Kitchen light turns on around 06:45 on weekdays (19 of 21 days).",
        "evidence": {"occurrences": [], "misses": []}
    }))
    .expect("a habit")
}

pub(crate) fn run(second: i64, days: u32) -> RunRecord {
    RunRecord {
        cause: "schedule".to_owned(),
        started_at: at(second - 1),
        ended_at: at(second),
        status: "completed".to_owned(),
        patterns_found: 1,
        patterns_new: 1,
        patterns_changed: 0,
        patterns_gone: 0,
        errors: vec!["a 'quoted' text".to_owned()],
        report: json!({"days": days}),
    }
}

pub(crate) async fn open() -> (Place, Store) {
    let place = house::place().await;
    let store = reopen(&place).await;
    (place, store)
}

pub(crate) async fn reopen(place: &Place) -> Store {
    let url = place.database.parse().expect("an address");
    Store::open(&url).await.expect("a store")
}

fn all() -> PatternFilter {
    PatternFilter {
        limit: 100,
        include_gone: true,
        ..PatternFilter::default()
    }
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart() {
    let (place, store) = open().await;
    store
        .keep_run(&[(&habit("a", 0.7), News::New)], &run(1000, 30), &[])
        .await
        .unwrap();
    store.close().await;
    let store = reopen(&place).await;
    let found = store.patterns(&all()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pattern, habit("a", 0.7));
    assert_eq!(
        (found[0].created_at, found[0].told_at, found[0].gone),
        (at(1000), None, false)
    );
    assert_eq!(store.last_run().await.unwrap(), Some(run(1000, 30)));
}

#[tokio::test]
async fn two_habits_of_one_light_do_not_overwrite_each_other() {
    let (_place, store) = open().await;
    let (morning, evening) = (
        habit("morning", 0.7),
        Pattern {
            time_of_day_minutes: Some(1320),
            ..habit("evening", 0.9)
        },
    );
    store
        .keep_run(
            &[(&morning, News::New), (&evening, News::New)],
            &run(1000, 30),
            &[],
        )
        .await
        .unwrap();
    let found: Vec<Pattern> = store
        .patterns(&all())
        .await
        .unwrap()
        .into_iter()
        .map(|stored| stored.pattern)
        .collect();
    assert_eq!(
        found,
        [evening, morning],
        "surest first, each with its own evidence"
    );
}

#[tokio::test]
async fn confidence_can_fall_and_the_trend_says_so() {
    let (_place, store) = open().await;
    for (second, confidence) in [(1000, 0.9), (2000, 0.8), (3000, 0.6)] {
        store
            .keep_run(
                &[(&habit("a", confidence), News::Changed)],
                &run(second, 30),
                &[],
            )
            .await
            .unwrap();
    }
    let found = store.patterns(&all()).await.unwrap().remove(0);
    assert!((found.pattern.confidence - 0.6).abs() < 1e-9);
    assert_eq!((found.trend, found.history_count), (Trend::Decreasing, 3));
    assert!(
        (found.trend_strength + 0.3).abs() < 1e-9,
        "{}",
        found.trend_strength
    );
    assert_eq!((found.created_at, found.updated_at), (at(1000), at(3000)));
}

#[tokio::test]
async fn a_habit_that_is_gone_is_not_listed_and_is_told_again_when_it_is_back() {
    let (_place, store) = open().await;
    let a = habit("a", 0.7);
    store
        .keep_run(&[(&a, News::New)], &run(1000, 30), &[])
        .await
        .unwrap();
    assert_eq!(store.untold(10).await.unwrap(), std::slice::from_ref(&a));
    let told = [Receipt::Message {
        number: 1,
        pattern_id: Some("a".to_owned()),
    }];
    store.arrived(&told, at(1001)).await.unwrap();
    assert_eq!(store.untold(10).await.unwrap(), []);
    store
        .keep_run(&[(&a, News::Missed)], &run(2000, 30), &[])
        .await
        .unwrap();
    assert_eq!(store.known().await.unwrap()[0].missed_runs, 1);
    store
        .keep_run(&[(&a, News::Gone)], &run(3000, 30), &[])
        .await
        .unwrap();
    assert!(store.known().await.unwrap()[0].gone);
    assert_eq!(
        store
            .patterns(&PatternFilter {
                limit: 10,
                ..PatternFilter::default()
            })
            .await
            .unwrap(),
        []
    );
    store
        .keep_run(&[(&a, News::Revived)], &run(4000, 30), &[])
        .await
        .unwrap();
    let back = store.patterns(&all()).await.unwrap().remove(0);
    assert_eq!(
        (back.gone, back.told_at, back.created_at),
        (false, None, at(1000))
    );
}

#[tokio::test]
async fn lists_what_was_asked_for() {
    let (_place, store) = open().await;
    let other = Pattern {
        entities: vec!["switch.fan".to_owned()],
        last_seen: at(900),
        ..habit("b", 0.4)
    };
    store
        .keep_run(
            &[(&habit("a", 0.7), News::New), (&other, News::New)],
            &run(1000, 30),
            &[],
        )
        .await
        .unwrap();
    let ids = async |asked: PatternFilter| {
        let found = store.patterns(&asked).await.unwrap();
        found
            .into_iter()
            .map(|stored| stored.pattern.id)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(ids(all()).await, "a b");
    assert_eq!(ids(PatternFilter { limit: 1, ..all() }).await, "a");
    assert_eq!(
        ids(PatternFilter {
            min_confidence: Some(0.5),
            ..all()
        })
        .await,
        "a"
    );
    assert_eq!(
        ids(PatternFilter {
            device_id: Some("switch.fan".to_owned()),
            ..all()
        })
        .await,
        "b"
    );
    assert_eq!(
        ids(PatternFilter {
            pattern_type: Some("time_of_day".to_owned()),
            ..all()
        })
        .await,
        "a b"
    );
    assert_eq!(
        ids(PatternFilter {
            pattern_type: Some("sequence".to_owned()),
            ..all()
        })
        .await,
        ""
    );
    assert_eq!(
        ids(PatternFilter {
            seen_since: Some(at(500)),
            ..all()
        })
        .await,
        "b"
    );
}

#[tokio::test]
async fn an_analysis_of_nothing_does_not_count_as_a_first_look() {
    let (_place, store) = open().await;
    store
        .keep_failed_run(
            &RunRecord {
                status: "failed".to_owned(),
                report: json!({}),
                ..run(1000, 0)
            },
            &[],
        )
        .await
        .unwrap();
    store.keep_run(&[], &run(2000, 0), &[]).await.unwrap();
    assert!(!store.has_looked_at(3).await.unwrap());
    store.keep_run(&[], &run(3000, 30), &[]).await.unwrap();
    assert!(store.has_looked_at(3).await.unwrap());
}

#[tokio::test]
async fn a_run_is_kept_as_a_whole_or_not_at_all() {
    let (_place, store) = open().await;
    let wrong = RunRecord {
        status: "neither".to_owned(),
        ..run(1000, 30)
    };
    assert!(
        store
            .keep_run(&[(&habit("a", 0.7), News::New)], &wrong, &[found("a")])
            .await
            .is_err()
    );
    assert_eq!(store.patterns(&all()).await.unwrap(), []);
    assert_eq!(
        store.waiting(0, 10).await.unwrap(),
        [],
        "what is told of it neither"
    );
    let right = run(1000, 30);
    store
        .keep_run(&[(&habit("a", 0.7), News::New)], &right, &[found("a")])
        .await
        .unwrap();
    assert_eq!(store.waiting(0, 10).await.unwrap().len(), 1);
}
