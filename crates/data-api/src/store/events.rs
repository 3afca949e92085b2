//! Reading state changes.

use std::sync::Arc;

use common::api::events::Event;
use common::instant::UtcMicros;
use database::{Engine, Statement, Writing};

use super::change::Change;
use super::sqlite::tail::Key;
use super::{Cursor, EventFilter, Store, StoreFailure, change, filter, postgres, sqlite};

/// One page of events.
#[derive(Debug)]
pub struct Page {
    /// The events, newest first.
    pub events: Vec<Event>,
    /// Where the next page begins; none when there is no more.
    pub next: Option<Cursor>,
}

/// One row of one entity, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// `last_updated`.
    pub at: UtcMicros,
    /// `last_changed`.
    pub changed: UtcMicros,
    /// Its state; none when it was removed.
    pub state: Option<String>,
    /// Number of its attribute set. Two numbers may stand for the same set.
    pub attributes: Option<i64>,
}

impl Store {
    /// Ids of the entities that have events.
    pub async fn entities_with_events(&self) -> Result<Vec<String>, StoreFailure> {
        let rows = self
            .database
            .fetch_all("SELECT entity_id FROM event_entities ORDER BY entity_id")
            .await?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// One page of the events that pass `asked`.
    pub async fn events(&self, asked: &EventFilter) -> Result<Page, StoreFailure> {
        let rows = asked.limit.saturating_add(1);
        match &self.database.engine {
            Engine::Sqlite(_) => {
                if let Some(page) = self.recent_page(asked).await? {
                    return Ok(page);
                }
                let (late, changes) = (self.tail.late(), self.recent.changes());
                let found =
                    sqlite::newest::newest(&self.database, &self.top, &self.tail, asked, rows)
                        .await?;
                let keys: Vec<Key> = found.iter().map(Change::key).collect();
                let page = self.page(found, asked).await?;
                if filter::is_newest_of_all(asked) {
                    let all = keys.len() < rows as usize;
                    self.tail.reach_back(late, &keys, all);
                    self.keep(changes, keys, &page.events, asked);
                }
                Ok(page)
            }
            Engine::Postgres(_) => {
                let found = postgres::newest::newest(&self.database, asked, rows).await?;
                self.page(found, asked).await
            }
        }
    }

    /// A page of rows that were read, of which one more than the page has says that there are more.
    async fn page(
        &self,
        mut found: Vec<Change>,
        asked: &EventFilter,
    ) -> Result<Page, StoreFailure> {
        let more = found.len() > asked.limit as usize;
        found.truncate(asked.limit as usize);
        let next = found.last().filter(|_| more).map(Change::cursor);
        Ok(Page {
            events: change::events(&self.database, found, asked.no_attributes).await?,
            next,
        })
    }

    /// Keeps the newest events of a page with these keys, of which there may be one more.
    fn keep(&self, changes: u64, keys: Vec<Key>, events: &[Event], asked: &EventFilter) {
        // With fewer, an entity is gone meanwhile.
        if events.len() == keys.len().min(asked.limit as usize) && !asked.no_attributes {
            let newest = &events[..events.len().min(sqlite::recent::OF_A_PAGE)];
            let events = newest.iter().cloned().map(Arc::new);
            self.recent.keep(changes, keys.into_iter().zip(events));
        }
    }

    /// A page of which all keys are in memory, and most of the events as a rule; nothing where the tables have to say it.
    async fn recent_page(&self, asked: &EventFilter) -> Result<Option<Page>, StoreFailure> {
        if asked.no_attributes || filter::names_entities(asked) {
            return Ok(None);
        }
        self.recent.ask();
        let Some(mut keys) = self.tail.newest(asked, asked.limit.saturating_add(1)) else {
            return Ok(None);
        };
        let more = keys.len() > asked.limit as usize;
        keys.truncate(asked.limit as usize);
        let next = keys.last().filter(|_| more).map(|&(at, entity)| Cursor {
            last_updated_us: at,
            entity,
        });
        let (changes, found) = self.recent.find(&keys);
        let unknown: Vec<Key> = keys
            .iter()
            .zip(&found)
            .filter(|(_, event)| event.is_none())
            .map(|(key, _)| *key)
            .collect();
        let rows = sqlite::newest::by_key(&self.database, &unknown).await?;
        let read = change::events(&self.database, rows, false).await?;
        if read.len() != unknown.len() {
            // Something was taken out of the table meanwhile.
            self.tail.begin_anew();
            return Ok(None);
        }
        let read: Vec<Arc<Event>> = read.into_iter().map(Arc::new).collect();
        self.recent
            .keep(changes, unknown.into_iter().zip(read.iter().cloned()));
        let mut read = read.into_iter();
        let events = found
            .into_iter()
            .filter_map(|event| event.or_else(|| read.next()))
            .map(Arc::unwrap_or_clone);
        Ok(Some(Page {
            events: events.collect(),
            next,
        }))
    }

    /// Keeps the newest of what was just committed for those who will ask for it. Nothing depends on it: what is not kept is read when
    /// it is asked for, and whoever stored it need not hear of that.
    pub(super) async fn keep_committed(&self, writing: &Writing, keys: &[Key]) {
        if keys.is_empty() {
            return;
        }
        let Some(changes) = self.recent.is_due() else {
            return;
        };
        let mut newest = keys.to_vec();
        newest.sort_unstable_by(|a, b| b.cmp(a));
        newest.dedup();
        newest.truncate(sqlite::recent::OF_A_PAGE);
        let database = self.database.read_by_writer(writing);
        let read = async {
            let rows = sqlite::newest::by_key(&database, &newest).await?;
            change::events(&database, rows, false).await
        };
        match Box::pin(read).await {
            // Fewer: an entity is gone meanwhile.
            Ok(events) if events.len() == newest.len() => {
                self.recent.keep(
                    changes,
                    newest.into_iter().zip(events.into_iter().map(Arc::new)),
                );
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the newest events are read when they are asked for"
            ),
        }
    }

    /// The event of this entity at this instant.
    pub async fn event(
        &self,
        entity_id: &str,
        at: UtcMicros,
    ) -> Result<Option<Event>, StoreFailure> {
        let asked = EventFilter {
            entity_id: Some(entity_id.to_owned()),
            start: Some(at),
            end: Some(at),
            limit: 1,
            ..EventFilter::default()
        };
        Ok(self.events(&asked).await?.events.pop())
    }

    /// The id in `event_entities` of an entity that has events, by its id of now or the one it had last.
    pub async fn entity_row(&self, entity_id: &str) -> Result<Option<i64>, StoreFailure> {
        let row = self
            .database
            .fetch_optional(Statement::with(
                "SELECT coalesce((SELECT id FROM event_entities WHERE entity_id = $1), \
                 (SELECT entity FROM renames WHERE old_entity_id = $1 ORDER BY until_us DESC LIMIT 1))",
                [entity_id.into()],
            ))
            .await?;
        match row {
            Some(row) => row.get(0),
            None => Ok(None),
        }
    }

    /// Rows of one entity from `start` to `end`, inclusive, oldest first, at most `limit`. Go on from the instant after the last.
    pub async fn scan(
        &self,
        entity: i64,
        start: UtcMicros,
        end: UtcMicros,
        limit: u32,
    ) -> Result<Vec<Scanned>, StoreFailure> {
        let text = match &self.database.engine {
            Engine::Sqlite(_) => {
                "SELECT e.last_updated_us, e.unchanged_us, CASE typeof(e.state) WHEN 'integer' THEN \
                 (SELECT s.state FROM event_states s WHERE s.id = e.state) ELSE e.state END AS state, e.attributes FROM events e \
                 WHERE e.entity = $1 AND e.last_updated_us BETWEEN $2 AND $3 ORDER BY e.last_updated_us LIMIT $4"
            }
            Engine::Postgres(_) => {
                "SELECT last_updated_us, unchanged_us, state, attributes FROM events \
                 WHERE entity = $1 AND last_updated_us BETWEEN $2 AND $3 ORDER BY last_updated_us LIMIT $4"
            }
        };
        let asked = [
            entity.into(),
            start.get().into(),
            end.get().into(),
            limit.into(),
        ];
        let rows = self
            .database
            .fetch_all(Statement::with(text, asked))
            .await?;
        rows.iter()
            .map(|row| {
                let at: i64 = row.get(0)?;
                let unchanged: i64 = row.get(1)?;
                Ok(Scanned {
                    at: UtcMicros::new(at).unwrap_or_default(),
                    changed: UtcMicros::new(at - unchanged).unwrap_or_default(),
                    state: row.get(2)?,
                    attributes: row.get(3)?,
                })
            })
            .collect()
    }
}
