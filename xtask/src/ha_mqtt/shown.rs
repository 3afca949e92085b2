//! What Home Assistant shows, and what its controls do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::stack::Stack;
use crate::patience;

pub(super) const HEADINGS: [&str; 2] = ["step", "seconds"];
/// Until Home Assistant shows something; after its birth the service waits up to 10 s.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);
const LAMP: &str = "light.ha_mqtt_hall";
const SECOND_LAMP: &str = "light.ha_mqtt_attic";
/// Whether a state is one that is wanted.
type Fits = fn(&str) -> bool;
/// Something that is tried.
type Step = fn(&mut Stack) -> anyhow::Result<()>;
/// What is shown from the start, and what it says then.
const FIRST: [(&str, Fits); 9] = [
    ("sensor.homeiq_patterns", |state| state == "0"),
    ("sensor.homeiq_last_analysis", |state| state == "unknown"),
    ("sensor.homeiq_events_stored", |state| number(state) > 0.0),
    ("sensor.homeiq_database_size", |state| number(state) > 0.0),
    ("binary_sensor.homeiq_data_api", |state| state == "on"),
    ("event.homeiq_pattern", |state| state == "unknown"),
    ("event.homeiq_anomaly", |state| state == "unknown"),
    ("button.homeiq_analyse_now", |state| state == "unknown"),
    ("switch.homeiq_notifications", |state| state == "on"),
];

fn number(state: &str) -> f64 {
    state.parse().unwrap_or(f64::NAN)
}

/// Everything that is tried with one version.
pub(super) fn follow(mut stack: Stack, rows: &mut Vec<Vec<String>>) -> anyhow::Result<()> {
    let steps: [(&str, Step); 8] = [
        ("entities exist and have values", first),
        ("the button sets off an analysis, the event tells", button),
        ("an accepted habit has a sensor", accepted),
        ("the switch turns events off", switch),
        ("Home Assistant restarts", home_restarts),
        ("the broker is killed, a fresh one comes", fresh_broker),
        ("the service restarts", service_restarts),
        ("a dismissed habit is taken back", dismissed),
    ];
    for (name, step) in steps {
        let begun = Instant::now();
        step(&mut stack).context(name)?;
        let seconds = format!("{:.1}", begun.elapsed().as_secs_f64());
        rows.push(vec![name.to_owned(), seconds]);
    }
    Ok(())
}

fn state_of(stack: &Stack, entity: &str) -> anyhow::Result<Option<Value>> {
    let answer = stack.home.peer()?.get(&format!("/api/states/{entity}"))?;
    if answer.status == 404 {
        return Ok(None);
    }
    answer.json().map(Some)
}

/// Waits until an entity has a state that fits; returns it with its attributes.
fn until(
    stack: &Stack,
    entity: &str,
    fits: impl Fn(&Value, &str) -> bool,
) -> anyhow::Result<Value> {
    let mut last = None;
    let waited = patience::until(entity, SHOWN_WITHIN, || {
        // While Home Assistant starts, it may not answer.
        last = state_of(stack, entity).unwrap_or_default();
        let fitting = last
            .as_ref()
            .filter(|state| fits(state, state["state"].as_str().unwrap_or_default()));
        Ok(fitting.cloned())
    });
    waited.with_context(|| format!("it is {last:?}"))
}

fn call(stack: &Stack, service: &str, entity: &str) -> anyhow::Result<()> {
    let body = json!({"entity_id": entity}).to_string();
    let path = format!("/api/services/{service}");
    stack.home.peer()?.post(&path, &body)?.text()?;
    Ok(())
}

fn first(stack: &mut Stack) -> anyhow::Result<()> {
    stack.live(LAMP, 420)?;
    stack.start_service()?;
    for (entity, fits) in FIRST {
        until(stack, entity, |_, state| fits(state))?;
    }
    until(stack, "binary_sensor.homeiq_ha_link", |_, state| {
        matches!(state, "on" | "off")
    })?;
    Ok(())
}

fn button(stack: &mut Stack) -> anyhow::Result<()> {
    let before = stack.last_run()?;
    call(stack, "button/press", "button.homeiq_analyse_now")?;
    let run = stack.analysed_after(&before)?;
    ensure!(run["cause"] == "mqtt", "{run}");
    let found = run["patterns_found"].as_u64().unwrap_or_default();
    ensure!(found >= 1, "{run}");
    let shown = found.to_string();
    let sensor = until(stack, "sensor.homeiq_patterns", |_, state| state == shown)?;
    ensure!(
        sensor["attributes"]["by_type"]["time_of_day"].as_u64() >= Some(1),
        "{sensor}"
    );
    until(stack, "event.homeiq_pattern", |state, _| {
        state["attributes"]["event_type"] == "found"
    })?;
    until(stack, "sensor.homeiq_last_analysis", |_, state| {
        state.starts_with("20")
    })?;
    Ok(())
}

/// The sensor of an accepted habit, by its beginning.
fn expected(stack: &Stack) -> anyhow::Result<Option<Value>> {
    let states = stack.home.peer()?.get("/api/states")?.json()?;
    let start = "binary_sensor.homeiq_expected_now";
    let is_it = |state: &&Value| {
        let id = state["entity_id"].as_str().unwrap_or_default();
        id.starts_with(start)
    };
    let found = states.as_array().context("no list")?.iter().find(is_it);
    Ok(found.cloned())
}

fn until_expected(stack: &Stack, words: &[&str]) -> anyhow::Result<()> {
    patience::until("the sensor of the accepted habit", SHOWN_WITHIN, || {
        let state = expected(stack).unwrap_or_default();
        let fits = |state: &Value| words.iter().any(|word| state["state"] == *word);
        Ok(state.is_some_and(|state| fits(&state)).then_some(()))
    })
}

fn accepted(stack: &mut Stack) -> anyhow::Result<()> {
    let path = format!("/api/v1/patterns/{}/feedback", stack.habit(LAMP)?);
    stack
        .patterns
        .post(&path, r#"{"action":"accept"}"#)?
        .text()?;
    until_expected(stack, &["on", "off"])
}

fn switch(stack: &mut Stack) -> anyhow::Result<()> {
    call(stack, "switch/turn_off", "switch.homeiq_notifications")?;
    until(stack, "switch.homeiq_notifications", |_, state| {
        state == "off"
    })?;
    let told = state_of(stack, "event.homeiq_pattern")?;
    stack.live(SECOND_LAMP, 1200)?;
    let before = stack.last_run()?;
    call(stack, "button/press", "button.homeiq_analyse_now")?;
    let run = stack.analysed_after(&before)?;
    ensure!(run["patterns_new"].as_u64() >= Some(1), "{run}");
    // The summary comes after the events would have come.
    let shown = run["patterns_found"].to_string();
    until(stack, "sensor.homeiq_patterns", |_, state| state == shown)?;
    let now = state_of(stack, "event.homeiq_pattern")?;
    ensure!(
        told.as_ref().map(|state| &state["state"]) == now.as_ref().map(|state| &state["state"]),
        "an event was told: {told:?}, then {now:?}"
    );
    call(stack, "switch/turn_on", "switch.homeiq_notifications")?;
    until(stack, "switch.homeiq_notifications", |_, state| {
        state == "on"
    })?;
    let before = stack.last_run()?;
    call(stack, "button/press", "button.homeiq_analyse_now")?;
    stack.analysed_after(&before)?;
    until(stack, "event.homeiq_pattern", |state, _| {
        state["attributes"]["entities"] == json!([SECOND_LAMP])
    })?;
    Ok(())
}

/// What must be there after everything: the same as before.
fn all_is_back(stack: &Stack) -> anyhow::Result<()> {
    let found = stack.last_run()?["patterns_found"].to_string();
    until(stack, "sensor.homeiq_patterns", |_, state| state == found)?;
    until(stack, "switch.homeiq_notifications", |_, state| {
        state == "on"
    })?;
    until(stack, "binary_sensor.homeiq_data_api", |_, state| {
        state == "on"
    })?;
    until(stack, "binary_sensor.homeiq_ha_link", |_, state| {
        state == "on"
    })?;
    until(stack, "sensor.homeiq_last_analysis", |_, state| {
        state.starts_with("20")
    })?;
    for entity in ["button.homeiq_analyse_now", "event.homeiq_pattern"] {
        until(stack, entity, |_, state| state != "unavailable")?;
    }
    until_expected(stack, &["on", "off"])
}

fn home_restarts(stack: &mut Stack) -> anyhow::Result<()> {
    stack.home.restart()?;
    all_is_back(stack)
}

fn fresh_broker(stack: &mut Stack) -> anyhow::Result<()> {
    stack.kill_broker()?;
    until(stack, "sensor.homeiq_patterns", |_, state| {
        state == "unavailable"
    })?;
    stack.start_fresh_broker()?;
    all_is_back(stack)
}

fn service_restarts(stack: &mut Stack) -> anyhow::Result<()> {
    stack.stop_service()?;
    until(stack, "sensor.homeiq_patterns", |_, state| {
        state == "unavailable"
    })?;
    stack.start_service()?;
    all_is_back(stack)
}

fn dismissed(stack: &mut Stack) -> anyhow::Result<()> {
    let path = format!("/api/v1/patterns/{}/feedback", stack.habit(LAMP)?);
    stack
        .patterns
        .post(&path, r#"{"action":"dismiss"}"#)?
        .text()?;
    patience::until("its sensor to go", SHOWN_WITHIN, || {
        Ok(expected(stack)?.is_none().then_some(()))
    })
}
