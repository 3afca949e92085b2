//! Files that are there whole or not at all, whatever happens while they are written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Files that were left beside by runs that were killed; with more of them something is wrong.
const MAX_BESIDE: u32 = 100;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// As the system gives it to new files; a file that is replaced keeps its own.
    Usual,
    /// Its owner only.
    Owner,
}

/// Puts what `content` writes in the place of a file, and returns what it does.
///
/// It is written beside it under a new name (`NAME.0.partial`), brought to the disk and moved into place: a run that is killed, a full disk
/// and a loss of power leave the old file. A symbolic link stays, and the file that it names is replaced. What is no file, such as `/dev/null` or a pipe, is
/// written to as it is: in its place a file would be in everybody's way.
pub fn replace<T>(
    path: &Path,
    readers: Readers,
    content: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<T> {
    let old = std::fs::metadata(path).ok();
    if old.as_ref().is_some_and(|old| !old.is_file()) {
        return content(&mut OpenOptions::new().write(true).open(path)?);
    }
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (partial, mut file) = beside(&path, readers)?;
    let written = || -> io::Result<T> {
        let made = content(&mut file)?;
        if let (Readers::Usual, Some(old)) = (readers, old) {
            file.set_permissions(old.permissions())?;
        }
        file.flush()?;
        file.sync_all()?;
        std::fs::rename(&partial, &path)?;
        Ok(made)
    };
    let made = written().inspect_err(|_| {
        // Half a file helps nobody, and on a full disk its room does.
        std::fs::remove_file(&partial).ok();
    })?;
    sync_folder(path.parent().unwrap_or(Path::new("")))?;
    Ok(made)
}

/// A file that was not there before, so that nobody's is written over.
fn beside(path: &Path, readers: Readers) -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut number = 0;
    loop {
        let mut partial = path.to_owned().into_os_string();
        partial.push(format!(".{number}.partial"));
        let partial = PathBuf::from(partial);
        match options.open(&partial) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_BESIDE => {
                number += 1;
            }
            opened => return Ok((partial, opened?)),
        }
    }
}

/// Makes names that were given or taken in a folder outlive a loss of power.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened; the system orders it by itself.
    if cfg!(unix) {
        let here = folder.as_os_str().is_empty();
        File::open(if here { Path::new(".") } else { folder })?.sync_all()?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

    use super::*;

    fn replaced(path: &Path, text: &str) -> io::Result<()> {
        replace(path, Readers::Usual, |file| file.write_all(text.as_bytes()))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("the folder is there");
        let mut names: Vec<_> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_with_who_may_read_it_and_a_link_to_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        replaced(&file, "old, and longer").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        replaced(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(folder.path()), ["file", "link"]);
    }

    #[test]
    fn what_cannot_be_written_whole_leaves_the_old_file_and_no_rest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        replaced(&file, "old").unwrap();
        let error = replace::<()>(&file, Readers::Owner, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("the disk is full"))
        });
        assert_eq!(error.unwrap_err().to_string(), "the disk is full");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn what_lies_beside_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (
            folder.path().join("file"),
            folder.path().join("file.0.partial"),
        );
        std::fs::write(&other, "somebody's").unwrap();
        replaced(&file, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "somebody's");
        assert_eq!(names(folder.path()), ["file", "file.0.partial"]);
    }

    #[test]
    fn a_pipe_is_written_to_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        replaced(&pipe, "through the pipe").unwrap();
        assert_eq!(reader.join().unwrap(), "through the pipe");
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert_eq!(names(folder.path()), ["pipe"]);
    }
}
