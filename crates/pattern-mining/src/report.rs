//! What a run looked at and what it left out: the numbers that make its silence believable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why a change was not used as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Reason {
    /// An entity that follows whoever walks by, such as a motion sensor.
    Ambient,
    /// Caused by an automation or a script.
    Automation,
    /// The row of an automation or script itself.
    AutomationItself,
    /// More changes a day than single moments could be told apart.
    Chatty,
    /// The first state that is known: how things stood, not something that happened.
    FirstSight,
    /// A group whose members change with it.
    Group,
    /// A text rather than a state.
    FreeText,
    /// Older than what was read before.
    Late,
    /// Nobody acts on it: the sun, a forecast, a diagnostic.
    NotActedUpon,
    /// A measurement.
    Numeric,
    /// Further back than a run looks.
    Older,
    /// Where somebody is.
    Person,
    /// Within a second of another entity of which it is the echo.
    Echo,
    /// The entity was removed.
    Removed,
    /// The state was the same before.
    Repeated,
    /// The entity, its area or its domain is silenced.
    Silenced,
    /// An entity that runs by night as it does by day, such as a refrigerator.
    SelfRunning,
    /// Written while Home Assistant was starting.
    Startup,
    /// To or from `unavailable` or `unknown`.
    Unavailable,
    /// At the same second of the day, day after day: a timer's.
    Timer,
}

const ALL: [Reason; 20] = [
    Reason::Ambient,
    Reason::Automation,
    Reason::AutomationItself,
    Reason::Chatty,
    Reason::FirstSight,
    Reason::Group,
    Reason::FreeText,
    Reason::Late,
    Reason::NotActedUpon,
    Reason::Numeric,
    Reason::Older,
    Reason::Person,
    Reason::Echo,
    Reason::Removed,
    Reason::Repeated,
    Reason::Silenced,
    Reason::SelfRunning,
    Reason::Startup,
    Reason::Unavailable,
    Reason::Timer,
];

/// Changes left out, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeftOut(BTreeMap<Reason, u64>);

impl Reason {
    /// The reason with this number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        ALL.into_iter().find(|&reason| reason as u8 == code)
    }
}

impl LeftOut {
    /// Counts changes under a reason.
    pub fn add(&mut self, reason: Reason, changes: u64) {
        if changes > 0 {
            *self.0.entry(reason).or_default() += changes;
        }
    }

    /// Changes left out for this reason.
    pub fn get(&self, reason: Reason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// Changes left out for any reason.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}

/// One run in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Changes taken in.
    pub events_seen: u64,
    /// Changes that were used as evidence.
    pub events_kept: u64,
    /// The others, by reason. With `events_kept` they add up to `events_seen`.
    pub left_out: LeftOut,
    /// Local days between the first and the last change.
    pub days: usize,
    /// Those of them on which there was data and the home was lived in.
    pub days_lived_in: usize,
    /// Hypotheses tested, of all kinds.
    pub hypotheses: usize,
    /// Days that are wanted before the surest kinds are told.
    pub days_wanted: usize,
    /// Pairs of entities and states for which something had to be counted.
    pub pairs: usize,
    /// Habits that would have been told without the cut at the false discovery rate.
    pub candidates: usize,
}
