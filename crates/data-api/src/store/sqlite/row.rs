//! Columns as values.

use common::instant::UtcMicros;
use serde_json::Value;
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

/// A nullable column of JSON text.
pub(super) fn json<I: ColumnIndex<SqliteRow>>(
    row: &SqliteRow,
    index: I,
) -> Result<Option<Value>, sqlx::Error> {
    let text: Option<String> = row.try_get(index)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// A column with a JSON list of texts.
pub(super) fn texts<I: ColumnIndex<SqliteRow>>(
    row: &SqliteRow,
    index: I,
) -> Result<Vec<String>, sqlx::Error> {
    let text: Option<String> = row.try_get(index)?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}
