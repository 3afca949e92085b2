//! `/ws`: what is said on it, and what is sent to those who listen.

use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, still_home};
use crate::socket::{Closed, Socket, dial};

async fn alone(settings: &[(&str, &str)]) -> Ingestion {
    // Nothing of data-api is needed; it is away.
    Ingestion::with(test_support::free_port().unwrap(), settings).await
}

#[tokio::test]
async fn the_documented_messages_are_answered_as_documented() {
    let ingestion = alone(&[]).await;
    let mut socket = dial(&ingestion, "/ws", None).await.unwrap();
    let greeting = socket.hear().await;
    let id = greeting["correlation_id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("req_"), "{id}");
    assert_eq!(
        greeting,
        json!({"type": "connection", "status": "connected", "message": "Connected to HA Ingestor WebSocket", "correlation_id": id})
    );
    let pong = socket.ask(&json!({"type": "ping"})).await;
    assert!(pong["timestamp"].as_str().unwrap().ends_with("+00:00"));
    assert_eq!(
        (&pong["type"], &pong["correlation_id"]),
        (&json!("pong"), &json!(id))
    );
    let subscribe = json!({"type": "subscribe", "channels": ["events"]});
    assert_eq!(
        socket.ask(&subscribe).await,
        json!({"type": "subscription", "status": "subscribed", "channels": ["events"], "correlation_id": id})
    );
    let unsubscribe = json!({"type": "unsubscribe", "channels": ["events"]});
    assert_eq!(
        socket.ask(&unsubscribe).await,
        json!({"type": "subscription", "status": "unsubscribed", "channels": ["events"], "correlation_id": id})
    );
    let other = json!({"type": "hello", "n": [1, {"a": null}]});
    assert_eq!(
        socket.ask(&other).await,
        json!({"type": "echo", "original": other, "correlation_id": id})
    );
}

/// The eighth acceptance check of the contract.
#[tokio::test]
async fn every_bad_input_gets_the_documented_error_object_and_the_socket_stays_usable() {
    let ingestion = alone(&[("WEBSOCKET_RATE_LIMIT_MESSAGES", "100")]).await;
    let mut socket = Socket::open(&ingestion).await;
    let long = format!("\"{}\"", "x".repeat(65_535));
    let umlauts = format!("\"{}\"", "ü".repeat(40_000));
    for (input, text) in [
        (Message::text("{"), "Invalid JSON format: "),
        (Message::text(""), "Invalid JSON format: "),
        (
            Message::text("{\"type\": \"ping\"} x"),
            "Invalid JSON format: ",
        ),
        (Message::binary(vec![0xff, 0x00]), "Invalid JSON format: "),
        (Message::text("[".repeat(60_000)), "Invalid JSON format: "),
        (Message::text("[1, 2]"), "Message must be a JSON object"),
        (Message::text("null"), "Message must be a JSON object"),
        (Message::text("\"ping\""), "Message must be a JSON object"),
        (
            Message::text(long),
            "Message size (65537 bytes) exceeds maximum allowed size (65536 bytes)",
        ),
        (
            Message::text(umlauts),
            "Message size (80002 bytes) exceeds maximum allowed size (65536 bytes)",
        ),
        (
            Message::text(r#"{"type": "subscribe", "channels": ["events", "weather"]}"#),
            r#"Unknown channel "weather"; the channels are: events, status"#,
        ),
        (
            Message::text(r#"{"type": "subscribe", "channels": [7]}"#),
            "Unknown channel 7; ",
        ),
        (
            Message::text(r#"{"type": "unsubscribe", "channels": "events"}"#),
            "channels must be a list of names; ",
        ),
    ] {
        let shown: String = format!("{input:?}").chars().take(80).collect();
        socket.send(input).await;
        let answer = socket.hear().await;
        let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["correlation_id", "message", "type"], "{shown}");
        assert_eq!(answer["type"], "error");
        let message = answer["message"].as_str().unwrap();
        let is_right = message.starts_with(text) && (text.ends_with(' ') || message == text);
        assert!(is_right, "{shown}: {message}");
        // A message of exactly the largest size is one like any other.
        let whole = format!(
            "{{\"type\":\"ping\",\"x\":\"{}\"}}",
            "y".repeat(65_536 - 22)
        );
        assert_eq!(whole.len(), 65_536);
        socket.send(whole).await;
        assert_eq!(socket.hear().await["type"], "pong", "after {shown}");
    }
}

#[tokio::test]
async fn more_messages_than_allowed_are_refused_until_the_window_has_moved_on() {
    let settings = [
        ("WEBSOCKET_RATE_LIMIT_MESSAGES", "3"),
        ("WEBSOCKET_RATE_LIMIT_WINDOW", "1"),
    ];
    let ingestion = alone(&settings).await;
    let mut socket = Socket::open(&ingestion).await;
    for _ in 0..3 {
        assert_eq!(socket.ask(&json!({"type": "ping"})).await["type"], "pong");
    }
    let refused = socket.ask(&json!({"type": "ping"})).await;
    assert_eq!(
        (&refused["type"], &refused["message"]),
        (
            &json!("error"),
            &json!("Rate limit exceeded: 3 messages per 1 seconds")
        )
    );
    let answered =
        async || (socket.ask(&json!({"type": "ping"})).await["type"] == "pong").then_some(());
    test_support::eventually("a new window", PATIENCE, answered)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_happens_is_sent_to_all_who_listen_once_and_in_order() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    let mut first = Socket::subscribed(&ingestion, &["events"]).await;
    let mut second = Socket::subscribed(&ingestion, &["events", "events"]).await;
    let mut deaf = Socket::open(&ingestion).await;
    home.set_state("light.seen_live", "on").unwrap();
    let push = first.hear().await;
    let event = &push["event"];
    assert_eq!(
        (&push["type"], &push["channel"]),
        (&json!("event"), &json!("events"))
    );
    assert_eq!(
        (&event["entity_id"], &event["state"], &event["origin"]),
        (&json!("light.seen_live"), &json!("on"), &json!("live"))
    );
    assert_eq!(event["context"]["id"].as_str().map(str::len), Some(26));
    assert!(
        event["attributes"].is_object() && event["last_updated"].is_string(),
        "{push}"
    );
    home.burst(2000).await;
    assert!(home.remove_state("light.seen_live"));
    let want: Vec<String> = home
        .emitted()
        .changes
        .iter()
        .map(|change| format!("{}@{}", change.entity_id, change.last_updated_us))
        .collect();
    for (socket, already) in [(&mut first, 1), (&mut second, 0)] {
        // The last of them is the removal.
        for id in &want[already..want.len() - 1] {
            assert_eq!(socket.hear().await["id"], *id);
        }
        let removal = socket.hear().await;
        assert_eq!(
            (&removal["event"]["entity_id"], &removal["event"]["state"]),
            (&json!("light.seen_live"), &Value::Null)
        );
    }
    // Whoever did not ask, or no longer does, is not sent any.
    let unsubscribe = json!({"type": "unsubscribe", "channels": ["events"]});
    assert_eq!(first.ask(&unsubscribe).await["status"], "unsubscribed");
    home.burst(10).await;
    assert_eq!(second.hear().await["type"], "event");
    for socket in [&mut first, &mut deaf] {
        assert_eq!(socket.ask(&json!({"type": "ping"})).await["type"], "pong");
    }
}

#[tokio::test]
async fn the_state_of_the_service_is_told_at_once_and_when_it_changes() {
    let (home, store) = (still_home().await, Store::new().await);
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    let mut socket = Socket::subscribed(&ingestion, &["status"]).await;
    let told = socket.hear().await;
    assert_eq!(
        (&told["type"], &told["channel"]),
        (&json!("status"), &json!("status"))
    );
    let status = &told["status"];
    assert_eq!(
        (
            &status["current_state"],
            &status["is_subscribed"],
            &status["degraded"]
        ),
        (&json!("connected"), &json!(true), &json!([]))
    );
    drop(home.stop().await);
    let lost = async || {
        let told = socket.hear().await;
        (told["status"]["is_subscribed"] == false
            && told["status"]["degraded"][0]["part"] == "home_assistant")
            .then_some(())
    };
    test_support::eventually("word of the loss", PATIENCE, lost)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_told_and_let_go_of_and_holds_up_nobody() {
    let (home, store) = (still_home().await, Store::new().await);
    let url = home.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
    ];
    // However long this test takes, the client is there again in time to hear what it missed.
    let ingestion = Ingestion::with_timing(store.port, &settings, |timing| {
        timing.client_patience = Duration::from_secs(120);
    })
    .await;
    ingestion.subscribed().await;
    let mut slow = Socket::subscribed(&ingestion, &["events"]).await;
    let mut fast = Socket::subscribed(&ingestion, &["events"]).await;
    for _ in 0..20 {
        home.burst(1000).await;
        for _ in 0..1000 {
            assert_eq!(fast.hear().await["type"], "event");
        }
    }
    ingestion.has_exactly(&home).await;
    let (last, closed) = slow.read_out().await;
    assert_eq!(closed, Closed(Some(1013)), "{last}");
    assert_eq!(
        (&last["type"], &last["channel"]),
        (&json!("overflow"), &json!("events"))
    );
    assert!(last["dropped"].as_u64().unwrap() > 1000, "{last}");
    assert_eq!(fast.ask(&json!({"type": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn a_client_that_shows_no_life_is_let_go_of_and_one_that_answers_pings_is_not() {
    let port = test_support::free_port().unwrap();
    let ingestion = Ingestion::with_timing(port, &[("WEBSOCKET_MAX_CLIENTS", "2")], |timing| {
        timing.client_ping_every = Duration::from_millis(100);
    })
    .await;
    let mut alive = Socket::open(&ingestion).await;
    let mut dead = Socket::open(&ingestion).await;
    // Reading answers pings. A minute of silence would be longer than the patience of this test.
    let hears = async { alive.next(Duration::from_secs(60)).await };
    let place = async {
        let free = async || {
            let mut third = dial(&ingestion, "/ws", None).await.unwrap();
            (third.hear().await["type"] == "connection").then_some(())
        };
        test_support::eventually("the place of the dead", PATIENCE, free).await
    };
    tokio::select! {
        heard = hears => panic!("the living was let go of: {heard:?}"),
        free = place => free.unwrap(),
    }
    // Its answers to the pings, which it finds now, may break the connection before it finds the goodbye.
    let (_, Closed(code)) = dead.read_out().await;
    assert!(matches!(code, Some(1001) | None), "{code:?}");
    assert_eq!(alive.ask(&json!({"type": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn one_client_too_many_is_told_so() {
    let ingestion = alone(&[("WEBSOCKET_MAX_CLIENTS", "2")]).await;
    let (first, _second) = (
        Socket::open(&ingestion).await,
        Socket::open(&ingestion).await,
    );
    let mut third = dial(&ingestion, "/ws", None).await.unwrap();
    let (told, closed) = third.read_out().await;
    assert_eq!(
        (&told["type"], closed),
        (&json!("error"), Closed(Some(1013)))
    );
    assert!(
        told["message"].as_str().unwrap().contains("2 clients"),
        "{told}"
    );
    drop(first);
    let place = async || {
        let mut socket = dial(&ingestion, "/ws", None).await.unwrap();
        (socket.hear().await["type"] == "connection").then_some(())
    };
    test_support::eventually("a place", PATIENCE, place)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_message_too_large_to_be_read_ends_the_conversation_with_a_word() {
    let ingestion = alone(&[]).await;
    let mut socket = Socket::open(&ingestion).await;
    socket.send("x".repeat(1024 * 1024 + 1)).await;
    let (told, closed) = socket.read_out().await;
    assert_eq!(
        (&told["type"], closed),
        (&json!("error"), Closed(Some(1009)))
    );
    // Nobody else is concerned.
    Socket::open(&ingestion).await;
}

#[tokio::test]
async fn pages_of_foreign_origins_and_plain_requests_are_refused() {
    let ingestion = alone(&[]).await;
    for path in ["/ws", "/ws/status"] {
        let refused = dial(&ingestion, path, Some("http://evil.example")).await;
        let Err(tungstenite::Error::Http(response)) = refused else {
            panic!("a page of a foreign origin got in")
        };
        assert_eq!(response.status(), 403);
        assert!(
            dial(&ingestion, path, Some("http://localhost:3000"))
                .await
                .is_ok()
        );
        let (status, body) = ingestion.get(path).await;
        assert!(
            (400..500).contains(&status) && body["detail"].is_string(),
            "{status} {body}"
        );
    }
}

#[tokio::test]
async fn clients_hear_that_the_service_stops() {
    let home = still_home().await;
    let url = home.url();
    let ingestion = alone(&[("HA_HTTP_URL", &url), ("HA_TOKEN", TOKEN)]).await;
    let mut socket = Socket::subscribed(&ingestion, &["events"]).await;
    let mut house = dial(&ingestion, "/ws/status", None).await.unwrap();
    let begun = std::time::Instant::now();
    assert!(ingestion.tasks.stop(Duration::from_secs(10)).await);
    assert!(begun.elapsed() < Duration::from_secs(8));
    for socket in [&mut socket, &mut house] {
        assert_eq!(socket.read_out().await.1, Closed(Some(1001)));
    }
}
