//! The three files of a model.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::Error;

/// One file of a model's folder.
#[derive(Debug, Clone)]
pub(crate) struct ModelFile {
    path: PathBuf,
}

impl ModelFile {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        Self {
            path: folder.join(name),
        }
    }

    /// Opens the file.
    pub(crate) fn open(&self) -> Result<File, Error> {
        File::open(&self.path).map_err(|error| self.unreadable(error))
    }

    /// Reads the file, if it has at most `limit` bytes.
    pub(crate) fn read(&self, limit: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.open()?
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| self.unreadable(error))?;
        if bytes.len() as u64 > limit {
            return Err(self.damaged(&format!("it has more than {limit} bytes")));
        }
        Ok(bytes)
    }

    pub(crate) fn unreadable(&self, source: io::Error) -> Error {
        let path = self.path.clone();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::Missing { path },
            _ => Error::Unreadable { path, source },
        }
    }

    pub(crate) fn damaged(&self, reason: &dyn Display) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn other_model(&self, reason: &dyn Display) -> Error {
        Error::OtherModel {
            path: self.path.clone(),
            reason: reason.to_string(),
        }
    }
}
