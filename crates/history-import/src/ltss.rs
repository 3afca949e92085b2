//! The table of LTSS, the custom integration that writes every state into `TimescaleDB`: `ltss (time, entity_id, state, attributes)`.

use common::api::events::Origin;
use common::instant::UtcMicros;
use database::{Database, Engine, Row, Statement};

use crate::entities::Entities;
use crate::failure::ImportFailed;
use crate::line::Change;
use crate::page::{PAGE_ROWS, Page};
use crate::position::Position;
use crate::recorder::attributes::{Found, checked};
use crate::recorder::columns::column_names;
use crate::source::{Filter, database_url};

const HINT: &str = "LTSS writes into PostgreSQL: postgres://USER:PASSWORD@HOST/DATABASE";
/// An instant as microseconds, without a float in between.
const MICROS: &str = "CAST(EXTRACT(EPOCH FROM date_trunc('second', time)) AS BIGINT) * 1000000 + \
                      CAST(EXTRACT(MICROSECONDS FROM time) AS BIGINT) % 1000000";
/// Microseconds as an instant.
const INSTANT: &str = " * INTERVAL '1 microsecond' + TIMESTAMP WITH TIME ZONE 'epoch'";

/// The open table.
pub(crate) struct Ltss {
    database: Database,
    place: String,
    /// When the newest row was written that was there when the import began.
    last: i64,
}

impl Ltss {
    pub(crate) async fn open(place: &str) -> Result<Self, ImportFailed> {
        let url = database_url(place, HINT)?;
        let database = Database::open_read_only(&url).await?;
        let place = url.to_string();
        let columns = column_names(&database, "ltss").await;
        let columns = columns.map_err(|failure| ImportFailed::source(&place, failure))?;
        let other = |missing: String| ImportFailed::OtherTables {
            place: place.clone(),
            wanted: "a database of LTSS",
            missing,
        };
        if !matches!(database.engine, Engine::Postgres(_)) {
            return Err(other(HINT.to_owned()));
        }
        for column in ["time", "entity_id", "state", "attributes"] {
            if !columns.contains(column) {
                return Err(other(format!(
                    "it has no table 'ltss' with a column '{column}'"
                )));
            }
        }
        Ok(Self {
            database,
            place,
            last: 0,
        })
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    fn failed(&self) -> impl Fn(database::failure::StoreFailure) -> ImportFailed + '_ {
        |failure| ImportFailed::source(&self.place, failure)
    }

    /// See [`crate::source::Reader::begin`]. Progress is in seconds of the past.
    pub(crate) async fn begin(
        &mut self,
        filter: &Filter,
        from: Option<&Position>,
    ) -> Result<(Position, u64), ImportFailed> {
        let end = async |order: &'static str| -> Result<Option<i64>, ImportFailed> {
            let statement = Statement::new("SELECT ")
                .push(MICROS)
                .push(" FROM ltss ORDER BY time ")
                .push(order)
                .push(" LIMIT 1");
            let row = self
                .database
                .fetch_optional(statement)
                .await
                .map_err(self.failed())?;
            row.map(|row| row.get(0)).transpose().map_err(self.failed())
        };
        let first = end("ASC").await?.unwrap_or(0);
        let last = end("DESC").await?.unwrap_or(0);
        self.last = last;
        let mut begin = Position {
            at: filter.since.map_or(first, |since| since.get().max(first)) - 1,
            ..Position::default()
        };
        if let Some(from) = from.filter(|from| from.at >= begin.at && from.at <= last) {
            begin = from.clone();
        }
        let seconds = (last - begin.at).max(0) / 1_000_000 + 1;
        Ok((begin, seconds.unsigned_abs()))
    }

    /// See [`crate::source::Reader::page`].
    pub(crate) async fn page(
        &mut self,
        after: &Position,
        entities: &mut Entities,
    ) -> Result<Option<Page>, ImportFailed> {
        let statement = Statement::new("SELECT ")
            .push(MICROS)
            .push(", CAST(entity_id AS TEXT), CAST(state AS TEXT), CAST(attributes AS TEXT) FROM ltss WHERE (time, entity_id) > (")
            .bind(after.at)
            .push(INSTANT)
            .push(", ")
            .bind(after.entity_id.as_deref().unwrap_or_default())
            .push(") AND time <= ")
            .bind(self.last)
            .push(INSTANT)
            .push(" ORDER BY time, entity_id LIMIT ")
            .bind(i64::try_from(PAGE_ROWS).unwrap_or(i64::MAX));
        let rows = self
            .database
            .fetch_all(statement)
            .await
            .map_err(self.failed())?;
        let mut page = Page::default();
        for row in &rows {
            page.read += 1;
            push(&mut page, entities, row).map_err(self.failed())?;
            if page.is_full() {
                break;
            }
        }
        page.done = ((page.position.at - after.at).max(0) / 1_000_000).unsigned_abs();
        Ok((page.read > 0).then_some(page))
    }
}

fn push(
    page: &mut Page,
    entities: &mut Entities,
    row: &Row,
) -> Result<(), database::failure::StoreFailure> {
    let at: i64 = row.get(0)?;
    let name: Option<String> = row.get(1)?;
    let state: Option<String> = row.get(2)?;
    let attributes: Option<String> = row.get(3)?;
    page.position = Position {
        at,
        entity_id: name.clone(),
        last_updated: None,
    };
    let Some(name) = name else {
        page.rejected.add("it has no entity", 1);
        return Ok(());
    };
    if UtcMicros::new(at).is_err() {
        page.rejected
            .add("its time is not one of the years 1 to 9999", 1);
        return Ok(());
    }
    let attributes = checked(attributes.as_deref());
    let attributes = match &attributes {
        Found::Nothing => None,
        Found::Object(text) => Some(&**text),
        Found::Unusable => {
            page.without_attributes += 1;
            None
        }
    };
    let number = entities.number(&name);
    let change = Change {
        entity: &entities.get(number).json.clone(),
        state: state
            .as_deref()
            .filter(|state| !state.is_empty() || attributes.is_some()),
        attributes,
        last_changed: None,
        last_updated: at,
        context: None,
        parent: None,
        user: None,
        origin: Origin::Import,
        is_startup: false,
    };
    page.push(entities, number, &change);
    Ok(())
}
