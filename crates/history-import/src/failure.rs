//! Why an import ended early, in words for the person who started it.

use std::path::{Path, PathBuf};

use data_api_client::CallFailed;
use database::failure::{CannotOpen, StoreFailure};

/// An import that cannot go on. What data-api has answered for until then is kept, and so is the position.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailed {
    /// There is no such file.
    #[error("there is no file {}. {hint}", path.display())]
    NoFile {
        /// Where it was looked for.
        path: PathBuf,
        /// Where such a file usually is.
        hint: &'static str,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The text is not a place that can be read from.
    #[error("'{text}' cannot be imported from: {reason}")]
    Place {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is a database, but not of the kind that was asked for.
    #[error("{place} is not {wanted}: {missing}")]
    OtherTables {
        /// Where.
        place: String,
        /// What it should be.
        wanted: &'static str,
        /// What it does not have.
        missing: String,
    },
    /// The source cannot be opened.
    #[error("{0}")]
    Open(#[from] CannotOpen),
    /// The source is locked by a program that does not let go.
    #[error(
        "{place} is locked by another program: wait until that is done (Home Assistant locks it while it migrates, repairs or backs up), \
             or import a copy of the file; what was imported is kept"
    )]
    Locked {
        /// Where.
        place: String,
    },
    /// The source cannot be read.
    #[error(
        "cannot read {place}: {failure}. What was imported is kept; run the same command again to go on"
    )]
    Source {
        /// Where.
        place: String,
        /// Why.
        #[source]
        failure: StoreFailure,
    },
    /// data-api does not take it.
    #[error(
        "{failure}. What data-api has answered for is kept; run the same command again to go on"
    )]
    DataApi {
        /// What it said.
        #[source]
        failure: CallFailed,
    },
    /// The state file cannot be written.
    #[error("cannot keep the position in {}: {error}. Name another file with --state-file", path.display())]
    StateFile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl ImportFailed {
    /// A failed statement on the source.
    pub(crate) fn source(place: &str, failure: StoreFailure) -> Self {
        let place = place.to_owned();
        if matches!(failure, StoreFailure::Busy(_)) {
            Self::Locked { place }
        } else {
            Self::Source { place, failure }
        }
    }

    /// Whether a file is there, and one.
    pub(crate) fn unless_file(path: &Path, hint: &'static str) -> Result<u64, Self> {
        let path = path.to_owned();
        match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(found.len()),
            Ok(_) => Err(Self::Place {
                text: path.display().to_string(),
                reason: format!("it is a folder. {hint}"),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Self::NoFile { path, hint })
            }
            Err(error) => Err(Self::Unreadable { path, error }),
        }
    }
}

impl From<CallFailed> for ImportFailed {
    fn from(failure: CallFailed) -> Self {
        Self::DataApi { failure }
    }
}
