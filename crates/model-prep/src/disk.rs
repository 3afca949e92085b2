//! Room on the disk of a folder.

use std::path::Path;

/// What this user may still write there, in bytes; none where the system does not say. The folder need not be there yet.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|folder| folder.exists());
    Some(common::disk::of(there.unwrap_or(Path::new(".")))?.free_bytes)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_room_of_what_it_will_lie_in() {
        let place = tempfile::tempdir().unwrap();
        let later = place.path().join("a/b/c");
        assert!(free_bytes(&later).unwrap() > 0);
        assert!(free_bytes(Path::new("relative/later")).unwrap() > 0);
    }
}
