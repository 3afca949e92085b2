//! Habits, as rules that people follow, and a record of how often they did.

use serde_json::{Value, json};

use super::calendar::Days;
use super::house::House;
use super::people::Moment;

/// The part of the record in which a habit lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Whole,
    /// It begins on this day.
    From(i64),
    /// It ends with this day.
    Until(i64),
}

impl Life {
    pub(super) fn has(self, day: i64) -> bool {
        match self {
            Self::Whole => true,
            Self::From(first) => day >= first,
            Self::Until(last) => day <= last,
        }
    }

    /// The name in the truth.
    pub(super) fn status(self) -> &'static str {
        match self {
            Self::Whole => "active",
            Self::From(_) => "started",
            Self::Until(_) => "stopped",
        }
    }
}

/// When something is done that has its time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) person: usize,
    pub(super) days: Days,
    /// Minute of the day, on the first day of the record; of the sunset, in its middle.
    pub(super) minute: f64,
    /// Standard deviation, in minutes.
    pub(super) sigma: f64,
    /// Minutes by which it moves over the record.
    pub(super) drift: f64,
    /// Minutes after sunset, if it goes by that.
    pub(super) after_sunset: Option<f64>,
}

/// What must hold for a reaction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Condition {
    Dark,
    Days(Days),
    /// A thing is at work.
    AtWork(usize),
    /// A sensor shows less.
    Below(usize, f64),
    /// A sensor shows more.
    Above(usize, f64),
}

impl Condition {
    /// The thing that it is about.
    pub(super) fn thing(self) -> Option<usize> {
        match self {
            Self::AtWork(thing) | Self::Below(thing, _) | Self::Above(thing, _) => Some(thing),
            Self::Dark | Self::Days(_) => None,
        }
    }

    pub(super) fn told(self, house: &House) -> Value {
        let id = |thing: usize| &house.things[thing].id;
        match self {
            Self::Dark => json!({"kind": "dark"}),
            Self::Days(days) => json!({"kind": days.name()}),
            Self::AtWork(thing) => {
                json!({"kind": "state", "entity": id(thing), "state": house.things[thing].on})
            }
            Self::Below(thing, value) => {
                json!({"kind": "numeric", "entity": id(thing), "below": value})
            }
            Self::Above(thing, value) => {
                json!({"kind": "numeric", "entity": id(thing), "above": value})
            }
        }
    }
}

/// What sets a reaction off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Somebody uses a thing.
    Use,
    /// This person comes home.
    Arrival(usize),
    /// Somebody walks into this closet.
    Closet(usize),
}

/// What kind of habit, and what is particular about it.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    AtTime(Timing),
    /// The second thing follows the first.
    Reaction {
        cause: Cause,
        delay_s: f64,
        /// Standard deviation of the delay's logarithm.
        spread: f64,
        condition: Option<Condition>,
    },
    /// Things one after the other.
    Sequence {
        gaps_s: Vec<f64>,
        /// Probability that the next step is done.
        goes_on: f64,
        person: usize,
        /// Times a day, where it has no time of its own.
        a_day: f64,
        timing: Option<Timing>,
    },
    /// Things together, in any order.
    Routine {
        timing: Timing,
        /// The moment of the person's day that it goes with.
        anchor: Option<Moment>,
        within_minutes: f64,
        takes_part: f64,
    },
    /// Lights together within seconds, at any hour.
    Scene {
        person: usize,
        a_day: f64,
        within_s: f64,
        takes_part: f64,
    },
    /// Its uses last the same time.
    Duration {
        minutes: f64,
        /// Standard deviation, as a part of the time.
        spread: f64,
    },
    /// Once, something out of the ordinary.
    Oddity(Oddity),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OddKind {
    LeftOpen,
    StuckOn,
    NightActivity,
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Oddity {
    pub(super) kind: OddKind,
    pub(super) day: i64,
    /// When it began, in microseconds; not known before it did.
    pub(super) at: Option<i64>,
}

/// One time that a habit was followed.
#[derive(Debug, Clone)]
pub(super) struct Done {
    /// Numbers of the changes of state.
    pub(super) events: Vec<usize>,
    /// The day; of a scene, the number of the occasion.
    pub(super) day: i64,
    /// Whether the condition held.
    pub(super) holds: bool,
}

/// One time that a habit could have been followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Number of the change of state that set it off.
    pub(super) event: usize,
    pub(super) holds: bool,
}

/// A habit.
#[derive(Debug)]
pub(super) struct Habit {
    /// Its name in the truth.
    pub(super) id: String,
    pub(super) rule: Rule,
    pub(super) things: Vec<usize>,
    /// The state into which each thing is put.
    pub(super) states: Vec<&'static str>,
    pub(super) probability: f64,
    pub(super) life: Life,
    pub(super) done: Vec<Done>,
    pub(super) asked: Vec<Asked>,
    /// Days on which it could have been followed.
    pub(super) eligible_days: usize,
}

impl Habit {
    /// The name of its kind in the truth.
    pub(super) fn kind(&self) -> &'static str {
        match &self.rule {
            Rule::AtTime(_) => "time_of_day",
            Rule::Reaction {
                condition: None, ..
            } => "pair",
            Rule::Reaction { .. } => "conditional",
            Rule::Sequence { .. } => "sequence",
            Rule::Routine { .. } | Rule::Scene { .. } => "routine",
            Rule::Duration { .. } => "duration",
            Rule::Oddity(_) => "anomaly",
        }
    }
}

/// What happens at times of the day that are known beforehand.
#[derive(Debug, Clone)]
pub(super) struct Timed {
    pub(super) because: String,
    pub(super) things: Vec<usize>,
    /// Minutes of the day at which it happens in the course of the record.
    pub(super) minutes: Vec<f64>,
    pub(super) sigma: f64,
    pub(super) days: Days,
    /// Nobody does it: an automation.
    pub(super) by_automation: bool,
}
