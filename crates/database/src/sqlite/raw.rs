//! Reads what can be read of a damaged file: page by page, trusting nothing. The format: <https://www.sqlite.org/fileformat2.html>.
//!
//! SQLite itself gives up at the first page that makes no sense. Here the tree of a table is walked from its root, and a page that
//! cannot be one of it is passed over; its neighbours say which keys it had. Leaves whose parent is damaged are found again by looking
//! at every page that belongs to nothing else.

mod pages;
mod record;
mod tree;

pub use pages::Pages;
pub use record::{Row, Value};
pub use tree::{Found, Kind, Table};

use crate::sqlite::raw::tree::Tree;

/// One row of `sqlite_schema`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `table` or `index`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The page where its tree begins.
    pub root: u32,
    /// The statement that made it; empty for the index of a `UNIQUE`.
    pub sql: String,
}

/// The tables and indexes that the file names, also where its first page is lost. Empty where nothing of that can be read.
pub fn schema(pages: &Pages) -> Vec<Entry> {
    let mut entries = Vec::new();
    let table = Table {
        root: 1,
        kind: Kind::Rowid,
        key: vec![],
        adopts: true,
    };
    Tree::new(pages, &table)
        .fitting(&|row| entry(row).is_some())
        .walk(&mut |found| {
            if let Found::Row(row) = found {
                entries.extend(entry(&row));
            }
            true
        });
    entries
}

/// A row of `sqlite_schema`.
fn entry(row: &Row) -> Option<Entry> {
    let [
        Value::Text(kind),
        Value::Text(name),
        Value::Text(_),
        Value::Integer(root),
        sql,
    ] = row.values.as_slice()
    else {
        return None;
    };
    if !["table", "index", "view", "trigger"].contains(&kind.as_str()) {
        return None;
    }
    Some(Entry {
        kind: kind.clone(),
        name: name.clone(),
        root: u32::try_from(*root).ok()?,
        sql: match sql {
            Value::Text(sql) => sql.clone(),
            Value::Null => String::new(),
            _ => return None,
        },
    })
}

/// Walks a table in the order of its keys. `fits` says whether a row can be one of it. `found` gets what is there and, in between,
/// what is not; it returns false to end the walk.
pub fn walk(
    pages: &Pages,
    table: &Table,
    fits: &dyn Fn(&Row) -> bool,
    found: &mut dyn FnMut(Found) -> bool,
) {
    Tree::new(pages, table).fitting(fits).walk(found);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sqlx::migrate::Migrator;
    use sqlx::query;

    use super::*;
    use crate::sqlite::{Sqlite, open};

    /// 3,000 rows of two kinds, some longer than a page.
    async fn filled(path: &Path) -> Sqlite {
        let database = open(path, &Migrator::DEFAULT).await.unwrap();
        for statement in [
            "CREATE TABLE r (id INTEGER PRIMARY KEY, t TEXT NOT NULL) STRICT",
            "CREATE TABLE w (a INTEGER NOT NULL, b INTEGER NOT NULL, c ANY, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID",
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000) INSERT INTO r \
             SELECT x, printf('%0*d', CASE WHEN x % 100 = 0 THEN 9000 ELSE x % 50 END, x) FROM n",
            "INSERT INTO w SELECT id % 5, id * 1000, CASE id % 3 WHEN 0 THEN t WHEN 1 THEN id * 1.5 ELSE NULL END FROM r",
        ] {
            query(statement).execute(&database.writer).await.unwrap();
        }
        database
    }

    fn table(pages: &Pages, name: &str) -> Table {
        let entries = schema(pages);
        let entry = entries.iter().find(|entry| entry.name == name).unwrap();
        Table {
            root: entry.root,
            kind: if name == "w" {
                Kind::Index
            } else {
                Kind::Rowid
            },
            key: vec![0, 1],
            adopts: true,
        }
    }

    fn read(pages: &Pages, name: &str) -> (Vec<Row>, usize) {
        let (mut rows, mut lost) = (Vec::new(), 0);
        walk(pages, &table(pages, name), &|_| true, &mut |found| {
            match found {
                Found::Row(row) => rows.push(row),
                Found::Lost { .. } => lost += 1,
            }
            true
        });
        (rows, lost)
    }

    fn is_right(row: &Row) -> bool {
        let text = |id: i64| {
            let width = if id % 100 == 0 {
                9000
            } else {
                id as usize % 50
            };
            format!("{id:0width$}")
        };
        match (row.rowid, row.values.as_slice()) {
            (Some(id), [Value::Null, Value::Text(t)]) => *t == text(id),
            (None, [Value::Integer(a), Value::Integer(b), c]) => {
                let id = b / 1000;
                *a == id % 5
                    && *c
                        == match id % 3 {
                            0 => Value::Text(text(id)),
                            1 => Value::Real(id as f64 * 1.5),
                            _ => Value::Null,
                        }
            }
            _ => false,
        }
    }

    #[tokio::test]
    async fn a_sound_file_is_read_as_sqlite_reads_it_with_its_log_and_without() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let database = filled(&path).await;
        for _ in 0..2 {
            let pages = Pages::open(&path).unwrap();
            for name in ["r", "w"] {
                let (rows, lost) = read(&pages, name);
                assert_eq!((rows.len(), lost), (3_000, 0), "{name}");
                assert!(rows.iter().all(is_right), "{name}");
            }
            database.close().await;
        }
    }

    #[tokio::test]
    async fn every_page_but_the_first_may_be_lost_and_no_row_comes_back_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        filled(&path).await.close().await;
        let sound = std::fs::read(&path).unwrap();
        let mut most_lost = 0;
        for page in 1..sound.len() / 4096 {
            let mut bytes = sound.clone();
            bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
            std::fs::write(&path, &bytes).unwrap();
            let pages = Pages::open(&path).unwrap();
            for name in ["r", "w"] {
                let (rows, lost) = read(&pages, name);
                let missing = 3_000 - rows.len();
                // A long text is on pages of its own, whose content nobody can check.
                let wrong = rows.iter().filter(|row| !is_right(row)).count();
                assert!(wrong <= 1, "page {page} of {name}: {wrong} rows");
                assert!(missing == 0 || lost > 0, "page {page} of {name}");
                most_lost = most_lost.max(missing);
            }
        }
        // Also where a root is lost: its leaves are found without it.
        assert!(most_lost < 600, "{most_lost}");
    }

    #[tokio::test]
    async fn a_file_without_its_header_is_read_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        filled(&path).await.close().await;
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..100].fill(0);
        std::fs::write(&path, bytes).unwrap();
        let (rows, lost) = read(&Pages::open(&path).unwrap(), "w");
        assert_eq!((rows.len(), lost), (3_000, 0));
    }
}
