//! Rows of `events` into PostgreSQL: one statement for all rows of a batch, its columns as arrays.

use database::postgres::text;
use sqlx::postgres::PgConnection;
use sqlx::query;

use super::partitions::Partitions;
use crate::store::StoreFailure;
use crate::store::ingest::Row;

/// Stores rows that are not there yet; how many these were.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    rows: &[Row<'_>],
    partitions: &Partitions,
) -> Result<u64, StoreFailure> {
    partitions
        .make(connection, rows.iter().map(|row| row.last_updated_us))
        .await?;
    let column = |of: fn(&Row<'_>) -> i64| rows.iter().map(of).collect::<Vec<_>>();
    Ok(query(
        "INSERT INTO events (entity, last_updated_us, unchanged_us, attributes, flags, state, context, context_parent) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bytea[], \
         $8::bytea[]) ON CONFLICT DO NOTHING",
    )
    .bind(column(|row| row.entity))
    .bind(column(|row| row.last_updated_us))
    .bind(column(|row| row.unchanged_us))
    .bind(rows.iter().map(|row| row.attributes).collect::<Vec<_>>())
    .bind(column(|row| row.flags))
    .bind(rows.iter().map(|row| text(row.state.map(str::to_owned))).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.context.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.context_parent.as_deref()).collect::<Vec<_>>())
    .execute(connection)
    .await?
    .rows_affected())
}
