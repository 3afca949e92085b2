//! Every topic that is published to or listened to. The only place where topics are spelled.

use std::fmt;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Whether a service is there: `online` or `offline`.
    Status(String),
    /// A run is over, as subscribers of the replaced scheduler know it.
    AnalysisComplete,
    /// A run is over, as subscribers of the replaced client know it.
    LegacyAnalysisComplete,
    /// How many habits there are, and what is stored.
    Summary,
    /// Something happened to a habit.
    PatternEvent,
    /// One habit, by its id.
    Pattern(String),
    /// Whether an accepted habit is due now, by its id.
    Expected(String),
    /// Something is out of the ordinary.
    AnomalyEvent,
    /// Whether the events of Home Assistant come in.
    HomeAssistantLink,
    /// Whether data-api answers.
    DataApiLink,
    /// Whether events are told.
    Notify,
    /// Command: tell events, or do not.
    SetNotify,
    /// Command: look for habits now.
    Analyse,
    /// Command: what somebody says of a habit, by its id.
    Feedback(String),
    /// Home Assistant says that it is there, under its discovery prefix.
    Birth(String),
    /// Everything that Home Assistant is to show, under its discovery prefix.
    DeviceConfig(String),
    /// One thing that Home Assistant is to show: discovery prefix, kind of entity, and its name.
    ComponentConfig(String, String, String),
}

/// Who publishes to a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// This service.
    Out,
    /// Others; this service listens.
    In,
}

const OWN_NODE: &str = "homeiq";

impl Topic {
    /// The topic of this text; none when it is not one of ours. `prefix` is the one of Home Assistant's discovery.
    pub fn parse(text: &str, prefix: &str) -> Option<Self> {
        if let Some(rest) = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('/'))
        {
            let parts: Vec<&str> = rest.split('/').collect();
            return match parts[..] {
                ["status"] => Some(Self::Birth(prefix.to_owned())),
                ["device", OWN_NODE, "config"] => Some(Self::DeviceConfig(prefix.to_owned())),
                [component, OWN_NODE, name, "config"] if is_id(component) && is_id(name) => Some(
                    Self::ComponentConfig(prefix.to_owned(), component.to_owned(), name.to_owned()),
                ),
                _ => None,
            };
        }
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            ["homeiq", "ai-automation", "analysis", "pattern", "complete"] => {
                Some(Self::AnalysisComplete)
            }
            ["ha-ai", "pattern-analysis", "complete"] => Some(Self::LegacyAnalysisComplete),
            ["homeiq", "patterns", "state"] => Some(Self::Summary),
            ["homeiq", "patterns", "event"] => Some(Self::PatternEvent),
            ["homeiq", "patterns", id] if is_id(id) => Some(Self::Pattern(id.to_owned())),
            ["homeiq", "patterns", id, "expected"] if is_id(id) => {
                Some(Self::Expected(id.to_owned()))
            }
            ["homeiq", "patterns", id, "feedback"] if is_id(id) => {
                Some(Self::Feedback(id.to_owned()))
            }
            ["homeiq", "anomaly", "event"] => Some(Self::AnomalyEvent),
            ["homeiq", "ha_link"] => Some(Self::HomeAssistantLink),
            ["homeiq", "data_api_link"] => Some(Self::DataApiLink),
            ["homeiq", "notify"] => Some(Self::Notify),
            ["homeiq", "notify", "set"] => Some(Self::SetNotify),
            ["homeiq", "cmd", "analyse"] => Some(Self::Analyse),
            ["homeiq", service, "status"] if is_id(service) => {
                Some(Self::Status(service.to_owned()))
            }
            _ => None,
        }
    }

    /// The filters of everything that this service listens to.
    pub fn filters(prefix: &str) -> Vec<String> {
        let any = || "+".to_owned();
        [
            Self::Analyse,
            Self::SetNotify,
            Self::Feedback(any()),
            Self::Birth(prefix.to_owned()),
        ]
        .iter()
        .map(ToString::to_string)
        .collect()
    }

    /// Whether the broker keeps the last message for those who subscribe later: states are kept, moments are not.
    pub const fn is_retained(&self) -> bool {
        match self {
            Self::Status(_)
            | Self::Summary
            | Self::Pattern(_)
            | Self::Expected(_)
            | Self::HomeAssistantLink
            | Self::DataApiLink
            | Self::Notify
            | Self::DeviceConfig(_)
            | Self::ComponentConfig(..) => true,
            Self::AnalysisComplete
            | Self::LegacyAnalysisComplete
            | Self::PatternEvent
            | Self::AnomalyEvent
            | Self::SetNotify
            | Self::Analyse
            | Self::Feedback(_)
            | Self::Birth(_) => false,
        }
    }

    /// Who publishes to it.
    pub const fn direction(&self) -> Direction {
        match self {
            Self::SetNotify | Self::Analyse | Self::Feedback(_) | Self::Birth(_) => Direction::In,
            _ => Direction::Out,
        }
    }

    /// The kind of topic, for metrics: without ids.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::AnalysisComplete => "analysis_complete",
            Self::LegacyAnalysisComplete => "legacy_analysis_complete",
            Self::Summary => "summary",
            Self::PatternEvent => "pattern_event",
            Self::Pattern(_) => "pattern",
            Self::Expected(_) => "expected",
            Self::AnomalyEvent => "anomaly_event",
            Self::HomeAssistantLink => "ha_link",
            Self::DataApiLink => "data_api_link",
            Self::Notify => "notify",
            Self::SetNotify => "set_notify",
            Self::Analyse => "analyse",
            Self::Feedback(_) => "feedback",
            Self::Birth(_) => "birth",
            Self::DeviceConfig(_) => "device_config",
            Self::ComponentConfig(..) => "component_config",
        }
    }
}

/// Whether this may be a level of a topic that means one thing; our ids are hex digits, names are words.
pub(crate) fn is_id(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !text.is_empty() && text.len() <= 64 && text.chars().all(fits)
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(service) => write!(f, "homeiq/{service}/status"),
            Self::AnalysisComplete => f.write_str("homeiq/ai-automation/analysis/pattern/complete"),
            Self::LegacyAnalysisComplete => f.write_str("ha-ai/pattern-analysis/complete"),
            Self::Summary => f.write_str("homeiq/patterns/state"),
            Self::PatternEvent => f.write_str("homeiq/patterns/event"),
            Self::Pattern(id) => write!(f, "homeiq/patterns/{id}"),
            Self::Expected(id) => write!(f, "homeiq/patterns/{id}/expected"),
            Self::AnomalyEvent => f.write_str("homeiq/anomaly/event"),
            Self::HomeAssistantLink => f.write_str("homeiq/ha_link"),
            Self::DataApiLink => f.write_str("homeiq/data_api_link"),
            Self::Notify => f.write_str("homeiq/notify"),
            Self::SetNotify => f.write_str("homeiq/notify/set"),
            Self::Analyse => f.write_str("homeiq/cmd/analyse"),
            Self::Feedback(id) => write!(f, "homeiq/patterns/{id}/feedback"),
            Self::Birth(prefix) => write!(f, "{prefix}/status"),
            Self::DeviceConfig(prefix) => write!(f, "{prefix}/device/{OWN_NODE}/config"),
            Self::ComponentConfig(prefix, component, name) => {
                write!(f, "{prefix}/{component}/{OWN_NODE}/{name}/config")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../../docs/MQTT.md");
    const CONTRACT: &str = include_str!("../../../../shared/contracts/mqtt/topics.md");

    /// Each topic, as the document writes it and as it may be.
    fn all() -> Vec<(&'static str, Topic)> {
        let prefix = || "homeassistant".to_owned();
        let id = || "3e280a2867232fc6".to_owned();
        vec![
            (
                "homeiq/ai-pattern-service/status",
                Topic::Status("ai-pattern-service".to_owned()),
            ),
            (
                "homeiq/ai-automation/analysis/pattern/complete",
                Topic::AnalysisComplete,
            ),
            (
                "ha-ai/pattern-analysis/complete",
                Topic::LegacyAnalysisComplete,
            ),
            ("homeiq/patterns/state", Topic::Summary),
            ("homeiq/patterns/event", Topic::PatternEvent),
            ("homeiq/patterns/<id>", Topic::Pattern(id())),
            ("homeiq/patterns/<id>/expected", Topic::Expected(id())),
            ("homeiq/anomaly/event", Topic::AnomalyEvent),
            ("homeiq/ha_link", Topic::HomeAssistantLink),
            ("homeiq/data_api_link", Topic::DataApiLink),
            ("homeiq/notify", Topic::Notify),
            ("homeiq/notify/set", Topic::SetNotify),
            ("homeiq/cmd/analyse", Topic::Analyse),
            ("homeiq/patterns/<id>/feedback", Topic::Feedback(id())),
            ("<prefix>/status", Topic::Birth(prefix())),
            (
                "<prefix>/device/homeiq/config",
                Topic::DeviceConfig(prefix()),
            ),
            (
                "<prefix>/<component>/homeiq/<name>/config",
                Topic::ComponentConfig(prefix(), "sensor".to_owned(), "patterns".to_owned()),
            ),
        ]
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut kinds = std::collections::BTreeSet::new();
        for (_, topic) in all() {
            assert_eq!(
                Topic::parse(&topic.to_string(), "homeassistant"),
                Some(topic.clone())
            );
            assert!(kinds.insert(topic.kind()), "{topic}");
        }
    }

    #[test]
    fn what_is_not_ours_is_not_read() {
        for text in [
            "",
            "homeiq",
            "homeiq/patterns",
            "homeiq/patterns/",
            "homeiq/patterns/a/b",
            "homeiq/patterns/a b/feedback",
            "homeiq/patterns/+/feedback",
            "homeiq/cmd/analyse/",
            "homeassistant/device/other/config",
            "other/status",
        ] {
            assert_eq!(Topic::parse(text, "homeassistant"), None, "{text}");
        }
        assert_eq!(
            Topic::parse("ha/status", "ha"),
            Some(Topic::Birth("ha".to_owned()))
        );
    }

    #[test]
    fn every_topic_has_its_row_in_the_documents_and_an_example() {
        for (name, topic) in all() {
            for (document, text) in [("docs/MQTT.md", DOCUMENT), ("topics.md", CONTRACT)] {
                let start = format!("| `{name}` |");
                let row = text.lines().find(|line| line.starts_with(&start));
                let row = row.unwrap_or_else(|| panic!("{document} has no row for {name}"));
                let cells: Vec<&str> = row.split('|').map(str::trim).collect();
                let way = match topic.direction() {
                    Direction::Out => "out",
                    Direction::In => "in",
                };
                let retained = if topic.is_retained() { "yes" } else { "no" };
                assert_eq!(
                    (cells[2], cells[3], cells[4]),
                    (way, "1", retained),
                    "{row}"
                );
            }
            let example = DOCUMENT.lines().filter_map(|line| line.split_once(' '));
            let named = |text: &str| Topic::parse(text, "homeassistant");
            assert!(
                example
                    .filter_map(|(text, _)| named(text))
                    .any(|shown| shown.kind() == topic.kind()),
                "docs/MQTT.md has no example line of {name}"
            );
        }
    }

    #[test]
    fn no_row_of_the_document_is_about_a_topic_that_does_not_exist() {
        let names: Vec<&str> = all().iter().map(|(name, _)| *name).collect();
        let rows = DOCUMENT.lines().filter(|line| {
            ["| `homeiq/", "| `ha-ai/", "| `<prefix>"]
                .iter()
                .any(|start| line.starts_with(start))
        });
        for line in rows {
            assert!(names.contains(&line.split('`').nth(1).unwrap()), "{line}");
        }
    }
}
