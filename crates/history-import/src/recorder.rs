//! The database of Home Assistant's recorder, of every layout since 2021.
//!
//! Read by key, without joins: names of entities and sets of attributes are looked up in memory. Which columns are there, and which of
//! the old ones still have something in them, is asked once.

pub(crate) mod attributes;
pub(crate) mod columns;
pub(crate) mod dates;

use std::collections::HashMap;

use common::api::events::Origin;
use database::{Database, Engine, Row, Statement};

use self::attributes::{Attributes, Found};
use self::columns::Columns;
use crate::entities::Entities;
use crate::failure::ImportFailed;
use crate::line::{Change, Id};
use crate::page::{PAGE_ROWS, Page};
use crate::position::Position;
use crate::source::{Filter, database_url};

/// Where the file is.
pub(crate) const HINT: &str =
    "Home Assistant keeps it as home-assistant_v2.db in its configuration folder (/config)";

/// An open recorder database.
pub(crate) struct Recorder {
    database: Database,
    place: String,
    columns: Columns,
    /// Number in [`Entities`] by `metadata_id`.
    names: HashMap<i64, usize>,
    attributes: Attributes,
    first: i64,
    /// The last row that was there when the import began: what comes later is left to the next run, so that it ends.
    last: i64,
}

/// A row as it was read.
struct Read {
    state_id: i64,
    entity: Option<usize>,
    /// Its name in the row itself, where its number is not known.
    old_name: Option<String>,
    state: Option<String>,
    attributes_id: Option<i64>,
    attributes: Option<String>,
    last_updated: Option<i64>,
    last_changed: Option<i64>,
    context: OwnedId,
    parent: OwnedId,
    user: OwnedId,
}

/// An id in one of the two forms that a row has for it.
#[derive(Default)]
struct OwnedId {
    bytes: Option<Vec<u8>>,
    text: Option<String>,
}

impl OwnedId {
    fn as_id<'a>(&'a self, of_bytes: fn(&'a [u8]) -> Id<'a>) -> Option<Id<'a>> {
        match (&self.bytes, &self.text) {
            (Some(bytes), _) if !bytes.is_empty() => Some(of_bytes(bytes)),
            (_, Some(text)) if !text.is_empty() => Some(Id::Text(text)),
            _ => None,
        }
    }
}

impl Recorder {
    /// Opens it and looks at its columns.
    pub(crate) async fn open(place: &str) -> Result<Self, ImportFailed> {
        let url = database_url(place, HINT)?;
        let database = Database::open_read_only(&url).await?;
        let place = url.to_string();
        let columns = Columns::find(&database, &place).await?;
        Ok(Self {
            database,
            place,
            columns,
            names: HashMap::new(),
            attributes: Attributes::default(),
            first: 0,
            last: 0,
        })
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    fn failed(&self) -> impl Fn(database::failure::StoreFailure) -> ImportFailed + '_ {
        |failure| ImportFailed::source(&self.place, failure)
    }

    /// See [`crate::source::Reader::begin`].
    pub(crate) async fn begin(
        &mut self,
        filter: &Filter,
        from: Option<&Position>,
    ) -> Result<(Position, u64), ImportFailed> {
        let ends = self
            .database
            .fetch_one("SELECT CAST(COALESCE(MIN(state_id), 0) AS BIGINT), CAST(COALESCE(MAX(state_id), 0) AS BIGINT) FROM states")
            .await;
        let ends = ends.map_err(self.failed())?;
        self.first = ends.get(0).map_err(self.failed())?;
        self.last = ends.get(1).map_err(self.failed())?;
        let mut begin = self.first - 1;
        if let Some(since) = filter.since
            && self.columns.has_last_updated_ts_only()
        {
            // The index by time: what was written before need not be read. Ids grow with time, but for a few seconds.
            let seconds = (since.get() as f64 / 1e6) - 60.0;
            let statement = Statement::with(
                "SELECT CAST(MIN(state_id) AS BIGINT) FROM states WHERE last_updated_ts >= $1",
                [seconds.into()],
            );
            let row = self.database.fetch_one(statement).await;
            let oldest: Option<i64> = row.and_then(|row| row.get(0)).map_err(self.failed())?;
            begin = oldest.unwrap_or(self.last + 1) - 1;
        }
        if let Some(from) = from
            && self.is_of_this_file(from).await?
        {
            begin = begin.max(from.at);
        }
        let position = Position {
            at: begin,
            ..Position::default()
        };
        Ok((position, (self.last - begin).max(0).unsigned_abs()))
    }

    /// Whether a position from an earlier run still means what it did: a file may have been replaced by another one.
    async fn is_of_this_file(&self, position: &Position) -> Result<bool, ImportFailed> {
        if position.at > self.last {
            return Ok(false);
        }
        let rows = self.rows(position.at - 1, 1).await?;
        let same_row = rows
            .first()
            .map(|row| self.read(row, |_| None))
            .transpose()?
            .filter(|row| row.state_id == position.at);
        // A row that was purged says nothing; its id lies before the first then.
        Ok(same_row.map_or(position.at < self.first, |row| {
            row.last_updated == position.last_updated
        }))
    }

    async fn rows(&self, after: i64, limit: usize) -> Result<Vec<Row>, ImportFailed> {
        let statement = self
            .columns
            .statement()
            .bind(after)
            .push(" AND state_id <= ")
            .bind(self.last)
            .push(" ORDER BY state_id LIMIT ")
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.database
            .fetch_all(statement)
            .await
            .map_err(self.failed())
    }

    /// See [`crate::source::Reader::page`].
    pub(crate) async fn page(
        &mut self,
        after: &Position,
        entities: &mut Entities,
    ) -> Result<Option<Page>, ImportFailed> {
        let rows = self.rows(after.at, PAGE_ROWS).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.learn_names(&rows, entities).await?;
        let names = &self.names;
        let read: Vec<Read> = rows
            .iter()
            .map(|row| self.read(row, |id| names.get(&id).copied()))
            .collect::<Result<_, _>>()?;
        drop(rows);
        let wanted = read.iter().filter_map(|row| row.attributes_id);
        self.attributes
            .learn(&self.database, wanted)
            .await
            .map_err(|failure| ImportFailed::source(&self.place, failure))?;
        let mut page = Page::default();
        for mut row in read {
            page.read += 1;
            page.position = Position {
                at: row.state_id,
                entity_id: None,
                last_updated: row.last_updated,
            };
            if let Some(name) = row.old_name.take() {
                row.entity = Some(entities.number(&name));
            }
            self.push(&mut page, entities, &row);
            if page.is_full() {
                break;
            }
        }
        page.done = (page.position.at - after.at).max(0).unsigned_abs();
        Ok(Some(page))
    }

    fn push(&self, page: &mut Page, entities: &mut Entities, row: &Read) {
        let Some(entity) = row.entity else {
            return page.rejected.add(
                "it has no entity: states_meta does not know its metadata_id",
                1,
            );
        };
        let Some(last_updated) = row.last_updated else {
            return page.rejected.add("it has no instant (last_updated)", 1);
        };
        let attributes = match row.attributes_id {
            Some(id) => self.attributes.get(id),
            None => attributes::checked(row.attributes.as_deref()),
        };
        let attributes = match &attributes {
            Found::Nothing => None,
            Found::Object(text) => Some(&**text),
            Found::Unusable => {
                page.without_attributes += 1;
                None
            }
        };
        let change = Change {
            entity: &entities.get(entity).json.clone(),
            // A removal is an empty text without attributes; an empty state of an entity that is there nearly always has some.
            state: row
                .state
                .as_deref()
                .filter(|state| !state.is_empty() || attributes.is_some()),
            attributes,
            // A clock that was set back in between is no reason to lose the row.
            last_changed: row.last_changed.filter(|&changed| changed < last_updated),
            last_updated,
            context: row.context.as_id(Id::Ulid),
            parent: row.parent.as_id(Id::Ulid),
            user: row.user.as_id(Id::Uuid),
            origin: Origin::Import,
            is_startup: false,
        };
        page.push(entities, entity, &change);
    }

    /// Reads all names when a row has one that is not known yet.
    async fn learn_names(
        &mut self,
        rows: &[Row],
        entities: &mut Entities,
    ) -> Result<(), ImportFailed> {
        let Some(column) = self.columns.metadata_id else {
            return Ok(());
        };
        let mut unknown = false;
        for row in rows {
            let id: Option<i64> = row.get(column).map_err(self.failed())?;
            unknown |= id.is_some_and(|id| !self.names.contains_key(&id));
        }
        if !unknown {
            return Ok(());
        }
        let known = self
            .database
            .fetch_all(
                "SELECT CAST(metadata_id AS BIGINT), CAST(entity_id AS TEXT) FROM states_meta",
            )
            .await
            .map_err(self.failed())?;
        for row in known {
            let id: i64 = row.get(0).map_err(self.failed())?;
            let name: Option<String> = row.get(1).map_err(self.failed())?;
            if let Some(name) = name {
                self.names.insert(id, entities.number(&name));
            }
        }
        Ok(())
    }

    fn read(&self, row: &Row, number: impl Fn(i64) -> Option<usize>) -> Result<Read, ImportFailed> {
        self.columns
            .read(
                row,
                matches!(self.database.engine, Engine::Sqlite(_)),
                number,
            )
            .map_err(self.failed())
    }
}
