//! What takes room, rules that give some back, and deletion.

use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Home, KEY, answer, now, pass};

/// 2026-11-23T00:00:00Z; the clock of these tests says 12:00.
const MIDNIGHT: i64 = 1_795_392_000_000_000;
const DAY: i64 = 86_400_000_000;
const SECOND: i64 = 1_000_000;

async fn stored(home: &Home, rows: &[Value]) {
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(rows)).await;
    assert_eq!(
        (status, &reply["stored"]),
        (200, &json!(rows.len())),
        "{reply}"
    );
}

fn row(entity_id: &str, at: i64, state: impl Into<Value>) -> Value {
    json!({"entity_id": entity_id, "state": state.into(), "last_updated": at})
}

/// 2,880 changes of a meter on each of three days, and a light.
async fn metered() -> Home {
    let home = Home::new().await;
    let rows: Vec<_> = (0..3 * 2_880_i64)
        .map(|n| {
            row(
                "sensor.power",
                MIDNIGHT - 3 * DAY + n * 30 * SECOND,
                n.to_string(),
            )
        })
        .chain((0..3).map(|n| row("light.a", MIDNIGHT - n * DAY - 1, "on")))
        .collect();
    stored(&home, &rows).await;
    home
}

fn delete(home: &Home, path: &str) -> reqwest::RequestBuilder {
    home.http
        .delete(home.url.join(path).unwrap())
        .bearer_auth(KEY)
}

/// Counts of the whole store and of its days agree with what is there.
async fn counted(home: &Home, want: usize) {
    let told = home.json("/api/v1/events/stats?period=100d").await;
    assert_eq!(
        (&told["stored_events"], &told["total_events"]),
        (&json!(want), &json!(want))
    );
    let page = home.json("/api/v1/events?limit=10000").await;
    assert_eq!(page.as_array().unwrap().len(), want.min(10_000));
}

#[tokio::test]
async fn the_report_says_what_takes_room_how_it_grows_and_what_a_rule_saves() {
    let home = metered().await;
    let told = home.json("/api/v1/storage?days=3&top=1").await;
    assert_eq!((&told["events"], &told["days"]), (&json!(8_643), &json!(3)));
    assert_eq!(told["events_per_day"], 2_881.0);
    let meter = &told["entities"][0];
    assert_eq!(
        (&meter["name"], &meter["events"], &meter["events_per_day"]),
        (&json!("sensor.power"), &json!(8_640), &json!(2_880.0))
    );
    assert_eq!(told["entities"].as_array().unwrap().len(), 1);
    assert_eq!(told["domains"][1]["name"], "light");
    let bytes = told["bytes"].as_u64().unwrap();
    assert!(told["forecast"][1]["bytes"].as_u64().unwrap() > 100 * bytes);
    assert_eq!(told["advice"][0]["rule"]["entity_id"], "sensor.power");
    assert_eq!(told["advice"][0]["saves_events_per_day"], 1_440.0);
    for query in ["days=0", "days=366", "top=0", "days=x"] {
        let (status, _) = answer(home.get(&format!("/api/v1/storage?{query}"))).await;
        assert_eq!(status, 422, "{query}");
    }
    let empty = Home::new().await;
    assert_eq!(empty.json("/api/v1/storage").await["events"], 0);
}

#[tokio::test]
async fn a_rule_deletes_what_its_dry_run_said() {
    let home = metered().await;
    let thin = json!({"entity_id": "sensor.p*", "thin_seconds": 60, "older_than_days": 1});
    let asked = home
        .post("/api/v1/storage/rules/dry-run")
        .json(&json!([thin]));
    let (status, told) = answer(asked).await;
    // Two and a half days are older than a day; of each minute one of two goes.
    assert_eq!(
        (status, &told["events"]),
        (200, &json!(2 * 2_880 / 2 + 720)),
        "{told}"
    );
    counted(&home, 8_643).await;
    let (status, rule) = answer(home.post("/api/v1/storage/rules").json(&thin)).await;
    assert_eq!(status, 200, "{rule}");
    let (_, kept) = answer(home.post("/api/v1/storage/rules/dry-run")).await;
    assert_eq!(kept["events"], told["events"]);
    let (status, run) = answer(home.post("/api/v1/storage/rules/run")).await;
    assert_eq!((status, &run["events"]), (200, &told["events"]), "{run}");
    assert_eq!(run["largest"][0]["entity_id"], "sensor.power");
    counted(&home, 8_643 - 3_600).await;
    let (_, again) = answer(home.post("/api/v1/storage/rules/run")).await;
    assert_eq!(again["events"], 0, "nothing more to do");
    assert_eq!(
        home.json("/api/v1/storage/rules").await[0]["rule"]["thin_seconds"],
        60
    );
    let path = format!("/api/v1/storage/rules/{}", rule["id"]);
    assert_eq!(answer(delete(&home, &path)).await.0, 200);
    assert_eq!(answer(delete(&home, &path)).await.0, 404);
    assert_eq!(home.json("/api/v1/storage/rules").await, json!([]));
}

#[tokio::test]
async fn keeping_days_and_excluding_delete_by_domain() {
    let home = metered().await;
    for rule in [
        json!({"domain": "light", "keep_days": 1}),
        json!({"domain": "sensor", "exclude": true}),
    ] {
        assert_eq!(
            answer(home.post("/api/v1/storage/rules").json(&rule))
                .await
                .0,
            200
        );
    }
    let (_, run) = answer(home.post("/api/v1/storage/rules/run")).await;
    assert_eq!(
        (&run["events"], &run["entities"]),
        (&json!(8_642), &json!(2))
    );
    counted(&home, 1).await;
    let history = home.json("/api/v1/history?entity_id=light.a").await;
    assert_eq!(
        history["series"][0]["spans"][0]["state"], "on",
        "the newest stays"
    );
    // An excluded entity is stored again when it is sent: the filter of ingestion keeps it out.
    stored(&home, &[row("sensor.power", MIDNIGHT, "1")]).await;
    counted(&home, 2).await;
}

#[tokio::test]
async fn a_rule_that_cannot_be_is_refused() {
    let home = Home::new().await;
    for rule in [
        json!({"keep_days": 3}),
        json!({"domain": "light"}),
        json!({"domain": "light", "keep_days": 3, "exclude": true}),
        json!({"domain": "light", "keep_days": 0}),
        json!({"domain": "light", "keep_day": 3}),
    ] {
        let (status, told) = answer(home.post("/api/v1/storage/rules").json(&rule)).await;
        assert_eq!(status, 422, "{rule}: {told}");
        let body = json!([rule]);
        let asked = home.post("/api/v1/storage/rules/dry-run").json(&body);
        assert_eq!(answer(asked).await.0, 422, "{rule}");
    }
}

#[tokio::test]
async fn what_somebody_wants_gone_is_gone_and_counted() {
    let home = metered().await;
    let path =
        "/api/v1/events?entity_id=sensor.power&start=2026-11-21T00:00:00Z&end=2026-11-21T23:59:59Z";
    let (status, told) = answer(delete(&home, path)).await;
    assert_eq!((status, &told["events"]), (200, &json!(2_880)), "{told}");
    counted(&home, 8_643 - 2_880).await;
    let (_, told) = answer(delete(&home, "/api/v1/events?entity_id=light.a,light.none")).await;
    assert_eq!((&told["events"], &told["entities"]), (&json!(3), &json!(1)));
    counted(&home, 8_640 - 2_880).await;
    for query in [
        "",
        "entity_id=",
        "entity_id=a.b&start=2026-11-23T01:00:00Z&end=2026-11-22T01:00:00Z",
    ] {
        assert_eq!(
            answer(delete(&home, &format!("/api/v1/events?{query}")))
                .await
                .0,
            422,
            "{query}"
        );
    }
}

#[tokio::test]
async fn only_an_admin_deletes() {
    let home = Home::new().await;
    let wanted = json!({"name": "reader", "scopes": ["read"]});
    let (status, made) = answer(home.post("/api/v1/keys").json(&wanted)).await;
    assert!(status < 300, "{made}");
    let key = made["key"].as_str().unwrap();
    for (method, path) in [
        (reqwest::Method::DELETE, "/api/v1/events?entity_id=a.b"),
        (reqwest::Method::POST, "/api/v1/storage/rules"),
        (reqwest::Method::DELETE, "/api/v1/storage/rules/1"),
        (reqwest::Method::POST, "/api/v1/storage/rules/run"),
    ] {
        let request = home.http.request(method, home.url.join(path).unwrap());
        assert_eq!(answer(request.bearer_auth(key)).await.0, 403, "{path}");
    }
    let request = home.http.get(home.url.join("/api/v1/storage").unwrap());
    assert_eq!(answer(request.bearer_auth(key)).await.0, 200);
}

#[tokio::test]
async fn rules_run_by_themselves_in_the_night_and_once() {
    let home = metered().await;
    let rule = json!({"domain": "sensor", "keep_days": 2});
    let (status, told) = answer(home.post("/api/v1/storage/rules").json(&rule)).await;
    assert_eq!(status, 200, "{told}");
    // It is noon: nothing happens, however often it is looked.
    let look = async || {
        pass(Duration::from_secs(61)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    look().await;
    look().await;
    counted(&home, 8_643).await;
    // Half past two in the night that follows: what is older than two days goes.
    let night = now().plus_seconds(14 * 3_600 + 1_800);
    home.clock.set(night);
    let mut looks = 0;
    while home.json("/api/v1/events/stats?period=100d").await["stored_events"] == 8_643 {
        assert!(looks < 50, "the rules did not run");
        looks += 1;
        look().await;
    }
    let cut = night.get() - 2 * DAY;
    let old = (0..3 * 2_880_i64).filter(|n| MIDNIGHT - 3 * DAY + n * 30 * SECOND < cut);
    let left = 8_643 - old.count();
    let mut looks = 0;
    while home.json("/api/v1/events/stats?period=100d").await["stored_events"] != json!(left) {
        assert!(looks < 50, "the rules did not run to their end");
        looks += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // In the same hour they do not run again, in the next night they do.
    stored(&home, &[row("sensor.power", cut - DAY, "late")]).await;
    look().await;
    look().await;
    counted(&home, left + 1).await;
    home.clock.set(night.plus_seconds(86_400));
    let mut looks = 0;
    while home.json("/api/v1/events/stats?period=100d").await["stored_events"] == json!(left + 1) {
        assert!(looks < 50, "the rules did not run in the second night");
        looks += 1;
        look().await;
    }
}
