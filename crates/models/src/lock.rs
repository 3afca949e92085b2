//! models.lock: the SHA-256 of every file that was fetched, in the form that `sha256sum --check` reads.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::{Cache, Model, ModelFile, Sha256};

/// The digests of the files of a cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// By the path below the cache's folder, with `/`.
    digests: BTreeMap<String, Sha256>,
}

/// A lock file that says nothing sure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} cannot be used: {reason}. Delete it to have the digests taken anew", file.display())]
pub struct UnreadableLock {
    file: PathBuf,
    reason: String,
}

impl Lock {
    /// That of a cache; an empty one where there is none yet.
    pub fn read(cache: &Cache) -> Result<Self, UnreadableLock> {
        let file = cache.lock_file();
        let unusable = |reason: String| UnreadableLock {
            file: file.clone(),
            reason,
        };
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text).map_err(unusable),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(Self::default())
            }
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    /// The digest of a file as it was when it was fetched.
    pub fn digest(&self, model: &Model, file: &ModelFile) -> Option<&Sha256> {
        self.digests.get(&key(model, file))
    }

    /// Remembers the digest of a file.
    pub fn insert(&mut self, model: &Model, file: &ModelFile, digest: Sha256) {
        self.digests.insert(key(model, file), digest);
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut digests = BTreeMap::new();
        for (line, text) in text.lines().enumerate() {
            let parsed = text.split_once("  ");
            let parsed = parsed.and_then(|(digest, path)| Some((digest.parse().ok()?, path)));
            let (digest, path) =
                parsed.ok_or_else(|| format!("line {} is no SHA-256 and path", line + 1))?;
            digests.insert(path.to_owned(), digest);
        }
        Ok(Self { digests })
    }
}

/// Where a file lies below the cache's folder, the same on every system.
fn key(model: &Model, file: &ModelFile) -> String {
    format!(
        "models--{}/snapshots/{}/{}",
        model.repository.replace('/', "--"),
        model.revision,
        file.path
    )
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, digest) in &self.digests {
            writeln!(f, "{digest}  {path}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Manifest;

    #[test]
    fn a_lock_is_read_as_it_was_written_and_a_torn_one_is_told() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::at(place.path());
        assert_eq!(Lock::read(&cache), Ok(Lock::default()));
        let manifest = Manifest::shipped();
        let mut lock = Lock::default();
        for model in manifest.models() {
            for file in &model.files {
                lock.insert(model, file, file.sha256.clone().unwrap());
            }
        }
        std::fs::write(cache.lock_file(), lock.to_string()).unwrap();
        assert_eq!(Lock::read(&cache), Ok(lock.clone()));
        let model = &manifest.models()[0];
        let weights = model.files.last().unwrap();
        assert_eq!(lock.digest(model, weights), weights.sha256.as_ref());
        let torn = lock.to_string();
        std::fs::write(cache.lock_file(), &torn[..40]).unwrap();
        let told = Lock::read(&cache).unwrap_err().to_string();
        assert!(
            told.contains("line 1") && told.contains("Delete it"),
            "{told}"
        );
    }
}
