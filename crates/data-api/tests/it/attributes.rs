//! Attribute sets come back as they were sent, however they are kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json, value::RawValue};

use crate::home::{Home, KEY, answer, now, pass};

const BEGIN: i64 = 1_795_392_000_000_000;

/// The attributes of change `n` of an entity: most of them stay, some change, come and go; JSON that can be written in more ways than one.
fn attributes(entity: usize, n: usize) -> String {
    let mut parts = vec![
        format!(r#""friendly_name":"Lämpchen {entity} 🏠""#),
        r#""supported_color_modes":["color_temp","hs"],"min_color_temp_kelvin":2000"#.to_owned(),
    ];
    match n % 7 {
        0 => parts.push(r#""hs_color":null,"brightness":null"#.to_owned()),
        1 => parts.push(format!(r#""brightness":{n}.0,"hs_color":[{n}.125,1e2]"#)),
        2 => parts.push(format!(
            r#""brightness":{n},"effect":{{"speed":{{"x":[{n},{{}}]}},"on":true}}"#
        )),
        3 => parts.insert(0, format!(r#""brightness":{n}"#)),
        4 => parts.push(format!(r#""text":"line\n\"{n}\" \u00e4 \\""#)),
        5 => parts = vec![format!(r#""n":{n}"#)],
        _ => parts.push(format!(
            r#""hs_color":[{n}.5, {}.25],  "xy":[0.1{n},0.2]"#,
            n * 3
        )),
    }
    format!("{{{}}}", parts.join(","))
}

type Sent = BTreeMap<(String, i64), String>;

/// Lines as they are sent, and what they say.
fn changes(numbers: std::ops::Range<usize>) -> (String, Sent) {
    let (mut lines, mut sent) = (String::new(), Sent::new());
    for n in numbers {
        let (entity, at) = (n % 3, BEGIN + n as i64 * 1_000_000);
        let entity_id = format!("light.number_{entity}");
        let attributes = attributes(entity, n / 2);
        // Every five changes are one call's, and a chain of two.
        let call = format!("01HZX3{:020}", n / 5);
        writeln!(
            lines,
            "{{\"entity_id\":\"{entity_id}\",\"state\":\"on\",\"attributes\":{attributes},\"last_updated\":{at},\
             \"context\":{{\"id\":\"{call}\",\"parent_id\":\"01HZX2{:020}\"}}}}",
            n / 10
        )
        .unwrap();
        sent.insert((entity_id, at), attributes);
    }
    (lines, sent)
}

#[derive(serde::Deserialize)]
struct Read {
    entity_id: String,
    id: String,
    attributes: Box<RawValue>,
    old_state: Option<Old>,
    context_id: String,
    context_parent_id: String,
}

#[derive(serde::Deserialize)]
struct Old {
    attributes: Box<RawValue>,
    last_updated: common::instant::UtcMicros,
}

#[derive(serde::Deserialize)]
struct Exported {
    entity_id: String,
    last_updated: common::instant::UtcMicros,
    attributes: Box<RawValue>,
    context_id: String,
    context_parent_id: String,
}

/// Pages, single events and the export say what was sent, to the byte.
async fn is_as_sent(home: &Home, sent: &Sent) {
    let page = home.get("/api/v1/events?limit=10000").send().await.unwrap();
    let page: Vec<Read> = serde_json::from_str(&page.text().await.unwrap()).unwrap();
    assert_eq!(page.len(), sent.len());
    for event in &page {
        let at: i64 = event.id.split_once('@').unwrap().1.parse().unwrap();
        assert_eq!(event.attributes.get(), sent[&(event.entity_id.clone(), at)]);
        if let Some(old) = &event.old_state {
            let key = (event.entity_id.clone(), old.last_updated.get());
            assert_eq!(old.attributes.get(), sent[&key], "before {}", event.id);
        }
        let n = (at - BEGIN) / 1_000_000;
        assert_eq!(event.context_id, format!("01HZX3{:020}", n / 5));
        assert_eq!(event.context_parent_id, format!("01HZX2{:020}", n / 10));
    }
    let one = home.json(&format!("/api/v1/events/{}", page[1].id)).await;
    let same: Value = serde_json::from_str(page[1].attributes.get()).unwrap();
    assert_eq!(one["attributes"], same);
    let export = home
        .get("/api/v1/events/export?format=ndjson")
        .send()
        .await
        .unwrap();
    let export = export.text().await.unwrap();
    let mut lines = 0;
    for line in export.lines() {
        let row: Exported = serde_json::from_str(line).unwrap();
        let at = row.last_updated.get();
        assert_eq!(row.attributes.get(), sent[&(row.entity_id.clone(), at)]);
        let n = (at - BEGIN) / 1_000_000;
        assert_eq!(row.context_id, format!("01HZX3{:020}", n / 5));
        assert_eq!(row.context_parent_id, format!("01HZX2{:020}", n / 10));
        lines += 1;
    }
    assert_eq!(lines, sent.len());
}

/// How many sets are stored as a whole, as differences, and how many contexts are shared.
async fn kept(home: &Home) -> [i64; 3] {
    let url = home.folder.database.parse().unwrap();
    let database = database::Database::open_read_only(&url).await.unwrap();
    let mut counts = [0; 3];
    for (count, statement) in counts.iter_mut().zip([
        "SELECT COUNT(*) FROM event_attributes",
        "SELECT COUNT(*) FROM event_attribute_patches",
        "SELECT COUNT(*) FROM event_contexts",
    ]) {
        *count = database.fetch_one(statement).await.unwrap().get(0).unwrap();
    }
    database.close().await;
    counts
}

async fn store(home: &Home, lines: String) -> Value {
    let request = home
        .post("/internal/events/bulk_upsert")
        .header("content-type", "application/x-ndjson")
        .body(lines);
    let (status, reply) = answer(request).await;
    assert_eq!(status, 200, "{reply}");
    reply
}

#[tokio::test]
async fn sets_that_differ_in_little_come_back_to_the_byte_before_and_after_a_restart() {
    let home = Home::new().await;
    let (lines, mut sent) = changes(0..400);
    store(&home, lines.clone()).await;
    is_as_sent(&home, &sent).await;
    let [whole, patches, contexts] = kept(&home).await;
    assert!(
        patches > 100 && whole < patches,
        "{whole} whole, {patches} differences"
    );
    assert_eq!(contexts, 80 + 40);

    // The same again, by a program that has forgotten all: nothing is new.
    let home = Home::at(home.stop().await, &[]).await;
    let again = store(&home, changes(300..400).0).await;
    assert_eq!(again["duplicates"], 100, "{again}");
    let [whole_now, patches_now, _] = kept(&home).await;
    assert!(
        whole_now == whole && patches_now - patches < 20,
        "{whole_now} {patches_now}: sets of the newest changes are known again"
    );
    let (lines, more) = changes(400..600);
    store(&home, lines).await;
    sent.extend(more);
    is_as_sent(&home, &sent).await;
}

#[tokio::test]
async fn the_newest_sets_tell_of_entities_though_they_are_differences() {
    let home = Home::new().await;
    let entity = json!({"entity_id": "sensor.meter", "name": "Meter"});
    answer(home.post("/internal/entities/bulk_upsert").json(&[entity])).await;
    let rows: Vec<Value> = (0..20)
        .map(|n| {
            json!({"entity_id": "sensor.meter", "state": n.to_string(), "last_updated": BEGIN + n * 1_000_000,
                "attributes": {"friendly_name": "The meter in the cellar", "device_class": "energy",
                    "unit_of_measurement": "kWh", "last_reset": 1_000 + n}})
        })
        .collect();
    let (status, _) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!(status, 200);
    assert!(kept(&home).await[1] >= 16);
    let (status, told) = answer(home.post("/api/entities/enrich")).await;
    assert_eq!(status, 200, "{told}");
    let entity = home.json("/api/entities/sensor.meter").await;
    assert_eq!(
        (&entity["device_class"], &entity["unit_of_measurement"]),
        (&json!("energy"), &json!("kWh"))
    );
}

#[tokio::test]
async fn what_only_deleted_changes_had_is_gone_after_the_night() {
    let home = Home::new().await;
    let (lines, sent) = changes(0..200);
    store(&home, lines).await;
    let before = kept(&home).await;
    let at = |n: i64| common::instant::UtcMicros::new(BEGIN + n * 1_000_000).unwrap();
    for entity in 0..3 {
        let mut url = home.url.join("/api/v1/events").unwrap();
        url.query_pairs_mut()
            .append_pair("entity_id", &format!("light.number_{entity}"))
            .append_pair("start", &at(0).to_string())
            .append_pair("end", &at(99).to_string());
        let (status, told) = answer(home.http.delete(url).bearer_auth(KEY)).await;
        assert_eq!(status, 200, "{told}");
    }
    assert_eq!(kept(&home).await, before, "not before the night");
    home.clock.set(now().plus_seconds(14 * 3_600 + 1_800));
    let mut looks = 0;
    while kept(&home).await[2] == before[2] {
        assert!(looks < 50, "nothing was deleted: {before:?}");
        looks += 1;
        pass(Duration::from_secs(61)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // The contexts went last. Half of the changes had half of them; the newest row of a table always stays.
    let after = kept(&home).await;
    let half = before[2] / 2;
    assert!(
        (half..=half + 1).contains(&after[2]),
        "{before:?} {after:?}"
    );
    assert!(after[1] < before[1], "{before:?} {after:?}");
    let left = sent
        .into_iter()
        .filter(|((_, at), _)| *at >= BEGIN + 100 * 1_000_000);
    is_as_sent(&home, &left.collect()).await;
}
