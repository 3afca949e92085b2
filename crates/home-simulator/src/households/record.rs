//! What the recorder kept: restarts, bridges that drop out, and days that are missing.

use std::borrow::Cow;

use common::instant::UtcMicros;

use super::calendar::{Calendar, DAY};
use super::house::{HUBS, House, Role};
use super::people::People;
use super::simulation::{Context, Event};
use crate::home::chance::Chance;
use crate::planted::PlantedChange;

/// Microseconds of a second.
const SECOND: f64 = 1e6;
/// Seconds for which a restart, a bridge's dropping out and a single thing's last.
const RESTART_S: (f64, f64) = (20.0, 120.0);
const BRIDGE_S: (f64, f64) = (20.0, 240.0);
const SINGLE_S: (f64, f64) = (20.0, 300.0);
/// Part of the homes with a bridge that restarts at night, and when, in minutes of the day.
const BRIDGE_RESTARTS: f64 = 0.8;
const BRIDGE_AT: (f64, f64) = (120.0, 300.0);
/// Most things of that bridge.
const OF_BRIDGE: usize = 8;
/// Things that drop out together by chance.
const TOGETHER: usize = 5;

/// A bridge that restarts about the same time on many days.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) things: Vec<usize>,
    /// Minute of the day.
    pub(super) minute: f64,
}

/// A span of time in which a thing is not there, in microseconds.
type Gap = (i64, i64);

/// The gaps of each thing, while they are drawn.
struct Gaps<'a> {
    calendar: &'a Calendar,
    chance: &'a mut Chance,
    of: Vec<Vec<Gap>>,
}

/// Loses what was lost. The events are in the order of time before and after, and keep their numbers: what is lost is marked, and
/// what the log says in its place is returned besides, with the bridge that did most of it.
pub(super) fn lose(
    events: &mut [Event],
    house: &House,
    people: &People,
    calendar: &Calendar,
    hardness: f64,
    chance: &mut Chance,
) -> (Vec<Event>, Option<Bridge>) {
    let mut seen = vec![Vec::new(); house.things.len()];
    for (number, event) in events.iter().enumerate() {
        seen[event.thing].push(number);
    }
    for numbers in &mut seen {
        numbers.sort_by_key(|&number| events[number].at);
    }
    let mut gaps = Gaps {
        calendar,
        chance,
        of: vec![Vec::new(); house.things.len()],
    };
    gaps.restarts(house);
    let bridge = gaps.bridge(house, hardness);
    let mut said = Vec::new();
    for (thing, numbers) in seen.iter().enumerate() {
        let spans = merged(std::mem::take(&mut gaps.of[thing]));
        let silent_from = house.things[thing].silent_from.unwrap_or(i64::MAX);
        for gap in spans.into_iter().filter(|gap| gap.1 < silent_from) {
            said.extend(lose_gap(events, numbers, gap));
        }
    }
    let is_missing = |at: i64| people.missing.contains(&calendar.day(at));
    for event in events.iter_mut().chain(&mut said) {
        event.kept &= !is_missing(event.at);
    }
    (said, bridge)
}

impl Gaps<'_> {
    fn add(&mut self, things: &[usize], at: i64, seconds: (f64, f64)) {
        let end = at + (self.chance.between(seconds.0, seconds.1) * SECOND) as i64;
        for &thing in things {
            let lost = at + (self.chance.between(0.0, 2.0) * SECOND) as i64;
            let back = end + (self.chance.between(2.0, 8.0) * SECOND) as i64;
            self.of[thing].push((lost, back));
        }
    }

    fn any_time(&mut self) -> i64 {
        let last = self.calendar.days as f64 - 1.0;
        self.calendar.at(self.chance.between(DAY, last * DAY))
    }

    /// Everything is lost, and comes back as it was.
    fn restarts(&mut self, house: &House) {
        let all: Vec<usize> = (0..house.things.len())
            .filter(|&thing| !house.things[thing].is_of(&["sun", "automation", "script"]))
            .collect();
        for _ in 0..*self.chance.one_of(&[1, 2, 4]) {
            let at = self.any_time();
            self.add(&all, at, RESTART_S);
        }
    }

    /// A bridge drops out, often about the same time, and things do by chance.
    fn bridge(&mut self, house: &House, hardness: f64) -> Option<Bridge> {
        if !self.chance.happens(BRIDGE_RESTARTS) {
            return None;
        }
        let hub = self.chance.pick(HUBS);
        let reached: Vec<usize> = (0..house.things.len())
            .filter(|&thing| {
                !matches!(
                    house.things[thing].role,
                    Role::Sky | Role::Presence | Role::Automation | Role::Reading | Role::Motion
                )
            })
            .collect();
        let things: Vec<usize> = reached
            .iter()
            .copied()
            .filter(|&thing| house.things[thing].hub == hub)
            .take(OF_BRIDGE)
            .collect();
        let minute = self.chance.between(BRIDGE_AT.0, BRIDGE_AT.1);
        for day in 0..self.calendar.days {
            if self.chance.happens(0.35 + 0.6 * hardness) {
                let today = day as f64 * DAY + self.chance.gauss(minute, 6.0);
                self.add(&things, self.calendar.at(today), BRIDGE_S);
            }
        }
        let times = self.chance.between(2.0, 10.0) * (1.0 + 4.0 * hardness);
        for _ in 0..times as usize {
            let at = self.any_time();
            let some: Vec<usize> = (0..TOGETHER)
                .map(|_| *self.chance.one_of(&reached))
                .collect();
            self.add(&some, at, SINGLE_S);
        }
        Some(Bridge { things, minute })
    }
}

fn merged(mut gaps: Vec<Gap>) -> Vec<Gap> {
    gaps.sort_unstable();
    let mut merged: Vec<Gap> = Vec::new();
    for (from, until) in gaps {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    merged
}

/// What the log says of one gap of a thing; its own changes of that time are lost.
fn lose_gap(events: &mut [Event], numbers: &[usize], (from, until): Gap) -> Vec<Event> {
    let first = numbers.partition_point(|&number| events[number].at < from);
    let after = numbers.partition_point(|&number| events[number].at <= until);
    let Some(&before) = numbers[..first].last() else {
        // It is not known yet.
        return Vec::new();
    };
    for &number in &numbers[first..after] {
        events[number].kept = false;
    }
    let last = numbers[first..after].last().copied().unwrap_or(before);
    let said = |at: i64, state: Cow<'static, str>, number: u64| Event {
        at,
        thing: events[last].thing,
        state,
        // Of its own: beyond all that were given.
        context: Context {
            id: u64::MAX - number - 2 * events[before].context.id,
            parent: None,
        },
        kept: true,
    };
    vec![
        said(from, Cow::Borrowed("unavailable"), 0),
        said(until, events[last].state.clone(), 1),
    ]
}

/// The log: what was kept, in the order of time. What only repeats the state that the log told last is not written, and marked as lost.
pub(super) fn log(events: &mut [Event], said: &mut [Event], house: &House) -> Vec<PlantedChange> {
    let count = events.len();
    let mut order: Vec<usize> = (0..count + said.len()).collect();
    order.sort_by_key(|&number| match number.checked_sub(count) {
        None => events[number].at,
        Some(number) => said[number].at,
    });
    let mut last: Vec<Option<Cow<'static, str>>> = vec![None; house.things.len()];
    let mut changes = Vec::new();
    for number in order {
        let event = match number.checked_sub(count) {
            None => &mut events[number],
            Some(number) => &mut said[number],
        };
        let is_line = house.things[event.thing].role == Role::Automation;
        let repeats = last[event.thing].as_ref() == Some(&event.state) && !is_line;
        event.kept &= !repeats;
        if event.kept {
            last[event.thing] = Some(event.state.clone());
            changes.push(change(event, house));
        }
    }
    changes
}

fn change(event: &Event, house: &House) -> PlantedChange {
    let name = |context: u64| format!("01{context:024}");
    PlantedChange {
        at: UtcMicros::default().plus_micros(event.at),
        entity_id: house.things[event.thing].id.clone(),
        state: event.state.to_string(),
        context_id: name(event.context.id),
        parent_id: event.context.parent.map(name),
    }
}
