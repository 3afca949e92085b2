//! From a habit to its automation.

use pattern_mining::pattern::{DaySet, Kind, Pattern};

use crate::action::{self, Call};
use crate::automation::{Automation, id_of};
use crate::node::Node;
use crate::part;
use crate::reason::NotAutomatable;
use crate::text;

/// People need some seconds to a switch; an automation does not wait for so long, or for less, in seconds.
const AT_ONCE: f64 = 60.0;
/// Steps of a time of the day are taken within so many minutes of it, at least.
const AROUND: u16 = 30;
/// Longest pause within an automation, in seconds.
const LONGEST: f64 = 86_400.0;
/// Members of a routine that take part less often are left out.
const MEMBER_SHARE: f64 = 0.5;

/// The automation of a habit.
///
/// # Errors
/// Why it has none.
pub fn automate(pattern: &Pattern) -> Result<Automation, NotAutomatable> {
    let parts = match pattern.kind {
        Kind::Anomaly => return Err(NotAutomatable::Oddity),
        Kind::TimeOfDay => at_a_time(pattern)?,
        Kind::Pair | Kind::Conditional | Kind::Sequence => one_after_the_other(pattern)?,
        Kind::Routine => together(pattern)?,
        Kind::Duration => after_a_while(pattern)?,
    };
    let mut conditions = Vec::new();
    if let Some(days) = pattern.days.filter(|days| *days != DaySet::ALL) {
        conditions.push(part::weekdays(days));
    }
    if pattern.kind == Kind::Sequence {
        conditions.extend(around(pattern));
    }
    if let Some(condition) = &pattern.condition {
        conditions.push(part::condition(condition, pattern.entities.len() + 1)?);
    }
    let has_pause = parts.mode_restart;
    Ok(Automation {
        id: id_of(&pattern.id),
        alias: text::alias(&pattern.sentence),
        description: description(pattern),
        triggers: parts.triggers,
        conditions,
        actions: parts.actions,
        mode: if has_pause { "restart" } else { "single" },
        targets: parts.targets,
    })
}

/// What differs from kind to kind.
#[derive(Default)]
struct Parts {
    triggers: Vec<Node>,
    actions: Vec<Node>,
    targets: Vec<(String, String)>,
    /// A pause, or waiting, begins anew when it is triggered again.
    mode_restart: bool,
}

impl Parts {
    /// A step that brings an entity to a state; `place` is its place in the habit.
    fn act(&mut self, place: usize, entity: &str, state: &str, call: Call<'_>) {
        self.actions
            .push(part::action(call, part::chosen(place + 1, entity)));
        self.targets.push((entity.to_owned(), state.to_owned()));
    }

    fn pause(&mut self, seconds: f64) {
        if seconds >= AT_ONCE {
            let number = self.actions.len() + 1;
            self.actions
                .push(part::delay(number, seconds.min(LONGEST).round() as u64));
            self.mode_restart = true;
        }
    }
}

/// Entity and state at a place, both fit to be written.
fn member(pattern: &Pattern, place: usize) -> Result<(&str, &str), NotAutomatable> {
    let found = pattern.entities.get(place).zip(pattern.states.get(place));
    let (entity, state) = found.ok_or(NotAutomatable::NoTrigger)?;
    Ok((text::entity(entity)?, text::state(entity, state)?))
}

fn clock(pattern: &Pattern) -> Option<Node> {
    pattern
        .sun
        .map(part::sun)
        .or_else(|| pattern.time_of_day_minutes.map(part::time))
}

fn at_a_time(pattern: &Pattern) -> Result<Parts, NotAutomatable> {
    let (entity, state) = member(pattern, 0)?;
    let mut parts = Parts {
        triggers: vec![clock(pattern).ok_or(NotAutomatable::NoTrigger)?],
        ..Parts::default()
    };
    parts.act(0, entity, state, action::call(entity, state)?);
    Ok(parts)
}

/// The time of the day of steps that are taken at other times as well.
fn around(pattern: &Pattern) -> Option<Node> {
    let minute = pattern.time_of_day_minutes?;
    let within = pattern.window_minutes.unwrap_or(0).max(AROUND);
    Some(match pattern.sun {
        Some(sun) => part::around_sun(sun, within),
        None => part::around_time(minute, within),
    })
}

/// The first step begins it. Of the others, what can be told is told, what only reports is waited for.
fn one_after_the_other(pattern: &Pattern) -> Result<Parts, NotAutomatable> {
    let (first, state) = member(pattern, 0)?;
    let mut parts = Parts {
        triggers: vec![part::reaches(part::chosen(1, first), state, None)],
        ..Parts::default()
    };
    let mut waits = Vec::new();
    let mut refused = NotAutomatable::NoTrigger;
    for place in 1..pattern.entities.len() {
        let (entity, state) = member(pattern, place)?;
        let gap = pattern
            .gaps_s
            .get(place - 1)
            .copied()
            .or(pattern.delay_s)
            .unwrap_or(0.0);
        match action::call(entity, state) {
            Ok(call) => {
                parts.mode_restart |= !waits.is_empty();
                parts.actions.append(&mut waits);
                parts.pause(gap);
                parts.act(place, entity, state, call);
            }
            // What ends the habit and only reports has no place in the automation.
            Err(reason @ NotAutomatable::OnlyReports { .. }) => {
                let at_most = (gap * 4.0).clamp(AT_ONCE, LONGEST) as u64;
                waits.push(part::wait_for(
                    part::chosen(place + 1, entity),
                    state,
                    at_most,
                ));
                refused = reason;
            }
            Err(reason) => return Err(reason),
        }
    }
    if parts.targets.is_empty() {
        Err(refused)
    } else {
        Ok(parts)
    }
}

/// At its time; a scene without one: as soon as one of its members is set.
fn together(pattern: &Pattern) -> Result<Parts, NotAutomatable> {
    let mut parts = Parts::default();
    let time = clock(pattern).filter(|_| !pattern.scene);
    let is_timed = time.is_some();
    parts.triggers.extend(time);
    let mut refused = NotAutomatable::NoTrigger;
    for place in 0..pattern.entities.len() {
        if pattern
            .member_share
            .get(place)
            .is_some_and(|share| *share < MEMBER_SHARE)
        {
            continue;
        }
        let (entity, state) = member(pattern, place)?;
        if !is_timed {
            parts
                .triggers
                .push(part::reaches(part::chosen(place + 1, entity), state, None));
        }
        match action::call(entity, state) {
            Ok(call) => parts.act(place, entity, state, call),
            Err(reason @ NotAutomatable::OnlyReports { .. }) => refused = reason,
            Err(reason) => return Err(reason),
        }
    }
    if parts.targets.is_empty() {
        Err(refused)
    } else {
        Ok(parts)
    }
}

/// What has been held for the usual time ends.
fn after_a_while(pattern: &Pattern) -> Result<Parts, NotAutomatable> {
    let (entity, state) = member(pattern, 0)?;
    let held = pattern
        .minutes
        .filter(|m| m.is_finite() && *m > 0.0)
        .ok_or(NotAutomatable::NoTrigger)?;
    let seconds = (held * 60.0).clamp(1.0, LONGEST).round() as u64;
    // What only reports is told apart from what has no opposite.
    action::call(entity, state).or_else(|reason| match reason {
        NotAutomatable::OnlyReports { .. } => Err(reason),
        _ => Ok(Call {
            domain: "",
            service: "",
            data: None,
        }),
    })?;
    let end = action::opposite(entity, state)?;
    let mut parts = Parts {
        triggers: vec![part::reaches(part::chosen(1, entity), state, Some(seconds))],
        ..Parts::default()
    };
    parts.act(0, entity, end, action::call(entity, end)?);
    Ok(parts)
}

fn description(pattern: &Pattern) -> String {
    let day = |at: common::instant::UtcMicros| at.to_string().chars().take(10).collect::<String>();
    let replay = pattern.backtest.map_or_else(String::new, |played| {
        format!(
            " Replayed since {}: it would have acted {} times, {} right and {} unwanted.",
            day(played.from),
            played.fired,
            played.right,
            played.unwanted
        )
    });
    format!(
        "HomeIQ pattern {}: {} Seen {} to {}, {} of {} times, q={:.2e}.{replay}",
        text::prose(&pattern.id),
        text::prose(&pattern.sentence),
        day(pattern.first_seen),
        day(pattern.last_seen),
        pattern.occurrences,
        pattern.opportunities,
        pattern.q_value,
    )
}
