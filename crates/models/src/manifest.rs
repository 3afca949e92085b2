//! Which models there are: shared/config/models.toml.

use std::path::{Component, Path};

use serde::Deserialize;

use crate::Sha256;

const SHIPPED: &str = include_str!("../../../shared/config/models.toml");

/// The models that can be prepared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    #[serde(rename = "model")]
    models: Vec<Model>,
}

/// A model: files of one commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// How it is called in settings and on the command line.
    pub name: String,
    /// What it does.
    pub purpose: String,
    /// `organisation/name` on the hub.
    pub repository: String,
    /// The commit of the repository.
    pub revision: String,
    /// SPDX name of its licence.
    pub licence: String,
    /// Programs of this repository that use it.
    pub used_by: Vec<String>,
    /// Its files; a small one first, so that a refusal is told before the large one begins.
    pub files: Vec<ModelFile>,
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Its path inside the repository, with `/`.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes, where it is known beforehand.
    pub sha256: Option<Sha256>,
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidManifest {
    /// It is no manifest.
    #[error("the list of models cannot be read: {0}")]
    Unreadable(#[from] toml::de::Error),
    /// It names something twice, or a place outside of the cache.
    #[error("the list of models cannot be used: {0}")]
    Unusable(String),
}

/// No model has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no model '{name}'; known are {known}")]
pub struct UnknownModel {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: String,
}

impl Manifest {
    /// That of this build.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).unwrap_or_else(|error| unreachable!("models.toml: {error}"))
    }

    /// One of the same form as shared/config/models.toml.
    pub fn parse(text: &str) -> Result<Self, InvalidManifest> {
        let manifest: Self = toml::from_str(text)?;
        for (position, model) in manifest.models.iter().enumerate() {
            model.check().map_err(InvalidManifest::Unusable)?;
            if manifest.models[..position]
                .iter()
                .any(|other| other.name == model.name)
            {
                return Err(InvalidManifest::Unusable(format!(
                    "{} stands in it twice",
                    model.name
                )));
            }
        }
        Ok(manifest)
    }

    /// All of them.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// Those that a program of ours uses.
    pub fn needed(&self) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(|model| !model.used_by.is_empty())
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Result<&Model, UnknownModel> {
        self.models
            .iter()
            .find(|model| model.name == name)
            .ok_or_else(|| UnknownModel {
                name: name.to_owned(),
                known: self.names().collect::<Vec<_>>().join(", "),
            })
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|model| model.name.as_str())
    }
}

impl Model {
    /// How many bytes it has.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let words: Vec<&str> = self.repository.split('/').collect();
        let is_plain = |word: &&str| {
            !word.is_empty()
                && *word != ".."
                && *word != "."
                && !word.contains("--")
                && word
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        if words.len() != 2 || !words.iter().all(is_plain) || !is_plain(&name.as_str()) {
            return Err(format!("{name} needs a repository `organisation/name`"));
        }
        let is_commit = self.revision.len() == 40
            && self
                .revision
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !is_commit {
            return Err(format!(
                "the revision of {name} is no commit: want 40 hex digits, not the name of a branch, which moves"
            ));
        }
        let is_inside = |path: &str| {
            let mut components = Path::new(path).components();
            !path.is_empty()
                && !path.contains('\\')
                && components.all(|component| matches!(component, Component::Normal(_)))
        };
        match self.files.iter().find(|file| !is_inside(&file.path)) {
            Some(file) => Err(format!("the file {} of {name} lies outside", file.path)),
            None if self.files.is_empty() => Err(format!("{name} has no files")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_models_of_the_old_stack_are_known_and_only_what_is_used_is_needed() {
        let manifest = Manifest::shipped();
        let names: Vec<&str> = manifest.names().collect();
        assert_eq!(
            names,
            ["all-MiniLM-L6-v2", "bge-reranker-base", "flan-t5-small"]
        );
        let needed: Vec<&str> = manifest.needed().map(|model| model.name.as_str()).collect();
        assert_eq!(needed, ["all-MiniLM-L6-v2"]);
        let unknown = manifest.get("minilm").unwrap_err().to_string();
        assert!(unknown.contains("flan-t5-small"), "{unknown}");
    }

    /// A rerun of a fetch must find the same bytes, and must notice where it does not.
    #[test]
    fn every_file_that_ships_is_pinned_by_commit_and_digest_and_has_a_tokenizer_and_weights() {
        for model in Manifest::shipped().models() {
            assert!(["Apache-2.0", "MIT"].contains(&model.licence.as_str()));
            assert!(model.files.iter().all(|file| file.sha256.is_some()));
            for needed in ["config.json", "tokenizer.json", "model.safetensors"] {
                assert!(model.files.iter().any(|file| file.path == needed));
            }
        }
    }

    fn manifest(repository: &str, revision: &str, path: &str) -> Result<Manifest, InvalidManifest> {
        Manifest::parse(&format!(
            "[[model]]\nname = 'm'\npurpose = ''\nrepository = '{repository}'\nrevision = '{revision}'\n\
             licence = 'MIT'\nused_by = []\nfiles = [{{ path = '{path}', size = 1 }}]"
        ))
    }

    #[test]
    fn what_leads_out_of_the_cache_or_moves_is_refused() {
        let commit = "0".repeat(40);
        assert!(manifest("org/name", &commit, "1_Pooling/config.json").is_ok());
        for (repository, revision, path) in [
            ("org/name", "main", "config.json"),
            ("org/name", commit.as_str(), "../config.json"),
            ("org/name", &commit, "/etc/passwd"),
            ("../name", &commit, "config.json"),
            ("org/na--me", &commit, "config.json"),
            ("name", &commit, "config.json"),
        ] {
            let refused = manifest(repository, revision, path);
            assert!(refused.is_err(), "{repository} {revision} {path}");
        }
    }
}
