//! Rows of the registry's tables, whatever they are of: read, merged with what was sent, and written, all in the same way.

use common::instant::UtcMicros;
use database::{Row, Statement, Transaction, Value};

use super::complete::{Part, Upserted};
use super::reported::Object;
use super::{Store, StoreFailure};

/// A row of a registry table.
pub(super) trait RegistryRow: Sized {
    /// Of which part of the registry it is.
    const PART: Part;

    /// The id that an object has; none where it has no usable one.
    fn id_of(sent: &Object) -> Option<String>;

    /// The row of an id that is new.
    fn new(id: String, now: UtcMicros) -> Self;

    /// A row as it is stored.
    fn read(row: &Row) -> Result<Self, StoreFailure>;

    /// Takes over what was sent, in a complete list or not; what was not sent stays.
    fn merge(&mut self, sent: &Object, complete: bool);

    /// Whether it has what it must have.
    fn is_whole(&self) -> bool {
        true
    }

    /// Its columns with what is in them, the id first; without those that say when it was reported and removed.
    fn columns(self) -> Vec<(&'static str, Value)>;
}

impl Store {
    /// Writes rows within a transaction; objects without a usable id are left out. What a complete list does not name is marked as
    /// removed.
    pub(super) async fn upsert_rows<R: RegistryRow>(
        &self,
        transaction: &mut Transaction,
        sent: &[Object],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        let mut named = Vec::with_capacity(sent.len());
        for object in sent {
            let Some(id) = R::id_of(object) else {
                continue;
            };
            let select = Statement::new("SELECT * FROM ")
                .push(R::PART.table())
                .push(" WHERE ")
                .push(R::PART.id())
                .push(" = ")
                .bind(id.clone());
            let known = transaction.fetch_optional(select).await?;
            let known = known.map(|row| R::read(&row)).transpose()?;
            let mut row = known.unwrap_or_else(|| R::new(id.clone(), now));
            row.merge(object, complete);
            if row.is_whole() {
                named.push(id);
                transaction.execute(written(row, now)).await?;
            }
        }
        self.upserted(transaction, R::PART, &named, complete, now)
            .await
    }

    /// The same in a transaction of its own.
    pub(super) async fn upsert<R: RegistryRow>(
        &self,
        sent: &[Object],
        complete: bool,
        now: UtcMicros,
    ) -> Result<Upserted, StoreFailure> {
        let mut transaction = self.database.write().await?;
        let upserted = self
            .upsert_rows::<R>(&mut transaction, sent, complete, now)
            .await?;
        transaction.commit().await?;
        Ok(upserted)
    }
}

/// What writes a row that was reported now.
fn written<R: RegistryRow>(row: R, now: UtcMicros) -> Statement {
    let mut columns = row.columns();
    columns.push(("last_seen_us", now.get().into()));
    let names: Vec<&'static str> = columns.iter().map(|(name, _)| *name).collect();
    let mut statement = Statement::new("INSERT INTO ").push(R::PART.table());
    for (position, name) in names.iter().enumerate() {
        statement = statement
            .push(if position == 0 { " (" } else { ", " })
            .push(name);
    }
    statement = statement
        .push(") VALUES (")
        .list(columns.into_iter().map(|(_, value)| value))
        .push(") ON CONFLICT (")
        .push(R::PART.id())
        .push(") DO UPDATE SET ");
    for name in &names[1..] {
        statement = statement
            .push(name)
            .push(" = excluded.")
            .push(name)
            .push(", ");
    }
    statement.push("removed_us = NULL")
}
