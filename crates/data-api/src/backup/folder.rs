//! The folder of backups: `homeiq-<instant>.db`, each with a `.json` that describes it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

use common::api::backup::Backup;
use common::instant::UtcMicros;
use common::whole_file::sync_folder;
use sha2::{Digest, Sha256};

use super::NoBackup;
use crate::hex;

/// End of the name of a copy that is not whole yet.
pub(super) const PARTIAL: &str = ".partial";
/// Backups that are listed.
const MAX_LISTED: usize = 1_000;

/// Where copies are kept, and how many.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) keep: u32,
}

/// The name of the copy of an instant.
pub(super) fn name(at: UtcMicros) -> String {
    format!("homeiq-{}.db", at.timestamp().strftime("%Y%m%dT%H%M%S%6fZ"))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> NoBackup + '_ {
    move |error| match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => NoBackup::Copy(
            database::failure::StoreFailure::DiskFull(sqlx::Error::Io(error)),
        ),
        _ => NoBackup::Folder {
            path: path.to_owned(),
            error,
        },
    }
}

fn private(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// A file that only its owner reads, for the copy to be written into.
pub(super) fn empty_private_file(path: &Path) -> Result<(), NoBackup> {
    private(
        path,
        OpenOptions::new().write(true).create(true).truncate(true),
    )
    .map(drop)
    .map_err(failed(path))
}

pub(super) fn delete(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "cannot delete");
    }
}

/// Gives a checked copy its name and writes down what it is.
pub(super) fn finish(
    partial: &Path,
    target: &Path,
    created: UtcMicros,
    events: u64,
) -> Result<Backup, NoBackup> {
    let (size_bytes, sha256) = digest(partial).map_err(failed(partial))?;
    let backup = Backup {
        name: target
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        created,
        size_bytes,
        events,
        sha256,
    };
    let description = target.with_extension("json");
    let text = serde_json::to_vec_pretty(&backup).unwrap_or_default();
    empty_private_file(&description)?;
    std::fs::write(&description, text)
        .and_then(|()| File::open(&description)?.sync_all())
        .and_then(|()| File::open(partial)?.sync_all())
        .and_then(|()| std::fs::rename(partial, target))
        .map_err(failed(target))?;
    // The name is on disk when the folder is.
    if let Some(folder) = target.parent() {
        sync_folder(folder).ok();
    }
    Ok(backup)
}

fn digest(path: &Path) -> std::io::Result<(u64, String)> {
    let (mut file, mut digest) = (File::open(path)?, Sha256::new());
    let (mut piece, mut size) = (vec![0; 1 << 16], 0);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        digest.update(&piece[..read]);
        size += read as u64;
    }
    Ok((size, hex::encode(&digest.finalize())))
}

impl Folder {
    /// Makes the folder and takes its lock; what an earlier process left unfinished is deleted.
    pub(super) fn lock(&self) -> Result<File, NoBackup> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path).map_err(failed(&self.path))?;
        let path = self.path.join(".lock");
        let lock = private(
            &path,
            OpenOptions::new().write(true).create(true).truncate(false),
        )
        .map_err(failed(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NoBackup::Running),
            Err(TryLockError::Error(error)) => return Err(failed(&path)(error)),
        }
        for left in self.files(PARTIAL) {
            delete(&left);
        }
        Ok(lock)
    }

    /// The backups, latest first.
    pub(super) fn list(&self) -> Vec<Backup> {
        let mut backups: Vec<Backup> = self
            .files(".json")
            .into_iter()
            .filter_map(|path| serde_json::from_slice(&std::fs::read(path).ok()?).ok())
            .filter(|backup: &Backup| {
                Path::new(&backup.name)
                    .file_name()
                    .is_some_and(|name| name == backup.name.as_str())
                    && self.path.join(&backup.name).is_file()
            })
            .collect();
        backups.sort_by(|a, b| b.created.cmp(&a.created).then(b.name.cmp(&a.name)));
        backups.truncate(MAX_LISTED);
        backups
    }

    /// Deletes the oldest ones beyond the number.
    pub(super) fn prune(&self) {
        for old in self.list().into_iter().skip(self.keep as usize) {
            let path = self.path.join(&old.name);
            delete(&path);
            delete(&path.with_extension("json"));
        }
    }

    fn files(&self, end: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.path) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("homeiq-") && name.ends_with(end)
            })
            .collect()
    }
}
