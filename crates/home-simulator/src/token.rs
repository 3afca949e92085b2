//! The access token: given, read from its file, or made.

use std::io::Write;
use std::path::Path;

use common::env::Secret;
use secrecy::{ExposeSecret, SecretString};

/// Random bytes in a token that we make.
const TOKEN_BYTES: usize = 24;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoToken {
    #[error("{0}. Set SIMULATOR_TOKEN, or let this user read the file")]
    Unreadable(String),
    #[error(
        "cannot write a token to {path}: {error}. Set SIMULATOR_TOKEN, or SIMULATOR_TOKEN_FILE to a file that this user may write"
    )]
    Unwritable { path: String, error: std::io::Error },
    #[error("cannot make a token: no random bytes from the system ({0})")]
    NoRandomness(getrandom::Error),
}

/// The token to expect. A token file that is not there yet is made, readable by its owner only, so that whoever is to connect can
/// read it from there.
pub(crate) fn find_or_make(given: Option<&Secret>) -> Result<SecretString, NoToken> {
    let Some(given) = given else {
        let token = random()?;
        // Nobody could connect without it, and it is worth nothing once this process has ended.
        tracing::info!("the access token of this run is {}", token.expose_secret());
        return Ok(token);
    };
    if let Some(found) = given.current().map_err(NoToken::Unreadable)? {
        return Ok(found);
    }
    let token = random()?;
    if let Secret::File(path) = given {
        write(path, &token).map_err(|error| NoToken::Unwritable {
            path: path.display().to_string(),
            error,
        })?;
        tracing::info!(file = %path.display(), "made an access token; clients read it from this file");
    }
    Ok(token)
}

fn random() -> Result<SecretString, NoToken> {
    let mut random = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut random).map_err(NoToken::NoRandomness)?;
    let digits = random.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect();
    Ok(hex.into())
}

fn write(path: &Path, token: &SecretString) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Whole or not at all: a client that looks at the wrong moment must not read half a token.
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    writeln!(file, "{}", token.expose_secret())?;
    file.sync_all()?;
    std::fs::rename(&partial, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_is_made_once_and_kept_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets/ha_token");
        let secret = Secret::File(path.clone());
        let made = find_or_make(Some(&secret)).unwrap();
        assert_eq!(made.expose_secret().len(), 2 * TOKEN_BYTES);
        let again = find_or_make(Some(&secret)).unwrap();
        assert_eq!(made.expose_secret(), again.expose_secret());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let rights = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(rights & 0o777, 0o600);
        }
    }

    #[test]
    fn two_runs_without_a_token_have_different_ones() {
        let (one, two) = (find_or_make(None).unwrap(), find_or_make(None).unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
    }

    #[test]
    fn a_token_file_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let secret = Secret::File(folder.path().join("file/token"));
        let told = find_or_make(Some(&secret)).unwrap_err().to_string();
        assert!(told.contains("SIMULATOR_TOKEN"), "{told}");
    }
}
