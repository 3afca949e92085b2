//! Bringing the disk up to what the spool knows, beside the spool's own work.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::POSITION;

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
        for path in &self.to_delete {
            std::fs::remove_file(path)?;
        }
        let partial = self.folder.join("position.partial");
        std::fs::write(&partial, self.position)?;
        std::fs::rename(partial, self.folder.join(POSITION))?;
        self.to_sync.iter().try_for_each(File::sync_data)
    }
}
