//! Columns as values.

use std::collections::HashMap;

use common::instant::UtcMicros;
use database::Row;
use serde_json::Value;

use super::StoreFailure;

/// Lists of texts by a name.
pub(super) type Lists = HashMap<String, Vec<String>>;

/// A nullable column of microseconds.
pub(super) fn instant(row: &Row, column: &str) -> Result<Option<UtcMicros>, StoreFailure> {
    Ok(row
        .get::<Option<i64>>(column)?
        .and_then(|micros| UtcMicros::new(micros).ok()))
}

/// A column of microseconds that is never null.
pub(super) fn instant_or_default(row: &Row, column: &str) -> Result<UtcMicros, StoreFailure> {
    Ok(instant(row, column)?.unwrap_or_default())
}

/// A nullable column of JSON text.
pub(super) fn json(row: &Row, column: &str) -> Result<Option<Value>, StoreFailure> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// A column with a JSON list of texts.
pub(super) fn texts(row: &Row, column: &str) -> Result<Vec<String>, StoreFailure> {
    let text: Option<String> = row.get(column)?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}
