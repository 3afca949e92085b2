//! What follows from the way people live and from their habits: true, but no habit of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Lived;
use crate::households::calendar::{DAY, apart};
use crate::households::habit::{Cause, Condition, Habit, Rule, Timed};
use crate::households::house::{House, Role};
use crate::households::people::{Moment, Person};

/// Minutes within which two implied times of a thing are one.
const SAME: f64 = 8.0;
/// Times nearer than this, and two standard deviations of both, make a pair of what happens at them, in minutes.
const NEAR: f64 = 15.0;
/// Minutes after getting up or coming home in which people walk about.
const WALKS_ABOUT: f64 = 20.0;
/// What is used for so many minutes at most is at rest again before the next of its sequence.
const SHORT: f64 = 10.0;

/// Pairs and times of the day, each with its reason.
#[derive(Debug, Default)]
pub(super) struct Implied {
    pairs: BTreeMap<(usize, usize), String>,
    times: BTreeMap<usize, Vec<(f64, String)>>,
}

impl Implied {
    fn pair(&mut self, one: usize, other: usize, because: &str) {
        if one != other {
            self.pairs
                .entry((one, other))
                .or_insert_with(|| because.to_owned());
        }
    }

    fn both(&mut self, one: usize, other: usize, because: &str) {
        self.pair(one, other, because);
        self.pair(other, one, because);
    }

    /// Everything of the one with everything of the other.
    fn all(&mut self, ones: &[usize], others: &[usize], because: &str) {
        for &one in ones {
            for &other in others {
                self.both(one, other, because);
            }
        }
    }

    /// A thing changes at this minute of the day.
    pub(super) fn time(&mut self, thing: usize, minute: f64, because: &str) {
        let times = self.times.entry(thing).or_default();
        let minute = minute.rem_euclid(DAY);
        if !times.iter().any(|&(known, _)| apart(known, minute) < SAME) {
            times.push((minute, because.to_owned()));
        }
    }

    /// As rows of the truth; of what was seen.
    pub(super) fn told(&self, house: &House, seen: &BTreeSet<usize>) -> Vec<Value> {
        let id = |thing: &usize| &house.things[*thing].id;
        let pairs = self
            .pairs
            .iter()
            .filter(|((one, other), _)| seen.contains(one) && seen.contains(other))
            .map(|((one, other), because)| {
                json!({"type": "pair", "entities": [id(one), id(other)], "because": because})
            });
        let times = self.times.iter().filter(|(thing, _)| seen.contains(*thing));
        let times = times.flat_map(|(thing, minutes)| {
            minutes.iter().map(move |(minute, because)| {
                let minute = (minute * 10.0).round() / 10.0;
                json!({
                    "type": "time_of_day", "entities": [id(thing)], "minute": minute,
                    "because": because,
                })
            })
        });
        pairs.chain(times).collect()
    }
}

/// Everything that follows.
pub(super) fn of(lived: &Lived) -> Implied {
    let mut implied = Implied::default();
    coming_and_going(lived, &mut implied);
    movement(lived, &mut implied);
    for habit in lived.habits {
        own(lived, habit, &mut implied);
    }
    effects(lived, &mut implied);
    near_times(lived, &mut implied);
    shadows(lived, &mut implied);
    implied
}

/// What tells of a person's coming home and leaving.
fn crossing(lived: &Lived, person: &Person) -> Vec<usize> {
    let mut things = lived.house.entrance();
    things.extend(&person.presence);
    things
}

fn coming_and_going(lived: &Lived, implied: &mut Implied) {
    for person in &lived.people.all {
        let crossing = crossing(lived, person);
        implied.all(&crossing, &crossing, "coming and going");
        for anchor in &person.anchors {
            if matches!(anchor.moment, Moment::Leave | Moment::Return) {
                for &thing in &crossing {
                    implied.time(thing, anchor.minute, "coming and going");
                }
            }
            for &motion in lived.house.motions.values() {
                implied.time(motion, anchor.minute, "a person's day");
                implied.time(motion, anchor.minute + WALKS_ABOUT, "a person's day");
            }
        }
    }
    let entrance = lived.house.entrance();
    implied.all(&entrance, &entrance, "coming and going");
    for closet in &lived.house.closets {
        let door: Vec<usize> = closet.door.into_iter().collect();
        implied.all(&door, &[closet.lamp, closet.motion], "going into a closet");
    }
}

/// One who uses a thing is in its room.
fn movement(lived: &Lived, implied: &mut Implied) {
    for (thing, one) in lived.house.things.iter().enumerate() {
        let is_used = matches!(one.role, Role::Used | Role::Contact | Role::Machine);
        if let Some(motion) = lived.house.motion_at(thing).filter(|_| is_used) {
            implied.both(thing, motion, "being in the room");
        }
    }
    for habit in lived.habits.iter().filter(|habit| habit.things.len() > 1) {
        let motions: Vec<usize> = habit
            .things
            .iter()
            .filter_map(|&thing| lived.house.motion_at(thing))
            .collect();
        implied.all(&motions, &habit.things, &habit.id);
        implied.all(&motions, &motions, &habit.id);
    }
    for timed in lived.timed.iter().filter(|timed| !timed.by_automation) {
        for &thing in &timed.things {
            if let Some(motion) = lived.house.motion_at(thing) {
                for &minute in &timed.minutes {
                    implied.time(motion, minute, &timed.because);
                }
            }
        }
    }
}

/// What follows from one habit for its own things.
fn own(lived: &Lived, habit: &Habit, implied: &mut Implied) {
    let things = &habit.things;
    let because = &habit.id;
    match &habit.rule {
        Rule::Routine { .. } | Rule::Scene { .. } => implied.all(things, things, because),
        Rule::Sequence { .. } => {
            for (place, &one) in things.iter().enumerate() {
                for &later in &things[place + 1..] {
                    implied.pair(one, later, because);
                    if lived.house.things[one].minutes <= SHORT {
                        implied.pair(later, one, because);
                    }
                }
            }
        }
        Rule::Reaction {
            cause, condition, ..
        } => {
            if let Some(judge) = condition.and_then(Condition::thing) {
                implied.both(judge, things[1], because);
            }
            if let Cause::Arrival(person) = *cause {
                arrival(
                    lived,
                    &lived.people.all[person],
                    things[1],
                    because,
                    implied,
                );
            }
            if let Cause::Closet(closet) = *cause {
                let door: Vec<usize> = lived.house.closets[closet].door.into_iter().collect();
                implied.all(&door, &[things[1]], because);
            }
        }
        Rule::AtTime(_) | Rule::Duration { .. } | Rule::Oddity(_) => {}
    }
    for timed in lived.timed.iter().filter(|timed| timed.because == habit.id) {
        for &thing in &timed.things {
            for &minute in &timed.minutes {
                implied.time(thing, minute, because);
            }
        }
    }
}

fn arrival(lived: &Lived, person: &Person, effect: usize, because: &str, implied: &mut Implied) {
    implied.all(&crossing(lived, person), &[effect], because);
    for anchor in &person.anchors {
        if anchor.moment == Moment::Return {
            implied.time(effect, anchor.minute, because);
        }
    }
}

/// What follows at a time something else that has one.
fn effects(lived: &Lived, implied: &mut Implied) {
    for habit in lived.habits {
        if let Rule::Reaction { .. } = habit.rule
            && lived.house.things[habit.things[0]].role != Role::Motion
        {
            let times = implied.times.get(&habit.things[0]).cloned();
            for (minute, _) in times.unwrap_or_default() {
                implied.time(habit.things[1], minute, &habit.id);
            }
        }
    }
}

/// What happens at near times is a pair, though the one does not cause the other.
fn near_times(lived: &Lived, implied: &mut Implied) {
    let is_near = |one: &Timed, other: &Timed| {
        let enough = NEAR + 2.0 * (one.sigma + other.sigma);
        one.minutes
            .iter()
            .any(|&a| other.minutes.iter().any(|&b| apart(a, b) < enough))
    };
    for (place, one) in lived.timed.iter().enumerate() {
        for other in &lived.timed[place + 1..] {
            if one.days.meets(other.days) && one.because != other.because && is_near(one, other) {
                implied.all(&one.things, &other.things, "near times");
            }
        }
    }
}

/// Groups, indicators and power sensors are the thing that they show.
fn shadows(lived: &Lived, implied: &mut Implied) {
    let planted = lived.habits.iter().filter_map(|habit| match habit.rule {
        Rule::Reaction { .. } => Some(((habit.things[0], habit.things[1]), habit.id.clone())),
        _ => None,
    });
    let known: Vec<_> = implied.pairs.clone().into_iter().chain(planted).collect();
    for ((one, other), because) in known {
        let ones = lived.house.with_shadows(one);
        let others = lived.house.with_shadows(other);
        if ones.len() + others.len() > 2 {
            implied.all(&ones, &others, &because);
        }
    }
    for (thing, times) in implied.times.clone() {
        for &shadow in &lived.house.things[thing].shadows {
            for (minute, because) in &times {
                implied.time(shadow, *minute, because);
            }
        }
    }
}
