//! How far an import is, kept in a file so that the next run goes on from there.
//!
//! Losing it costs time and nothing else: data-api knows every row that it has.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use common::whole_file::{self, Readers};
use serde::{Deserialize, Serialize};

use crate::failure::ImportFailed;

/// A place in a source, behind the rows that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Recorder: `state_id`. LTSS: the instant in microseconds. File: bytes of its text.
    pub(crate) at: i64,
    /// LTSS: the entity of the last row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entity_id: Option<String>,
    /// Recorder: `last_updated` of the last row in microseconds, to know it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_updated: Option<i64>,
}

/// Where positions are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateFile {
    /// In this folder, one file for each source, destination and filter.
    In(PathBuf),
    /// This file.
    At(PathBuf),
    /// Nowhere.
    None,
}

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Source, destination and filter: a position of something else is not one of this.
    pub(crate) of: String,
    pub(crate) position: Position,
    /// Rows that data-api has stored by all runs.
    pub(crate) stored: u64,
}

impl StateFile {
    /// The file for an import, if there is to be one.
    pub(crate) fn path(&self, kind: &str, of: &str) -> Option<PathBuf> {
        match self {
            Self::At(path) => Some(path.clone()),
            Self::In(folder) => {
                let name = format!("{kind}-{:08x}.json", crc32fast::hash(of.as_bytes()));
                Some(folder.join(name))
            }
            Self::None => None,
        }
    }
}

impl State {
    /// What the file says of this import; none where it says nothing, or speaks of another one.
    pub(crate) fn read(path: &Path, of: &str) -> Option<Self> {
        let text = std::fs::read(path).ok()?;
        let state: Self = serde_json::from_slice(&text).ok()?;
        (state.of == of).then_some(state)
    }

    /// Replaces the file.
    pub(crate) fn write(&self, path: &Path) -> Result<(), ImportFailed> {
        let write = || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let text = serde_json::to_vec(self)?;
            whole_file::replace(path, Readers::Usual, |file| file.write_all(&text))
        };
        write().map_err(|error| ImportFailed::StateFile {
            path: path.to_owned(),
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_found_again_by_the_same_import_and_by_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = StateFile::In(folder.path().join("import"))
            .path("recorder", "a → b")
            .unwrap();
        let state = State {
            of: "a → b".to_owned(),
            position: Position {
                at: 7,
                ..Position::default()
            },
            stored: 6,
        };
        state.write(&path).unwrap();
        assert_eq!(State::read(&path, "a → b"), Some(state));
        assert_eq!(State::read(&path, "a → c"), None);
        std::fs::write(&path, "{torn").unwrap();
        assert_eq!(State::read(&path, "a → b"), None);
    }
}
