//! Rows of `events` into SQLite: one statement for all rows of a batch.

use serde::Serialize;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use crate::hex;
use crate::store::StoreFailure;
use crate::store::ingest::Row;

/// One row on its way through JSON, in the order of the columns of `events`.
#[derive(Serialize)]
struct Columns<'a>(
    i64,
    i64,
    i64,
    Option<State<'a>>,
    Option<i64>,
    Option<String>,
    Option<String>,
    i64,
);

/// A number from the dictionary, or the text itself.
#[derive(Serialize)]
#[serde(untagged)]
enum State<'a> {
    Id(i64),
    Text(&'a str),
}

/// Stores rows that are not there yet; how many these were.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    rows: &[Row<'_>],
) -> Result<u64, StoreFailure> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            Columns(
                row.entity,
                row.last_updated_us,
                row.unchanged_us,
                row.state_id.map(State::Id).or(row.state.map(State::Text)),
                row.attributes,
                row.context.as_deref().map(hex::encode),
                row.context_parent.as_deref().map(hex::encode),
                row.flags,
            )
        })
        .collect();
    let rows = serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok(query(
        "INSERT INTO events (entity, last_updated_us, unchanged_us, state, attributes, context, context_parent, flags) \
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5), unhex(value ->> 6), \
         value ->> 7 FROM json_each($1) WHERE true ON CONFLICT DO NOTHING",
    )
    .bind(rows)
    .execute(connection)
    .await?
    .rows_affected())
}
