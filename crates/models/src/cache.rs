//! Where models lie: the layout of the Hugging Face hub's own cache.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use common::env::Env;

use crate::{Manifest, Model, ModelFile};

/// A folder of models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    folder: PathBuf,
}

/// What keeps a model from being whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// A file of it is not there.
    #[error("{} is not there", .0.display())]
    Missing(PathBuf),
    /// A file of it has another size.
    #[error("{} has {found} bytes, it should have {wanted}", file.display())]
    OtherSize {
        /// The file.
        file: PathBuf,
        /// Its size, in bytes.
        found: u64,
        /// The right one, in bytes.
        wanted: u64,
    },
    /// A file of it cannot be looked at.
    #[error("{} cannot be looked at: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl Cache {
    /// The one in this folder: it holds `models--…` folders.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The one that the settings name.
    pub fn read(env: &mut Env) -> Self {
        let home: PathBuf = env.value(
            &["HF_HOME"],
            "./data/models",
            "Folder of models, which lie in `hub` below it, as Hugging Face's own programs keep them. The images set `/models`.",
        );
        let folder: Option<PathBuf> = env.optional(
            &["TRANSFORMERS_CACHE", "HF_HUB_CACHE"],
            "Folder that holds the `models--…` folders itself, in place of `hub` below `HF_HOME`.",
        );
        Self::at(folder.unwrap_or_else(|| home.join("hub")))
    }

    /// The folder of the cache.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// The folder of one model's repository, with all that was ever fetched of it.
    pub fn repository(&self, model: &Model) -> PathBuf {
        let name = model.repository.replace('/', "--");
        self.folder.join(format!("models--{name}"))
    }

    /// The folder with the files of a model: `config.json`, `tokenizer.json`, `model.safetensors` and others.
    pub fn folder(&self, model: &Model) -> PathBuf {
        self.repository(model)
            .join("snapshots")
            .join(&model.revision)
    }

    /// Where a file of a model lies, or would lie.
    pub fn file(&self, model: &Model, file: &ModelFile) -> PathBuf {
        let mut path = self.folder(model);
        path.extend(file.path.split('/'));
        path
    }

    /// The file by which Python finds the commit when it is asked for `main`.
    pub fn main_ref(&self, model: &Model) -> PathBuf {
        self.repository(model).join("refs").join("main")
    }

    /// Where the digests of all files are kept.
    pub fn lock_file(&self) -> PathBuf {
        self.folder.join("models.lock")
    }

    /// Whether every file of a model is there with its size. The bytes are not read: `model-prep verify` does that.
    pub fn is_complete(&self, model: &Model) -> bool {
        self.check(model).is_ok()
    }

    /// The same, with what is wrong.
    pub fn check(&self, model: &Model) -> Result<(), Incomplete> {
        model
            .files
            .iter()
            .try_for_each(|file| self.check_file(model, file))
    }

    /// Whether one file of a model is there with its size.
    pub fn check_file(&self, model: &Model, file: &ModelFile) -> Result<(), Incomplete> {
        let path = self.file(model, file);
        match std::fs::metadata(&path) {
            Ok(found) if found.is_file() && found.len() == file.size => Ok(()),
            Ok(found) if found.is_file() => Err(Incomplete::OtherSize {
                file: path,
                found: found.len(),
                wanted: file.size,
            }),
            Ok(_) => Err(Incomplete::Missing(path)),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Err(Incomplete::Missing(path))
            }
            Err(error) => Err(Incomplete::Unreadable {
                file: path,
                reason: error.to_string(),
            }),
        }
    }

    /// The folder of the model that a program of ours would open, if it is whole.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let manifest = Manifest::shipped();
        let model = manifest.get(name).ok()?;
        self.is_complete(model).then(|| self.folder(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(pairs: &[(&str, &str)]) -> PathBuf {
        let mut env = Env::from_pairs(pairs.iter().copied());
        let cache = Cache::read(&mut env);
        env.finish().unwrap();
        cache.folder
    }

    /// The old stack set both to one folder; Python looks in that folder itself.
    #[test]
    fn the_old_names_of_the_folder_keep_their_meaning() {
        assert_eq!(folder(&[]), Path::new("./data/models/hub"));
        assert_eq!(folder(&[("HF_HOME", "/models")]), Path::new("/models/hub"));
        let old = [
            ("HF_HOME", "/app/models"),
            ("TRANSFORMERS_CACHE", "/app/models"),
        ];
        assert_eq!(folder(&old), Path::new("/app/models"));
        assert_eq!(folder(&[("HF_HUB_CACHE", "/hub")]), Path::new("/hub"));
    }

    #[test]
    fn a_model_is_complete_when_every_file_is_there_with_its_size() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::at(place.path());
        let manifest = Manifest::shipped();
        let model = manifest.get("all-MiniLM-L6-v2").unwrap();
        let snapshot = place.path().join(
            "models--sentence-transformers--all-MiniLM-L6-v2/snapshots/1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        );
        assert_eq!(cache.folder(model), snapshot);
        assert!(matches!(cache.check(model), Err(Incomplete::Missing(_))));
        for file in &model.files {
            let path = cache.file(model, file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let made = std::fs::File::create(path).unwrap();
            made.set_len(file.size).unwrap();
        }
        assert_eq!(cache.check(model), Ok(()));
        assert_eq!(cache.find(&model.name), Some(snapshot.clone()));
        let weights = snapshot.join("model.safetensors");
        std::fs::File::create(&weights).unwrap().set_len(1).unwrap();
        let told = cache.check(model).unwrap_err().to_string();
        assert!(told.contains("model.safetensors has 1 bytes"), "{told}");
        assert_eq!(cache.find(&model.name), None);
    }
}
