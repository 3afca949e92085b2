//! An automation, and the three forms in which it is written.

use serde_json::Value;

use crate::existing::Behaviour;
use crate::node::Node;
use crate::yaml::{self, Inputs};

/// What the ids of our automations begin with.
pub const ID_PREFIX: &str = "homeiq_";
/// The oldest Home Assistant that reads what is written.
const MIN_VERSION: &str = "2024.10.0";

/// The id of the automation of a pattern: the same for ever.
pub fn id_of(pattern_id: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let clean: String = pattern_id.chars().filter(|&c| word(c)).collect();
    format!("{ID_PREFIX}{clean}")
}

/// An automation of Home Assistant.
#[derive(Debug, Clone, PartialEq)]
pub struct Automation {
    pub(crate) id: String,
    pub(crate) alias: String,
    pub(crate) description: String,
    pub(crate) triggers: Vec<Node>,
    pub(crate) conditions: Vec<Node>,
    pub(crate) actions: Vec<Node>,
    pub(crate) mode: &'static str,
    pub(crate) targets: Vec<(String, String)>,
}

impl Automation {
    /// Its id in Home Assistant.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its name in Home Assistant.
    pub fn alias(&self) -> &str {
        &self.alias
    }

    /// What it acts on, and the state that each is brought to.
    pub fn targets(&self) -> &[(String, String)] {
        &self.targets
    }

    /// What it does and when.
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::of(&self.json())
    }

    /// The body that Home Assistant's configuration API takes: everything but the id.
    pub fn json(&self) -> Value {
        let mut head = vec![
            ("alias", Node::text(&self.alias)),
            ("description", Node::text(&self.description)),
        ];
        head.extend(self.body());
        written(&Node::Map(head))
    }

    /// To be pasted into Home Assistant's editor. The id is a remark: the editor gives its own, and an automation with another one than that is
    /// kept and not loaded.
    pub fn yaml(&self) -> String {
        let mut map = vec![
            ("alias", Node::text(&self.alias)),
            ("description", Node::text(&self.description)),
        ];
        map.extend(self.body());
        // An id has letters, digits, dashes and underscores.
        let remark = format!("# In automations.yaml also: id: \"{}\"\n", self.id);
        remark + &yaml::write(&Node::Map(map), Inputs::Filled)
    }

    /// As a blueprint: entities, times and pauses are chosen, with those of this home as they are.
    pub fn blueprint(&self) -> String {
        let body = Node::Map(self.body());
        let mut inputs = Vec::new();
        body.inputs(&mut inputs);
        let oldest = Node::Map(vec![("min_version", Node::text(MIN_VERSION))]);
        let head = Node::Map(vec![
            ("name", Node::text(&self.alias)),
            ("description", Node::text(&self.description)),
            ("domain", Node::text("automation")),
            ("author", Node::text("HomeIQ")),
            ("homeassistant", oldest),
        ]);
        let mut text = String::from("blueprint:\n");
        for line in yaml::write(&head, Inputs::Filled).lines() {
            text.push_str("  ");
            text.push_str(line);
            text.push('\n');
        }
        if !inputs.is_empty() {
            text.push_str("  input:\n");
        }
        for input in inputs {
            let map = Node::Map(vec![
                ("name", Node::text(&input.name)),
                ("selector", input.selector.clone()),
                ("default", input.default.clone()),
            ]);
            text.push_str("    ");
            // A key of ours: letters, digits and underscores.
            text.push_str(&input.key);
            text.push_str(":\n");
            for line in yaml::write(&map, Inputs::Filled).lines() {
                text.push_str("      ");
                text.push_str(line);
                text.push('\n');
            }
        }
        text + &yaml::write(&body, Inputs::Named)
    }

    /// Triggers, conditions and actions, for Home Assistant to check.
    pub fn to_validate(&self) -> Value {
        let list = |nodes: &Vec<Node>| written(&Node::List(nodes.clone()));
        serde_json::json!({
            "triggers": list(&self.triggers),
            "conditions": list(&self.conditions),
            "actions": list(&self.actions),
        })
    }

    fn body(&self) -> Vec<(&'static str, Node)> {
        let mut body = vec![
            ("triggers", Node::List(self.triggers.clone())),
            ("conditions", Node::List(self.conditions.clone())),
            ("actions", Node::List(self.actions.clone())),
            ("mode", Node::text(self.mode)),
        ];
        if self.mode == "single" {
            // What it does itself may be its own trigger: that is no reason for a warning in the log.
            body.push(("max_exceeded", Node::text("silent")));
        }
        body
    }
}

fn written(node: &Node) -> Value {
    serde_json::to_value(node).expect("a tree of texts and finite numbers is JSON")
}
