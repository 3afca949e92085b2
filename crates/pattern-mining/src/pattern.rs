//! What the miner tells: one habit or one oddity, its numbers and its evidence.

use common::instant::UtcMicros;
use serde::{Deserialize, Serialize};

pub use crate::days::DaySet;

/// The kind of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An entity reaches a state around a minute of the day.
    TimeOfDay,
    /// One thing follows another within a delay.
    Pair,
    /// One thing follows another, but only while something holds.
    Conditional,
    /// Three to five steps in order.
    Sequence,
    /// Several entities, in any order, within minutes.
    Routine,
    /// A state is held for a typical time.
    Duration,
    /// Something out of the ordinary, once.
    Anomaly,
}

impl Kind {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::TimeOfDay,
        Self::Pair,
        Self::Conditional,
        Self::Sequence,
        Self::Routine,
        Self::Duration,
        Self::Anomaly,
    ];

    /// The word used in JSON, SQL and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimeOfDay => "time_of_day",
            Self::Pair => "pair",
            Self::Conditional => "conditional",
            Self::Sequence => "sequence",
            Self::Routine => "routine",
            Self::Duration => "duration",
            Self::Anomaly => "anomaly",
        }
    }
}

/// Where a habit is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It began lately.
    New,
    /// It holds.
    Active,
    /// It holds, and its time of the day moves.
    Drifting,
    /// It was missed several times in a row, which may still be chance.
    Paused,
    /// It has ended: so many misses in a row are not chance.
    Stopped,
    /// It had ended, and is back.
    Revived,
}

impl Status {
    /// The word used in JSON, SQL and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Active => "active",
            Self::Drifting => "drifting",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Revived => "revived",
        }
    }
}

/// What must hold for a conditional habit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Condition {
    /// The sun is below the horizon.
    Dark,
    /// The sun is above the horizon.
    Light,
    /// Monday to Friday.
    Weekday,
    /// Saturday and Sunday.
    Weekend,
    /// An entity is in a state.
    State {
        /// The entity.
        entity: String,
        /// The state.
        state: String,
    },
    /// A measurement lies on one side of a threshold.
    Numeric {
        /// The entity that measures.
        entity: String,
        /// It lies above this, in the entity's own unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        above: Option<f64>,
        /// It lies below this, in the entity's own unit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        below: Option<f64>,
    },
}

/// What kind of oddity an anomaly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// A door or window stood open far longer than ever.
    LeftOpen,
    /// Something stayed on far longer than ever.
    StuckOn,
    /// Something that spoke every day no longer does.
    Silent,
    /// Something happened at an hour at which it never does.
    UnusualHour,
    /// A habit that was never missed was missed on the last day.
    MissedHabit,
}

/// The sun, for habits that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SunOffset {
    /// Which of its two moments.
    pub event: SunEvent,
    /// Minutes after it; negative is before.
    pub minutes: i32,
}

/// The two moments of the sun's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SunEvent {
    /// It rises.
    Sunrise,
    /// It sets.
    Sunset,
}

/// The habit replayed as the automation that it would be: learned on the first part of its life, played on the rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backtest {
    /// The first instant of the part on which it was played.
    pub from: UtcMicros,
    /// Times it would have acted.
    pub fired: u32,
    /// Of those, times when people did the same.
    pub right: u32,
    /// Of those, times when they did not.
    pub unwanted: u32,
    /// Times when people did it and it would not have acted.
    pub missed: u32,
    /// Median of how much earlier than the people it would have been, in seconds; negative is later. None where it was never right.
    pub early_s: Option<f64>,
}

/// Every time it happened, and every time it could have and did not.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Instants {
    /// When it happened.
    pub occurrences: Vec<UtcMicros>,
    /// When it was due and did not.
    pub misses: Vec<UtcMicros>,
}

/// One pattern and its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// Stable across runs.
    pub id: String,
    /// The kind.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Who takes part, in order: the trigger first.
    pub entities: Vec<String>,
    /// The state that each of them reaches.
    pub states: Vec<String>,
    /// How sure it is to happen again, 0 to 1: the lower end of the 95 % Wilson interval of `occurrences / opportunities`, made
    /// smaller where the replay went worse.
    pub confidence: f64,
    /// Share of false patterns to be expected among those told that look at least as strong as this one.
    pub q_value: f64,
    /// Where it is in its life.
    pub status: Status,
    /// Times it happened.
    pub occurrences: u32,
    /// Times it could have happened.
    pub opportunities: u32,
    /// Distinct local days on which it happened.
    pub days_seen: u32,
    /// Times that chance would have made of `opportunities`.
    pub expected_by_chance: f64,
    /// The local minute of the day around which it happens now, 0 to 1439.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_of_day_minutes: Option<u16>,
    /// Standard deviation of the time of day, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_minutes: Option<f64>,
    /// Half the width of the tested window of the day, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_minutes: Option<u16>,
    /// How much its time of day moves, in minutes a week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_minutes_per_week: Option<f64>,
    /// The sun's moment that explains its time of day better than the clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sun: Option<SunOffset>,
    /// The days on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<DaySet>,
    /// Median time from the first entity to the second, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_s: Option<f64>,
    /// Quarter and three-quarter points of that time, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_spread_s: Option<(f64, f64)>,
    /// Median time from each step to the next, in seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps_s: Vec<f64>,
    /// For each entity, how often it takes part when the pattern happens, 0 to 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member_share: Vec<f64>,
    /// For a routine: it goes together within seconds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scene: bool,
    /// All entities are in one area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_area: Option<bool>,
    /// Typical time that the state is held, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<f64>,
    /// What must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// The kind of oddity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oddity: Option<Oddity>,
    /// When the oddity began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t: Option<UtcMicros>,
    /// When it ended; none where it has no length, and while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UtcMicros>,
    /// First time it happened.
    pub first_seen: UtcMicros,
    /// Last time it happened.
    pub last_seen: UtcMicros,
    /// The pattern in a plain sentence.
    pub sentence: String,
    /// How it would have done as an automation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtest: Option<Backtest>,
    /// Every occurrence and every miss.
    pub evidence: Instants,
}
