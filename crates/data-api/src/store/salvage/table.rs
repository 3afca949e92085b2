//! One table, row by row.

use std::collections::HashMap;
use std::sync::Arc;

use common::category;
use common::entity::domain_of;
use database::sqlite::raw::{self, Found, Kind, Row, Table, Value};
use sha2::{Digest, Sha256};
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Row as _, query, query_with};
use tokio::sync::mpsc;

use super::{CannotSalvage, Damaged, New};

/// Rows that wait to be written.
const QUEUE: usize = 4_096;
/// Rows in one statement.
const ROWS: usize = 50;
/// Rows in one transaction.
const ROWS_IN_A_COMMIT: u64 = 50_000;

/// What a table has for columns.
#[derive(Debug)]
pub(super) struct Columns {
    /// The table.
    pub(super) name: String,
    /// Names in the order in which the file has the values.
    pub(super) names: Vec<String>,
    types: Vec<String>,
    not_null: Vec<bool>,
    /// The column that is the number of the row.
    rowid: Option<usize>,
    without_rowid: bool,
    key_columns: usize,
}

/// What became of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Carried {
    pub(super) rows: u64,
    pub(super) is_whole: bool,
}

impl Columns {
    pub(super) async fn of(new: &mut New, name: &str) -> Result<Self, CannotSalvage> {
        let listed = query("SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = $1")
            .bind(name)
            .fetch_one(&mut *new)
            .await?;
        let without_rowid = listed.try_get::<i64, _>(0)? != 0;
        let rows =
            query("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo($1) ORDER BY cid")
                .bind(name)
                .fetch_all(new)
                .await?;
        let mut columns = Vec::new();
        for row in rows {
            let (name, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let (not_null, key): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
            columns.push((name, kind, not_null != 0, key));
        }
        let key_columns = columns.iter().filter(|column| column.3 > 0).count();
        if without_rowid {
            // The key comes first, in its own order.
            columns.sort_by_key(|column| if column.3 > 0 { column.3 } else { i64::MAX });
        }
        let rowid = (!without_rowid && key_columns == 1)
            .then(|| {
                columns
                    .iter()
                    .position(|column| column.3 > 0 && column.1 == "INTEGER")
            })
            .flatten();
        Ok(Self {
            name: name.to_owned(),
            names: columns.iter().map(|column| column.0.clone()).collect(),
            types: columns.iter().map(|column| column.1.clone()).collect(),
            not_null: columns.iter().map(|column| column.2).collect(),
            rowid,
            without_rowid,
            key_columns,
        })
    }

    /// The place of a column.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }

    /// Where the table is in the damaged file.
    pub(super) fn table(&self, damaged: &Damaged) -> Option<Table> {
        let has_own_form = has_own_form(&self.name);
        let root = damaged.entry(&self.name).map(|entry| entry.root);
        Some(Table {
            // What stands in a lost list of tables is found by its form.
            root: root.or(has_own_form.then_some(0))?,
            kind: if self.without_rowid {
                Kind::Index
            } else {
                Kind::Rowid
            },
            key: (0..self.key_columns).collect(),
            adopts: has_own_form,
        })
    }

    /// Whether a row can be one of this table.
    pub(super) fn fit(&self, row: &Row) -> bool {
        let count = row.values.len();
        let has_all = if has_own_form(&self.name) {
            count == self.names.len()
        } else {
            (1..=self.names.len()).contains(&count)
        };
        has_all
            && row.values.iter().enumerate().all(|(place, value)| {
                if self.rowid == Some(place) {
                    return *value == Value::Null;
                }
                match (value, self.types[place].as_str()) {
                    (Value::Null, _) => !self.not_null[place],
                    (_, "ANY")
                    | (Value::Integer(_), "INTEGER" | "REAL")
                    | (Value::Real(_), "REAL")
                    | (Value::Text(_), "TEXT")
                    | (Value::Blob(_), "BLOB") => true,
                    _ => false,
                }
            })
            && match self.name.as_str() {
                "event_attributes" => has_its_hash(row),
                "event_attribute_patches" => {
                    matches!(row.values.as_slice(), [_, Value::Integer(base), Value::Blob(_)] if *base > 0)
                }
                "event_contexts" => {
                    matches!(row.values.as_slice(), [_, Value::Blob(context)] if context.len() >= 10)
                }
                _ => true,
            }
    }
}

/// Whether a row shows of which table it is. Others, of texts and integers, look like one another.
fn has_own_form(name: &str) -> bool {
    [
        "events",
        "event_attributes",
        "event_attribute_patches",
        "event_contexts",
        "event_entities",
    ]
    .contains(&name)
}

/// A whole attribute set is known by the first bytes of its SHA-256: the one thing in the file that says whether content is what it was.
fn has_its_hash(row: &Row) -> bool {
    matches!(row.values.as_slice(), [_, Value::Blob(hash), Value::Text(attributes)]
        if Sha256::digest(attributes.as_bytes()).starts_with(hash) && hash.len() == 16)
}

/// Writes rows in groups.
pub(super) struct Rows<'c> {
    columns: &'c Columns,
    to: String,
    waiting: Vec<Vec<Value>>,
    begun: u64,
    pub(super) written: u64,
}

impl<'c> Rows<'c> {
    pub(super) fn new(columns: &'c Columns, to: &str) -> Self {
        Self {
            columns,
            to: to.to_owned(),
            waiting: Vec::new(),
            begun: 0,
            written: 0,
        }
    }

    pub(super) async fn push(&mut self, new: &mut New, row: Row) -> Result<(), CannotSalvage> {
        let mut values = row.values;
        if let (Some(place), Some(rowid)) = (self.columns.rowid, row.rowid) {
            values[place] = Value::Integer(rowid);
        }
        // A row from before a column was added is shorter; the column has its default then.
        if self.waiting.len() == ROWS
            || self
                .waiting
                .first()
                .is_some_and(|first| first.len() != values.len())
        {
            self.write(new).await?;
        }
        self.waiting.push(values);
        Ok(())
    }

    pub(super) async fn write(&mut self, new: &mut New) -> Result<(), CannotSalvage> {
        let Some(width) = self.waiting.first().map(Vec::len) else {
            return Ok(());
        };
        if self.begun == 0 {
            query("BEGIN").execute(&mut *new).await?;
        }
        let names = self.columns.names[..width]
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let places = format!("({})", vec!["?"; width].join(", "));
        let statement = format!(
            "INSERT INTO \"{}\" ({names}) VALUES {} ON CONFLICT DO NOTHING",
            self.to,
            vec![places; self.waiting.len()].join(", ")
        );
        let mut arguments = SqliteArguments::default();
        let count = self.waiting.len() as u64;
        for value in self.waiting.drain(..).flatten() {
            bind(&mut arguments, value)?;
        }
        // Names come from our own migrations.
        let done = query_with(AssertSqlSafe(statement), arguments)
            .execute(&mut *new)
            .await?;
        self.written += done.rows_affected();
        self.begun += count;
        if self.begun >= ROWS_IN_A_COMMIT {
            self.commit(new).await?;
        }
        Ok(())
    }

    async fn commit(&mut self, new: &mut New) -> Result<(), CannotSalvage> {
        if self.begun > 0 {
            query("COMMIT").execute(new).await?;
            self.begun = 0;
        }
        Ok(())
    }

    pub(super) async fn end(mut self, new: &mut New) -> Result<u64, CannotSalvage> {
        self.write(new).await?;
        self.commit(new).await?;
        Ok(self.written)
    }
}

fn bind(arguments: &mut SqliteArguments, value: Value) -> Result<(), CannotSalvage> {
    use sqlx::Arguments as _;
    match value {
        Value::Null => arguments.add(None::<i64>),
        Value::Integer(number) => arguments.add(number),
        Value::Real(number) => arguments.add(number),
        Value::Text(text) => arguments.add(text),
        Value::Blob(bytes) => arguments.add(bytes),
    }
    .map_err(|error| sqlx::Error::Encode(error).into())
}

/// What a walk over a table finds. The file is read on a thread of its own, as far ahead as the queue is long; the walk ends when nobody
/// takes what it finds.
pub(super) fn stream(
    damaged: &Arc<Damaged>,
    table: Table,
    columns: &Arc<Columns>,
) -> mpsc::Receiver<Found> {
    let (sender, found) = mpsc::channel(QUEUE);
    let (damaged, columns) = (Arc::clone(damaged), Arc::clone(columns));
    drop(tokio::task::spawn_blocking(move || {
        raw::walk(
            &damaged.pages,
            &table,
            &|row| columns.fit(row),
            &mut |what| sender.blocking_send(what).is_ok(),
        );
    }));
    found
}

/// Carries a table over.
pub(super) async fn carry(
    damaged: &Arc<Damaged>,
    new: &mut New,
    columns: &Arc<Columns>,
    name: &str,
    to: &str,
) -> Result<Carried, CannotSalvage> {
    let Some(table) = columns.table(damaged) else {
        return Ok(Carried {
            rows: 0,
            is_whole: false,
        });
    };
    let (mut found, mut is_whole) = (stream(damaged, table, columns), true);
    let mut rows = Rows::new(columns, to);
    while let Some(what) = found.recv().await {
        match what {
            Found::Row(row) => rows.push(new, row).await?,
            Found::Lost { .. } => is_whole = false,
        }
    }
    let mut rows = rows.end(new).await?;
    if !is_whole {
        rows += from_index(damaged, new, name).await?;
    }
    Ok(Carried { rows, is_whole })
}

/// The names in a dictionary stand a second time in the index that keeps them apart.
async fn from_index(damaged: &Damaged, new: &mut New, name: &str) -> Result<u64, CannotSalvage> {
    let statement = match name {
        "event_states" => {
            "INSERT INTO event_states (state, id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        }
        "event_users" => {
            "INSERT INTO event_users (user_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        }
        "event_entities" => {
            "INSERT INTO event_entities (entity_id, id, domain, category) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
        }
        _ => return Ok(0),
    };
    let Some(entry) = damaged.entry(&format!("sqlite_autoindex_{name}_1")) else {
        return Ok(0);
    };
    let table = Table {
        root: entry.root,
        kind: Kind::Index,
        key: vec![0],
        adopts: false,
    };
    let mut names = HashMap::new();
    raw::walk(&damaged.pages, &table, &|_| true, &mut |what| {
        if let Found::Row(row) = what
            && let [Value::Text(name), Value::Integer(id)] = row.values.as_slice()
        {
            names.insert(*id, name.clone());
        }
        true
    });
    let mut saved = 0;
    for (id, text) in names {
        let mut insert = query(statement).bind(&text).bind(id);
        if name == "event_entities" {
            let domain = domain_of(&text);
            insert = insert.bind(domain).bind(category::of(domain, None));
        }
        saved += insert.execute(&mut *new).await?.rows_affected();
    }
    Ok(saved)
}
