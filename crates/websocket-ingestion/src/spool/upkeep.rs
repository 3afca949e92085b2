//! Bringing the disk up to what the spool knows, beside the spool's own work.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use super::{POSITION, Spool};

/// Work for the disk.
#[derive(Debug)]
pub(crate) struct Upkeep {
    /// Files, and the folder, with additions that the disk may not have yet.
    pub(super) to_sync: Vec<File>,
    /// Files that were passed over whole.
    pub(super) to_delete: Vec<PathBuf>,
    pub(super) position: String,
    pub(super) folder: PathBuf,
}

impl Upkeep {
    /// Does it. When this returns, the disk has every addition that was made before.
    pub(crate) fn run(self) -> io::Result<()> {
        let partial = self.folder.join("position.partial");
        let deleted = self.to_delete.iter().map(std::fs::remove_file);
        let synced = self.to_sync.iter().map(File::sync_data);
        // Each for itself: on a disk that is full there is no room for a position, but files can go.
        let done: Vec<_> = deleted.chain(synced).collect();
        std::fs::write(&partial, self.position)
            .and_then(|()| std::fs::rename(partial, self.folder.join(POSITION)))
            .and(done.into_iter().collect())
    }
}

impl Spool {
    /// Whether the disk takes anything.
    pub(crate) fn probe(&self) -> io::Result<()> {
        let path = self.folder.join("probe");
        let mut file = File::create(&path)?;
        let written = file
            .write_all(&[b' '; 4096])
            .and_then(|()| file.sync_data());
        let removed = std::fs::remove_file(&path);
        written.and(removed)
    }
}
