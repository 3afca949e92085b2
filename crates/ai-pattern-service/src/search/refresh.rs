//! Keeps the documents true.

use std::collections::HashMap;
use std::time::Duration;

use common::instant::UtcMicros;
use pattern_mining::pattern::Pattern;

use super::document::{self, Document, DocumentKind};
use super::home::HomeNow;
use super::{HomeRead, Search};
use crate::store::{DocumentChanges, PatternFilter, StoreFailure};

/// For so long the home is taken to be as it was read.
const HOME_AGE_SECONDS: f64 = 60.0;
/// When data-api did not answer, it is asked again after so long.
const ASK_AGAIN_SECONDS: f64 = 10.0;
/// For so long a search waits for data-api.
const PATIENCE: Duration = Duration::from_secs(3);
/// Habits that can be found, the surest; and documents of the home: areas first, then entities, then actions.
const MOST_HABITS: u32 = 5_000;
const MOST_OF_THE_HOME: usize = 20_000;

/// What the documents are made of.
#[derive(Debug, Default)]
pub(super) struct Freshness {
    /// The habits, by their version; none: not in this process.
    habits: Option<u64>,
    /// When data-api was asked last.
    asked_at: Option<UtcMicros>,
    /// Why it did not answer.
    missing: Option<String>,
    /// What it said when, last.
    read_at: Option<UtcMicros>,
}

impl Freshness {
    fn is_home_due(&self, now: UtcMicros) -> bool {
        let age = if self.missing.is_some() {
            ASK_AGAIN_SECONDS
        } else {
            HOME_AGE_SECONDS
        };
        // A clock that was set back counts as due.
        self.asked_at
            .is_none_or(|at| !(0.0..age).contains(&now.seconds_since(at)))
    }
}

impl Search {
    /// Brings the documents up to date, as far as data-api answers; of when they are.
    pub(super) async fn refreshed(&self) -> Result<HomeRead, StoreFailure> {
        let inner = &self.0;
        // One at a time: whoever waits here finds them up to date.
        let mut freshness = inner.freshness.lock().await;
        let now = inner.clock.now();
        let version = inner.store.habits_version();
        let is_home_due = freshness.is_home_due(now);
        if is_home_due || freshness.habits != Some(version) {
            let habits = self.habits(now).await?;
            let home = if is_home_due {
                self.home(&mut freshness, now).await?
            } else {
                None
            };
            self.keep(habits, home, &mut freshness, now).await?;
            freshness.habits = Some(version);
        }
        Ok(HomeRead {
            read_at: freshness.read_at,
            missing: freshness.missing.as_ref().map(|reason| {
                let what = if freshness.read_at.is_some() {
                    "entities, areas and actions are those of read_at"
                } else {
                    "entities, areas and actions are not known yet"
                };
                format!("{reason}; {what}")
            }),
        })
    }

    /// Forgets every document and makes them anew; how many there are then.
    pub(crate) async fn rebuild(&self) -> Result<usize, StoreFailure> {
        let store = &self.0.store;
        {
            let mut freshness = self.0.freshness.lock().await;
            store.rebuild_words().await?;
            store.forget_documents().await?;
            *freshness = Freshness::default();
            store.forget_home_read_at().await?;
        }
        self.refreshed().await?;
        store.count_documents().await
    }

    async fn habits(&self, now: UtcMicros) -> Result<Vec<Pattern>, StoreFailure> {
        let shown = PatternFilter {
            now,
            limit: MOST_HABITS,
            ..PatternFilter::default()
        };
        let found = self.0.store.patterns(&shown).await?;
        Ok(found.into_iter().map(|stored| stored.pattern).collect())
    }

    async fn home(
        &self,
        freshness: &mut Freshness,
        now: UtcMicros,
    ) -> Result<Option<HomeNow>, StoreFailure> {
        let asked = tokio::time::timeout(PATIENCE, HomeNow::read(&self.0.data_api)).await;
        freshness.asked_at = Some(now);
        let reason = match asked {
            Ok(Ok(home)) => {
                freshness.missing = None;
                return Ok(Some(home));
            }
            Ok(Err(failed)) => failed.to_string(),
            Err(_) => format!(
                "data-api at {} did not answer in {} s",
                self.0.data_api.url(),
                PATIENCE.as_secs()
            ),
        };
        if freshness.missing.is_none() {
            tracing::info!(%reason, "the search goes on with what it knows of the home");
        }
        freshness.missing = Some(reason);
        if freshness.read_at.is_none() {
            freshness.read_at = self.0.store.home_read_at().await?;
        }
        Ok(None)
    }

    async fn keep(
        &self,
        habits: Vec<Pattern>,
        home: Option<HomeNow>,
        freshness: &mut Freshness,
        now: UtcMicros,
    ) -> Result<(), StoreFailure> {
        let store = &self.0.store;
        let Some(home) = home else {
            let entities = store.documents_of(DocumentKind::Entity).await?;
            let areas: HashMap<String, String> = entities
                .into_iter()
                .filter_map(|stored| Some((stored.document.key, stored.document.area?)))
                .collect();
            let documents = off_the_threads_that_serve(move || of_habits(&habits, &areas)).await;
            let habits = [DocumentKind::Habit];
            let changes = store.keep_documents(&habits, &documents).await?;
            self.tell(changes);
            return Ok(());
        };
        let documents = off_the_threads_that_serve(move || {
            let mut of_habits = of_habits(&habits, &home.area_names());
            let actions: Vec<String> = of_habits
                .iter()
                .flat_map(|habit| habit.actions.clone())
                .collect();
            let mut of_home = home.documents(&actions);
            if of_home.len() > MOST_OF_THE_HOME {
                let left_out = of_home.len() - MOST_OF_THE_HOME;
                metrics::gauge!("homeiq_search_left_out").set(left_out as f64);
                tracing::warn!(
                    left_out,
                    "the home has more than can be searched: actions are left out"
                );
                of_home.truncate(MOST_OF_THE_HOME);
            }
            of_habits.append(&mut of_home);
            of_habits
        })
        .await;
        let all = [
            DocumentKind::Habit,
            DocumentKind::Area,
            DocumentKind::Entity,
            DocumentKind::Action,
        ];
        let changes = store.keep_documents(&all, &documents).await?;
        self.tell(changes);
        store.set_home_read_at(now).await?;
        freshness.read_at = Some(now);
        Ok(())
    }

    fn tell(&self, changes: DocumentChanges) {
        if changes != DocumentChanges::default() {
            self.0.meaning.documents_changed();
        }
    }
}

fn of_habits(habits: &[Pattern], areas: &HashMap<String, String>) -> Vec<Document> {
    let area_of = |id: &str| areas.get(id).map(String::as_str);
    habits
        .iter()
        .map(|pattern| document::habit(pattern, area_of))
        .collect()
}

/// Thousands of texts take some tens of milliseconds: too long for a thread that serves.
async fn off_the_threads_that_serve(
    work: impl FnOnce() -> Vec<Document> + Send + 'static,
) -> Vec<Document> {
    match tokio::task::spawn_blocking(work).await {
        Ok(documents) => documents,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
