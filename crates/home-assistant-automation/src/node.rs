//! The tree that an automation is, before it is written.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// A text.
    Text(String),
    /// A finite number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// Values in order.
    List(Vec<Node>),
    /// Values by name, in order.
    Map(Vec<(&'static str, Node)>),
    /// What somebody who uses the blueprint chooses.
    Input(Box<Input>),
}

/// A choice of a blueprint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    /// Its name in the blueprint.
    pub(crate) key: String,
    /// What it is, for people.
    pub(crate) name: String,
    /// How it is chosen.
    pub(crate) selector: Node,
    /// What this home has: the value in the automation.
    pub(crate) default: Node,
}

impl Node {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A length of time.
    pub(crate) fn seconds(seconds: u64) -> Self {
        let part = |number: u64| Self::Number(number as f64);
        Self::Map(vec![
            ("hours", part(seconds / 3600)),
            ("minutes", part(seconds / 60 % 60)),
            ("seconds", part(seconds % 60)),
        ])
    }

    /// Every choice below it, in order, each key once.
    pub(crate) fn inputs<'a>(&'a self, found: &mut Vec<&'a Input>) {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Flag(_) => {}
            Self::List(list) => list.iter().for_each(|node| node.inputs(found)),
            Self::Map(map) => map.iter().for_each(|(_, node)| node.inputs(found)),
            Self::Input(input) => {
                if !found.iter().any(|known| known.key == input.key) {
                    found.push(input);
                }
            }
        }
    }
}

/// As JSON, with the values of this home.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                serializer.serialize_i64(*number as i64)
            }
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::List(list) => list.serialize(serializer),
            Self::Map(map) => {
                let mut object = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map {
                    object.serialize_entry(key, value)?;
                }
                object.end()
            }
            Self::Input(input) => input.default.serialize(serializer),
        }
    }
}
