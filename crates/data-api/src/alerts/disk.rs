//! How much room the disk of the database has.

use std::path::Path;

/// Space of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    /// What this user may still write.
    pub(crate) free_bytes: u64,
    /// All of it.
    pub(crate) total_bytes: u64,
}

/// The disk of a file's folder; none where the system does not say.
#[cfg(unix)]
pub(crate) fn of(file: &Path) -> Option<Disk> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(Disk {
        free_bytes: system.f_bavail.saturating_mul(system.f_frsize),
        total_bytes: system.f_blocks.saturating_mul(system.f_frsize),
    })
}

/// The disk of a file's folder; none where the system does not say.
#[cfg(not(unix))]
pub(crate) fn of(_file: &Path) -> Option<Disk> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_a_file_has_room_and_one_that_is_nowhere_has_none() {
        let disk = of(Path::new("homeiq.db")).unwrap();
        assert!(disk.total_bytes > 0 && disk.free_bytes <= disk.total_bytes);
        assert_eq!(of(Path::new("/nowhere/at/all/homeiq.db")), None);
    }
}
