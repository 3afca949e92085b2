//! The digest of a file on disk.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use models::Sha256;
use sha2::Digest as _;

/// Read at a time.
const PIECE: usize = 1 << 20;

/// Reads the whole file, on a thread that may wait.
pub(crate) async fn of(path: &Path) -> std::io::Result<Sha256> {
    let path: PathBuf = path.to_owned();
    tokio::task::spawn_blocking(move || now(&path))
        .await
        .map_err(std::io::Error::other)?
}

fn now(path: &Path) -> std::io::Result<Sha256> {
    let mut file = File::open(path)?;
    let mut hash = sha2::Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Sha256::of_bytes(&hash.finalize().into())),
            count => hash.update(&piece[..count]),
        }
    }
}
