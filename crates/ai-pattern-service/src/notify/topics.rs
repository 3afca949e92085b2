//! Every topic that is published to. The only place where topics are spelled.

use std::fmt;
use std::str::FromStr;

/// A topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Whether the service is there: `online` or `offline`, retained.
    Status,
    /// A run is over.
    AnalysisComplete,
    /// Something happened to a habit.
    PatternEvent,
}

/// A text that is none of our topics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is none of our topics")]
pub struct UnknownTopic(String);

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Status, Self::AnalysisComplete, Self::PatternEvent];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "homeiq/ai-pattern-service/status",
            Self::AnalysisComplete => "homeiq/ai-automation/analysis/pattern/complete",
            Self::PatternEvent => "homeiq/patterns/event",
        }
    }

    /// Whether the broker keeps the last message for those who subscribe later: states are kept, moments are not.
    pub const fn is_retained(self) -> bool {
        match self {
            Self::Status => true,
            Self::AnalysisComplete | Self::PatternEvent => false,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        Self::ALL
            .into_iter()
            .find(|topic| topic.as_str() == text)
            .ok_or_else(|| UnknownTopic(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../docs/MQTT.md");

    #[test]
    fn what_is_rendered_can_be_parsed() {
        for topic in Topic::ALL {
            assert_eq!(topic.to_string().parse::<Topic>(), Ok(topic));
        }
        assert!("homeiq/patterns".parse::<Topic>().is_err());
    }

    #[test]
    fn every_topic_has_its_row_and_its_example_in_the_document() {
        for topic in Topic::ALL {
            let row = DOCUMENT
                .lines()
                .find(|line| line.starts_with(&format!("| `{topic}` |")));
            let row = row.unwrap_or_else(|| panic!("docs/MQTT.md has no row for {topic}"));
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let retained = if topic.is_retained() { "yes" } else { "no" };
            assert_eq!(
                (cells[2], cells[3], cells[4]),
                ("out", "1", retained),
                "{row}"
            );
            let example = format!("-t '{topic}'");
            assert!(
                DOCUMENT
                    .lines()
                    .any(|line| line.starts_with("mosquitto_sub ") && line.contains(&example)),
                "{topic}"
            );
        }
    }

    #[test]
    fn no_row_of_the_document_is_about_a_topic_that_does_not_exist() {
        for line in DOCUMENT
            .lines()
            .filter(|line| line.starts_with("| `homeiq/"))
        {
            let name = line.split('`').nth(1).unwrap();
            assert!(name.parse::<Topic>().is_ok(), "{line}");
        }
    }
}
