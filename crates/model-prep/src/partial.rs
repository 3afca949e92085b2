//! A file that has not come whole yet.

use std::io;
use std::path::PathBuf;

use common::whole_file::sync_folder;
use models::{Cache, Model, ModelFile};
use tokio::fs::File;

/// What has come of a file, and which version of it that is.
#[derive(Debug)]
pub(crate) struct Partial {
    bytes: PathBuf,
    /// Holds the `ETag` under which the source served it.
    tag: PathBuf,
}

impl Partial {
    pub(crate) fn of(cache: &Cache, model: &Model, file: &ModelFile) -> Self {
        let folder = cache.repository(model).join("partial");
        let name = format!("{}-{}", model.revision, file.path.replace('/', "__"));
        Self {
            bytes: folder.join(&name),
            tag: folder.join(format!("{name}.etag")),
        }
    }

    /// How many bytes have come.
    pub(crate) fn len(&self) -> u64 {
        std::fs::metadata(&self.bytes).map_or(0, |found| found.len())
    }

    /// Where they are.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.bytes
    }

    /// Of which version they are, if the source said so.
    pub(crate) fn tag(&self) -> Option<String> {
        let tag = std::fs::read_to_string(&self.tag).ok()?;
        (!tag.is_empty()).then_some(tag)
    }

    /// An empty file for this version. What was there goes first: bytes never lie under the tag of others.
    pub(crate) async fn begin(&self, tag: Option<&str>) -> io::Result<File> {
        if let Some(folder) = self.bytes.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::create(&self.bytes).await?;
        std::fs::write(&self.tag, tag.unwrap_or_default())?;
        Ok(file)
    }

    /// The file, to go on at its end.
    pub(crate) async fn go_on(&self) -> io::Result<File> {
        File::options().append(true).open(&self.bytes).await
    }

    /// Forgets what has come.
    pub(crate) fn discard(&self) {
        drop(std::fs::remove_file(&self.bytes));
        drop(std::fs::remove_file(&self.tag));
    }

    /// Moves the whole file to its place, so that it is there after a loss of power or not at all.
    pub(crate) fn put(&self, place: &std::path::Path) -> io::Result<()> {
        std::fs::File::open(&self.bytes)?.sync_all()?;
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)?;
            std::fs::rename(&self.bytes, place)?;
            sync_folder(folder)?;
        }
        drop(std::fs::remove_file(&self.tag));
        if let Some(folder) = self.bytes.parent() {
            // Goes when nothing else is on its way.
            drop(std::fs::remove_dir(folder));
        }
        Ok(())
    }
}
