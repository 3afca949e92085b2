//! What can be found, and the words by which.

use pattern_mining::pattern::Pattern;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{folded, folded_besides};

/// Longest title or text, in characters.
const LONGEST: usize = 500;

/// The kind of a thing that can be found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// A habit, by its key.
    Habit,
    /// An entity, by its id.
    Entity,
    /// An area, by its id.
    Area,
    /// A service on an entity: what can be done, and what the automations of habits do.
    Action,
}

impl DocumentKind {
    /// The word used in JSON and SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Habit => "habit",
            Self::Entity => "entity",
            Self::Area => "area",
            Self::Action => "action",
        }
    }

    /// The kind of a word in a table.
    pub(crate) fn from_word(word: &str) -> Self {
        match word {
            "habit" => Self::Habit,
            "area" => Self::Area,
            "action" => Self::Action,
            _ => Self::Entity,
        }
    }
}

/// One thing that can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its kind.
    pub kind: DocumentKind,
    /// Key of the habit, id of the entity or the area; of an action: service and entity, with a space between them.
    pub key: String,
    /// What it is called.
    pub title: String,
    /// What more there is to say of it.
    pub text: String,
    /// The area's name; none where there is none, or several.
    pub area: Option<String>,
    /// Of a habit: keys of the actions that its automation takes.
    pub actions: Vec<String>,
    /// Words of the title, folded.
    pub title_words: String,
    /// All other words, folded.
    pub other_words: String,
}

impl Document {
    /// A document with its words; `more` are words that are not shown.
    pub fn new(kind: DocumentKind, key: &str, title: &str, text: &str, more: &str) -> Self {
        let title = home_assistant_automation::prose(title);
        let text = home_assistant_automation::prose(text);
        let title_words = folded(&title);
        Self {
            kind,
            key: key.to_owned(),
            // A word counts once: ids repeat what the name says.
            other_words: folded_besides(&format!("{text} {more}"), &title_words),
            title_words,
            title: title.chars().take(LONGEST).collect(),
            text: text.chars().take(LONGEST).collect(),
            area: None,
            actions: Vec::new(),
        }
    }

    /// What a model is told of it.
    pub(crate) fn meaning(title: &str, text: &str) -> String {
        if text.is_empty() {
            title.to_owned()
        } else {
            format!("{title}, {text}")
        }
    }
}

/// A habit: its sentence without the counts; when and where; and the ids of what takes part.
pub(crate) fn habit<'a>(pattern: &Pattern, area_of: impl Fn(&str) -> Option<&'a str>) -> Document {
    let mut areas: Vec<&str> = pattern
        .entities
        .iter()
        .filter_map(|id| area_of(id))
        .collect();
    areas.sort_unstable();
    areas.dedup();
    let part = pattern.time_of_day_minutes.map(part_of_day);
    let text: Vec<&str> = part.into_iter().chain(areas.iter().copied()).collect();
    let sentence = &pattern.sentence;
    let end = sentence.rfind(" (").unwrap_or(sentence.len());
    let kind = pattern.kind.as_str();
    let more = format!("habit {kind} {}", pattern.entities.join(" "));
    let document = Document::new(
        DocumentKind::Habit,
        &pattern.id,
        &sentence[..end],
        &text.join(", "),
        &more,
    );
    Document {
        area: match areas[..] {
            [only] => Some(only.to_owned()),
            _ => None,
        },
        actions: actions(pattern),
        ..document
    }
}

/// Service and entity of each action of the habit's automation; none where it cannot be one.
fn actions(pattern: &Pattern) -> Vec<String> {
    let Ok(automation) = home_assistant_automation::automate(pattern) else {
        return Vec::new();
    };
    let json = automation.json();
    let steps = json["actions"].as_array().map_or(&[][..], Vec::as_slice);
    let key = |step: &serde_json::Value| {
        let service = step["action"].as_str()?;
        Some(format!(
            "{service} {}",
            step["target"]["entity_id"].as_str()?
        ))
    };
    steps.iter().filter_map(key).collect()
}

/// The part of the day, as people speak of it.
fn part_of_day(minutes: u16) -> &'static str {
    match minutes {
        300..540 => "early in the morning, when people get up",
        540..720 => "in the morning",
        720..840 => "around noon",
        840..1080 => "in the afternoon",
        1080..1290 => "in the evening",
        1290.. => "late in the evening, when people go to bed",
        _ => "at night, when people sleep",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn closing() -> Pattern {
        serde_json::from_value(json!({
            "id": "p1", "type": "time_of_day", "entities": ["cover.bedroom"], "states": ["closed"], "status": "active",
            "confidence": 0.9, "q_value": 1e-9, "occurrences": 29, "opportunities": 30, "days_seen": 29, "expected_by_chance": 1.0,
            "time_of_day_minutes": 1359, "days": "all", "first_seen": "2026-01-01T00:00:00Z", "last_seen": "2026-02-01T00:00:00Z",
            "sentence": "Bedroom shutter closes around 22:39 every day (29 of 30 days).",
            "evidence": {"occurrences": [], "misses": []}
        }))
        .expect("a habit")
    }

    #[test]
    fn a_habit_says_when_where_and_what_it_would_do() {
        let found = habit(&closing(), |_| Some("Schlafzimmer"));
        assert_eq!(found.title, "Bedroom shutter closes around 22:39 every day");
        assert_eq!(
            found.text,
            "late in the evening, when people go to bed, Schlafzimmer"
        );
        assert_eq!(found.area.as_deref(), Some("Schlafzimmer"));
        assert_eq!(found.actions, ["cover.close_cover cover.bedroom"]);
        let words = &found.other_words;
        assert!(
            words.contains("schlafzimmer") && words.ends_with("cover"),
            "{words}"
        );
    }

    #[test]
    fn every_minute_has_its_part_of_the_day() {
        assert_eq!(part_of_day(0), "at night, when people sleep");
        assert_eq!(part_of_day(299), "at night, when people sleep");
        assert!(part_of_day(1289).contains("evening") && part_of_day(1439).contains("to bed"));
    }
}
