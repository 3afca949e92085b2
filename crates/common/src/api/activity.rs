//! What the home seems to be doing (`GET /api/v1/activity`).

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// What the people of a home seem to be doing. Only what can be told from stored events: no guess at cooking or sleeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Everybody whose whereabouts are known is somewhere else, and nothing moves.
    Away,
    /// No sign of people in the last quarter of an hour.
    Quiet,
    /// Signs of people in the last quarter of an hour.
    Active,
}

impl Activity {
    /// Its number, for clients that want one: 0 away, 1 quiet, 2 active.
    pub const fn id(self) -> u8 {
        match self {
            Self::Away => 0,
            Self::Quiet => 1,
            Self::Active => 2,
        }
    }
}

/// The activity at an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActivityReading {
    /// `away`, `quiet` or `active`.
    pub activity: Activity,
    /// 0 away, 1 quiet, 2 active.
    pub activity_id: u8,
    /// 0 to 1, from the number of signs: docs/OPERATIONS.md has the rule.
    pub confidence: f64,
    /// End of the quarter of an hour that was looked at.
    pub timestamp: UtcMicros,
    /// Signs of people in it.
    pub signs: u64,
}
