//! Copies of the store (`GET` and `POST /api/v1/backup`).

use serde::{Deserialize, Serialize};

use crate::instant::UtcMicros;

/// One copy, checked when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Backup {
    /// File name in the folder of backups.
    pub name: String,
    /// The copy holds what was committed at this instant, and perhaps a little more.
    pub created: UtcMicros,
    /// Its size.
    pub size_bytes: u64,
    /// Events in it.
    pub events: u64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

/// What a backup does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BackupStep {
    /// The copy is written.
    Copying,
    /// The copy is read and compared.
    Verifying,
}

/// A backup that is being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackupProgress {
    /// Since when.
    pub started: UtcMicros,
    /// What it does.
    pub step: BackupStep,
    /// Bytes written.
    pub bytes: u64,
    /// Bytes of the store: the copy is not larger.
    pub of_bytes: u64,
}

/// `GET /api/v1/backup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackupList {
    /// The copies, latest first.
    pub backups: Vec<Backup>,
    /// How many there are here.
    pub count: usize,
    /// How many are kept: an older one is deleted when a new one is whole.
    pub keep: u32,
    /// The one that is being made.
    pub running: Option<BackupProgress>,
    /// Why the last one could not be made; null once one was.
    pub last_error: Option<String>,
}
