//! The parts of an automation: triggers, conditions and steps.

use common::entity::domain_of;
use pattern_mining::pattern::{Condition, DaySet, SunEvent, SunOffset};

use crate::action::Call;
use crate::node::{Input, Node};
use crate::reason::NotAutomatable;
use crate::text;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_A_DAY: u32 = 24 * 60;

/// An entity that a user of the blueprint chooses; `number` counts the entities of the habit from 1.
pub(crate) fn chosen(number: usize, entity: &str) -> Node {
    let domain = domain_of(entity);
    let filter = Node::Map(vec![("domain", Node::text(domain))]);
    let selector = Node::Map(vec![("filter", Node::List(vec![filter]))]);
    Node::Input(Box::new(Input {
        key: format!("entity_{number}"),
        name: format!("Entity {number} ({})", domain.replace('_', " ")),
        selector: Node::Map(vec![("entity", selector)]),
        default: Node::text(entity),
    }))
}

/// At a minute of the day.
pub(crate) fn time(minute: u16) -> Node {
    let input = Input {
        key: "time".to_owned(),
        name: "Time of the day".to_owned(),
        selector: Node::Map(vec![("time", Node::Map(Vec::new()))]),
        default: Node::text(format!("{:02}:{:02}:00", minute / 60 % 24, minute % 60)),
    };
    Node::Map(vec![
        ("trigger", Node::text("time")),
        ("at", Node::Input(Box::new(input))),
    ])
}

/// At a moment of the sun's day.
pub(crate) fn sun(sun: SunOffset) -> Node {
    let mut map = vec![
        ("trigger", Node::text("sun")),
        ("event", Node::text(event(sun))),
    ];
    if sun.minutes != 0 {
        map.push(("offset", offset(sun.minutes)));
    }
    Node::Map(map)
}

/// When an entity reaches a state, and has held it for so many seconds. A lost connection that comes back is no such moment.
pub(crate) fn reaches(entity: Node, state: &str, held: Option<u64>) -> Node {
    let gone = ["unavailable", "unknown"].map(Node::text).to_vec();
    let mut map = vec![
        ("trigger", Node::text("state")),
        ("entity_id", entity),
        ("not_from", Node::List(gone)),
        ("to", Node::text(state)),
    ];
    if let Some(seconds) = held {
        map.push(("for", span("held", "Time held", seconds)));
    }
    Node::Map(map)
}

fn span(key: &str, name: &str, seconds: u64) -> Node {
    Node::Input(Box::new(Input {
        key: key.to_owned(),
        name: name.to_owned(),
        selector: Node::Map(vec![("duration", Node::Map(Vec::new()))]),
        default: Node::seconds(seconds),
    }))
}

/// Only on these days.
pub(crate) fn weekdays(days: DaySet) -> Node {
    let list = days
        .weekdays()
        .map(|day| Node::text(WEEKDAYS[usize::from(day)]))
        .collect();
    Node::Map(vec![
        ("condition", Node::text("time")),
        ("weekday", Node::List(list)),
    ])
}

/// Only within so many minutes of a minute of the day.
pub(crate) fn around_time(minute: u16, within: u16) -> Node {
    let clock = |minute: u32| {
        let minute = minute % MINUTES_A_DAY;
        Node::text(format!("{:02}:{:02}:00", minute / 60, minute % 60))
    };
    let (minute, within) = (
        u32::from(minute) % MINUTES_A_DAY,
        u32::from(within).min(MINUTES_A_DAY / 2 - 1),
    );
    Node::Map(vec![
        ("condition", Node::text("time")),
        ("after", clock(minute + MINUTES_A_DAY - within)),
        ("before", clock(minute + within)),
    ])
}

/// Only within so many minutes of a moment of the sun's day.
pub(crate) fn around_sun(sun: SunOffset, within: u16) -> Node {
    let (event, within) = (event(sun), i32::from(within));
    Node::Map(vec![
        ("condition", Node::text("sun")),
        ("after", Node::text(event)),
        ("after_offset", offset(sun.minutes.saturating_sub(within))),
        ("before", Node::text(event)),
        ("before_offset", offset(sun.minutes.saturating_add(within))),
    ])
}

fn event(sun: SunOffset) -> &'static str {
    match sun.event {
        SunEvent::Sunrise => "sunrise",
        SunEvent::Sunset => "sunset",
    }
}

fn offset(minutes: i32) -> Node {
    let sign = if minutes < 0 { '-' } else { '+' };
    let minutes = minutes.unsigned_abs().min(MINUTES_A_DAY - 1);
    Node::text(format!("{sign}{:02}:{:02}:00", minutes / 60, minutes % 60))
}

/// Only while something holds; `number` is that of its entity.
pub(crate) fn condition(condition: &Condition, number: usize) -> Result<Node, NotAutomatable> {
    let is = |entity: Node, state: &str| {
        Node::Map(vec![
            ("condition", Node::text("state")),
            ("entity_id", entity),
            ("state", Node::text(state)),
        ])
    };
    Ok(match condition {
        Condition::Dark => is(Node::text("sun.sun"), "below_horizon"),
        Condition::Light => is(Node::text("sun.sun"), "above_horizon"),
        Condition::Weekday => weekdays(DaySet::WEEKDAY),
        Condition::Weekend => weekdays(DaySet::WEEKEND),
        Condition::State { entity, state } => {
            let state = text::state(entity, state)?;
            is(chosen(number, text::entity(entity)?), state)
        }
        Condition::Numeric {
            entity,
            above,
            below,
        } => {
            let mut map = vec![
                ("condition", Node::text("numeric_state")),
                ("entity_id", chosen(number, text::entity(entity)?)),
            ];
            let bounds = [("above", *above), ("below", *below)];
            let bounds: Vec<_> = bounds
                .into_iter()
                .filter_map(|(key, bound)| {
                    Some((key, Node::Number(bound.filter(|b| b.is_finite())?)))
                })
                .collect();
            if bounds.is_empty() {
                return Err(NotAutomatable::BadState {
                    entity: entity.clone(),
                });
            }
            map.extend(bounds);
            Node::Map(map)
        }
    })
}

/// A call of a service.
pub(crate) fn action(call: Call<'_>, entity: Node) -> Node {
    let mut map = vec![
        (
            "action",
            Node::text(format!("{}.{}", call.domain, call.service)),
        ),
        ("target", Node::Map(vec![("entity_id", entity)])),
    ];
    if let Some((field, value)) = call.data {
        map.push(("data", Node::Map(vec![(field, Node::text(value))])));
    }
    Node::Map(map)
}

/// A pause; `number` counts the pauses.
pub(crate) fn delay(number: usize, seconds: u64) -> Node {
    let name = format!("Pause {number}");
    Node::Map(vec![(
        "delay",
        span(&format!("delay_{number}"), &name, seconds),
    )])
}

/// Waits until an entity reaches a state; when it does not, the automation ends.
pub(crate) fn wait_for(entity: Node, state: &str, at_most: u64) -> Node {
    Node::Map(vec![
        (
            "wait_for_trigger",
            Node::List(vec![reaches(entity, state, None)]),
        ),
        ("timeout", Node::seconds(at_most)),
        ("continue_on_timeout", Node::Flag(false)),
    ])
}
