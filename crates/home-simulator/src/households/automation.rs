//! What Home Assistant does by itself: true changes of state that nobody made, and that are no habit.

use super::calendar::DAY;
use super::house::{House, Role};
use crate::home::chance::Chance;

/// What a run leaves of its cause in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trace {
    /// A line of its own, and the cause as parent.
    Full,
    /// A line of its own in the same context, without a parent.
    SameContext,
    /// The cause as parent, and no line.
    ParentOnly,
    /// As `Full`, by a script that goes on and off.
    Script,
    /// Nothing.
    Lost,
}

/// What starts a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Start {
    /// A thing goes to work; a motion sensor only in the dark.
    Thing(usize),
    /// A minute of every day.
    Minute(f64),
}

/// How the effect ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By the run itself.
    Run,
    /// Somebody puts it back by hand.
    Hand,
}

/// One automation.
#[derive(Debug)]
pub(super) struct Automation {
    pub(super) start: Start,
    pub(super) effect: usize,
    pub(super) trace: Trace,
    /// The thing that has the line of a run.
    pub(super) line: Option<usize>,
    pub(super) end: End,
    /// Usual minutes until that end.
    pub(super) minutes: f64,
}

/// Part of the things that people use which an automation switches instead, at least and at most.
const PART: (f64, f64) = (0.06, 0.16);
/// How often an automation leaves no trace at all, and how much more often at full hardness.
const LOST: (f64, f64) = (0.12, 0.2);
/// Schedules are on the five minutes, or one past.
const GRID: f64 = 5.0;
/// The hours in which schedules lie, in minutes of the day.
const SCHEDULED: (f64, f64) = (300.0, DAY - 60.0);

/// Gives some things to automations.
pub(super) fn install(house: &mut House, hardness: f64, chance: &mut Chance) {
    let mut free: Vec<usize> = (0..house.things.len())
        .filter(|&thing| {
            house.things[thing].role == Role::Used
                && house.things[thing].is_of(&["light", "switch", "fan", "media_player"])
        })
        .collect();
    chance.shuffle(&mut free);
    let count = (free.len() as f64 * chance.between(PART.0, PART.1)).max(1.0) as usize;
    for number in 0..count {
        let Some(effect) = free.pop() else {
            return;
        };
        house.things[effect].taken = true;
        // People touch it less, now that it goes on by itself.
        house.things[effect].a_day *= 0.3;
        let start = start(house, effect, &mut free, chance);
        let trace = trace(start, hardness, chance);
        let line = line(house, number, effect, trace, chance);
        let by_hand = matches!(start, Start::Minute(_)) && chance.happens(0.5);
        house.automations.push(Automation {
            start,
            effect,
            trace,
            line,
            end: if by_hand { End::Hand } else { End::Run },
            minutes: chance.between(1.0, if by_hand { 60.0 } else { 20.0 }),
        });
    }
}

fn start(house: &mut House, effect: usize, free: &mut Vec<usize>, chance: &mut Chance) -> Start {
    match chance.pick(3) {
        0 => {
            if let Some(motion) = house.motion_at(effect) {
                return Start::Thing(motion);
            }
        }
        1 => {
            let contacts = (0..house.things.len()).filter(|&thing| {
                house.things[thing].role == Role::Contact && !house.things[thing].taken
            });
            let candidates: Vec<usize> = contacts.chain(free.iter().copied()).collect();
            if !candidates.is_empty() {
                let cause = *chance.one_of(&candidates);
                house.things[cause].taken = true;
                free.retain(|&thing| thing != cause);
                return Start::Thing(cause);
            }
        }
        _ => {}
    }
    let past = *chance.one_of(&[0.0, 0.0, 1.0]);
    let slot = (chance.between(SCHEDULED.0, SCHEDULED.1) / GRID).floor();
    Start::Minute(slot * GRID + past)
}

fn trace(start: Start, hardness: f64, chance: &mut Chance) -> Trace {
    let traces = [
        Trace::Full,
        Trace::SameContext,
        Trace::ParentOnly,
        Trace::Script,
    ];
    let trace = if chance.happens(LOST.0 + LOST.1 * hardness) {
        Trace::Lost
    } else {
        *chance.one_of(&traces)
    };
    // A schedule without any trace cannot be told from a person with a clock; and it has no parent.
    match (start, trace) {
        (Start::Minute(_), Trace::Lost | Trace::ParentOnly) => Trace::SameContext,
        _ => trace,
    }
}

fn line(
    house: &mut House,
    number: usize,
    effect: usize,
    trace: Trace,
    chance: &mut Chance,
) -> Option<usize> {
    let domain = match trace {
        Trace::ParentOnly | Trace::Lost => return None,
        Trace::Script => "script",
        Trace::Full | Trace::SameContext => "automation",
    };
    let name = house.things[effect]
        .id
        .split('.')
        .next_back()
        .unwrap_or_default();
    let id = format!("{domain}.rule_{number}_{name}");
    Some(house.add_named(&id, None, Role::Automation, chance))
}
