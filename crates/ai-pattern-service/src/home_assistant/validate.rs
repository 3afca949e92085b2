//! What Home Assistant says of an automation before it exists.

use std::time::Duration;

use home_assistant_automation::Automation;
use serde::Serialize;
use serde_json::json;

use super::{Home, WHAT_TO_SET};

/// The answer to a question about an automation never waits longer for Home Assistant.
const AT_MOST: Duration = Duration::from_secs(4);

/// Whether Home Assistant takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validated {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It could not be asked.
    Unknown,
}

impl Validated {
    /// The word used in headers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "true",
            Self::No => "false",
            Self::Unknown => "unknown",
        }
    }
}

impl Serialize for Validated {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Yes => serializer.serialize_bool(true),
            Self::No => serializer.serialize_bool(false),
            Self::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

/// The result of a check.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Validation {
    /// Whether it passed.
    pub(crate) validated: Validated,
    /// Why not, in Home Assistant's words; or why it could not be asked.
    pub(crate) validation: Option<String>,
}

impl Home {
    /// Asks Home Assistant to check triggers, conditions and actions.
    pub(crate) async fn validate(&self, automation: &Automation) -> Validation {
        let unknown = |why: String| Validation {
            validated: Validated::Unknown,
            validation: Some(why),
        };
        let Some(reader) = &self.reader else {
            return unknown(format!("no Home Assistant to ask: {WHAT_TO_SET}"));
        };
        let mut command = automation.to_validate();
        command["type"] = json!("validate_config");
        let answer = match tokio::time::timeout(AT_MOST, reader.command(command)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(failed)) => return unknown(failed.to_string()),
            Err(_) => return unknown(format!("Home Assistant did not answer within {AT_MOST:?}")),
        };
        let mut complaints = Vec::new();
        for part in ["triggers", "conditions", "actions"] {
            match answer[part]["valid"].as_bool() {
                Some(true) => {}
                Some(false) => {
                    let error = answer[part]["error"].as_str().unwrap_or("no reason given");
                    complaints.push(format!("{part}: {error}"));
                }
                None => return unknown(format!("Home Assistant said nothing of the {part}")),
            }
        }
        Validation {
            validated: if complaints.is_empty() {
                Validated::Yes
            } else {
                Validated::No
            },
            validation: (!complaints.is_empty()).then(|| complaints.join("; ")),
        }
    }
}
