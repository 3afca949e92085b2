//! How much room a disk has.

use std::path::Path;

/// Space of a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// What this user may still write.
    pub free_bytes: u64,
    /// All of it.
    pub total_bytes: u64,
}

/// The disk of a folder; none where the folder is not there, or the system does not say.
#[cfg(unix)]
pub fn of(folder: &Path) -> Option<Disk> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(Disk {
        free_bytes: system.f_bavail.saturating_mul(system.f_frsize),
        total_bytes: system.f_blocks.saturating_mul(system.f_frsize),
    })
}

/// The disk of a folder; none where the folder is not there, or the system does not say.
#[cfg(not(unix))]
pub fn of(_folder: &Path) -> Option<Disk> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_a_folder_has_room_and_one_that_is_nowhere_has_none() {
        // That of `homeiq.db` is here.
        let here = Path::new("homeiq.db").parent().unwrap();
        let disk = of(here).unwrap();
        assert!(disk.total_bytes > 0 && disk.free_bytes <= disk.total_bytes);
        assert_eq!(of(Path::new("/nowhere/at/all")), None);
    }
}
