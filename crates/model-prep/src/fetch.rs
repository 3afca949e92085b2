//! One file, from the source to its place: as many attempts as bring something.

use std::path::Path;

use models::{Cache, Model, ModelFile, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

use crate::hub::{Hub, Opened, Trouble, Wish, shown};
use crate::partial::Partial;
use crate::progress::Progress;
use crate::source::{address, places};
use crate::{Failure, Settings, digest};

/// Read of a folder at a time.
const PIECE: usize = 1 << 20;

/// A file that is wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) model: &'a Model,
    pub(crate) file: &'a ModelFile,
    /// The digest that it must have, where one is known.
    pub(crate) wanted: Option<&'a Sha256>,
}

impl Job<'_> {
    fn cache(&self) -> &Cache {
        &self.settings.cache
    }

    fn partial(&self) -> Partial {
        Partial::of(self.cache(), self.model, self.file)
    }

    /// Fetches it from a hub; its digest.
    pub(crate) async fn fetch(
        &self,
        hub: &Hub,
        url: &Url,
        progress: &mut Progress,
    ) -> Result<Sha256, Failure> {
        let url = address(url, self.model, self.file);
        let partial = self.partial();
        let mut delay = self.settings.retry.start();
        let mut advertised = None;
        let (mut in_vain, mut is_second) = (0, false);
        loop {
            let before = partial.len();
            let result = self
                .attempt(hub, &url, &partial, &mut advertised, progress)
                .await;
            let (reason, wait) = match result {
                Ok(()) => {
                    let wanted = self.wanted.or(advertised.as_ref());
                    match self.checked(&partial, wanted, &shown(&url)).await {
                        Err(Failure::OtherBytes { .. }) if !is_second => {
                            is_second = true;
                            progress.go_back(self.file.size);
                            ("its bytes came wrong".to_owned(), None)
                        }
                        checked => return checked,
                    }
                }
                Err(Trouble::Final(failure)) => return Err(failure),
                Err(Trouble::Stale) => {
                    partial.discard();
                    progress.go_back(before);
                    ("it has changed meanwhile".to_owned(), None)
                }
                Err(Trouble::Again(reason, wait)) => (reason, wait),
            };
            if partial.len() > before {
                in_vain = 0;
                delay.reset();
            } else {
                in_vain += 1;
            }
            if in_vain >= self.settings.attempts {
                return Err(Failure::Unreachable {
                    url: shown(&url),
                    reason,
                    attempts: in_vain,
                });
            }
            let usual = delay.next_wait();
            let wait = wait.map_or(usual, |asked| asked.max(usual));
            progress.say(&format!(
                "{}: {}: {reason}; again in {:.1} s",
                self.model.name,
                self.file.path,
                wait.as_secs_f64()
            ));
            tokio::time::sleep(wait).await;
        }
    }

    /// One connection. Well: the file is whole.
    async fn attempt(
        &self,
        hub: &Hub,
        url: &Url,
        partial: &Partial,
        advertised: &mut Option<Sha256>,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let (mut have, tag) = (partial.len(), partial.tag());
        // Without a tag only a digest that is known beforehand would tell that two versions were put together.
        if have > self.file.size || (tag.is_none() && self.wanted.is_none()) {
            progress.go_back(have);
            partial.discard();
            have = 0;
        }
        if have == self.file.size {
            return Ok(());
        }
        let wish = Wish {
            url,
            file: self.file,
            have,
            tag,
        };
        let mut opened = hub.open(&wish).await?;
        if opened.advertised.is_some() {
            advertised.clone_from(&opened.advertised);
        }
        let file = if opened.at == 0 {
            progress.go_back(have);
            partial.begin(opened.tag.as_deref()).await
        } else {
            partial.go_on().await
        };
        let mut file = file.map_err(|error| self.unwritable(&error))?;
        let read = self.read(&mut opened, &mut file, progress).await;
        // What has come counts, however it ended.
        file.flush()
            .await
            .map_err(|error| self.unwritable(&error))?;
        match read {
            Err(Trouble::Final(failure @ Failure::OtherSize { .. })) => {
                partial.discard();
                Err(Trouble::Final(failure))
            }
            other => other,
        }
    }

    async fn read(
        &self,
        opened: &mut Opened,
        file: &mut File,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let size = self.file.size;
        let mut have = opened.at;
        while let Some(chunk) = opened.chunk().await? {
            let bytes = chunk.as_ref();
            have += bytes.len() as u64;
            if have > size {
                return Err(Trouble::Final(Failure::OtherSize {
                    url: self.file.path.clone(),
                    found: have,
                    wanted: size,
                }));
            }
            file.write_all(bytes)
                .await
                .map_err(|error| self.unwritable(&error))?;
            progress.advance(bytes.len() as u64);
        }
        if have < size {
            let reason = format!("it ended after {have} of {size} bytes");
            return Err(Trouble::Again(reason, None));
        }
        Ok(())
    }

    /// Copies it from a folder; its digest.
    pub(crate) async fn copy(
        &self,
        folder: &Path,
        progress: &mut Progress,
    ) -> Result<Sha256, Failure> {
        let places = places(folder, self.model, self.file);
        let Some(place) = places.iter().find(|place| place.exists()) else {
            let places: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
            return Err(Failure::NotInFolder {
                source_folder: folder.display().to_string(),
                file: self.file.path.clone(),
                wanted: places.join(" or "),
            });
        };
        let partial = self.partial();
        progress.go_back(partial.len());
        let writing = |error| Failure::writing(self.cache().path(), &error);
        let reading = |error| Failure::reading(place, &error);
        let mut from = File::open(place).await.map_err(reading)?;
        let mut to = partial.begin(None).await.map_err(writing)?;
        let mut piece = vec![0; PIECE];
        let mut copied = 0_u64;
        loop {
            let count = from.read(&mut piece).await.map_err(reading)?;
            if count == 0 {
                break;
            }
            copied += count as u64;
            to.write_all(&piece[..count]).await.map_err(writing)?;
            progress.advance(count as u64);
        }
        to.flush().await.map_err(writing)?;
        if copied != self.file.size {
            partial.discard();
            return Err(Failure::OtherSize {
                url: place.display().to_string(),
                found: copied,
                wanted: self.file.size,
            });
        }
        self.checked(&partial, self.wanted, &place.display().to_string())
            .await
    }

    /// Looks at the bytes on disk and moves them to their place, or forgets them.
    async fn checked(
        &self,
        partial: &Partial,
        wanted: Option<&Sha256>,
        from: &str,
    ) -> Result<Sha256, Failure> {
        let found = digest::of(partial.path())
            .await
            .map_err(|error| Failure::reading(partial.path(), &error))?;
        if let Some(wanted) = wanted.filter(|wanted| **wanted != found) {
            partial.discard();
            return Err(Failure::OtherBytes {
                from: from.to_owned(),
                found,
                wanted: wanted.clone(),
            });
        }
        partial
            .put(&self.cache().file(self.model, self.file))
            .map_err(|error| Failure::writing(self.cache().path(), &error))?;
        Ok(found)
    }

    fn unwritable(&self, error: &std::io::Error) -> Trouble {
        Trouble::Final(Failure::writing(self.cache().path(), error))
    }
}
