//! Pages over all entities are the whole, in order, each row once: however the days are filled and wherever a page ends.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::home::{Home, answer};

/// 2026-11-20T00:00:00Z.
const START_US: i64 = 1_795_132_800_000_000;
const DAY_US: i64 = 86_400_000_000;
const ENTITIES: u64 = 37;

/// A life with quiet nights, a flood within two seconds, changes of several entities at one instant, a day without any, and changes at the
/// very edges of days.
fn life() -> Vec<(String, i64)> {
    let mut chance = 11_u64;
    let mut draw = |below: u64| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % below
    };
    let mut rows = BTreeSet::new();
    for _ in 0..900 {
        let day = [0, 1, 3][draw(3) as usize];
        let at = START_US + day * DAY_US + (6 * 3600 + draw(16 * 3600) as i64) * 1_000_000;
        rows.insert((draw(ENTITIES), at));
    }
    for n in 0..800 {
        rows.insert((
            draw(ENTITIES),
            START_US + DAY_US + 50_000_000_000 + n * 2500,
        ));
    }
    for entity in 0..ENTITIES {
        rows.insert((entity, START_US + 3 * DAY_US + 7));
    }
    for edge in [
        START_US,
        START_US + DAY_US - 1,
        START_US + DAY_US,
        START_US + 4 * DAY_US - 1,
    ] {
        rows.insert((draw(ENTITIES), edge));
    }
    rows.into_iter()
        .map(|(entity, at)| (format!("light.l{entity}"), at))
        .collect()
}

/// When data-api was started anew: what it remembers of what it stored must make no difference.
#[derive(Debug, Clone, Copy)]
enum Restart {
    Never,
    Halfway,
    Afterwards,
}

const RESTARTS: [Restart; 3] = [Restart::Never, Restart::Halfway, Restart::Afterwards];

async fn lived(life: &[(String, i64)], restart: Restart) -> Home {
    let (first, rest) = match restart {
        Restart::Never => return fill(Home::new().await, life).await,
        Restart::Halfway => life.split_at(life.len() / 2),
        Restart::Afterwards => (life, &life[..0]),
    };
    let home = fill(Home::new().await, first).await;
    fill(Home::at(home.stop().await, &[]).await, rest).await
}

async fn fill(home: Home, life: &[(String, i64)]) -> Home {
    // In the order of entities, not of time.
    for (number, part) in life.chunks(500).enumerate() {
        let rows: Vec<Value> = part
            .iter()
            .map(|(entity_id, at)| {
                let area = if entity_id.ends_with('3') { "hall" } else { "attic" };
                json!({"entity_id": entity_id, "state": (at % 7).to_string(), "last_updated": at, "area_id": area})
            })
            .collect();
        let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
        assert_eq!(
            (status, &reply["stored"]),
            (200, &json!(part.len())),
            "{number}: {reply}"
        );
    }
    home
}

/// Follows a list to its end; checks that it is in order and has nothing twice.
async fn pages(home: &Home, question: &str, limit: usize, by_offset: bool) -> Vec<(String, i64)> {
    let (mut found, mut cursor): (Vec<(String, i64)>, Option<String>) = (Vec::new(), None);
    loop {
        let mut path = format!("/api/v1/events?no_attributes=true&limit={limit}&{question}");
        if by_offset {
            path = format!("{path}&offset={}", found.len());
        } else if let Some(cursor) = &cursor {
            path = format!("{path}&cursor={cursor}");
        }
        let response = home.get(&path).send().await.unwrap();
        let next = response.headers().get("x-next-cursor");
        cursor = next.map(|next| next.to_str().unwrap().to_owned());
        let page: Vec<Value> = response.json().await.unwrap();
        for event in &page {
            let (entity_id, at) = event["id"].as_str().unwrap().rsplit_once('@').unwrap();
            let row = (entity_id.to_owned(), at.parse().unwrap());
            assert!(
                found.last().is_none_or(|(_, newer)| *newer >= row.1),
                "{path}"
            );
            found.push(row);
        }
        assert_eq!(cursor.is_some(), page.len() == limit && cursor.is_some());
        if cursor.is_none() {
            break;
        }
    }
    let once: BTreeSet<_> = found.iter().collect();
    assert_eq!(once.len(), found.len(), "{question}: rows came twice");
    found
}

#[tokio::test]
async fn pages_of_any_size_are_the_whole_in_order_and_nothing_twice() {
    let life = life();
    let all: BTreeSet<_> = life.iter().cloned().collect();
    for restart in RESTARTS {
        let home = lived(&life, restart).await;
        for (limit, by_offset) in [
            (1999, false),
            (333, false),
            (40, false),
            (7, false),
            (500, true),
            (61, true),
        ] {
            let found = pages(&home, "", limit, by_offset).await;
            assert_eq!(
                found.into_iter().collect::<BTreeSet<_>>(),
                all,
                "limit {limit}, by offset: {by_offset}, {restart:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_deleted_or_has_another_name_is_in_no_page_and_everything_else_is() {
    let life = life();
    let mut all: BTreeSet<_> = life.iter().cloned().collect();
    let home = lived(&life, Restart::Never).await;
    let newest = pages(&home, "", 100, false).await;
    assert_eq!(newest.into_iter().collect::<BTreeSet<_>>(), all);

    let url = home.url.join("/api/v1/events?entity_id=light.l7").unwrap();
    let delete = home.http.delete(url).bearer_auth(crate::home::KEY);
    let (status, reply) = answer(delete).await;
    assert_eq!(status, 200, "{reply}");
    all.retain(|(entity_id, _)| entity_id != "light.l7");
    for limit in [100, 1000] {
        let found = pages(&home, "", limit, false).await;
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all, "{limit}");
    }

    // Both have events, so that the rows of one become rows of the other.
    let rename = json!([{"old_entity_id": "light.l5", "new_entity_id": "light.l6",
        "at": common::instant::UtcMicros::new(START_US + 9 * DAY_US).unwrap()}]);
    let (status, reply) = answer(home.post("/internal/entities/renames").json(&rename)).await;
    assert_eq!((status, &reply["renamed"]), (200, &json!(1)), "{reply}");
    let all: BTreeSet<_> = all
        .into_iter()
        .map(|(entity_id, at)| match entity_id.as_str() {
            "light.l5" => ("light.l6".to_owned(), at),
            _ => (entity_id, at),
        })
        .collect();
    for limit in [100, 1000] {
        let found = pages(&home, "", limit, false).await;
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all, "{limit}");
    }
}

#[tokio::test]
async fn spans_and_places_cut_out_exactly_what_they_say() {
    for restart in RESTARTS {
        spans_and_places(restart).await;
    }
}

async fn spans_and_places(restart: Restart) {
    let life = life();
    let home = lived(&life, restart).await;
    let instant = |at: i64| {
        common::instant::UtcMicros::new(at)
            .unwrap()
            .to_string()
            .replace('+', "%2B")
    };
    for (start, end) in [
        (
            START_US + DAY_US + 50_000_500_000,
            START_US + DAY_US + 50_001_000_000,
        ),
        (START_US + DAY_US - 1, START_US + DAY_US),
        (START_US + 2 * DAY_US, START_US + 3 * DAY_US - 1),
        (START_US + 3 * DAY_US + 7, START_US + 9 * DAY_US),
    ] {
        for area in ["", "hall"] {
            let question = format!(
                "start_time={}&end_time={}{}",
                instant(start),
                instant(end),
                if area.is_empty() {
                    String::new()
                } else {
                    format!("&area_id={area}")
                }
            );
            let wanted: BTreeSet<_> = life
                .iter()
                .filter(|(entity_id, at)| {
                    (start..=end).contains(at) && (area.is_empty() || entity_id.ends_with('3'))
                })
                .cloned()
                .collect();
            for by_offset in [false, true] {
                let found = pages(&home, &question, 23, by_offset).await;
                assert_eq!(
                    found.into_iter().collect::<BTreeSet<_>>(),
                    wanted,
                    "{question}"
                );
            }
        }
    }
}

#[tokio::test]
async fn counts_are_those_of_the_rows_also_after_rows_came_twice() {
    let life = life();
    let home = lived(&life, Restart::Never).await;
    // Half of it again, in another order, with a few new rows between.
    let again: Vec<Value> = life
        .iter()
        .rev()
        .step_by(2)
        .map(|(entity_id, at)| json!({"entity_id": entity_id, "state": "1", "last_updated": at}))
        .chain((0..5).map(|n| json!({"entity_id": "light.l1", "state": "1", "last_updated": START_US + 2 * DAY_US + n})))
        .collect();
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&again)).await;
    assert_eq!((status, &reply["stored"]), (200, &json!(5)), "{reply}");
    let stats = home.json("/api/v1/events/stats?period=100d").await;
    assert_eq!(stats["total_events"], life.len() + 5);
    assert_eq!(stats["stored_events"], life.len() + 5);
    // From within a day: the test's now is 2026-11-23T12:00.
    let since = START_US + 2 * DAY_US + DAY_US / 2;
    let within = life.iter().filter(|(_, at)| *at >= since).count();
    let stats = home.json("/api/v1/events/stats?period=24h").await;
    assert_eq!(stats["total_events"], within);
    let entities: BTreeSet<_> = life
        .iter()
        .filter(|(_, at)| *at >= since)
        .map(|(id, _)| id)
        .collect();
    assert_eq!(stats["unique_entities"], entities.len());
}

/// The newest page is asked for again and again: what it was before must not be taken for what it is.
#[tokio::test]
async fn the_newest_page_follows_what_comes_late_and_where_things_are() {
    let home = Home::new().await;
    let store = async |seconds: i64, state: &str, area: &str| {
        let at = START_US + seconds * 1_000_000;
        let rows =
            json!([{"entity_id": "light.l1", "state": state, "last_updated": at, "area_id": area}]);
        let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
        assert_eq!((status, &reply["stored"]), (200, &json!(1)));
    };
    let newest = async || {
        let (_, page) = answer(home.get("/api/v1/events?limit=2")).await;
        let row = |n: usize| {
            let event = &page[n];
            let before = event["old_state"]["state"].clone();
            (event["state"].clone(), before, event["area_id"].clone())
        };
        (row(0), row(1))
    };
    let is = |state: &str, before: &str, area: &str| (json!(state), json!(before), json!(area));
    store(0, "a", "hall").await;
    store(10, "b", "hall").await;
    store(30, "d", "hall").await;
    for _ in 0..2 {
        let page = newest().await;
        assert_eq!(page, (is("d", "b", "hall"), is("b", "a", "hall")));
    }
    store(20, "c", "hall").await;
    for _ in 0..2 {
        let page = newest().await;
        assert_eq!(page, (is("d", "c", "hall"), is("c", "b", "hall")));
    }
    store(40, "e", "loft").await;
    for _ in 0..2 {
        let page = newest().await;
        assert_eq!(page, (is("e", "d", "loft"), is("d", "c", "loft")));
    }
}
