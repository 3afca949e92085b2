//! Search in plain words over habits, entities, areas and actions.
//!
//! Documents are made anew when somebody searches and something has changed: habits after a run or a word about them, the home when it
//! was read more than a minute ago. Nobody who does not search pays for it.

mod actions;
mod document;
mod fusion;
mod home;
mod meaning;
mod refresh;
mod vectors;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use common::clock::Clock;
use common::instant::UtcMicros;
use common::lifecycle::Tasks;
use data_api_client::DataApi;
use models::Cache;
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::{Store, StoreFailure, StoredDocument};
use meaning::Meaning;
use refresh::Freshness;

pub use document::{Document, DocumentKind};
pub(crate) use words::{Phrase, phrases};

/// Documents that either half hands over.
const CANDIDATES: u32 = 100;

/// The search. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Search(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    data_api: DataApi,
    clock: Clock,
    freshness: tokio::sync::Mutex<Freshness>,
    meaning: Meaning,
}

/// What a search works with.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Its tables.
    pub(crate) store: Store,
    /// What there is in the home.
    pub(crate) data_api: DataApi,
    /// The time.
    pub(crate) clock: Clock,
    /// Where the sentence model may be.
    pub(crate) models: Cache,
    /// Owner of what goes on in the background.
    pub(crate) tasks: Tasks,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// In plain words.
    pub(crate) text: String,
    /// Only these.
    pub(crate) kind: Option<DocumentKind>,
    /// Results at most.
    pub(crate) limit: usize,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Found {
    /// The question.
    query: String,
    /// How many there are here.
    pub(crate) count: usize,
    /// The best first.
    results: Vec<Hit>,
    /// Whether meaning was searched as well: `on`; `loading`, which is over soon; or `off` and why.
    semantic: String,
    /// Of when entities, areas and actions are.
    home: HomeRead,
}

/// One thing that was found.
#[derive(Debug, Serialize, ToSchema)]
struct Hit {
    kind: DocumentKind,
    /// Key of the habit, id of the entity or the area; of an action: service and entity, with a space between them.
    id: String,
    /// What it is called.
    title: String,
    /// What more there is to say of it.
    text: String,
    /// The area's name; null where there is none, or several.
    area: Option<String>,
    /// The sum of 1 / (60 + place) over the halves that found it.
    score: f64,
    /// Which half found it, and at which place.
    found_by: FoundBy,
    /// Of a habit: ids of the actions that its automation takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<String>,
    /// Of an action: ids of the habits whose automations do it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    habits: Vec<String>,
}

/// The halves of the search that found something; null: this one did not.
#[derive(Debug, Serialize, ToSchema)]
struct FoundBy {
    /// By its words.
    keywords: Option<ByKeywords>,
    /// By what it means.
    meaning: Option<ByMeaning>,
}

/// By its words.
#[derive(Debug, Serialize, ToSchema)]
struct ByKeywords {
    /// From 1.
    place: usize,
    /// BM25, or what the database has in place of it; only to be compared within one answer.
    score: f64,
}

/// By what it means.
#[derive(Debug, Serialize, ToSchema)]
struct ByMeaning {
    /// From 1.
    place: usize,
    /// Cosine of the angle between question and document, 0 to 1.
    similarity: f64,
}

/// Of when entities, areas and actions are.
#[derive(Debug, Serialize, ToSchema)]
struct HomeRead {
    /// When data-api last said what there is; null: never.
    read_at: Option<UtcMicros>,
    /// Why it is not from now, and what that means; null: nothing is missing.
    missing: Option<String>,
}

impl Search {
    pub(crate) fn new(parts: Parts) -> Self {
        let (store, clock) = (parts.store, parts.clock);
        let meaning = Meaning::new(parts.models, store.clone(), clock.clone(), parts.tasks);
        Self(Arc::new(Inner {
            store,
            data_api: parts.data_api,
            clock,
            freshness: tokio::sync::Mutex::default(),
            meaning,
        }))
    }

    /// Whether meaning is searched as well: `on`, `loading`, `ready`, or `off` and why.
    pub(crate) fn semantic(&self) -> String {
        self.0.meaning.word()
    }

    /// Answers a question.
    pub(crate) async fn find(&self, question: Question) -> Result<Found, StoreFailure> {
        let home = self.refreshed().await?;
        let phrases = phrases(&question.text);
        let by_words = self.by_words(&phrases, question.kind).await?;
        let by_meaning = self.0.meaning.nearest(&question.text, question.kind).await;
        let numbers: Vec<i64> = by_words.iter().map(|(number, _)| *number).collect();
        let nearest: Vec<i64> = by_meaning.iter().map(|(number, _)| *number).collect();
        let mut fused = fusion::fuse(&numbers, &nearest);
        fused.truncate(question.limit);
        let numbers: Vec<i64> = fused.iter().map(|(number, _)| *number).collect();
        let documents = self.0.store.documents(&numbers).await?;
        let habits = self.habits_of_actions(&documents).await?;
        let mut documents: HashMap<i64, Document> = documents
            .into_iter()
            .map(|stored| (stored.number, stored.document))
            .collect();
        let results: Vec<Hit> = fused
            .into_iter()
            .filter_map(|(number, places)| {
                // What is gone since it was found is left out.
                let document = documents.remove(&number)?;
                Some(Hit {
                    score: rounded(places.score()),
                    found_by: FoundBy {
                        keywords: places.keywords.map(|place| ByKeywords {
                            place,
                            score: rounded(by_words[place - 1].1),
                        }),
                        meaning: places.meaning.map(|place| ByMeaning {
                            place,
                            similarity: rounded(f64::from(by_meaning[place - 1].1)),
                        }),
                    },
                    habits: habits.get(&document.key).cloned().unwrap_or_default(),
                    kind: document.kind,
                    id: document.key,
                    title: document.title,
                    text: document.text,
                    area: document.area,
                    actions: document.actions,
                })
            })
            .collect();
        Ok(Found {
            query: question.text,
            count: results.len(),
            results,
            semantic: self.semantic(),
            home,
        })
    }

    /// A list of words that is damaged is made anew, once.
    async fn by_words(
        &self,
        phrases: &[Phrase],
        kind: Option<DocumentKind>,
    ) -> Result<Vec<(i64, f64)>, StoreFailure> {
        let store = &self.0.store;
        match store.by_words(phrases, kind, CANDIDATES).await {
            Err(StoreFailure::Damaged(error)) => {
                tracing::warn!(%error, "the list of words for the search is damaged and is made anew");
                store.rebuild_words().await?;
                store.by_words(phrases, kind, CANDIDATES).await
            }
            answer => answer,
        }
    }

    /// For each action among these, the habits whose automations do it.
    async fn habits_of_actions(
        &self,
        documents: &[StoredDocument],
    ) -> Result<HashMap<String, Vec<String>>, StoreFailure> {
        let mut habits: HashMap<String, Vec<String>> = documents
            .iter()
            .filter(|stored| stored.document.kind == DocumentKind::Action)
            .map(|stored| (stored.document.key.clone(), Vec::new()))
            .collect();
        if habits.is_empty() {
            return Ok(habits);
        }
        for stored in self.0.store.documents_of(DocumentKind::Habit).await? {
            for action in stored.document.actions {
                if let Some(keys) = habits.get_mut(&action)
                    && !keys.contains(&stored.document.key)
                {
                    keys.push(stored.document.key.clone());
                }
            }
        }
        Ok(habits)
    }
}

/// To six digits: the seventh says nothing and makes answers longer.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
