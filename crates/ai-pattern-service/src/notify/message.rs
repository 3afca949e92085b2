//! What is said, and where. Each payload is defined here once; `shared/contracts/mqtt` has its schema.

use common::instant::UtcMicros;
use pattern_mining::pattern::{DaySet, Kind, Pattern};
use serde::{Deserialize, Serialize};

use crate::notify::topics::Topic;

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

/// Payload of [`Topic::PatternEvent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternEvent {
    /// What happened.
    pub event_type: PatternEventType,
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
}

impl From<&Pattern> for PatternEvent {
    fn from(pattern: &Pattern) -> Self {
        Self {
            event_type: PatternEventType::Found,
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

/// Something to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A run is over.
    Analysis(AnalysisComplete),
    /// A habit was found.
    Pattern(PatternEvent),
}

impl Message {
    /// Where it is said.
    pub const fn topic(&self) -> Topic {
        match self {
            Self::Analysis(_) => Topic::AnalysisComplete,
            Self::Pattern(_) => Topic::PatternEvent,
        }
    }

    /// The JSON of it.
    pub fn payload(&self) -> Vec<u8> {
        let json = match self {
            Self::Analysis(payload) => serde_json::to_vec(payload),
            Self::Pattern(payload) => serde_json::to_vec(payload),
        };
        json.expect("texts and numbers are JSON")
    }

    /// The habit that it is about.
    pub fn pattern_id(&self) -> Option<&str> {
        match self {
            Self::Analysis(_) => None,
            Self::Pattern(event) => Some(&event.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const ANALYSIS: &str =
        include_str!("../../../../shared/contracts/mqtt/analysis-complete.schema.json");
    const PATTERN: &str =
        include_str!("../../../../shared/contracts/mqtt/pattern-event.schema.json");
    const TOPICS: &str = include_str!("../../../../shared/contracts/mqtt/topics.md");

    fn examples() -> [(Message, &'static str); 2] {
        let analysis = AnalysisComplete {
            service: SERVICE.to_owned(),
            timestamp: UtcMicros::new(1_795_421_580_211_807).unwrap(),
            status: RunStatus::Completed,
            patterns_detected: 3,
            synergies_detected: 0,
            duration_seconds: 1.5,
            errors: vec!["one".to_owned()],
        };
        let habit = PatternEvent::from(&crate::ledger::tests::habit("a", 420, 0.8));
        [
            (Message::Analysis(analysis), ANALYSIS),
            (Message::Pattern(habit), PATTERN),
        ]
    }

    /// Holds a payload against the part of JSON Schema that our schemas use: every key is required, none is extra, types fit.
    fn check(payload: &Value, schema: &Value, at: &str) {
        let fits = |kind: &str| match kind {
            "null" => payload.is_null(),
            "object" => payload.is_object(),
            "array" => payload.is_array(),
            "string" => payload.is_string(),
            "integer" => payload.is_u64() || payload.is_i64(),
            "number" => payload.is_number(),
            other => panic!("{at}: the test does not know the type {other}"),
        };
        let kinds: Vec<&str> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            kind => kind.as_str().into_iter().collect(),
        };
        assert!(
            kinds.is_empty() || kinds.iter().any(|kind| fits(kind)),
            "{at}: {payload} is not of type {kinds:?}"
        );
        if let Some(allowed) = schema["enum"].as_array() {
            assert!(
                allowed.contains(payload),
                "{at}: {payload} is not one of {allowed:?}"
            );
        }
        if let Some(only) = schema.get("const") {
            assert_eq!(payload, only, "{at}");
        }
        if let Some(properties) = schema["properties"].as_object() {
            let keys: Vec<&String> = payload.as_object().unwrap().keys().collect();
            let mut required: Vec<&str> = schema["required"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            required.sort_unstable();
            let mut sent: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
            sent.sort_unstable();
            assert_eq!(sent, required, "{at}: keys sent and keys required");
            for (key, schema) in properties {
                check(&payload[key], schema, &format!("{at}.{key}"));
            }
        }
        for item in payload.as_array().into_iter().flatten() {
            check(item, &schema["items"], &format!("{at}[]"));
        }
    }

    #[test]
    fn payloads_are_what_their_schemas_say() {
        for (message, schema) in examples() {
            let payload: Value = serde_json::from_slice(&message.payload()).unwrap();
            check(
                &payload,
                &serde_json::from_str(schema).unwrap(),
                message.topic().as_str(),
            );
        }
    }

    #[test]
    fn the_payload_of_a_run_has_the_keys_of_the_replaced_service() {
        let (message, _) = &examples()[0];
        let payload: Value = serde_json::from_slice(&message.payload()).unwrap();
        let mut keys: Vec<&str> = payload
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        let wanted = [
            "duration_seconds",
            "errors",
            "patterns_detected",
            "service",
            "status",
            "synergies_detected",
            "timestamp",
        ];
        assert_eq!(keys, wanted);
        assert_eq!(payload["timestamp"], "2026-11-23T08:13:00.211807+00:00");
    }

    #[test]
    fn the_contract_lists_every_topic() {
        for topic in Topic::ALL {
            assert!(TOPICS.contains(&format!("`{topic}`")), "{topic}");
        }
    }
}
