//! The name of a thing in the home.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A valid Home Assistant entity id: `domain.object_id`, such as `light.kitchen`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntityId(String);

/// Why a text is not an entity id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEntityId(String);

impl fmt::Display for InvalidEntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "'{}' is not an entity id: want domain.object_id, at most 255 characters",
            self.0
        )
    }
}

impl std::error::Error for InvalidEntityId {}

/// Longest entity id that Home Assistant stores, in characters.
const MAX_LEN: usize = 255;

impl EntityId {
    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first dot.
    pub fn domain(&self) -> &str {
        domain_of(&self.0)
    }
}

/// The domain of an entity id: the part before the first dot, or all of it where there is none.
pub fn domain_of(entity_id: &str) -> &str {
    entity_id
        .split_once('.')
        .map_or(entity_id, |(domain, _)| domain)
}

/// Whether a text has the form of an entity id. Lenient: Home Assistant has accepted more characters in the past than it does now.
fn is_valid(text: &str) -> bool {
    text.len() <= MAX_LEN
        && !text.contains(|c: char| c.is_control() || c.is_whitespace())
        && text
            .split_once('.')
            .is_some_and(|(domain, object)| !domain.is_empty() && !object.is_empty())
}

impl FromStr for EntityId {
    type Err = InvalidEntityId;

    fn from_str(text: &str) -> Result<Self, InvalidEntityId> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for EntityId {
    type Error = InvalidEntityId;

    fn try_from(text: String) -> Result<Self, InvalidEntityId> {
        if is_valid(&text) {
            Ok(Self(text))
        } else {
            Err(InvalidEntityId(text.chars().take(80).collect()))
        }
    }
}

impl From<EntityId> for String {
    fn from(id: EntityId) -> Self {
        id.0
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for EntityId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .examples(["light.kitchen"])
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for EntityId {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_home_assistant_names() {
        for id in [
            "light.kitchen",
            "sensor.0x00158d_temperature",
            "automation.änderung",
        ] {
            assert_eq!(id.parse::<EntityId>().unwrap().as_str(), id);
        }
        assert_eq!("light.a.b".parse::<EntityId>().unwrap().domain(), "light");
    }

    #[test]
    fn refuses_what_cannot_be_an_entity() {
        for id in [
            "",
            "light",
            ".kitchen",
            "light.",
            "light.kit chen",
            "light.\n",
            &format!("light.{}", "x".repeat(300)),
        ] {
            assert!(id.parse::<EntityId>().is_err(), "{id:?}");
        }
    }
}
