//! The automations that are there already, and what they have to do with the habits.

use std::collections::{BTreeMap, BTreeSet};

use home_assistant_automation::{Behaviour, Relation, automate, id_of, relation};
use home_assistant_client::{AskFailed, HomeAssistant};
use pattern_mining::pattern::Pattern;
use serde_json::{Value, json};

use super::Home;

/// Automations that are looked at; more than any home has.
const MAX_AUTOMATIONS: usize = 2_000;

/// For each habit, by its id, the automations that do what it does and those that do the opposite.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relations(pub(crate) BTreeMap<String, Related>);

impl Relations {
    /// Habits that an automation does already.
    pub(crate) fn covered(&self) -> BTreeSet<String> {
        let covered = self
            .0
            .iter()
            .filter(|(_, related)| !related.covered_by.is_empty());
        covered.map(|(id, _)| id.clone()).collect()
    }
}

/// Entity ids of automations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Related {
    /// They do what the habit does.
    pub(crate) covered_by: Vec<String>,
    /// They do the opposite at the same moment.
    pub(crate) contradicted_by: Vec<String>,
}

/// An automation as Home Assistant has it now.
#[derive(Debug)]
struct Existing {
    entity_id: String,
    id: String,
    is_on: bool,
    behaviour: Behaviour,
}

impl Home {
    /// Compares habits with the automations that there are. None: nobody to ask, or no answer.
    pub(crate) async fn relations(
        &self,
        patterns: &[&Pattern],
    ) -> Option<Result<Relations, AskFailed>> {
        let reader = self.reader.as_ref()?;
        let existing = match self.automations(reader).await {
            Ok(existing) => existing,
            Err(failed) => return Some(Err(failed)),
        };
        let mut relations = Relations::default();
        for pattern in patterns {
            let related = related(pattern, &existing);
            relations.0.insert(pattern.id.clone(), related);
        }
        Some(Ok(relations))
    }

    async fn automations(&self, reader: &HomeAssistant) -> Result<Vec<Existing>, AskFailed> {
        let states = reader.get(&["states"]).await?;
        let mut found: Vec<Existing> = states
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(existing)
            .take(MAX_AUTOMATIONS)
            .collect();
        if found.is_empty() {
            return Ok(found);
        }
        // Only an administrator may read what they do; the others see that they are there.
        let admin = self.admin.as_ref().unwrap_or(reader);
        let question =
            |known: &Existing| json!({"type": "automation/config", "entity_id": known.entity_id});
        let answers = admin.commands(found.iter().map(question).collect()).await?;
        let configs: Vec<Value> = answers
            .into_iter()
            .map(|answer| answer.map_or(Value::Null, |mut answer| answer["config"].take()))
            .collect();
        let configs = filled(admin, configs).await;
        for (known, config) in found.iter_mut().zip(&configs) {
            known.behaviour = Behaviour::of(config);
        }
        Ok(found)
    }

    /// The entity of an automation of ours, if Home Assistant has loaded it.
    pub(super) async fn entity_of(
        admin: &HomeAssistant,
        id: &str,
    ) -> Result<Option<String>, AskFailed> {
        let states = admin.get(&["states"]).await?;
        let mut all = states.as_array().into_iter().flatten().filter_map(existing);
        Ok(all
            .find(|known| known.id == id)
            .map(|known| known.entity_id))
    }
}

/// Those that are made of a blueprint, with its parts in their place.
async fn filled(admin: &HomeAssistant, mut configs: Vec<Value>) -> Vec<Value> {
    let is_blueprint = |config: &Value| config["use_blueprint"].is_object();
    let questions: Vec<Value> = configs
        .iter()
        .map(|config| &config["use_blueprint"])
        .filter(|used| used.is_object())
        .map(|used| {
            json!({"type": "blueprint/substitute", "domain": "automation", "path": used["path"],
                "input": used.get("input").cloned().unwrap_or_else(|| json!({}))})
        })
        .collect();
    if questions.is_empty() {
        return configs;
    }
    // Where they cannot be had, these automations stay unknown.
    let answers = admin.commands(questions).await.unwrap_or_default();
    let places = configs.iter_mut().filter(|config| is_blueprint(config));
    for (config, answer) in places.zip(answers) {
        if let Ok(mut answer) = answer {
            *config = answer["substituted_config"].take();
        }
    }
    configs
}

fn existing(state: &Value) -> Option<Existing> {
    let entity_id = state["entity_id"].as_str()?;
    entity_id.strip_prefix("automation.")?;
    Some(Existing {
        entity_id: entity_id.to_owned(),
        id: state["attributes"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        is_on: state["state"] == "on",
        behaviour: Behaviour::default(),
    })
}

/// One that is off does nothing. One of ours is known by its id, also where nobody lets us see what it does.
fn related(pattern: &Pattern, existing: &[Existing]) -> Related {
    let mut related = Related::default();
    let Ok(automation) = automate(pattern) else {
        return related;
    };
    let (id, habit) = (id_of(&pattern.id), automation.behaviour());
    for known in existing.iter().filter(|known| known.is_on) {
        let which = if known.id == id {
            Relation::Covers
        } else {
            relation(&habit, &known.behaviour)
        };
        match which {
            Relation::Covers => related.covered_by.push(known.entity_id.clone()),
            Relation::Contradicts => related.contradicted_by.push(known.entity_id.clone()),
            Relation::None => {}
        }
    }
    related
}
