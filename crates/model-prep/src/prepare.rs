//! Models, one after the other: what is there stays, what is missing or damaged comes from the source.

use std::fmt;
use std::io::Write as _;

use common::whole_file::{self, Readers};
use models::{Cache, Lock, Model, ModelFile, UnknownModel};

use crate::failure::bytes;
use crate::fetch::Job;
use crate::hub::Hub;
use crate::partial::Partial;
use crate::progress::{Progress, Teller};
use crate::verify::{Fault, fault};
use crate::{Failure, Settings, Source, digest, disk, guard};

/// Left free on the disk, in bytes: whoever else writes there must not be stopped by a model.
const ROOM_LEFT: u64 = 16_000_000;

/// What became of one model.
#[derive(Debug)]
pub struct Outcome {
    /// The model.
    pub model: String,
    /// How many bytes were fetched; 0 when all was there. Or why it is not ready.
    pub fetched: Result<u64, Failure>,
    size: u64,
}

impl Outcome {
    /// Whether the model can be used.
    pub fn is_ready(&self) -> bool {
        self.fetched.is_ok()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (model, size) = (&self.model, bytes(self.size));
        match &self.fetched {
            Ok(0) => write!(f, "{model}: ready, {size}; nothing had to be fetched"),
            Ok(count) => write!(f, "{model}: ready, {size}; {} fetched", bytes(*count)),
            Err(failure) => write!(f, "{model}: not ready: {failure}"),
        }
    }
}

/// Prepares the models that the settings name.
pub async fn prepare(settings: &Settings, teller: Teller) -> Result<Vec<Outcome>, UnknownModel> {
    let mut outcomes = Vec::new();
    for model in settings.chosen()? {
        outcomes.push(Outcome {
            model: model.name.clone(),
            fetched: Box::pin(one(settings, model, teller)).await,
            size: model.size_bytes(),
        });
    }
    Ok(outcomes)
}

async fn one(settings: &Settings, model: &Model, teller: Teller) -> Result<u64, Failure> {
    let cache = &settings.cache;
    let mut lock = Lock::read(cache)?;
    if missing(cache, model, &lock).await.is_empty() {
        if !is_noted(cache, model, &lock) {
            // A folder that cannot be written is as good: the files are there.
            drop(note_found(cache, model, teller).await);
        }
        return Ok(0);
    }
    let _guard = guard::take(cache, teller).await?;
    // Whoever was waited for may have brought it.
    lock = Lock::read(cache).unwrap_or(lock);
    let missing = missing(cache, model, &lock).await;
    for (file, fault) in &missing {
        if let Fault::Damaged(what) = fault {
            teller.say(&format!("{}: {what}; it is fetched again", model.name));
            // Nobody shall use it meanwhile.
            std::fs::remove_file(cache.file(model, file))
                .map_err(|error| Failure::writing(cache.path(), &error))?;
        }
    }
    let total: u64 = missing.iter().map(|(file, _)| file.size).sum();
    let there: u64 = missing
        .iter()
        .map(|(file, _)| Partial::of(cache, model, file).len().min(file.size))
        .sum();
    room(cache, total - there)?;
    if !missing.is_empty() {
        teller.say(&format!(
            "{}: {} from {}",
            model.name,
            bytes(total - there),
            settings.source
        ));
    }
    let mut progress = Progress::new(&model.name, total, there, teller);
    let hub = match &settings.source {
        Source::Hub(url) => Some((Hub::new(url, settings)?, url)),
        Source::Folder(_) => None,
    };
    for (file, _) in missing {
        let job = Job {
            settings,
            model,
            file,
            wanted: file.sha256.as_ref().or_else(|| lock.digest(model, file)),
        };
        let digest = match (&settings.source, &hub) {
            (_, Some((hub, url))) => job.fetch(hub, url, &mut progress).await?,
            (Source::Folder(folder), _) => job.copy(folder, &mut progress).await?,
            (Source::Hub(_), None) => unreachable!("a hub was made above"),
        };
        lock.insert(model, file, digest);
        write(&cache.lock_file(), &lock.to_string())
            .map_err(|error| Failure::writing(cache.path(), &error))?;
    }
    note(cache, model)?;
    Ok(total - there)
}

/// Writes what is known of a model that somebody else has put there.
async fn note_found(cache: &Cache, model: &Model, teller: Teller) -> Result<(), Failure> {
    let _guard = guard::take(cache, teller).await?;
    let mut lock = Lock::read(cache)?;
    for file in &model.files {
        if lock.digest(model, file).is_none() {
            let path = cache.file(model, file);
            let digest = match &file.sha256 {
                Some(digest) => digest.clone(),
                None => digest::of(&path)
                    .await
                    .map_err(|error| Failure::reading(&path, &error))?,
            };
            lock.insert(model, file, digest);
        }
    }
    write(&cache.lock_file(), &lock.to_string())
        .map_err(|error| Failure::writing(cache.path(), &error))?;
    note(cache, model)
}

/// The files that have to come, and why.
async fn missing<'a>(cache: &Cache, model: &'a Model, lock: &Lock) -> Vec<(&'a ModelFile, Fault)> {
    let mut missing = Vec::new();
    for file in &model.files {
        if let Some(fault) = fault(cache, model, file, lock).await {
            missing.push((file, fault));
        }
    }
    missing
}

fn room(cache: &Cache, needed: u64) -> Result<(), Failure> {
    match disk::free_bytes(cache.path()) {
        Some(free) if needed > 0 && free < needed.saturating_add(ROOM_LEFT) => {
            Err(Failure::NoRoom {
                folder: cache.path().display().to_string(),
                needed: bytes(needed.saturating_add(ROOM_LEFT)),
                free: bytes(free),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether Python finds the model under its name, and every digest is kept.
fn is_noted(cache: &Cache, model: &Model, lock: &Lock) -> bool {
    cache.main_ref(model).exists()
        && model
            .files
            .iter()
            .all(|file| lock.digest(model, file).is_some())
}

/// Says which commit `main` is, so that Python finds the model by its name alone.
fn note(cache: &Cache, model: &Model) -> Result<(), Failure> {
    let unwritable = |error| Failure::writing(cache.path(), &error);
    let main = cache.main_ref(model);
    let named = std::fs::read_to_string(&main).unwrap_or_default();
    let named = named.trim();
    // Somebody else's commit stays, if it is there: this may be a cache that Python fills, too.
    let is_there = !named.is_empty()
        && cache
            .repository(model)
            .join("snapshots")
            .join(named)
            .is_dir();
    if !is_there {
        if let Some(folder) = main.parent() {
            std::fs::create_dir_all(folder).map_err(unwritable)?;
        }
        write(&main, &model.revision).map_err(unwritable)?;
    }
    Ok(())
}

fn write(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    whole_file::replace(path, Readers::Usual, |file| file.write_all(text.as_bytes()))
}
