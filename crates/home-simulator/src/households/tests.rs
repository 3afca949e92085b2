use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::planted::PlantedChange;

const DAYS: i64 = 60;

fn home(seed: u64) -> PlantedHome {
    make(seed, 0.25, DAYS)
}

fn ids(row: &serde_json::Value) -> Vec<&str> {
    let ids = row["entities"].as_array().into_iter().flatten();
    ids.filter_map(serde_json::Value::as_str).collect()
}

/// Instants at which an entity went into a state.
fn instants(home: &PlantedHome, entity: &str, state: &str) -> Vec<i64> {
    let is_it = |change: &&PlantedChange| change.entity_id == entity && change.state == state;
    home.changes
        .iter()
        .filter(is_it)
        .map(|change| change.at.get())
        .collect()
}

#[test]
fn a_seed_always_makes_the_same_home_and_another_seed_another() {
    let (one, other) = (home(1), home(2));
    let again = home(1);
    assert_eq!(one.changes, again.changes);
    assert_eq!(one.registry, again.registry);
    assert_eq!(one.truth.patterns, again.truth.patterns);
    assert_eq!(one.truth.implied, again.truth.implied);
    assert_ne!(one.changes, other.changes);
}

#[test]
fn changes_are_in_the_order_of_time_and_no_state_is_repeated() {
    for seed in 1..5 {
        let home = home(seed);
        assert!(home.changes.is_sorted_by_key(|change| change.at));
        let mut last: BTreeMap<&str, &str> = BTreeMap::new();
        for change in &home.changes {
            let before = last.insert(&change.entity_id, &change.state);
            let is_line = change.entity_id.starts_with("automation.");
            assert!(
                is_line || before != Some(change.state.as_str()),
                "{change:?}"
            );
        }
    }
}

#[test]
fn whatever_the_truth_names_is_registered_and_was_seen() {
    for seed in 1..9 {
        let home = home(seed);
        let seen: BTreeSet<&str> = home.changes.iter().map(|c| c.entity_id.as_str()).collect();
        let rows = home.registry["entities"].as_array().expect("entities");
        let known: BTreeSet<&str> = rows
            .iter()
            .filter_map(|row| row["entity_id"].as_str())
            .collect();
        assert!(seen.is_subset(&known));
        let truth = &home.truth;
        for row in truth
            .patterns
            .iter()
            .chain(&truth.implied)
            .chain(&truth.decoys)
        {
            assert!(!ids(row).is_empty());
            assert!(ids(row).iter().all(|id| seen.contains(id)), "{row}");
        }
    }
}

/// Local minutes of the day, with the day of the record.
fn local(home: &PlantedHome, at: i64) -> (jiff::civil::Date, f64) {
    let zone = jiff::tz::TimeZone::get(&home.zone).expect("a zone");
    let wall = zone.to_datetime(jiff::Timestamp::from_microsecond(at).expect("an instant"));
    let minute = f64::from(wall.hour()) * 60.0 + f64::from(wall.minute());
    (wall.date(), minute)
}

#[test]
fn what_has_a_time_of_the_day_is_in_the_log_at_that_minute_of_its_zone_as_often_as_is_told() {
    let mut checked = 0;
    for seed in 1..9 {
        let home = make(seed, 0.0, DAYS);
        for habit in &home.truth.patterns {
            let has_minute = habit["drift_min"] == 0.0 && habit["sun"].is_null();
            if habit["type"] != "time_of_day" || !has_minute {
                continue;
            }
            let minute = habit["minute"].as_f64().expect("a minute");
            let sigma = habit["sigma_min"].as_f64().expect("a deviation");
            let state = habit["state"].as_str().expect("a state");
            let days: BTreeSet<_> = instants(&home, ids(habit)[0], state)
                .into_iter()
                .map(|at| local(&home, at))
                .filter(|&(_, at)| calendar::apart(at, minute) <= 3.0 * sigma + 1.0)
                .map(|(date, _)| date)
                .collect();
            let told = habit["occurrences"].as_u64().expect("a count") as usize;
            assert!(days.len() >= told, "{} of {habit}", days.len());
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}

#[test]
fn what_reacts_is_in_the_log_after_its_cause_as_often_as_is_told() {
    let mut checked = 0;
    for seed in 1..9 {
        let home = home(seed);
        for habit in home
            .truth
            .patterns
            .iter()
            .filter(|habit| habit["type"] == "pair")
        {
            let states: Vec<&str> = habit["states"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(serde_json::Value::as_str)
                .collect();
            let causes = instants(&home, ids(habit)[0], states[0]);
            let effects = instants(&home, ids(habit)[1], states[1]);
            // Delays are cut at three standard deviations of their logarithm, which is 0.425 at this hardness.
            let longest = habit["delay_s"].as_f64().expect("a delay") * 3.6e6;
            let follows = |&&cause: &&i64| {
                let next = effects.partition_point(|&effect| effect < cause);
                effects
                    .get(next)
                    .is_some_and(|&effect| (effect - cause) as f64 <= longest)
            };
            let times = causes.iter().filter(follows).count() as u64;
            let told = habit["occurrences"].as_u64().expect("a count");
            assert!(times >= told, "{times} of {habit}");
            assert!(causes.len() as u64 >= habit["opportunities"].as_u64().expect("a count"));
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}

#[test]
fn automations_can_be_told_by_their_context_or_their_parent() {
    let (mut by_parent, mut by_line) = (0, 0);
    for seed in 1..9 {
        let home = home(seed);
        let is_line = |change: &&PlantedChange| change.entity_id.starts_with("automation.");
        let lines: BTreeSet<&str> = home
            .changes
            .iter()
            .filter(is_line)
            .map(|change| change.context_id.as_str())
            .collect();
        let effects = home.changes.iter().filter(|change| !is_line(change));
        for change in effects {
            by_line += usize::from(lines.contains(change.context_id.as_str()));
            by_parent += usize::from(change.parent_id.is_some());
        }
    }
    assert!(by_line > 100 && by_parent > 100, "{by_line} {by_parent}");
}

#[test]
fn homes_have_every_kind_of_habit_among_them() {
    let mut kinds = BTreeSet::new();
    for seed in 1..9 {
        for habit in make(seed, 0.0, DAYS).truth.patterns {
            let oddity = habit["kind"].as_str().unwrap_or_default();
            kinds.insert(format!(
                "{} {oddity}",
                habit["type"].as_str().unwrap_or_default()
            ));
        }
    }
    let wanted = [
        "time_of_day ",
        "pair ",
        "conditional ",
        "sequence ",
        "routine ",
        "duration ",
        "anomaly left_open",
        "anomaly stuck_on",
        "anomaly night_activity",
        "anomaly silent",
    ];
    for kind in wanted {
        assert!(kinds.contains(kind), "no {kind}: {kinds:?}");
    }
}

#[test]
fn a_short_record_at_full_hardness_is_a_home_too() {
    for seed in 1..7 {
        let home = make(seed, 1.0, 0);
        assert!(home.changes.len() > 3_000, "{}", home.changes.len());
        let (first, last) = (&home.changes[0], &home.changes[home.changes.len() - 1]);
        let days = last.at.seconds_since(first.at) / 86_400.0;
        assert!((25.0..=30.1).contains(&days), "{days}");
    }
}

#[test]
fn a_restart_takes_everything_away_and_brings_it_back_as_it_was() {
    let home = home(1);
    let known = home.registry["entities"]
        .as_array()
        .expect("entities")
        .len();
    let gone: Vec<i64> = home
        .changes
        .iter()
        .filter(|change| change.state == "unavailable")
        .map(|change| change.at.get())
        .collect();
    let together = |&at: &i64| {
        gone.iter()
            .filter(|&&other| (at..at + 3_000_000).contains(&other))
            .count()
    };
    let most = gone.iter().map(together).max().unwrap_or_default();
    assert!(most > known / 2, "{most} of {known}");
    let last = home.changes[home.changes.len() - 1].at.get();
    let mut is_gone: BTreeMap<&str, i64> = BTreeMap::new();
    for change in &home.changes {
        if change.state == "unavailable" {
            is_gone.insert(&change.entity_id, change.at.get());
        } else {
            is_gone.remove(change.entity_id.as_str());
        }
    }
    // But for what was lost at the very end, or came back on a day that is missing.
    let long = is_gone
        .values()
        .filter(|&&at| last - at > 3 * 86_400_000_000)
        .count();
    assert_eq!(long, 0, "{is_gone:?}");
}
