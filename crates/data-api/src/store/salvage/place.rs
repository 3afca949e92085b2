//! Where the files are: the damaged one is set aside under a name of its own, the new one takes its place.
//!
//! Steps that a sudden end may come between, and what the next start does then: while `<file>.salvaging` is written, begin anew; once it
//! is `<file>.salvaged`, it is whole, and what is left is to move the others away.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use common::instant::UtcMicros;
use database::sqlite::side::log_of;

use super::{CannotSalvage, Report, salvage};

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> CannotSalvage + '_ {
    move |error| CannotSalvage::File {
        path: path.display().to_string(),
        error,
    }
}

/// Says that a service uses the file, for as long as it is held. A salvage by hand then refuses to begin.
#[derive(Debug)]
pub(crate) struct InUse {
    #[expect(dead_code, reason = "it is held, not read")]
    lock: Option<File>,
}

impl InUse {
    pub(crate) fn mark(path: &Path) -> Self {
        // Where locks do not work, only the warning is missing.
        let lock = lock_file(path)
            .ok()
            .filter(|lock| lock.try_lock_shared().is_ok());
        Self { lock }
    }
}

fn lock_file(path: &Path) -> std::io::Result<File> {
    File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(with(path, ".lock"))
}

/// Salvages by hand: nobody else may have the file open.
pub(crate) async fn by_hand(path: &Path, now: UtcMicros) -> Result<Report, CannotSalvage> {
    let lock = lock_file(path).map_err(failed(path))?;
    // Where locks do not work, nobody can be warned.
    if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(CannotSalvage::InUse(path.display().to_string()));
    }
    replace(path, now).await
}

/// Carries over what can be read, and puts the new file in the place of the damaged one.
pub(crate) async fn replace(path: &Path, now: UtcMicros) -> Result<Report, CannotSalvage> {
    let writing = with(path, ".salvaging");
    let mut report = salvage(path, &writing, now).await?;
    let aside = set_aside_as(path, now);
    report.set_aside = aside.display().to_string();
    let told = with(&aside, ".json");
    fs::write(
        &told,
        serde_json::to_vec_pretty(&report).unwrap_or_default(),
    )
    .map_err(failed(&told))?;
    let whole = with(path, ".salvaged");
    fs::rename(&writing, &whole).map_err(failed(&whole))?;
    swap(path, &aside)?;
    Ok(report)
}

/// Ends what a sudden end left half done.
pub(crate) fn complete(path: &Path, now: UtcMicros) -> Result<(), CannotSalvage> {
    if with(path, ".salvaged").exists() {
        swap(path, &set_aside_as(path, now))?;
    }
    Ok(())
}

fn set_aside_as(path: &Path, now: UtcMicros) -> PathBuf {
    with(
        path,
        &format!(".damaged-{}", now.timestamp().strftime("%Y%m%dT%H%M%S%6fZ")),
    )
}

fn swap(path: &Path, aside: &Path) -> Result<(), CannotSalvage> {
    // The log first: it must never stand beside a file that it does not belong to.
    move_away(&log_of(path), &log_of(aside))?;
    move_away(&with(path, "-shm"), &with(aside, "-shm"))?;
    move_away(path, aside)?;
    let whole = with(path, ".salvaged");
    fs::rename(&whole, path).map_err(failed(&whole))?;
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        folder.sync_all().ok();
    }
    Ok(())
}

fn move_away(from: &Path, to: &Path) -> Result<(), CannotSalvage> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(from)(error)),
        _ => Ok(()),
    }
}

/// The newest report beside a file, while the damaged file that it is about is there.
pub(crate) fn last_report(path: &Path) -> Option<Report> {
    let name = path.file_name()?.to_string_lossy().into_owned() + ".damaged-";
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    fs::read_dir(folder.unwrap_or(Path::new(".")))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .filter(|path| {
            path.file_name()
                .is_some_and(|file| file.to_string_lossy().starts_with(&name))
        })
        .filter_map(|path| serde_json::from_slice::<Report>(&fs::read(path).ok()?).ok())
        .filter(|report| Path::new(&report.set_aside).exists())
        .max_by_key(|report| report.salvaged)
}
