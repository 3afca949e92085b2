//! The key that callers must have: given, or made at the first start.

use std::io::Write;
use std::path::Path;

use common::env::Secret;
use secrecy::{ExposeSecret, SecretString};

use crate::hex;

/// Random bytes in a key that we make.
const KEY_BYTES: usize = 32;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoKey {
    #[error("{0}. Set DATA_API_KEY, or SECRETS_DIR to a folder that this user may read and write")]
    Unreadable(String),
    #[error(
        "cannot make a key in {path}: {error}. Set DATA_API_KEY, or SECRETS_DIR to a folder that this user may write"
    )]
    Unwritable { path: String, error: std::io::Error },
    #[error("cannot make a key: no random bytes from the system ({0})")]
    NoRandomness(getrandom::Error),
}

/// The configured key; a key file that is not there yet is made, readable by its owner only.
pub(crate) fn find_or_make(key: &Secret) -> Result<SecretString, NoKey> {
    if let Some(found) = key.current().map_err(NoKey::Unreadable)? {
        return Ok(found);
    }
    let Secret::File(path) = key else {
        return Err(NoKey::Unreadable("DATA_API_KEY is empty".to_owned()));
    };
    make(path).map_err(|error| NoKey::Unwritable {
        path: path.display().to_string(),
        error,
    })?;
    tracing::info!(file = %path.display(), "made a key for data-api; other services read it from this file");
    key.current()
        .map_err(NoKey::Unreadable)?
        .ok_or_else(|| NoKey::Unreadable(format!("{} is empty", path.display())))
}

fn make(path: &Path) -> std::io::Result<()> {
    let mut random = [0_u8; KEY_BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| std::io::Error::other(NoKey::NoRandomness(error)))?;
    let key = SecretString::from(hex::encode(&random));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Whole or not at all: a sibling that looks at the wrong moment must not read half a key.
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    writeln!(file, "{}", key.expose_secret())?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_key_once_and_keeps_it_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::File(folder.path().join("secrets/key"));
        let made = find_or_make(&secret).unwrap();
        assert_eq!(made.expose_secret().len(), 2 * KEY_BYTES);
        assert_eq!(
            find_or_make(&secret).unwrap().expose_secret(),
            made.expose_secret()
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(folder.path().join("secrets/key"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let told = find_or_make(&Secret::File(folder.path().join("file/key")))
            .unwrap_err()
            .to_string();
        assert!(told.contains("SECRETS_DIR"), "{told}");
    }
}
