//! What was planted.

use serde::Serialize;
use serde_json::{Value, json};

/// What a miner should find, and what it should not.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Truth {
    /// Habits and oddities, one object each: `id`, `type`, `entities`, and what is to be known of it.
    pub patterns: Vec<Value>,
    /// What looks like a habit and is none: `kind`, `entities`.
    pub decoys: Vec<Value>,
    /// What is regular without being a habit, because it follows from the habits or from the way people live: pairs of `entities`,
    /// and times of the day as `minute`.
    pub implied: Vec<Value>,
}

impl Truth {
    /// Writes down a habit or an oddity; the id is made.
    pub(super) fn plant(&mut self, kind: &str, entities: &[&str], mut about: Value) {
        about["id"] = json!(format!("{kind}_{}", self.patterns.len()));
        about["type"] = json!(kind);
        about["entities"] = json!(entities);
        self.patterns.push(about);
    }

    /// Writes down a decoy.
    pub(super) fn decoy(&mut self, kind: &str, entities: &[&str]) {
        self.decoys
            .push(json!({"kind": kind, "entities": entities}));
    }
}
