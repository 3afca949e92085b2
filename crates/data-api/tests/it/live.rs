//! State changes as they are committed.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::home::{Home, answer};

/// 2026-11-23T00:00:00Z; the clock of these tests says 12:00.
const MIDNIGHT: i64 = 1_795_392_000_000_000;

async fn store(home: &Home, entity_id: &str, numbers: std::ops::Range<i64>) {
    let rows: Vec<_> = numbers
        .map(|n| json!({"entity_id": entity_id, "state": n.to_string(), "last_updated": MIDNIGHT + n * 1000}))
        .collect();
    let (status, reply) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
    assert_eq!(status, 200, "{reply}");
}

/// An open stream.
struct Stream {
    response: Response,
    text: String,
}

/// One server-sent event.
#[derive(Debug)]
struct Sent {
    name: String,
    id: String,
    data: Value,
}

impl Stream {
    async fn open(home: &Home, query: &str) -> Self {
        let response = home
            .get(&format!("/api/v1/events/live?{query}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                        .unwrap_or_default()
                        .to_owned()
                };
                let sent = Sent {
                    name: field("event"),
                    id: field("id"),
                    data: serde_json::from_str(&field("data")).unwrap_or_default(),
                };
                let rest = rest.to_owned();
                self.text = rest;
                if !sent.name.is_empty() {
                    return Some(sent);
                }
                continue;
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.response.chunk()).await;
            let chunk = chunk.expect("the stream is silent").ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn states(&mut self, count: usize) -> Vec<String> {
        let mut states = Vec::new();
        while states.len() < count {
            let sent = self.next().await.unwrap();
            assert_eq!(sent.name, "state_changed", "{sent:?}");
            states.push(sent.data["state"].as_str().unwrap().to_owned());
        }
        states
    }
}

#[tokio::test]
async fn nothing_is_lost_between_a_page_and_the_stream() {
    let home = Home::new().await;
    store(&home, "sensor.a", 0..3).await;
    let page = home.get("/api/v1/events").send().await.unwrap();
    let cursor = page.headers()["x-live-cursor"].to_str().unwrap().to_owned();
    // Committed after the page was read and before the stream is open; some are older than everything on the page.
    store(&home, "sensor.a", 5..7).await;
    store(&home, "sensor.a", -4..-2).await;
    let mut stream = Stream::open(&home, &format!("cursor={cursor}")).await;
    assert_eq!(stream.states(4).await, ["5", "6", "-4", "-3"]);
    store(&home, "sensor.a", 10..11).await;
    let sent = stream.next().await.unwrap();
    assert_eq!(
        (
            &sent.data["id"],
            &sent.data["entity_id"],
            &sent.data["domain"]
        ),
        (
            &json!(format!("sensor.a@{}", MIDNIGHT + 10_000)),
            &json!("sensor.a"),
            &json!("sensor")
        )
    );
    // Who was cut off goes on after the last that was heard.
    store(&home, "sensor.a", 11..13).await;
    let again = home
        .get("/api/v1/events/live")
        .header("last-event-id", sent.id);
    let mut again = Stream {
        response: again.send().await.unwrap(),
        text: String::new(),
    };
    assert_eq!(again.states(2).await, ["11", "12"]);
}

#[tokio::test]
async fn a_change_tells_what_was_before_also_when_it_comes_late() {
    let home = Home::new().await;
    let mut stream = Stream::open(&home, "").await;
    let row = |state: &str, brightness: i64, second: i64| {
        json!([{"entity_id": "light.a", "state": state, "attributes": {"brightness": brightness},
            "last_updated": MIDNIGHT + second * 1_000_000}])
    };
    let mut told = Vec::new();
    for body in [row("on", 1, 10), row("on", 2, 20), row("off", 3, 15)] {
        answer(home.post("/internal/events/bulk_upsert").json(&body)).await;
        told.push(stream.next().await.unwrap().data);
    }
    let [first, second, late] = &told[..] else {
        unreachable!("three were sent");
    };
    assert_eq!(
        (&first["old_state"], &first["previous_state"]),
        (&Value::Null, &Value::Null)
    );
    // Both follow the first; the late one came between.
    for told in [second, late] {
        assert_eq!(
            (&told["old_state"]["state"], &told["previous_state"]),
            (&json!("on"), &json!("on")),
            "{told}"
        );
        assert_eq!(told["old_state"]["attributes"]["brightness"], 1, "{told}");
    }
    let stored = home.json("/api/v1/events?limit=2").await;
    assert_eq!(late["old_state"], stored[1]["old_state"]);
    assert_eq!(late["state"], "off");
}

#[tokio::test]
async fn a_stream_goes_on_after_a_stored_event_also_after_a_restart() {
    let home = Home::new().await;
    store(&home, "sensor.a", 0..5).await;
    let id = format!("sensor.a@{}", MIDNIGHT + 1000);
    let mut stream = Stream::open(&home, &format!("cursor={id}")).await;
    assert_eq!(stream.states(3).await, ["2", "3", "4"], "from memory");
    drop(stream);
    let home = Home::at(home.stop().await, &[]).await;
    let mut stream = Stream::open(&home, &format!("cursor={id}&entity_id=sensor.a")).await;
    assert_eq!(stream.states(3).await, ["2", "3", "4"], "from the table");
    store(&home, "sensor.a", 5..6).await;
    assert_eq!(stream.states(1).await, ["5"]);
}

#[tokio::test]
async fn who_was_away_for_too_long_is_told_from_where_to_page() {
    let home = Home::new().await;
    let page = home.get("/api/v1/events").send().await.unwrap();
    let cursor = page.headers()["x-live-cursor"].to_str().unwrap().to_owned();
    store(&home, "sensor.a", 0..20_001).await;
    let mut stream = Stream::open(&home, &format!("cursor={cursor}")).await;
    let sent = stream.next().await.unwrap();
    assert_eq!(sent.name, "reset");
    assert_eq!(
        sent.data,
        json!({"reason": "cursor_too_old", "page_from": "2026-11-23T12:00:00.000000+00:00"})
    );
    store(&home, "sensor.a", 20_001..20_002).await;
    assert_eq!(stream.states(1).await, ["20001"]);
}

#[tokio::test]
async fn only_what_was_asked_for_comes() {
    let home = Home::new().await;
    let placed = json!([{"entity_id": "light.k", "state": "off", "last_updated": MIDNIGHT - 9, "area_id": "kitchen"}]);
    answer(home.post("/internal/events/bulk_upsert").json(&placed)).await;
    for (query, want) in [
        ("entity_id=sensor.a", "sensor.a"),
        ("domain=light", "light.k"),
        ("area_id=kitchen", "light.k"),
    ] {
        let mut stream = Stream::open(&home, query).await;
        for entity in ["switch.x", "light.k", "sensor.a"] {
            store(&home, entity, 0..1).await;
        }
        // Stored before for the second question: what is there is not told again.
        for entity in ["switch.x", "light.k", "sensor.a"] {
            let at = i64::try_from(query.len()).unwrap();
            store(&home, entity, at..at + 1).await;
        }
        assert_eq!(
            stream.next().await.unwrap().data["entity_id"],
            want,
            "{query}"
        );
    }
    assert_eq!(
        answer(home.get("/api/v1/events/live?cursor=x")).await.0,
        422
    );
}

#[tokio::test]
async fn a_stop_ends_every_stream() {
    let home = Home::new().await;
    let mut stream = Stream::open(&home, "").await;
    let (folder, end) = tokio::join!(home.stop(), stream.next());
    assert!(end.is_none());
    drop(folder);
}

#[tokio::test]
async fn one_client_too_many_is_told_so() {
    let home = Home::new().await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(Stream::open(&home, "").await);
    }
    assert_eq!(answer(home.get("/api/v1/events/live")).await.0, 503);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_told_what_it_missed_and_goes_on() {
    let home = Home::new().await;
    let mut stream = Stream::open(&home, "").await;
    // 40 MB with what was before: more than the sockets on the way and the ring hold together.
    let attributes = json!({"text": "x".repeat(10_000)});
    for batch in 0..20 {
        let rows: Vec<_> = (0..100)
            .map(|n| batch * 100 + n)
            .map(|n| json!({"entity_id": "sensor.a", "state": n.to_string(), "attributes": attributes, "last_updated": MIDNIGHT + n}))
            .collect();
        let (status, _) = answer(home.post("/internal/events/bulk_upsert").json(&rows)).await;
        assert_eq!(status, 200);
    }
    let mut next = 0;
    let reset = loop {
        let sent = stream.next().await.unwrap();
        if sent.name == "reset" {
            break sent;
        }
        assert_eq!(
            sent.data["state"],
            next.to_string(),
            "nothing is left out before it is told"
        );
        next += 1;
    };
    assert!(next < 2_000, "it was not too slow");
    assert_eq!(reset.data, json!({"reason": "too_slow", "page_from": null}));
    // It goes on behind what was committed when it was told so; what it had not read by then may have been passed once more.
    let mut told = 0;
    store(&home, "sensor.b", 0..1).await;
    loop {
        let sent = stream.next().await.unwrap();
        if sent.name == "reset" {
            told += 1;
            store(&home, "sensor.b", told..told + 1).await;
        } else if sent.data["entity_id"] == "sensor.b" {
            break;
        }
    }
    let metrics = home
        .get("/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        metrics.contains(r#"homeiq_live_resets_total{reason="too_slow"}"#),
        "{metrics}"
    );
}
