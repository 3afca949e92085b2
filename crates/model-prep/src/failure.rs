//! Why a model could not be prepared.

use std::path::Path;

use models::{Sha256, UnreadableLock};

/// What went wrong with a model; one line, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The folder of models cannot be written.
    #[error(
        "cannot write to {folder}: {reason}. Mount it writable for this user, or name another with HF_HOME"
    )]
    Unwritable {
        /// The folder.
        folder: String,
        /// Why.
        reason: String,
    },
    /// The disk has no room for it.
    #[error(
        "needs {needed} more on {folder}, where {free} are free; nothing of it was fetched. Make room, or name another folder with HF_HOME"
    )]
    NoRoom {
        /// The folder.
        folder: String,
        /// What is missing, for a person.
        needed: String,
        /// What there is, for a person.
        free: String,
    },
    /// The disk became full while it came.
    #[error("the disk of {folder} is full; what has come is kept. Make room and start again")]
    Full {
        /// The folder.
        folder: String,
    },
    /// A folder as the source lacks a file.
    #[error("{source_folder} has no {file} of it: want {wanted}")]
    NotInFolder {
        /// The folder.
        source_folder: String,
        /// The file.
        file: String,
        /// Where it is looked for.
        wanted: String,
    },
    /// A file cannot be read.
    #[error("{file} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The source has no such file.
    #[error(
        "{url} is not there (404): the source is no mirror of this commit, or a private one that wants HF_TOKEN"
    )]
    NotThere {
        /// The address.
        url: String,
    },
    /// The source wants to know who asks.
    #[error("{url} is refused ({status}): {hint}")]
    Refused {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// What to do.
        hint: &'static str,
    },
    /// The source answers what no hub does.
    #[error("{url} answered {what}")]
    Strange {
        /// The address.
        url: String,
        /// What.
        what: String,
    },
    /// The source wants us to wait for too long.
    #[error(
        "{url} wants us to come back in {seconds} s (429); what has come is kept. Start again then"
    )]
    Later {
        /// The address.
        url: String,
        /// The wait that it asked for, in seconds.
        seconds: u64,
    },
    /// The source offers a file of another size.
    #[error(
        "{url} has {found} bytes, the list of models says {wanted}: it is not the file that we know"
    )]
    OtherSize {
        /// The address.
        url: String,
        /// What it has, in bytes.
        found: u64,
        /// What it should have, in bytes.
        wanted: u64,
    },
    /// The source offers other bytes.
    #[error("{from} has other bytes: SHA-256 {found}, wanted {wanted}. It was not kept")]
    OtherBytes {
        /// The file or address.
        from: String,
        /// The digest of what came.
        found: Sha256,
        /// The right one.
        wanted: Sha256,
    },
    /// Nothing came, several times in a row.
    #[error(
        "{url}: {reason}; given up after {attempts} attempts, what has come is kept. Start again when the source can be reached"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// What was wrong the last time.
        reason: String,
        /// How many.
        attempts: u32,
    },
    /// The token cannot be read.
    #[error("no token: {0}")]
    NoToken(String),
    /// models.lock is damaged.
    #[error(transparent)]
    Lock(#[from] UnreadableLock),
    /// The HTTP client cannot be made.
    #[error("no connections can be made: {0}")]
    NoClient(String),
}

impl Failure {
    /// What a failed write means.
    pub(crate) fn writing(folder: &Path, error: &std::io::Error) -> Self {
        let folder = folder.display().to_string();
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full { folder };
        }
        let reason = error.to_string();
        Self::Unwritable { folder, reason }
    }

    /// What a failed read means.
    pub(crate) fn reading(file: &Path, error: &std::io::Error) -> Self {
        Self::Unreadable {
            file: file.display().to_string(),
            reason: error.to_string(),
        }
    }
}

/// A number of bytes as a person reads it.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}
