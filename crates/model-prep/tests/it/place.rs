//! A small model, a cache for it, and the settings that bring both together.

use std::path::PathBuf;
use std::time::Duration;

use common::env::{Env, Secret};
use common::retry::RetryPolicy;
use model_prep::{Failure, Settings, Teller, prepare};
use models::{Cache, Manifest, Model};
use tempfile::TempDir;

use crate::hub::Hub;

/// The large file of the model.
pub(crate) const WEIGHTS: &str = "model.safetensors";
/// The small one.
pub(crate) const CONFIG: &str = "config.json";
pub(crate) const CONFIG_BYTES: &[u8] = b"{\"hidden_size\": 3}";
const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

/// Weights that are not the same anywhere.
pub(crate) fn weights() -> Vec<u8> {
    (0..300_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// The digest of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    models::Sha256::of_bytes(&sha2::Sha256::digest(bytes).into()).to_string()
}

pub(crate) struct Place {
    folder: TempDir,
    pub(crate) settings: Settings,
}

impl Place {
    /// The model is as this hub has it, digests included.
    pub(crate) fn pinned(hub: &Hub) -> Self {
        Self::new(&hub.url, Some(&digest(&weights())))
    }

    /// The digest of the weights is not known beforehand.
    pub(crate) fn unpinned(hub: &Hub) -> Self {
        Self::new(&hub.url, None)
    }

    pub(crate) fn new(source: &str, sha256: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut env = Env::from_pairs([("MODEL_SOURCE", source)]);
        let settings = Settings::read(&mut env);
        env.finish().unwrap();
        let pin = sha256.map_or_else(String::new, |digest| format!(", sha256 = '{digest}'"));
        let (size, config_size) = (weights().len(), CONFIG_BYTES.len());
        let manifest = format!(
            "[[model]]\nname = 'small'\npurpose = 'a test'\nrepository = 'home/small'\nrevision = '{REVISION}'\n\
             licence = 'MIT'\nused_by = ['a test']\nfiles = [\n{{ path = '{CONFIG}', size = {config_size} }},\n\
             {{ path = '{WEIGHTS}', size = {size}{pin} }}]"
        );
        Self {
            settings: Settings {
                manifest: Manifest::parse(&manifest).unwrap(),
                cache: Cache::at(folder.path().join("hub")),
                stall: Duration::from_millis(300),
                attempts: 3,
                retry: RetryPolicy {
                    first: Duration::from_millis(10),
                    longest: Duration::from_millis(50),
                },
                ..settings
            },
            folder,
        }
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.settings.token = Some(Secret::Value(token.to_owned().into()));
        self
    }

    pub(crate) fn model(&self) -> &Model {
        &self.settings.manifest.models()[0]
    }

    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.settings.cache.folder(self.model()).join(path)
    }

    /// What has come of the weights and is not whole.
    pub(crate) fn partial(&self) -> PathBuf {
        let folder = self.settings.cache.repository(self.model()).join("partial");
        folder.join(format!("{REVISION}-{WEIGHTS}"))
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Prepares the model; how many bytes had to come.
    pub(crate) async fn prepare(&self) -> Result<u64, Failure> {
        let mut outcomes = prepare(&self.settings, Teller::Nobody).await.unwrap();
        assert_eq!(outcomes.len(), 1);
        outcomes.remove(0).fetched
    }

    /// The same, where it has to fail; what is told.
    pub(crate) async fn fail(&self) -> String {
        self.prepare().await.unwrap_err().to_string()
    }

    /// The weights as they lie there.
    pub(crate) fn read(&self) -> Option<Vec<u8>> {
        std::fs::read(self.file(WEIGHTS)).ok()
    }
}

/// A hub with the small model.
pub(crate) async fn hub() -> Hub {
    Hub::start(&[(WEIGHTS, &weights()), (CONFIG, CONFIG_BYTES)]).await
}
