//! What was not seen live is read from the history, whatever stands in the way.

use std::time::Duration;

use common::api::events::Event;
use common::api::gaps::{Gap, GapReason};
use common::clock::Clock;
use data_api_client::events::EventQuery;
use home_simulator::{Simulator, SimulatorConfig};
use serde_json::Value;
use test_support::eventually;
use tokio::net::TcpListener;

use crate::chain::{Ingestion, PATIENCE, Store, TOKEN, home_with_lag, short_waits, still_home};

async fn home_with_past(days: u32) -> Simulator {
    let config = SimulatorConfig {
        past_days: days,
        ..SimulatorConfig::still(TOKEN)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Simulator::start(config, listener).await.unwrap()
}

/// Imports everything that `home` has.
async fn importing(home: &Simulator, store: &Store) -> Ingestion {
    let url = home.url();
    Ingestion::with(store.port, &[("HA_HTTP_URL", &url), ("HA_TOKEN", TOKEN)]).await
}

async fn imported(ingestion: &Ingestion) -> Value {
    ingestion
        .until("the end of the import", |health| {
            health["backfill"]["done"] == true
        })
        .await
}

async fn all_of(ingestion: &Ingestion, entity_id: &str) -> Vec<Event> {
    let query = EventQuery {
        entity_id: Some(entity_id.to_owned()),
        limit: Some(10_000),
        ..EventQuery::default()
    };
    ingestion.client.events(&query).await.unwrap().events
}

/// Waits until the only gap is closed, and says how.
async fn closed(ingestion: &Ingestion) -> (String, String) {
    let health = ingestion
        .until("a closed gap", |health| {
            let gaps = &health["gaps"]["recent"];
            gaps[0]["closed_by"].is_string() && gaps[1].is_null()
        })
        .await;
    let text = |key: &str| {
        let gap = &health["gaps"]["recent"][0];
        gap[key].as_str().unwrap().to_owned()
    };
    (text("reason"), text("closed_by"))
}

fn both(reason: &str, closed_by: &str) -> (String, String) {
    (reason.to_owned(), closed_by.to_owned())
}

#[tokio::test]
async fn what_the_buffer_let_go_of_is_read_while_the_connection_lasts() {
    let (home, store) = (still_home().await, Store::new().await);
    let url = home.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
        ("INGEST_BUFFER_BYTES", "6000"),
    ];
    let ingestion = Ingestion::with(store.port, &settings).await;
    ingestion.subscribed().await;
    home.burst(3000).await;
    ingestion
        .until("the overflow", |health| {
            health["delivery"]["dropped"]["buffer_full"].as_u64() > Some(0)
        })
        .await;
    ingestion.has_exactly(&home).await;
    assert_eq!(closed(&ingestion).await, both("buffer_full", "backfill"));
    let health = ingestion.health().await;
    assert_eq!(health["connection"]["successful_connections"], 1);
}

#[tokio::test]
async fn what_the_spool_let_go_of_is_read_when_data_api_is_back() {
    let home = still_home().await;
    let (url, port) = (home.url(), test_support::free_port().unwrap());
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("BACKFILL_INITIAL_DAYS", "0"),
        ("SPOOL_MAX_BYTES", "200000"),
    ];
    let ingestion = Ingestion::with(port, &settings).await;
    ingestion.subscribed().await;
    // In parts, so that the spool has several files to let go of.
    for _ in 0..10 {
        home.burst(500).await;
        let seen = home.emitted().changes.len();
        ingestion
            .until("events on disk", |health| {
                health["subscription"]["events_by_type"]["state_changed"] == seen
                    && health["delivery"]["waiting"] == 0
            })
            .await;
    }
    ingestion
        .until("events that fell out", |health| {
            health["delivery"]["dropped"]["spool_full"].as_u64() > Some(0)
        })
        .await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let _store = Store::on(listener).await;
    ingestion.has_exactly(&home).await;
    assert_eq!(closed(&ingestion).await, both("spool_full", "backfill"));
    let health = ingestion.health().await;
    assert_eq!(health["connection"]["successful_connections"], 1);
}

#[tokio::test]
async fn what_a_damaged_store_has_lost_is_read_from_the_history_and_nothing_else() {
    let (home, store) = (still_home().await, Store::new().await);
    let now = Clock::system().now();
    let lost = Gap {
        start: now.plus_seconds(-30 * 3_600),
        end: now.plus_seconds(-6 * 3_600),
        reason: GapReason::Damaged,
        closed_by: None,
        rows: None,
    };
    store
        .client()
        .report_gaps(std::slice::from_ref(&lost))
        .await
        .unwrap();
    let ingestion = Ingestion::start(&home, store.port).await;
    assert_eq!(closed(&ingestion).await, both("damaged", "backfill"));
    let read = ingestion.stored("").await;
    let within = read
        .iter()
        .filter(|row| (lost.start.get()..lost.end.get()).contains(&row.2))
        .count();
    assert!(
        within > 100,
        "{within} of {} rows are of the gap",
        read.len()
    );
    // data-api, whose gap it was, is told how many rows that brought.
    let told = eventually("data-api to know", PATIENCE, async || {
        let gaps = ingestion.gaps().await;
        (gaps["gaps"][0]["closed_by"] == "backfill").then_some(gaps)
    })
    .await
    .unwrap();
    let rows = told["gaps"][0]["rows"].as_u64().unwrap() as usize;
    // A few at its edges besides, never the rest of the two days.
    assert!(
        (within..within + within / 20).contains(&rows),
        "{within}, {told}"
    );
    assert!(read.len() < within + within / 20 + 200, "{}", read.len());
}

#[tokio::test]
async fn a_history_that_the_websocket_refuses_is_read_over_rest() {
    let (home, store) = (still_home().await, Store::new().await);
    home.refuse("history/history_during_period");
    let ingestion = importing(&home, &store).await;
    imported(&ingestion).await;
    assert_eq!(ingestion.stored("").await.len(), home.recorded());
}

#[tokio::test]
async fn a_slow_home_is_asked_smaller_questions() {
    let (home, store) = (still_home().await, Store::new().await);
    home.answer_at_most(300);
    let url = home.url();
    let settings = [("HA_HTTP_URL", url.as_str()), ("HA_TOKEN", TOKEN)];
    let timing = websocket_ingestion::Timing {
        command: Duration::from_millis(400),
        ..short_waits()
    };
    let ingestion = Ingestion::timed(store.port, &settings, timing, Clock::system()).await;
    imported(&ingestion).await;
    assert_eq!(ingestion.stored("").await.len(), home.recorded());
}

#[tokio::test]
async fn without_a_recorder_a_gap_is_given_up_and_events_go_on() {
    let (home, store) = (still_home().await, Store::new().await);
    home.refuse("history");
    home.refuse("recorder");
    let ingestion = Ingestion::start(&home, store.port).await;
    ingestion.subscribed().await;
    home.drop_connections();
    assert_eq!(
        closed(&ingestion).await,
        both("disconnected", "unrecoverable")
    );
    home.set_state("light.afterwards", "on").unwrap();
    eventually("the event afterwards", PATIENCE, async || {
        (ingestion.stored("light.afterwards").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_gap_before_the_history_begins_is_given_up() {
    let (home, store) = (still_home().await, Store::new().await);
    let first = Ingestion::start(&home, store.port).await;
    let start = Clock::system().now().plus_seconds(-100 * 86_400);
    let gap = Gap {
        start,
        end: start.plus_seconds(600),
        reason: GapReason::Disconnected,
        closed_by: None,
        rows: None,
    };
    first.client.report_gaps(&[gap]).await.unwrap();
    assert!(first.tasks.stop(Duration::from_secs(10)).await);
    let second = Ingestion::start(&home, store.port).await;
    assert_eq!(closed(&second).await, both("disconnected", "unrecoverable"));
}

#[tokio::test]
async fn a_gap_stays_open_until_the_recorder_has_written_its_end() {
    let lag = Duration::from_secs(4);
    let (home, store) = (home_with_lag(lag).await, Store::new().await);
    let first = Ingestion::start(&home, store.port).await;
    first.subscribed().await;
    home.burst(10).await;
    home.drop_connections();
    home.set_state("light.late", "on").unwrap();
    first
        .until("the gap that was read once", |health| {
            health["backfill"]["state"] == "settling"
        })
        .await;
    assert!(first.tasks.stop(Duration::from_secs(10)).await);
    let gaps = first.gaps().await;
    assert_eq!(gaps["gaps"][0]["closed_by"], Value::Null, "{gaps}");
    // The next run takes it up.
    let second = Ingestion::start(&home, store.port).await;
    eventually("the late row", PATIENCE, async || {
        (second.stored("light.late").await.len() == 1).then_some(())
    })
    .await
    .unwrap();
    eventually("no open gap", PATIENCE, async || {
        let gaps = second.gaps().await;
        let all = gaps["gaps"].as_array().unwrap();
        all.iter()
            .all(|gap| gap["closed_by"] == "backfill")
            .then_some(())
    })
    .await
    .unwrap();
    second.has_exactly(&home).await;
}

#[tokio::test]
async fn the_past_has_the_contexts_that_the_logbook_tells() {
    let (home, store) = (home_with_past(3).await, Store::new().await);
    let ingestion = importing(&home, &store).await;
    imported(&ingestion).await;
    let runs: Vec<_> = all_of(&ingestion, "automation.porch_light")
        .await
        .into_iter()
        .filter_map(|event| event.context_id)
        .collect();
    assert!(runs.len() >= 4, "{runs:?}");
    let lit = all_of(&ingestion, "light.porch").await;
    let automated = lit
        .iter()
        .filter(|event| {
            event
                .context_id
                .as_ref()
                .is_some_and(|id| runs.contains(id))
        })
        .count();
    assert!(automated >= 4, "{automated} of {}", lit.len());
    let mut by_people = 0;
    for row in ingestion.stored("light.").await {
        by_people += usize::from(
            all_of(&ingestion, &row.0)
                .await
                .iter()
                .any(|event| event.context_user_id.is_some()),
        );
        if by_people > 0 {
            break;
        }
    }
    assert!(by_people > 0, "nobody used an app in three days");
}

#[tokio::test]
async fn without_a_logbook_the_past_is_read_all_the_same() {
    let (home, store) = (still_home().await, Store::new().await);
    home.refuse("logbook");
    let ingestion = importing(&home, &store).await;
    imported(&ingestion).await;
    assert_eq!(ingestion.stored("").await.len(), home.recorded());
}

#[tokio::test]
async fn an_import_that_was_cut_short_goes_on_where_it_stopped() {
    let (home, store) = (home_with_past(20).await, Store::new().await);
    let folder = tempfile::tempdir().unwrap();
    let url = home.url();
    let settings = [
        ("HA_HTTP_URL", url.as_str()),
        ("HA_TOKEN", TOKEN),
        ("SPOOL_DIR", folder.path().to_str().unwrap()),
    ];
    let first = Ingestion::with(store.port, &settings).await;
    // Asked in small parts, by pauses that a stop can fall into.
    first
        .until("a part of the import", |health| {
            health["backfill"]["spans_done"].as_u64() > Some(2)
        })
        .await;
    assert!(first.tasks.stop(Duration::from_secs(10)).await);
    let read_first = first.stored("").await.len();
    assert!(read_first < home.recorded(), "it was not cut short");
    let second = Ingestion::with(store.port, &settings).await;
    let health = imported(&second).await;
    assert_eq!(second.stored("").await.len(), home.recorded());
    let read_again = health["backfill"]["rows_read"].as_u64().unwrap() as usize;
    let new = health["backfill"]["rows"].as_u64().unwrap() as usize;
    assert!(
        read_again - new < read_first,
        "{read_again} rows were read, {new} of them new: the first run's {read_first} were read again"
    );
}

#[tokio::test]
async fn rows_of_a_restart_are_marked_in_the_history_too() {
    let (home, store) = (still_home().await, Store::new().await);
    home.set_state("light.seen", "on").unwrap();
    let port = home.address().port();
    let memory = home.stop().await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let home = Simulator::resume(memory, listener).unwrap();
    let ingestion = importing(&home, &store).await;
    imported(&ingestion).await;
    let rows = all_of(&ingestion, "light.seen").await;
    let told: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| (row.state.as_deref().unwrap_or(""), row.startup))
        .collect();
    assert_eq!(
        told,
        [("on", false), ("unavailable", true), ("on", true)],
        "{rows:?}"
    );
}

#[tokio::test]
async fn the_past_of_an_entity_that_is_gone_is_read_when_the_logbook_names_it() {
    let (home, store) = (still_home().await, Store::new().await);
    for state in ["off", "on", "off"] {
        home.set_state("light.gone", state).unwrap();
    }
    assert!(home.remove_state("light.gone"));
    let ingestion = importing(&home, &store).await;
    imported(&ingestion).await;
    // Three states, and the removal.
    assert_eq!(ingestion.stored("light.gone").await.len(), 4);
}
