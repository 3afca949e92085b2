//! Attribute sets of the recorder, each read once while it is needed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use database::failure::StoreFailure;
use database::{Database, Statement};
use serde_json::value::RawValue;

/// Bytes that are held; then all are let go.
const HELD_BYTES: usize = 64 * 1024 * 1024;
/// Ids in one statement.
const IDS: usize = 500;

/// What a row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// No attributes.
    Nothing,
    /// A JSON object on one line.
    Object(Arc<str>),
    /// Something that is not a JSON object.
    Unusable,
}

/// Sets by their id.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    held: HashMap<i64, Found>,
    bytes: usize,
}

impl Attributes {
    /// Reads those that are not held.
    pub(super) async fn learn(
        &mut self,
        database: &Database,
        wanted: impl Iterator<Item = i64>,
    ) -> Result<(), StoreFailure> {
        let wanted: BTreeSet<i64> = wanted.collect();
        if self.bytes > HELD_BYTES {
            self.held.clear();
            self.bytes = 0;
        }
        let missing: Vec<i64> = wanted
            .into_iter()
            .filter(|id| !self.held.contains_key(id))
            .collect();
        for ids in missing.chunks(IDS) {
            let statement = Statement::new(
                "SELECT CAST(attributes_id AS BIGINT), CAST(shared_attrs AS TEXT) FROM state_attributes WHERE attributes_id IN (",
            )
            .list(ids.iter().copied())
            .push(")");
            for row in database.fetch_all(statement).await? {
                let found = checked(row.get::<Option<String>>(1)?.as_deref());
                if let Found::Object(text) = &found {
                    self.bytes += text.len() + 64;
                }
                self.held.insert(row.get(0)?, found);
            }
        }
        Ok(())
    }

    /// A set that was learnt. One that is not in its table is lost: the row goes without.
    pub(super) fn get(&self, id: i64) -> Found {
        self.held.get(&id).cloned().unwrap_or(Found::Unusable)
    }
}

/// What a text is. It is kept as it is, but for ends of lines between its parts.
pub(crate) fn checked(text: Option<&str>) -> Found {
    let Some(text) = text
        .map(str::trim)
        .filter(|text| !matches!(*text, "" | "{}" | "null"))
    else {
        return Found::Nothing;
    };
    if !text.starts_with('{') || serde_json::from_str::<&RawValue>(text).is_err() {
        return Found::Unusable;
    }
    // In JSON they can only stand between the parts: in a text they are escaped.
    if text.contains(['\n', '\r']) {
        return Found::Object(text.replace(['\n', '\r'], " ").into());
    }
    Found::Object(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_on_one_line_is_made_one_or_left_out() {
        let object = |text: &str| Found::Object(text.into());
        assert_eq!(checked(Some(r#"{"a": 1.10}"#)), object(r#"{"a": 1.10}"#));
        assert_eq!(checked(Some("{\n\"a\": 1}")), object("{ \"a\": 1}"));
        for nothing in [None, Some(""), Some("{}"), Some("null")] {
            assert_eq!(checked(nothing), Found::Nothing, "{nothing:?}");
        }
        for unusable in [r#"{"a": NaN}"#, "[1]", "{torn"] {
            assert_eq!(checked(Some(unusable)), Found::Unusable, "{unusable}");
        }
    }
}
