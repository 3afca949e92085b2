//! What is told from outside.

use std::time::Duration;

use common::env::{CommaList, Env, Seconds, Secret};
use common::retry::RetryPolicy;
use models::{Cache, Manifest, Model, UnknownModel};

use crate::Source;
use crate::source::is_overheard;

/// The word for every model there is.
pub(crate) const ALL: &str = "all";

/// Everything that a preparation depends on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What can be prepared.
    pub manifest: Manifest,
    /// Names of what shall be prepared; none: what a service uses.
    pub wanted: Vec<String>,
    /// Where models lie.
    pub cache: Cache,
    /// Where they come from.
    pub source: Source,
    /// For the source, if it asks who is there.
    pub token: Option<Secret>,
    /// How long nothing may come before the connection is given up.
    pub stall: Duration,
    /// Attempts in a row that bring nothing before a file is given up.
    pub attempts: u32,
    /// The waits between them.
    pub retry: RetryPolicy,
}

impl Settings {
    /// Reads the settings; mistakes stay in `env`.
    pub fn read(env: &mut Env) -> Self {
        let manifest = Manifest::shipped();
        let CommaList(wanted) = env.value(
            &["MODELS_TO_DOWNLOAD"],
            "",
            "Comma list of the models to prepare, or `all`. Empty: those that a service uses, which is all-MiniLM-L6-v2.",
        );
        if let Err(unknown) = chosen(&manifest, &wanted) {
            env.mistake(format!("MODELS_TO_DOWNLOAD: {unknown}"));
        }
        let source: Source = env.value(
            &["MODEL_SOURCE", "HF_ENDPOINT"],
            "https://huggingface.co",
            "Where models come from: a hub or a mirror of it (`https://…`), or a folder (`file:///…`).",
        );
        let token = env.secret(
            &["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"],
            "Token for the source, where it wants one. It is sent to that address only.",
        );
        if let (Source::Hub(url), true) = (&source, token.is_some())
            && is_overheard(url)
        {
            env.mistake(format!(
                "HF_TOKEN would be readable on the way to {source}: use https, or unset it"
            ));
        }
        let stall: Seconds = env.value(
            &["MODEL_STALL_TIMEOUT"],
            "30",
            "Seconds without a byte from the source after which the connection is made anew.",
        );
        let attempts = env.value(
            &["MODEL_ATTEMPTS"],
            "6",
            "Attempts in a row that bring nothing, after which a file is given up. The waits between them grow from 1 s to 60 s.",
        );
        Self {
            manifest,
            wanted,
            cache: Cache::read(env),
            source,
            token,
            stall: stall.0,
            attempts,
            retry: RetryPolicy::PEER,
        }
    }

    /// The models to prepare.
    pub fn chosen(&self) -> Result<Vec<&Model>, UnknownModel> {
        chosen(&self.manifest, &self.wanted)
    }
}

fn chosen<'a>(manifest: &'a Manifest, names: &[String]) -> Result<Vec<&'a Model>, UnknownModel> {
    if names.is_empty() {
        return Ok(manifest.needed().collect());
    }
    if names.iter().any(|name| name == ALL) {
        return Ok(manifest.models().iter().collect());
    }
    let mut chosen: Vec<&Model> = Vec::new();
    for name in names {
        let model = manifest.get(name)?;
        if !chosen.contains(&model) {
            chosen.push(model);
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<String> {
        let mut env = Env::from_pairs([("MODELS_TO_DOWNLOAD", list)]);
        let settings = Settings::read(&mut env);
        env.finish().unwrap();
        let chosen = settings.chosen().unwrap();
        chosen.iter().map(|model| model.name.clone()).collect()
    }

    /// The old container fetched everything when nothing was said: 1.5 GB, of which our services use 92 MB.
    #[test]
    fn nothing_said_means_what_a_service_uses_and_all_is_a_word() {
        assert_eq!(names(""), ["all-MiniLM-L6-v2"]);
        assert_eq!(names("flan-t5-small, flan-t5-small,"), ["flan-t5-small"]);
        assert_eq!(names("all").len(), 3);
    }

    #[test]
    fn a_name_that_nobody_knows_is_a_mistake_that_lists_the_known_ones() {
        let mut env = Env::from_pairs([("MODELS_TO_DOWNLOAD", "all-MiniLM-L6-v2,gpt")]);
        Settings::read(&mut env);
        let told = env.finish().unwrap_err().to_string();
        assert!(
            told.contains("'gpt'") && told.contains("bge-reranker-base"),
            "{told}"
        );
    }

    #[test]
    fn a_token_is_not_sent_where_others_can_read_it() {
        let pairs = [
            ("MODEL_SOURCE", "http://mirror.lan"),
            ("HF_TOKEN", "hidden"),
        ];
        let mut env = Env::from_pairs(pairs);
        Settings::read(&mut env);
        let told = env.finish().unwrap_err().to_string();
        assert!(told.contains("https") && !told.contains("hidden"), "{told}");
    }
}
