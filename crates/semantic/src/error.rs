//! What can be wrong with a model's folder, and with the arithmetic.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

/// Why a model is not used, or a text has no vector. Nothing was kept half-read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there.
    #[error("{} is missing; fetch the model with `homeiq models prepare`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("{} cannot be read: {source}; see who may read it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not whole, or not what its name says.
    #[error("{} is damaged: {reason}; fetch the model anew with `homeiq models prepare`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is in order and belongs to another model.
    #[error("{} is not of all-MiniLM-L6-v2: {reason}; fetch that with `homeiq models prepare`", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What is different.
        reason: String,
    },
    /// The texts have no vectors; the model can be used for others.
    #[error("the model cannot encode these texts: {reason}")]
    Encoding {
        /// What went wrong.
        reason: String,
    },
}

impl Error {
    /// For `map_err`: the arithmetic failed.
    pub(crate) fn encoding(reason: &dyn Display) -> Self {
        Self::Encoding {
            reason: reason.to_string(),
        }
    }
}
