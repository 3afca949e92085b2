//! The demo: a simulated home, its habits, an orderly end.

use std::time::Duration;

use serde::Deserialize;

use crate::process::Running;

/// An unoptimised build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct Listed {
    data: Patterns,
}

#[derive(Deserialize)]
struct Patterns {
    patterns: Vec<Pattern>,
}

#[derive(Deserialize)]
struct Pattern {
    metadata: Habit,
}

#[derive(Deserialize)]
struct Habit {
    entities: Vec<String>,
    states: Vec<String>,
    /// Of a habit of the clock.
    time_of_day_minutes: Option<i64>,
}

#[tokio::test]
async fn the_demo_shows_planted_habits_and_ends_in_order() {
    common::tls::install();
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &[]);
    running.until("Habits found in this home", PATIENCE);
    let list = running.until("/api/v1/patterns/list", PATIENCE);
    running.until("simulated home", PATIENCE);
    let url = list.split_whitespace().next().unwrap();
    let listed: Listed = reqwest::get(url).await.unwrap().json().await.unwrap();
    let planted = home_simulator::home::Home::planted();
    let habits: Vec<Habit> = listed
        .data
        .patterns
        .into_iter()
        .map(|pattern| pattern.metadata)
        .collect();
    let hit = |habit: &Habit| {
        planted.iter().any(|planted| {
            let Some(minutes) = habit.time_of_day_minutes else {
                return false;
            };
            let apart = (i64::from(planted.minute) - minutes).rem_euclid(1440);
            planted.entity_id == habit.entities[0]
                && planted.state == habit.states[0]
                && apart.min(1440 - apart) <= 20
        })
    };
    let found = habits.iter().filter(|habit| hit(habit)).count();
    assert!(
        found >= 12,
        "only {found} of {} planted habits were found",
        planted.len()
    );
    let chatter = habits
        .iter()
        .filter(|habit| habit.entities[0].starts_with("sensor."))
        .count();
    let toilet = habits
        .iter()
        .filter(|habit| habit.entities[0] == "light.toilet")
        .count();
    assert_eq!(
        (chatter, toilet),
        (0, 0),
        "sensors and a light used at random times have no habits"
    );
    let porch: Vec<_> = habits
        .iter()
        .filter(|habit| habit.entities[0] == "light.porch")
        .map(|habit| (&habit.states[0], habit.time_of_day_minutes))
        .collect();
    assert!(
        porch.is_empty(),
        "what an automation does is no habit: {porch:?}"
    );
    // Nothing is exported, so nothing is said about it.
    let said = running.said.join("\n").to_lowercase();
    assert!(
        !said.contains("opentelemetry") && !said.contains("otlp") && !said.contains(" warn "),
        "{said}"
    );
    let (code, took) = running.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(folder.path().join("data/demo/homeiq.db").exists());
    assert!(
        !folder.path().join("data/homeiq.db").exists(),
        "the demo's past stays apart from a real home's"
    );
}

#[test]
fn an_analysis_that_is_under_way_ends_with_the_program_and_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &[]);
    running.until("looking for habits", PATIENCE);
    let (code, took) = running.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(10), "{took:?}");
    running.until("the analysis is stopped", PATIENCE);
    drop(running);
    // The next start looks again, from the beginning.
    let mut running = Running::start(folder.path(), &[]);
    running.until("Habits found in this home", PATIENCE);
    let (code, _) = running.terminate();
    assert_eq!(code, Some(0));
}
