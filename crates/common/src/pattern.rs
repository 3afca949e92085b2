//! A habit, with the evidence for it: what the miner finds, what is stored, served and told over MQTT.

use serde::{Deserialize, Serialize};

use crate::entity::EntityId;
use crate::instant::UtcMicros;

/// The days on which a habit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DayClass {
    /// Every day.
    All,
    /// Monday to Friday.
    Weekday,
    /// Saturday and Sunday.
    Weekend,
}

impl DayClass {
    /// The word used in JSON, SQL and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Weekday => "weekday",
            Self::Weekend => "weekend",
        }
    }
}

/// The kind of a habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PatternKind {
    /// An entity reaches a state around a minute of the day.
    TimeOfDay,
}

impl PatternKind {
    /// The word used in JSON, SQL and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TimeOfDay => "time_of_day",
        }
    }
}

/// One habit and its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pattern {
    /// Stable across runs: a hash of what makes the habit this one (kind, entity, state, day class, slot of the day).
    pub id: String,
    /// The kind of habit.
    #[serde(rename = "type")]
    pub kind: PatternKind,
    /// Who takes part, in order.
    pub entities: Vec<EntityId>,
    /// The state that each of `entities` reaches.
    pub states: Vec<String>,
    /// The days on which it holds.
    pub days: DayClass,
    /// The local minute of the day around which it happens, 0 to 1439.
    pub time_of_day_minutes: u16,
    /// Standard deviation around that minute, in minutes.
    pub spread_minutes: f64,
    /// Half the width of the tested window, in minutes.
    pub window_minutes: u16,
    /// Days of the class on which it happened within the window.
    pub days_seen: u32,
    /// Days of the class that were observed.
    pub opportunities: u32,
    /// Days expected by chance alone, from the entity's own daily rate.
    pub expected_by_chance: f64,
    /// Probability of so many hits by chance, after correction for everything that was tried in the run.
    pub q_value: f64,
    /// Lower bound of the share of days on which it happens (Wilson, 95 %), 0 to 1.
    pub confidence: f64,
    /// First and last day on which it happened, as instants of the change.
    pub first_seen: UtcMicros,
    /// See `first_seen`.
    pub last_seen: UtcMicros,
    /// The habit in a plain sentence.
    pub sentence: String,
}
