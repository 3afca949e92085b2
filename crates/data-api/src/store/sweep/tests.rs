use common::api::events::{Context, Origin};
use common::instant::UtcMicros;
use database::url::DatabaseUrl;
use test_support::Postgres;

use super::*;
use crate::store::{EventFilter, Placement, ValidEvent};

const BEGIN: i64 = 1_795_000_000_000_000;
const SECOND: i64 = 1_000_000;
/// Made at another time than any event, so that it can be shared.
const CALL: &str = "01M8PY9AEYK6XKGQ1J50FTM3RV";
const OTHER_CALL: &str = "01M8PY9AEYK6XKGQ1J50FTM3RW";

/// An event with an attribute set of its own for each `n`, most of it the same for all.
fn event(entity: &str, n: i64, context: &str) -> ValidEvent {
    let at = UtcMicros::new(BEGIN + n * SECOND).unwrap();
    ValidEvent {
        entity_id: entity.parse().unwrap(),
        state: Some("on".to_owned()),
        attributes: Some(format!(
            r#"{{"friendly_name":"A lamp with a long name","supported_color_modes":["hs","color_temp"],"hs_color":[{n}.5,1.0],"supported_features":44}}"#
        )),
        last_changed: None,
        last_updated: at,
        context: Context {
            id: Some(context.to_owned()),
            ..Context::default()
        },
        origin: Origin::Live,
        startup: false,
        placement: Placement::default(),
    }
}

fn events(entity: &str, numbers: std::ops::Range<i64>, context: &str) -> Vec<ValidEvent> {
    numbers.map(|n| event(entity, n, context)).collect()
}

/// Rows of `event_attributes`, `event_attribute_patches` and `event_contexts`.
async fn rows(store: &Store) -> [i64; 3] {
    let mut counts = [0; 3];
    for (count, statement) in counts.iter_mut().zip([
        "SELECT COUNT(*) FROM event_attributes",
        "SELECT COUNT(*) FROM event_attribute_patches",
        "SELECT COUNT(*) FROM event_contexts",
    ]) {
        *count = store
            .database
            .fetch_one(statement)
            .await
            .unwrap()
            .get(0)
            .unwrap();
    }
    counts
}

/// What is stored of an entity is what was sent.
async fn holds(store: &Store, entity: &str, numbers: std::ops::Range<i64>, context: &str) {
    let asked = EventFilter {
        entity_id: Some(entity.to_owned()),
        limit: 10_000,
        ..EventFilter::default()
    };
    let found = store.events(&asked).await.unwrap().events;
    assert_eq!(
        found.len(),
        usize::try_from(numbers.end - numbers.start).unwrap()
    );
    for (found, n) in found.iter().rev().zip(numbers) {
        let sent = event(entity, n, context);
        assert_eq!(
            Some(found.attributes.get()),
            sent.attributes.as_deref(),
            "{n}"
        );
        assert_eq!(found.context_id.as_deref(), Some(context), "{n}");
    }
}

async fn delete(store: &Store, entity: &str, numbers: std::ops::Range<i64>) {
    let id = store.entity_row(entity).await.unwrap().unwrap();
    let instants: Vec<i64> = numbers.map(|n| BEGIN + n * SECOND).collect();
    let wanted = instants.len() as u64;
    assert_eq!(
        store.delete_events(id, &instants, "test").await.unwrap(),
        wanted
    );
}

async fn only_what_is_used_stays(store: Store) {
    store
        .append(&[
            events("light.a", 0..100, CALL),
            events("light.b", 100..200, OTHER_CALL),
        ])
        .await
        .unwrap();
    let [whole, patches, contexts] = rows(&store).await;
    assert_eq!((whole + patches, contexts), (200, 2));
    assert!((2..=8).contains(&whole), "{whole} bases of two entities");
    assert_eq!(store.sweep().await.unwrap(), None, "nothing was deleted");

    delete(&store, "light.a", 0..90).await;
    let swept = store.sweep().await.unwrap().unwrap();
    assert_eq!(
        (swept.attribute_sets, swept.contexts),
        (90 - bases_kept(&store, whole).await, 0)
    );
    holds(&store, "light.a", 90..100, CALL).await;
    holds(&store, "light.b", 100..200, OTHER_CALL).await;
    assert_eq!(store.sweep().await.unwrap(), None, "all is done");

    // What was forgotten comes back as new; what is there is found again.
    store
        .append(&[events("light.a", 0..90, CALL)])
        .await
        .unwrap();
    holds(&store, "light.a", 0..100, CALL).await;

    delete(&store, "light.a", 0..100).await;
    store.sweep().await.unwrap().unwrap();
    holds(&store, "light.b", 100..200, OTHER_CALL).await;
    let [whole, patches, contexts] = rows(&store).await;
    // The newest row of each table stays.
    assert!(
        whole + patches <= 102 && contexts <= 2,
        "{whole} {patches} {contexts}"
    );
    store.close().await;
}

/// Bases of sets that are gone, kept because differences from them are used.
async fn bases_kept(store: &Store, whole_before: i64) -> u64 {
    let [whole, _, _] = rows(store).await;
    let row = store
        .database
        .fetch_one(
            "SELECT COUNT(*) FROM event_attributes a WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.attributes = a.id)",
        )
        .await
        .unwrap();
    let (unused, used_by_none): (i64, i64) = (row.get(0).unwrap(), whole_before - whole);
    assert!(used_by_none >= 0);
    let row = store
        .database
        .fetch_one(
            "SELECT COUNT(*) FROM event_attributes a WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.attributes = a.id) \
             AND NOT EXISTS (SELECT 1 FROM event_attribute_patches p WHERE p.base = a.id) \
             AND a.id < (SELECT MAX(id) FROM event_attributes)",
        )
        .await
        .unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 0, "a set that nothing needs");
    u64::try_from(unused).unwrap()
}

async fn what_comes_into_use_meanwhile_stays(store: Store) {
    store
        .append(&[
            events("light.a", 0..400, CALL),
            events("light.z", 1_000..1_010, OTHER_CALL),
        ])
        .await
        .unwrap();
    delete(&store, "light.a", 0..400).await;
    // Events come while it runs, with sets and a context that nothing had when it began.
    let writing = async {
        for n in (0..400).step_by(20) {
            store
                .append(&[events("light.a", n..n + 20, CALL)])
                .await
                .unwrap();
        }
    };
    let (swept, ()) = tokio::join!(store.sweep(), writing);
    assert!(swept.unwrap().is_some());
    holds(&store, "light.a", 0..400, CALL).await;
    holds(&store, "light.z", 1_000..1_010, OTHER_CALL).await;
    store.close().await;
}

async fn a_rename_meanwhile_puts_it_off(store: Store) {
    store
        .append(&[events("light.a", 0..20, CALL)])
        .await
        .unwrap();
    delete(&store, "light.a", 0..10).await;
    let before = rows(&store).await;
    let renames = [common::api::registry::Rename {
        old_entity_id: "light.a".parse().unwrap(),
        new_entity_id: "light.b".parse().unwrap(),
        at: UtcMicros::new(BEGIN + 1_000 * SECOND).unwrap(),
    }];
    // It waits for the right to write, as the sweep does, and has it when the sweep has begun.
    let (swept, renamed) = tokio::join!(
        store.sweep(),
        store.rename_entities(&renames, UtcMicros::new(BEGIN).unwrap())
    );
    assert_eq!(renamed.unwrap().renamed, 1);
    assert_eq!(swept.unwrap(), None);
    assert_eq!(rows(&store).await, before);
    assert!(
        store.sweep().await.unwrap().is_some(),
        "the next time does it"
    );
    holds(&store, "light.b", 10..20, CALL).await;
    store.close().await;
}

async fn on_sqlite() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("homeiq.db").display());
    let store = Store::open(&url.parse().unwrap()).await.unwrap();
    (folder, store)
}

fn server_url(server: &Postgres) -> DatabaseUrl {
    format!("postgres://home@127.0.0.1:{}/home", server.port())
        .parse()
        .unwrap()
}

async fn on_postgres() -> (Postgres, Store) {
    let server = Postgres::start().await.unwrap();
    server.create_owned_database("home").await.unwrap();
    let store = Store::open(&server_url(&server)).await.unwrap();
    (server, store)
}

#[tokio::test]
async fn only_what_is_used_stays_on_sqlite() {
    let (_folder, store) = on_sqlite().await;
    only_what_is_used_stays(store).await;
}

#[tokio::test]
async fn only_what_is_used_stays_on_postgres() {
    let (_server, store) = on_postgres().await;
    only_what_is_used_stays(store).await;
}

#[tokio::test]
async fn what_comes_into_use_meanwhile_stays_on_sqlite() {
    let (_folder, store) = on_sqlite().await;
    what_comes_into_use_meanwhile_stays(store).await;
}

#[tokio::test]
async fn what_comes_into_use_meanwhile_stays_on_postgres() {
    let (_server, store) = on_postgres().await;
    what_comes_into_use_meanwhile_stays(store).await;
}

#[tokio::test]
async fn a_rename_meanwhile_puts_it_off_on_sqlite() {
    let (_folder, store) = on_sqlite().await;
    a_rename_meanwhile_puts_it_off(store).await;
}

#[tokio::test]
async fn a_rename_meanwhile_puts_it_off_on_postgres() {
    let (_server, store) = on_postgres().await;
    a_rename_meanwhile_puts_it_off(store).await;
}

#[tokio::test]
async fn another_program_on_the_same_tables_uses_nothing_that_was_deleted() {
    let (server, store) = on_postgres().await;
    let other = Store::open(&server_url(&server)).await.unwrap();
    other
        .append(&[events("light.a", 0..50, CALL)])
        .await
        .unwrap();
    // Also the last of each table is another's.
    store
        .append(&[events("light.z", 1_000..1_050, OTHER_CALL)])
        .await
        .unwrap();
    delete(&store, "light.a", 0..50).await;
    assert!(store.sweep().await.unwrap().is_some());
    // It knew the ids of all of them.
    other
        .append(&[events("light.a", 0..50, CALL)])
        .await
        .unwrap();
    holds(&other, "light.a", 0..50, CALL).await;

    // What it stores while a sweep runs stays, whoever comes first.
    delete(&store, "light.a", 0..50).await;
    let again = [events("light.a", 0..50, CALL)];
    let (swept, stored) = tokio::join!(store.sweep(), other.append(&again));
    swept.unwrap();
    assert_eq!(stored.unwrap()[0].stored, 50);
    holds(&store, "light.a", 0..50, CALL).await;
    other.close().await;
    store.close().await;
}
