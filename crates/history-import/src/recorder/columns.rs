//! The columns of `states`, which changed over the years.
//!
//! 2021: `entity_id`, `attributes`, `context_id` as text, `last_updated` as a date. 2022.4: `attributes_id`. 2023.2: `last_updated_ts`.
//! 2023.4: `context_id_bin`, `metadata_id`. A database that was migrated has old columns that are empty, or not yet.

use std::collections::BTreeSet;

use database::failure::StoreFailure;
use database::{Database, Engine, Row, Statement};

use super::dates::{self, date, of_seconds};
use super::{OwnedId, Read};
use crate::failure::ImportFailed;

/// What is read, and at which position it stands in a row.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pieces: Vec<&'static str>,
    pub(super) metadata_id: Option<usize>,
    entity_id: Option<usize>,
    state: usize,
    attributes_id: Option<usize>,
    attributes: Option<usize>,
    last_updated_ts: Option<usize>,
    last_updated: Option<usize>,
    last_changed_ts: Option<usize>,
    last_changed: Option<usize>,
    /// Of the change, of its parent, of the person.
    ids: [Option<usize>; 3],
    texts: [Option<usize>; 3],
}

impl Columns {
    /// Looks at the tables.
    pub(super) async fn find(database: &Database, place: &str) -> Result<Self, ImportFailed> {
        let failed = |failure| ImportFailed::source(place, failure);
        let names = column_names(database, "states").await.map_err(failed)?;
        if let Some(missing) = missing(&names) {
            return Err(ImportFailed::OtherTables {
                place: place.to_owned(),
                wanted: "the database of Home Assistant's recorder",
                missing,
            });
        }
        let has = |name: &str| names.contains(name);
        let [old_names, old_attributes, old_dates, old_ids] =
            rows_left(database, &names).await.map_err(failed)?;
        let is_sqlite = matches!(database.engine, Engine::Sqlite(_));
        let mut columns = Self {
            pieces: vec!["SELECT CAST(state_id AS BIGINT)"],
            ..Self::default()
        };
        let mut add = |is_there: bool, text: &'static str| {
            is_there.then(|| {
                columns.pieces.push(text);
                columns.pieces.len() - 1
            })
        };
        let state = add(true, "CAST(state AS TEXT)").unwrap_or_default();
        let metadata_id = add(has("metadata_id"), "CAST(metadata_id AS BIGINT)");
        let entity_id = add(has("entity_id") && old_names, "CAST(entity_id AS TEXT)");
        let attributes_id = add(has("attributes_id"), "CAST(attributes_id AS BIGINT)");
        let attributes = add(
            has("attributes") && old_attributes,
            "CAST(attributes AS TEXT)",
        );
        let last_updated_ts = add(
            has("last_updated_ts"),
            "CAST(last_updated_ts AS DOUBLE PRECISION)",
        );
        let last_changed_ts = add(
            has("last_changed_ts"),
            "CAST(last_changed_ts AS DOUBLE PRECISION)",
        );
        let last_updated = add(
            has("last_updated") && old_dates,
            date!("last_updated", is_sqlite),
        );
        let last_changed = add(
            has("last_changed") && old_dates,
            date!("last_changed", is_sqlite),
        );
        let ids = [
            add(has("context_id_bin"), "context_id_bin"),
            add(has("context_parent_id_bin"), "context_parent_id_bin"),
            add(has("context_user_id_bin"), "context_user_id_bin"),
        ];
        let texts = [
            add(has("context_id") && old_ids, "CAST(context_id AS TEXT)"),
            add(
                has("context_parent_id") && old_ids,
                "CAST(context_parent_id AS TEXT)",
            ),
            add(
                has("context_user_id") && old_ids,
                "CAST(context_user_id AS TEXT)",
            ),
        ];
        Ok(Self {
            metadata_id,
            entity_id,
            state,
            attributes_id,
            attributes,
            last_updated_ts,
            last_updated,
            last_changed_ts,
            last_changed,
            ids,
            texts,
            ..columns
        })
    }

    /// Whether the index by `last_updated_ts` knows every row.
    pub(super) fn has_last_updated_ts_only(&self) -> bool {
        self.last_updated_ts.is_some() && self.last_updated.is_none()
    }

    /// The beginning of the statement, up to where the key follows.
    pub(super) fn statement(&self) -> Statement {
        let mut statement = Statement::new(self.pieces[0]);
        for piece in &self.pieces[1..] {
            statement = statement.push(", ").push(piece);
        }
        statement.push(" FROM states WHERE state_id > ")
    }

    /// A row of that statement.
    pub(super) fn read(
        &self,
        row: &Row,
        is_sqlite: bool,
        number: impl Fn(i64) -> Option<usize>,
    ) -> Result<Read, StoreFailure> {
        let date = |column: Option<usize>| {
            column.map_or(Ok(None), |column| dates::read(row, column, is_sqlite))
        };
        let seconds = |column: Option<usize>| -> Result<Option<i64>, StoreFailure> {
            let seconds: Option<f64> = column.map_or(Ok(None), |column| row.get(column))?;
            Ok(seconds.and_then(of_seconds))
        };
        let entity = integer(row, self.metadata_id)?.and_then(number);
        let old_name = match entity {
            Some(_) => None,
            None => text(row, self.entity_id)?,
        };
        let last_updated = match seconds(self.last_updated_ts)? {
            Some(at) => Some(at),
            None => date(self.last_updated)?,
        };
        let last_changed = match seconds(self.last_changed_ts)? {
            Some(at) => Some(at),
            None => date(self.last_changed)?,
        };
        let id = |which: usize| -> Result<OwnedId, StoreFailure> {
            let bytes = self.ids[which].map_or(Ok(None), |column| row.get(column))?;
            let text = text(row, self.texts[which])?;
            Ok(OwnedId { bytes, text })
        };
        Ok(Read {
            state_id: row.get(0)?,
            entity,
            old_name,
            state: row.get(self.state)?,
            attributes_id: integer(row, self.attributes_id)?,
            attributes: text(row, self.attributes)?,
            last_updated,
            last_changed,
            context: id(0)?,
            parent: id(1)?,
            user: id(2)?,
        })
    }
}

/// What `states` would need and does not have.
fn missing(names: &BTreeSet<String>) -> Option<String> {
    if names.is_empty() {
        return Some("it has no table 'states'".to_owned());
    }
    [
        &["state_id"][..],
        &["state"],
        &["metadata_id", "entity_id"],
        &["last_updated_ts", "last_updated"],
    ]
    .into_iter()
    .find(|any| !any.iter().any(|name| names.contains(*name)))
    .map(|any| {
        format!(
            "its table 'states' has no column '{}'",
            any.join("' and no '")
        )
    })
}

/// Whether rows are left of which only an old column tells the name, the attributes, the instant or the context.
async fn rows_left(
    database: &Database,
    names: &BTreeSet<String>,
) -> Result<[bool; 4], StoreFailure> {
    // Each question is one look into an index.
    let questions = [
        (
            "metadata_id",
            "SELECT 1 FROM states WHERE metadata_id IS NULL LIMIT 1",
        ),
        (
            "attributes_id",
            "SELECT 1 FROM states WHERE attributes_id IS NULL LIMIT 1",
        ),
        (
            "last_updated_ts",
            "SELECT 1 FROM states WHERE last_updated_ts IS NULL LIMIT 1",
        ),
        (
            "context_id_bin",
            "SELECT 1 FROM states WHERE context_id_bin IS NULL LIMIT 1",
        ),
    ];
    let mut left = [true; 4];
    for (left, (column, question)) in left.iter_mut().zip(questions) {
        if names.contains(column) {
            *left = database.fetch_optional(question).await?.is_some();
        }
    }
    Ok(left)
}

fn text(row: &Row, column: Option<usize>) -> Result<Option<String>, StoreFailure> {
    column.map_or(Ok(None), |column| row.get(column))
}

fn integer(row: &Row, column: Option<usize>) -> Result<Option<i64>, StoreFailure> {
    column.map_or(Ok(None), |column| row.get(column))
}

/// Names of the columns of a table; none where there is no such table.
pub(crate) async fn column_names(
    database: &Database,
    table: &'static str,
) -> Result<BTreeSet<String>, StoreFailure> {
    let statement = match database.engine {
        Engine::Sqlite(_) => "SELECT name FROM pragma_table_info($1)",
        Engine::Postgres(_) => {
            "SELECT CAST(column_name AS TEXT) FROM information_schema.columns \
             WHERE table_name = $1 AND table_schema = ANY (current_schemas(false))"
        }
    };
    let rows = database
        .fetch_all(Statement::with(statement, [table.into()]))
        .await?;
    rows.iter().map(|row| row.get(0)).collect()
}
