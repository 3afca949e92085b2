//! Long-term statistics of Home Assistant's recorder: one row an hour and entity, kept there for ever.
//!
//! The five-minute rows beside them (`statistics_short_term`) are left where they are: they go back ten days, as the state changes do.

use std::collections::HashMap;

use common::api::statistics::StatisticNumbers;
use database::{Database, Engine, Row, Statement};
use serde::Serialize;

use crate::entities::Entities;
use crate::failure::ImportFailed;
use crate::page::{PAGE_ROWS, Page};
use crate::position::Position;
use crate::recorder::HINT;
use crate::recorder::columns::column_names;
use crate::recorder::dates::{self, date, of_seconds};
use crate::source::{Filter, database_url};

/// The open tables.
pub(crate) struct Statistics {
    database: Database,
    place: String,
    has_start_ts: bool,
    /// Number in [`Entities`] and unit by `metadata_id`.
    series: HashMap<i64, (usize, Option<String>)>,
    /// The last row that was there when the import began.
    last: i64,
}

/// A line, in the form of `common::api::statistics::NewStatistic`.
#[derive(Serialize)]
struct Line<'a> {
    entity_id: &'a serde_json::value::RawValue,
    start: i64,
    #[serde(flatten)]
    numbers: StatisticNumbers,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
}

impl Statistics {
    pub(crate) async fn open(place: &str) -> Result<Self, ImportFailed> {
        let url = database_url(place, HINT)?;
        let database = Database::open_read_only(&url).await?;
        let place = url.to_string();
        let columns = column_names(&database, "statistics").await;
        let columns = columns.map_err(|failure| ImportFailed::source(&place, failure))?;
        if !columns.contains("metadata_id") {
            return Err(ImportFailed::OtherTables {
                place,
                wanted: "a database with Home Assistant's long-term statistics",
                missing: "it has no table 'statistics' with a column 'metadata_id'".to_owned(),
            });
        }
        Ok(Self {
            database,
            place,
            has_start_ts: columns.contains("start_ts"),
            series: HashMap::new(),
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
        _filter: &Filter,
        from: Option<&Position>,
    ) -> Result<(Position, u64), ImportFailed> {
        let ends = self
            .database
            .fetch_one("SELECT CAST(COALESCE(MIN(id), 0) AS BIGINT), CAST(COALESCE(MAX(id), 0) AS BIGINT) FROM statistics")
            .await
            .map_err(self.failed())?;
        let first: i64 = ends.get(0).map_err(self.failed())?;
        self.last = ends.get(1).map_err(self.failed())?;
        // Ids only grow; a last one that is smaller than ours is of another file.
        let begin = match from {
            Some(from) if from.at <= self.last => from.at.max(first - 1),
            Some(_) | None => first - 1,
        };
        let position = Position {
            at: begin,
            ..Position::default()
        };
        Ok((position, (self.last - begin).max(0).unsigned_abs()))
    }

    /// See [`crate::source::Reader::page`].
    pub(crate) async fn page(
        &mut self,
        after: &Position,
        entities: &mut Entities,
    ) -> Result<Option<Page>, ImportFailed> {
        let is_sqlite = matches!(self.database.engine, Engine::Sqlite(_));
        let start = if self.has_start_ts {
            "CAST(start_ts AS DOUBLE PRECISION)"
        } else {
            date!("start", is_sqlite)
        };
        let statement = Statement::new("SELECT CAST(id AS BIGINT), CAST(metadata_id AS BIGINT), ")
            .push(start)
            .push(
                ", CAST(mean AS DOUBLE PRECISION), CAST(min AS DOUBLE PRECISION), CAST(max AS DOUBLE PRECISION), \
                 CAST(state AS DOUBLE PRECISION), CAST(sum AS DOUBLE PRECISION) FROM statistics WHERE id > ",
            )
            .bind(after.at)
            .push(" AND id <= ")
            .bind(self.last)
            .push(" ORDER BY id LIMIT ")
            .bind(i64::try_from(PAGE_ROWS).unwrap_or(i64::MAX));
        let rows = self
            .database
            .fetch_all(statement)
            .await
            .map_err(self.failed())?;
        if self.series.is_empty() {
            self.learn(entities).await?;
        }
        let mut page = Page::default();
        for row in &rows {
            page.read += 1;
            page.position.at = row.get(0).map_err(self.failed())?;
            self.push(&mut page, entities, row, is_sqlite)
                .map_err(self.failed())?;
        }
        page.done = (page.position.at - after.at).max(0).unsigned_abs();
        Ok((page.read > 0).then_some(page))
    }

    async fn learn(&mut self, entities: &mut Entities) -> Result<(), ImportFailed> {
        let rows = self
            .database
            .fetch_all(
                "SELECT CAST(id AS BIGINT), CAST(statistic_id AS TEXT), CAST(unit_of_measurement AS TEXT) FROM statistics_meta",
            )
            .await
            .map_err(self.failed())?;
        for row in rows {
            let id = row.get(0).map_err(self.failed())?;
            let name: Option<String> = row.get(1).map_err(self.failed())?;
            let unit = row.get(2).map_err(self.failed())?;
            if let Some(name) = name {
                self.series.insert(id, (entities.number(&name), unit));
            }
        }
        Ok(())
    }

    fn push(
        &self,
        page: &mut Page,
        entities: &mut Entities,
        row: &Row,
        is_sqlite: bool,
    ) -> Result<(), database::failure::StoreFailure> {
        let series: Option<i64> = row.get(1)?;
        let Some((number, unit)) = series.and_then(|series| self.series.get(&series)) else {
            page.rejected.add(
                "it has no entity: statistics_meta does not know its metadata_id",
                1,
            );
            return Ok(());
        };
        let start = if self.has_start_ts {
            row.get::<Option<f64>>(2)?.and_then(of_seconds)
        } else {
            dates::read(row, 2, is_sqlite)?
        };
        let Some(start) = start else {
            page.rejected.add("it has no instant (start_ts)", 1);
            return Ok(());
        };
        let finite = |column: usize| -> Result<Option<f64>, database::failure::StoreFailure> {
            Ok(row
                .get::<Option<f64>>(column)?
                .filter(|number| number.is_finite()))
        };
        let numbers = StatisticNumbers {
            mean: finite(3)?,
            min: finite(4)?,
            max: finite(5)?,
            state: finite(6)?,
            sum: finite(7)?,
        };
        if numbers == StatisticNumbers::default() {
            page.rejected.add("it has no number", 1);
            return Ok(());
        }
        if !page.takes(entities, *number, start) {
            return Ok(());
        }
        let name = entities.get(*number).json.clone();
        let body = page.count(entities, *number, start);
        // What was quoted as JSON is JSON, and writing to memory cannot fail.
        if let Ok(entity_id) = serde_json::from_str(&name) {
            let line = Line {
                entity_id,
                start,
                numbers,
                unit: unit.as_deref(),
            };
            serde_json::to_writer(&mut *body, &line).ok();
            body.push(b'\n');
        }
        Ok(())
    }
}
