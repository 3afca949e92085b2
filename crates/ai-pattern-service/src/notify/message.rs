//! What is said, and where. Each payload is defined here once; `shared/contracts/mqtt` has its schema.

use common::instant::UtcMicros;
use pattern_mining::pattern::{DaySet, Kind, Oddity, Pattern};
use serde::{Deserialize, Serialize};

use super::topics::Topic;
use crate::store::NewMessage;

/// Payload of [`Topic::Status`] while the service is connected.
pub const ONLINE: &str = "online";
/// Payload of [`Topic::Status`] otherwise; also the last will.
pub const OFFLINE: &str = "offline";
/// Name under which the service speaks.
pub const SERVICE: &str = "ai-pattern-service";

/// Payload of [`Topic::AnalysisComplete`], as subscribers of the replaced service know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalysisComplete {
    /// Always `ai-pattern-service`.
    pub service: String,
    /// When the run was over.
    pub timestamp: UtcMicros,
    /// How it ended.
    pub status: RunStatus,
    /// Habits found.
    pub patterns_detected: u32,
    /// Those of them that tie things together: pairs, conditionals and sequences.
    pub synergies_detected: u32,
    /// How long it took.
    pub duration_seconds: f64,
    /// What went wrong.
    pub errors: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// To its end.
    Completed,
    /// Early.
    Failed,
}

impl RunStatus {
    /// The word used in JSON, SQL and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// Payload of [`Topic::LegacyAnalysisComplete`], as subscribers of the replaced client know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegacyAnalysisComplete {
    /// Always `pattern_analysis_complete`.
    pub event: String,
    /// When the run was over.
    pub timestamp: UtcMicros,
    /// Habits found.
    pub patterns_detected: u32,
    /// Those of them that tie things together.
    pub synergies_detected: u32,
    /// How long it took.
    pub processing_time_sec: f64,
    /// Whether it came to its end.
    pub success: bool,
}

/// Payload of [`Topic::PatternEvent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternEvent {
    /// What happened.
    pub event_type: PatternEventType,
    /// The habit.
    #[serde(flatten)]
    pub habit: Habit,
}

/// A habit in a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Habit {
    /// The habit; the same id in the HTTP API.
    pub id: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Who takes part, in order.
    pub entities: Vec<String>,
    /// The state that each of them reaches.
    pub states: Vec<String>,
    /// The days on which it holds: `all`, `weekday`, `weekend`, or the digits of its weekdays with Monday as 0.
    pub days: String,
    /// The local minute of the day around which it happens; none for a habit that follows something else.
    pub time_of_day_minutes: Option<u16>,
    /// Median time from the first entity to the second, in seconds; none for a habit of the clock.
    pub delay_s: Option<f64>,
    /// Distinct days on which it happened.
    pub days_seen: u32,
    /// Times that it could have happened.
    pub opportunities: u32,
    /// Lower bound of the share of times at which it happens.
    pub confidence: f64,
    /// The habit in words.
    pub sentence: String,
}

/// What can happen to a habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternEventType {
    /// It was found, for the first time or again after it was gone.
    Found,
    /// It moved, changed its days, or became clearly more or less sure.
    Changed,
    /// It has ended, or was not found for several runs.
    Gone,
    /// A run did not find it, for the first time.
    Missed,
}

/// Payload of [`Topic::AnomalyEvent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnomalyEvent {
    /// What is odd: `left_open`, `stuck_on`, `silent`, `unusual_hour`, `missed_habit`.
    pub event_type: Oddity,
    /// Its id; the same in the HTTP API.
    pub id: String,
    /// Who is odd.
    pub entities: Vec<String>,
    /// Their states.
    pub states: Vec<String>,
    /// When it began.
    pub since: Option<UtcMicros>,
    /// In words.
    pub sentence: String,
}

impl From<&Pattern> for Habit {
    fn from(pattern: &Pattern) -> Self {
        Self {
            id: pattern.id.clone(),
            kind: pattern.kind,
            entities: pattern.entities.clone(),
            states: pattern.states.clone(),
            days: pattern.days.unwrap_or(DaySet::ALL).word(),
            time_of_day_minutes: pattern.time_of_day_minutes,
            delay_s: pattern.delay_s,
            days_seen: pattern.days_seen,
            opportunities: pattern.opportunities,
            confidence: pattern.confidence,
            sentence: pattern.sentence.clone(),
        }
    }
}

/// A message about a moment.
pub(super) fn moment(topic: &Topic, payload: &impl Serialize) -> NewMessage {
    NewMessage {
        topic: topic.to_string(),
        payload: json(payload),
        pattern_id: None,
        expires: true,
    }
}

/// What happened to a habit.
pub(super) fn of_habit(event_type: PatternEventType, pattern: &Pattern) -> NewMessage {
    let event = PatternEvent {
        event_type,
        habit: Habit::from(pattern),
    };
    let is_found = event_type == PatternEventType::Found;
    NewMessage {
        pattern_id: is_found.then(|| pattern.id.clone()),
        ..moment(&Topic::PatternEvent, &event)
    }
}

/// That something is out of the ordinary; none for a habit.
pub(super) fn of_oddity(pattern: &Pattern) -> Option<NewMessage> {
    let event = AnomalyEvent {
        event_type: pattern.oddity?,
        id: pattern.id.clone(),
        entities: pattern.entities.clone(),
        states: pattern.states.clone(),
        since: pattern.t,
        sentence: pattern.sentence.clone(),
    };
    Some(moment(&Topic::AnomalyEvent, &event))
}

/// The JSON of a payload.
pub(super) fn json(payload: &impl Serialize) -> String {
    serde_json::to_string(payload).expect("texts and numbers are JSON")
}
