//! Columns as values.

use common::instant::UtcMicros;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Row};

/// A nullable column of microseconds.
pub(super) fn instant<I: ColumnIndex<SqliteRow>>(
    row: &SqliteRow,
    index: I,
) -> Result<Option<UtcMicros>, sqlx::Error> {
    Ok(row
        .try_get::<Option<i64>, _>(index)?
        .and_then(|micros| UtcMicros::new(micros).ok()))
}

/// A column of microseconds that is never null.
pub(super) fn instant_or_default<I: ColumnIndex<SqliteRow>>(
    row: &SqliteRow,
    index: I,
) -> Result<UtcMicros, sqlx::Error> {
    Ok(instant(row, index)?.unwrap_or_default())
}
