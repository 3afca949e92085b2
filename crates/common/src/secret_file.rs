//! Secrets that services make for each other at their first start, in files that only their owner may read.

use std::io::Write;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::env::Secret;
use crate::whole_file::{self, Readers};

/// Random bytes of a secret that we make; it is written as twice as many hex digits.
const RANDOM_BYTES: usize = 32;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum NoSecret {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Its file cannot be written.
    #[error(
        "cannot make a secret in {path}: {error}. Name a file in a folder that this user may write"
    )]
    Unwritable {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The system has no random bytes.
    #[error("cannot make a secret: no random bytes from the system ({0})")]
    NoRandomness(getrandom::Error),
}

/// The secret as given; where it is a file that is not there yet, the file is made.
pub fn find_or_make(secret: &Secret) -> Result<SecretString, NoSecret> {
    if let Some(found) = secret.current().map_err(NoSecret::Unreadable)? {
        return Ok(found);
    }
    let made = random()?;
    if let Secret::File(path) = secret {
        write(path, &made).map_err(|error| NoSecret::Unwritable {
            path: path.display().to_string(),
            error,
        })?;
        tracing::info!(file = %path.display(), "made a secret; siblings read it from this file");
    }
    Ok(made)
}

/// A new secret.
pub fn random() -> Result<SecretString, NoSecret> {
    let mut random = [0_u8; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(NoSecret::NoRandomness)?;
    let digits = random.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Ok(digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect::<String>()
        .into())
}

/// Whole or not at all: a sibling that looks at the wrong moment must not read half a secret.
fn write(path: &Path, secret: &SecretString) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    whole_file::replace(path, Readers::Owner, |file| {
        writeln!(file, "{}", secret.expose_secret())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_secret_once_and_keeps_it_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets/key");
        let secret = Secret::File(path.clone());
        let made = find_or_make(&secret).unwrap();
        assert_eq!(made.expose_secret().len(), 2 * RANDOM_BYTES);
        assert_eq!(
            find_or_make(&secret).unwrap().expose_secret(),
            made.expose_secret()
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let told = find_or_make(&Secret::File(folder.path().join("file/key")))
            .unwrap_err()
            .to_string();
        assert!(told.contains("file/key"), "{told}");
    }
}
