//! The half of the search that looks for what is meant: documents and question as vectors of the sentence model, compared by their cosine.
//!
//! The model is looked for when somebody searches, read once, and then kept. A model that comes later is found by the next search; one
//! that is damaged is said, and tried again by the first search after a minute.

use std::sync::Arc;
use std::time::Duration;

use common::clock::Clock;
use common::instant::UtcMicros;
use common::lifecycle::Tasks;
use models::{Cache, Manifest};
use semantic::{Embedding, SentenceEncoder};
use tokio::sync::{Semaphore, watch};

use super::document::{Document, DocumentKind};
use super::vectors::{Vectors, bytes};
use crate::store::{Store, StoreFailure};

/// Name in the list of models.
const MODEL: &str = "all-MiniLM-L6-v2";
/// A search that starts the reading waits for so long: for a small home that is enough.
const PATIENCE: Duration = Duration::from_secs(2);
/// A model that cannot be used is tried again after so long.
const TRY_AGAIN_SECONDS: f64 = 60.0;
/// Texts that are encoded at once, and written down together.
const BATCH: u32 = 64;
/// Texts that are encoded at the same time, with the memory that this takes.
const AT_ONCE: usize = 2;

/// The model, the vectors, and who looks after them. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Meaning(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cache: Cache,
    store: Store,
    clock: Clock,
    tasks: Tasks,
    state: watch::Sender<State>,
    /// One at a time brings the vectors up to date.
    syncing: tokio::sync::Mutex<()>,
    encoding: Semaphore,
}

/// How far it is.
#[derive(Debug, Clone, Default)]
enum State {
    /// Nobody has searched while a model was there.
    #[default]
    Asleep,
    /// The model is read, or documents are encoded for the first time.
    Loading,
    /// All documents have vectors, but for those that came just now.
    On(Arc<Loaded>),
    /// The model cannot be used.
    Unusable { reason: String, since: UtcMicros },
}

struct Loaded {
    encoder: SentenceEncoder,
    revision: String,
    vectors: std::sync::RwLock<Vectors>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loaded")
    }
}

/// Why there is no vector.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("{0}")]
    Model(#[from] semantic::Error),
    #[error("the own tables cannot be used: {0}")]
    Store(#[from] StoreFailure),
}

impl Meaning {
    pub(super) fn new(cache: Cache, store: Store, clock: Clock, tasks: Tasks) -> Self {
        Self(Arc::new(Inner {
            cache,
            store,
            clock,
            tasks,
            state: watch::Sender::default(),
            syncing: tokio::sync::Mutex::default(),
            encoding: Semaphore::new(AT_ONCE),
        }))
    }

    /// What is said of it: `on`; `loading`; `ready`, which the first search makes `on`; or `off` and why.
    pub(super) fn word(&self) -> String {
        let state = self.0.state.borrow().clone();
        match state {
            State::On(_) => "on".to_owned(),
            State::Loading => "loading".to_owned(),
            State::Unusable { reason, .. } => format!("off ({reason})"),
            State::Asleep if self.0.cache.find(MODEL).is_some() => "ready".to_owned(),
            State::Asleep => "off (no model)".to_owned(),
        }
    }

    /// Documents that mean what is asked, the nearest first, each with its similarity.
    pub(super) async fn nearest(
        &self,
        question: &str,
        kind: Option<DocumentKind>,
    ) -> Vec<(i64, f32)> {
        self.wake().await;
        let State::On(loaded) = self.0.state.borrow().clone() else {
            return Vec::new();
        };
        let Ok(_turn) = self.0.encoding.acquire().await else {
            return Vec::new();
        };
        let question = question.to_owned();
        let asked = {
            let loaded = Arc::clone(&loaded);
            tokio::task::spawn_blocking(move || {
                let of_question = loaded.encoder.encode(&[&question])?.pop();
                let vectors = loaded
                    .vectors
                    .read()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                Ok(of_question.map_or_else(Vec::new, |of| vectors.nearest(&of, kind)))
            })
        };
        match asked.await {
            Ok(Ok(nearest)) => nearest,
            Ok(Err(failed)) => {
                self.give_up(&Failed::Model(failed));
                Vec::new()
            }
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// Documents are others than before: brings their vectors up to date, in the background.
    pub(super) fn documents_changed(&self) {
        if let State::On(loaded) = self.0.state.borrow().clone() {
            let meaning = self.clone();
            self.0.tasks.spawn_once("search-vectors", async move {
                if let Err(failed) = meaning.sync(&loaded).await {
                    meaning.give_up(&failed);
                }
            });
        }
    }

    /// Begins to read the model, where there is one and nobody does yet, and waits a moment for it.
    async fn wake(&self) {
        let now = self.0.clock.now();
        let is_due = match &*self.0.state.borrow() {
            State::Asleep => true,
            State::Loading | State::On(_) => false,
            State::Unusable { since, .. } => {
                !(0.0..TRY_AGAIN_SECONDS).contains(&now.seconds_since(*since))
            }
        };
        if !is_due || self.0.cache.find(MODEL).is_none() {
            return;
        }
        let is_first = self.0.state.send_if_modified(|state| {
            let is_first = !matches!(state, State::Loading | State::On(_));
            if is_first {
                *state = State::Loading;
            }
            is_first
        });
        if !is_first {
            return;
        }
        let mut state = self.0.state.subscribe();
        let meaning = self.clone();
        self.0.tasks.spawn_once("search-model", async move {
            match meaning.load().await {
                Ok(Some(loaded)) => {
                    meaning.0.state.send_replace(State::On(Arc::clone(&loaded)));
                    // Documents that came while others were encoded.
                    if let Err(failed) = meaning.sync(&loaded).await {
                        meaning.give_up(&failed);
                    }
                }
                Ok(None) => drop(meaning.0.state.send_replace(State::Asleep)),
                Err(failed) => meaning.give_up(&failed),
            }
        });
        let is_over = state.wait_for(|state| !matches!(state, State::Loading));
        // What is not over by then is told as `loading`.
        drop(tokio::time::timeout(PATIENCE, is_over).await);
    }

    /// Reads the model and gives every document a vector; none where the service stops meanwhile.
    async fn load(&self) -> Result<Option<Arc<Loaded>>, Failed> {
        let begun = self.0.clock.now();
        let manifest = Manifest::shipped();
        let (Some(folder), Ok(model)) = (self.0.cache.find(MODEL), manifest.get(MODEL)) else {
            return Ok(None);
        };
        let encoder = off_the_threads_that_serve(move || SentenceEncoder::open(&folder)).await?;
        let loaded = Arc::new(Loaded {
            encoder,
            revision: model.revision.clone(),
            vectors: std::sync::RwLock::default(),
        });
        let encoded = self.sync(&loaded).await?;
        if self.0.tasks.stopping().is_cancelled() {
            return Ok(None);
        }
        let seconds = self.0.clock.now().seconds_since(begun);
        tracing::info!(
            seconds,
            encoded,
            "the sentence model is read: the search finds what is meant, too"
        );
        Ok(Some(loaded))
    }

    /// Encodes what has no vector of this model, and takes all vectors into memory. How many were encoded.
    async fn sync(&self, loaded: &Arc<Loaded>) -> Result<usize, Failed> {
        let _one = self.0.syncing.lock().await;
        let (store, stopping) = (&self.0.store, self.0.tasks.stopping());
        let mut encoded = 0;
        loop {
            let texts = store.unencoded(&loaded.revision, BATCH).await?;
            if texts.is_empty() || stopping.is_cancelled() {
                break;
            }
            let _turn = self.0.encoding.acquire().await;
            let model = Arc::clone(loaded);
            let vectors = off_the_threads_that_serve(move || {
                let meanings: Vec<String> = texts
                    .iter()
                    .map(|text| Document::meaning(&text.title, &text.text))
                    .collect();
                let meanings: Vec<&str> = meanings.iter().map(String::as_str).collect();
                let vectors = model.encoder.encode(&meanings)?;
                let with = |embedding: &Embedding| bytes(embedding.as_slice());
                Ok(texts
                    .into_iter()
                    .zip(vectors.iter().map(with))
                    .collect::<Vec<_>>())
            })
            .await?;
            encoded += vectors.len();
            store.keep_vectors(&loaded.revision, &vectors).await?;
        }
        let vectors = Vectors::of(store.vectors(&loaded.revision).await?);
        metrics::gauge!("homeiq_search_vectors").set(vectors.count() as f64);
        *loaded
            .vectors
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = vectors;
        Ok(encoded)
    }

    /// Says what is wrong, once for each time that it is tried, and goes on without.
    fn give_up(&self, failed: &Failed) {
        let reason = failed.to_string();
        tracing::warn!(%reason, "the sentence model cannot be used: the search goes by keywords alone, and tries again after a minute");
        let since = self.0.clock.now();
        self.0.state.send_replace(State::Unusable { reason, since });
    }
}

async fn off_the_threads_that_serve<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, semantic::Error> + Send + 'static,
) -> Result<T, semantic::Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
