use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::*;

const SEED: u64 = 7;

fn zone() -> TimeZone {
    TimeZone::get("Europe/Amsterdam").unwrap()
}

fn midnight(date: &str) -> UtcMicros {
    let date: Date = date.parse().unwrap();
    date.to_zoned(zone()).unwrap().timestamp().into()
}

/// The life between two midnights.
fn life(seed: u64, from: &str, until: &str) -> Vec<StateChange> {
    let until = midnight(until);
    let life = Home::new(seed, zone()).life(midnight(from));
    life.take_while(|change| change.last_updated < until)
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_life_and_another_seed_another() {
    let once = life(SEED, "2026-10-20", "2026-10-27");
    assert!(once.len() > 1000);
    assert_eq!(once, life(SEED, "2026-10-20", "2026-10-27"));
    assert_ne!(once, life(SEED + 1, "2026-10-20", "2026-10-27"));
}

#[test]
fn a_life_that_begins_later_goes_on_in_the_same_way() {
    let from = midnight("2026-10-24");
    let key = |change: StateChange| (change.last_updated, change.entity_id, change.state);
    let early: BTreeSet<_> = life(SEED, "2026-10-20", "2026-10-27")
        .into_iter()
        .filter(|change| change.last_updated > from.plus_seconds(3600))
        .map(key)
        .collect();
    let late: BTreeSet<_> = life(SEED, "2026-10-24", "2026-10-27")
        .into_iter()
        .filter(|change| change.last_updated > from.plus_seconds(3600))
        .map(key)
        .collect();
    let apart = early.symmetric_difference(&late).count();
    assert!(
        late.len() > 5000 && apart < 5,
        "{apart} of {} differ",
        late.len()
    );
}

#[test]
fn thirty_days_are_as_busy_as_a_real_home() {
    let month = life(SEED, "2026-10-20", "2026-11-19");
    assert!(
        (55_000..85_000).contains(&month.len()),
        "{} changes",
        month.len()
    );
    let entities = Home::entity_ids().count();
    assert!((55..=66).contains(&entities), "{entities} entities");
    let talkative: BTreeSet<_> = month.iter().map(|change| &change.entity_id).collect();
    assert_eq!(talkative.len(), entities, "every entity has a state");
    assert_eq!(Home::area_registry().as_array().unwrap().len(), 8);
}

#[test]
fn changes_come_in_the_order_of_time_and_each_changes_something() {
    let mut last = UtcMicros::default();
    let mut shown: BTreeMap<Arc<str>, StateChange> = BTreeMap::new();
    for change in life(SEED, "2026-10-20", "2026-11-19") {
        assert!(
            change.last_updated > last,
            "{} at {}",
            change.entity_id,
            change.last_updated
        );
        last = change.last_updated;
        if let Some(before) = shown.insert(Arc::clone(&change.entity_id), change.clone()) {
            let moved = before.state != change.state;
            assert!(
                moved || before.attributes != change.attributes,
                "{}",
                change.entity_id
            );
            let changed = if moved {
                change.last_updated
            } else {
                before.last_changed
            };
            assert_eq!(change.last_changed, changed, "{}", change.entity_id);
        }
    }
}

#[test]
fn planted_habits_are_really_kept() {
    let (from, until) = ("2026-06-01", "2026-11-16");
    let mut hits: BTreeMap<_, Vec<(Date, i32)>> = BTreeMap::new();
    for change in life(SEED, from, until) {
        if change.last_changed == change.last_updated {
            let local = zone().to_datetime(change.last_updated.timestamp());
            let minute = i32::from(local.hour()) * 60 + i32::from(local.minute());
            let key = (change.entity_id, change.state);
            hits.entry(key).or_default().push((local.date(), minute));
        }
    }
    for habit in Home::planted() {
        let key = (
            Arc::<str>::from(habit.entity_id),
            Arc::<str>::from(habit.state),
        );
        let width = if habit.follow_up { 30 } else { 20 };
        let days: Vec<Date> = from
            .parse::<Date>()
            .unwrap()
            .series(jiff::ToSpan::days(1))
            .take_while(|date| *date < until.parse::<Date>().unwrap())
            .filter(|date| {
                habit
                    .days
                    .holds(date.weekday().to_monday_zero_offset() >= 5)
            })
            .collect();
        let kept = days
            .iter()
            .filter(|day| {
                hits[&key].iter().any(|(date, minute)| {
                    date == *day && (minute - i32::from(habit.minute)).abs() <= width
                })
            })
            .count();
        let share = kept as f64 / days.len() as f64;
        let least = if habit.follow_up {
            0.92 - habit.misses
        } else {
            0.85
        };
        assert!(
            (least..1.0).contains(&share),
            "{} {} on {:?}: {kept} of {} days",
            habit.entity_id,
            habit.state,
            habit.days,
            days.len()
        );
    }
}

#[test]
fn planted_pairs_are_really_kept() {
    let life = life(SEED, "2026-10-05", "2026-11-09");
    for pair in Home::planted_pairs() {
        let becomes = |(entity, state): (&str, &str), change: &StateChange| {
            &*change.entity_id == entity && &*change.state == state
        };
        let triggers: Vec<_> = life
            .iter()
            .filter(|change| becomes(pair.trigger, change))
            .collect();
        let followers: Vec<_> = life
            .iter()
            .filter(|change| becomes(pair.follower, change))
            .collect();
        let followed = |of: &StateChange| {
            followers.iter().any(|follower| {
                let delay = follower.last_updated.seconds_since(of.last_updated);
                delay >= pair.delay_seconds.0 - 1.0 && delay <= pair.delay_seconds.1 + 1.0
            })
        };
        let kept = triggers.iter().filter(|trigger| followed(trigger)).count();
        let share = kept as f64 / triggers.len() as f64;
        let least = if pair.in_the_dark {
            0.2
        } else {
            pair.kept - 0.1
        };
        assert!(share >= least, "{pair:?}: {kept} of {}", triggers.len());
    }
}

#[test]
fn habits_stay_at_their_wall_clock_time_when_the_clocks_change() {
    // The clocks of this zone go back on 2026-10-25.
    for (from, until) in [("2026-10-19", "2026-10-24"), ("2026-10-26", "2026-10-31")] {
        let mornings = life(SEED, from, until)
            .into_iter()
            .filter(|change| &*change.entity_id == "switch.coffee_maker" && &*change.state == "on")
            .map(|change| zone().to_datetime(change.last_updated.timestamp()))
            .filter(|local| local.hour() == 6 || (local.hour() == 7 && local.minute() < 10))
            .count();
        assert!(mornings >= 3, "{mornings} mornings from {from}");
    }
}

#[test]
fn a_month_has_a_restart_and_a_hub_that_goes_away() {
    let mut away: BTreeMap<Date, BTreeSet<Arc<str>>> = BTreeMap::new();
    let month = life(SEED, "2026-10-20", "2026-11-19");
    for change in &month {
        if matches!(&*change.state, "unavailable" | "unknown")
            && &*change.entity_id != "scene.movie_night"
        {
            let date = zone().to_datetime(change.last_updated.timestamp()).date();
            away.entry(date)
                .or_default()
                .insert(Arc::clone(&change.entity_id));
        }
    }
    let sizes: Vec<usize> = away.values().map(BTreeSet::len).collect();
    assert!(sizes.iter().any(|&size| size > 55), "no restart: {sizes:?}");
    assert!(
        sizes.iter().any(|&size| (20..50).contains(&size)),
        "no hub failure: {sizes:?}"
    );
    let last: BTreeMap<_, _> = month
        .iter()
        .map(|change| (&change.entity_id, change))
        .collect();
    assert!(
        last.values().all(|change| &*change.state != "unavailable"),
        "all came back"
    );
}

#[test]
fn what_an_automation_does_shares_its_context_and_nothing_else_tells_it() {
    let month = life(SEED, "2026-10-20", "2026-11-19");
    let runs: BTreeSet<String> = month
        .iter()
        .filter(|change| &*change.entity_id == "automation.porch_light")
        .map(|change| change.context.id())
        .collect();
    let lit: Vec<_> = month
        .iter()
        .filter(|change| &*change.entity_id == "light.porch" && &*change.state == "on")
        .filter(|change| runs.contains(&change.context.id()))
        .collect();
    assert!(lit.len() >= 28, "{} evenings", lit.len());
    assert!(lit.iter().all(|change| {
        change.context.parent_id().is_none() && change.context.user_id().is_none()
    }));
    let ids: BTreeSet<String> = month.iter().map(|change| change.context.id()).collect();
    assert!(
        ids.len() > month.len() - 300,
        "contexts are not shared by chance"
    );
    assert!(ids.iter().all(|id| id.len() == 26));
}

#[test]
fn the_registries_fit_together() {
    let home = Home::new(SEED, zone());
    let devices = home.device_registry();
    let devices = devices.as_array().unwrap();
    let ids: BTreeSet<&str> = devices
        .iter()
        .map(|device| device["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), devices.len());
    let areas = Home::area_registry();
    let areas: BTreeSet<&str> = areas
        .as_array()
        .unwrap()
        .iter()
        .map(|area| area["area_id"].as_str().unwrap())
        .collect();
    for device in devices {
        assert!(device["area_id"].is_null() || areas.contains(device["area_id"].as_str().unwrap()));
        let via = &device["via_device_id"];
        assert!(via.is_null() || ids.contains(via.as_str().unwrap()));
    }
    let entities = home.entity_registry();
    for entity in entities.as_array().unwrap() {
        let device = &entity["device_id"];
        assert!(
            device.is_null() || ids.contains(device.as_str().unwrap()),
            "{entity}"
        );
    }
    let services = Home::services();
    let count: usize = services
        .as_object()
        .unwrap()
        .values()
        .map(|domain| domain.as_object().unwrap().len())
        .sum();
    assert!((35..=50).contains(&count), "{count} services");
}
