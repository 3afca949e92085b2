//! Attribute sets.
//!
//! `events.attributes` is a number. A positive one is the id of a set in `event_attributes`, which has each set once, found by its
//! hash. A negative one is minus the id of a row in `event_attribute_patches`: a set that is kept as its difference from one in
//! `event_attributes`, its base. Depth is one: a base is never a difference itself.

pub(in crate::store) mod patch;
pub(in crate::store) mod sets;

use std::collections::{HashMap, HashSet};

use database::{Database, Row, Statement, Transaction};

use super::StoreFailure;

/// Most ids in one statement.
const IDS_OF_A_STATEMENT: usize = 500;

/// Where rows are read: within a transaction, or beside it.
pub(super) trait Reads {
    /// The rows of an answer.
    fn rows(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<Row>, StoreFailure>> + Send;
}

impl Reads for &Database {
    fn rows(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<Row>, StoreFailure>> + Send {
        self.fetch_all(statement)
    }
}

impl Reads for &mut Transaction {
    fn rows(
        &mut self,
        statement: Statement,
    ) -> impl Future<Output = Result<Vec<Row>, StoreFailure>> + Send {
        self.fetch_all(statement)
    }
}

/// Attribute sets by the number that events have for them. One that is lost, or that cannot be made of its base, is left out.
pub(super) async fn texts(
    mut from: impl Reads,
    numbers: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, String>, StoreFailure> {
    let numbers: HashSet<i64> = numbers.into_iter().collect();
    let (patches, whole): (Vec<i64>, Vec<i64>) =
        numbers.into_iter().partition(|number| *number < 0);
    let mut found = HashMap::with_capacity(patches.len() + whole.len());
    for part in whole.chunks(IDS_OF_A_STATEMENT) {
        let statement = Statement::new("SELECT id, attributes FROM event_attributes WHERE id IN (")
            .list(part.iter().copied())
            .push(")");
        for row in from.rows(statement).await? {
            found.insert(row.get(0)?, row.get(1)?);
        }
    }
    for part in patches.chunks(IDS_OF_A_STATEMENT) {
        let statement = Statement::new(
            "SELECT p.id, p.patch, a.attributes FROM event_attribute_patches p JOIN event_attributes a ON a.id = p.base \
             WHERE p.id IN (",
        )
        .list(part.iter().map(|number| number.saturating_neg()))
        .push(")");
        for row in from.rows(statement).await? {
            let (id, patch): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
            if let Some(text) = patch::apply(&row.get::<String>(2)?, &patch) {
                found.insert(-id, text);
            } else {
                tracing::warn!(
                    id,
                    "an attribute set cannot be made of its base: it is damaged"
                );
            }
        }
    }
    Ok(found)
}

/// The sets of rows that have the column `attributes`.
pub(super) async fn of_rows(
    from: impl Reads,
    rows: &[Row],
) -> Result<HashMap<i64, String>, StoreFailure> {
    let mut numbers = HashSet::new();
    for row in rows {
        numbers.extend(row.get::<Option<i64>>("attributes")?);
    }
    texts(from, numbers).await
}

/// The set of a row that has the column `attributes`.
pub(super) fn of_row<'a>(
    row: &Row,
    sets: &'a HashMap<i64, String>,
) -> Result<Option<&'a String>, StoreFailure> {
    let number: Option<i64> = row.get("attributes")?;
    Ok(number.and_then(|number| sets.get(&number)))
}
