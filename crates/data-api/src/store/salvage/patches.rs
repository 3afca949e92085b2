//! Attribute sets that are differences from others: right only where the other is there and what they make has their check.

use sqlx::{Row as _, query};

use super::report::Report;
use super::{CannotSalvage, New};
use crate::store::attributes::patch;

const TABLE: &str = "event_attribute_patches";
/// Rows that are read at once.
const ROWS: i64 = 1_000;

/// Deletes those that are not right.
pub(super) async fn delete_wrong(new: &mut New, report: &mut Report) -> Result<(), CannotSalvage> {
    let (mut after, mut deleted) = (i64::MIN, 0);
    loop {
        let rows = query(
            "SELECT p.id, p.patch, a.attributes FROM event_attribute_patches p LEFT JOIN event_attributes a ON a.id = p.base \
             WHERE p.id > $1 ORDER BY p.id LIMIT $2",
        )
        .bind(after)
        .bind(ROWS)
        .fetch_all(&mut *new)
        .await?;
        let Some(last) = rows.last() else { break };
        after = last.try_get(0)?;
        for row in rows {
            let (id, bytes): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            let base: Option<String> = row.try_get(2)?;
            let text = base.and_then(|base| patch::apply(&base, &bytes));
            if !text.is_some_and(|text| patch::is_of(&bytes, &text)) {
                deleted += query("DELETE FROM event_attribute_patches WHERE id = $1")
                    .bind(id)
                    .execute(&mut *new)
                    .await?
                    .rows_affected();
            }
        }
    }
    if deleted > 0 {
        if let Some(rows) = report.rows.get_mut(TABLE) {
            *rows = rows.saturating_sub(deleted);
        }
        if !report.incomplete.iter().any(|table| table == TABLE) {
            report.incomplete.push(TABLE.to_owned());
        }
    }
    Ok(())
}
