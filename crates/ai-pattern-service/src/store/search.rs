//! What can be searched: documents, and which of them have the words of a question.

use std::collections::{HashMap, HashSet};

use common::instant::UtcMicros;
use database::failure::StoreFailure;
use database::{Engine, Row, Statement};

use super::Store;
use crate::search::{Document, DocumentKind, Phrase};

/// Fact: when what data-api knows of the home was last read.
const HOME_READ_AT: &str = "search_home_read_at";
const COLUMNS: &str = "SELECT id, kind, key, title, text, area, actions, title_words, other_words FROM search_documents";
const FORGET: &str = "DELETE FROM search_documents WHERE id = $1";
const KEEP_IN_SQLITE: &str = "INSERT INTO search_documents (kind, key, title, text, area, actions, title_words, other_words) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (kind, key) DO UPDATE SET \
     vector = CASE WHEN search_documents.title = excluded.title AND search_documents.text = excluded.text THEN search_documents.vector END, \
     title = excluded.title, text = excluded.text, area = excluded.area, actions = excluded.actions, \
     title_words = excluded.title_words, other_words = excluded.other_words";
const KEEP_IN_POSTGRES: &str = "INSERT INTO search_documents (kind, key, title, text, area, actions, title_words, other_words, words) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CAST($9 AS TSVECTOR)) ON CONFLICT (kind, key) DO UPDATE SET \
     vector = CASE WHEN search_documents.title = excluded.title AND search_documents.text = excluded.text THEN search_documents.vector END, \
     title = excluded.title, text = excluded.text, area = excluded.area, actions = excluded.actions, \
     title_words = excluded.title_words, other_words = excluded.other_words, words = excluded.words";
/// The BM25 of SQLite, in which a word of the title counts three times. What can be done with a thing has the thing's name, too, and
/// comes after it unless the question says what to do.
const FOUND_IN_SQLITE: &str = "SELECT id, -bm25(search_words, 3.0, 1.0) * CASE kind WHEN 'action' THEN 0.7 ELSE 1.0 END AS score FROM search_words \
     JOIN search_documents ON search_documents.id = search_words.rowid WHERE search_words MATCH $1 \
     AND (kind = $2 OR $2 IS NULL) ORDER BY score DESC, id LIMIT $3";
/// As near to that as PostgreSQL comes: it has the frequency of a word in a document (`ts_rank`), and we count in how many documents
/// the word is.
const FOUND_IN_POSTGRES: &str = "WITH asked AS (SELECT CAST(phrase AS TSQUERY) AS phrase FROM regexp_split_to_table($1, ' [|] ') AS phrase), \
     weighed AS MATERIALIZED (SELECT phrase, GREATEST(LN((everything.count - having_it.count + 0.5) / (having_it.count + 0.5)), 0.000001) AS weight \
     FROM asked, (SELECT COUNT(*) AS count FROM search_documents) AS everything, \
     LATERAL (SELECT COUNT(*) AS count FROM search_documents WHERE words @@ phrase) AS having_it) \
     SELECT id, CAST(SUM(weight * ts_rank('{0.33, 0.33, 0.33, 1.0}', words, phrase, 1)) AS DOUBLE PRECISION) \
     * CASE kind WHEN 'action' THEN 0.7 ELSE 1.0 END AS score \
     FROM weighed JOIN search_documents ON words @@ phrase WHERE (kind = $2 OR $2 IS NULL) GROUP BY id ORDER BY score DESC, id LIMIT $3";
const REBUILD: &str = "INSERT INTO search_words (search_words) VALUES ('rebuild')";

const UNENCODED: &str = "SELECT id, title, text FROM search_documents WHERE vector IS NULL OR vector_of <> $1 ORDER BY id LIMIT $2";
/// Not where the text has changed meanwhile.
const KEEP_VECTOR: &str = "UPDATE search_documents SET vector = $2, vector_of = $3 WHERE id = $1 AND title = $4 AND text = $5";
const VECTORS: &str = "SELECT id, kind, vector FROM search_documents WHERE vector_of = $1 AND vector IS NOT NULL ORDER BY id";

/// A text that a model has not seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unencoded {
    number: i64,
    /// What it is called.
    pub title: String,
    /// What more there is to say of it.
    pub text: String,
}

/// A document with the number of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Number of the row.
    pub number: i64,
    /// What is in it.
    pub document: Document,
}

/// What a refresh changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DocumentChanges {
    /// Rows that are new, or have other words than before.
    pub written: usize,
    /// Rows that are gone.
    pub removed: usize,
}

impl Store {
    /// Makes these the documents of these kinds. What is as it was before is not touched.
    pub async fn keep_documents(
        &self,
        kinds: &[DocumentKind],
        documents: &[Document],
    ) -> Result<DocumentChanges, StoreFailure> {
        let mut changes = DocumentChanges::default();
        let mut transaction = self.database.write().await?;
        let kinds = kinds.iter().map(|kind| kind.as_str());
        let known = Statement::new(COLUMNS)
            .push(" WHERE kind IN (")
            .list(kinds)
            .push(")");
        let rows = transaction.fetch_all(known).await?;
        let stored: Vec<StoredDocument> = rows.iter().map(stored).collect::<Result<_, _>>()?;
        let known: HashMap<(DocumentKind, &str), &StoredDocument> = stored
            .iter()
            .map(|stored| ((stored.document.kind, stored.document.key.as_str()), stored))
            .collect();
        let mut wanted = HashSet::new();
        for document in documents {
            let key = (document.kind, document.key.as_str());
            wanted.insert(key);
            if known.get(&key).is_some_and(|it| it.document == *document) {
                continue;
            }
            transaction.execute(self.keeping(document)).await?;
            changes.written += 1;
        }
        for (key, stored) in &known {
            if !wanted.contains(key) {
                let forget = Statement::with(FORGET, [stored.number.into()]);
                transaction.execute(forget).await?;
                changes.removed += 1;
            }
        }
        if changes != DocumentChanges::default() {
            transaction.commit().await?;
        }
        Ok(changes)
    }

    fn keeping(&self, document: &Document) -> Statement {
        let mut values = vec![
            document.kind.as_str().into(),
            (&document.key).into(),
            (&document.title).into(),
            (&document.text).into(),
            document.area.clone().into(),
            serde_json::json!(document.actions).to_string().into(),
            (&document.title_words).into(),
            (&document.other_words).into(),
        ];
        match &self.database.engine {
            Engine::Sqlite(_) => Statement::with(KEEP_IN_SQLITE, values),
            Engine::Postgres(_) => {
                values.push(lexemes(document).into());
                Statement::with(KEEP_IN_POSTGRES, values)
            }
        }
    }

    /// Numbers of the documents that have a word of these, the best first, each with how well it fits.
    pub(crate) async fn by_words(
        &self,
        phrases: &[Phrase],
        kind: Option<DocumentKind>,
        limit: u32,
    ) -> Result<Vec<(i64, f64)>, StoreFailure> {
        if phrases.is_empty() {
            return Ok(Vec::new());
        }
        // A word has letters, digits and marks: nothing that would end the quotation.
        let (text, any, statement): (fn(&Phrase) -> String, _, _) = match &self.database.engine {
            Engine::Sqlite(_) => (
                |asked| {
                    format!(
                        "\"{}\"{}",
                        asked.word,
                        if asked.is_beginning { " *" } else { "" }
                    )
                },
                " OR ",
                FOUND_IN_SQLITE,
            ),
            Engine::Postgres(_) => (
                |asked| {
                    format!(
                        "'{}'{}",
                        asked.word,
                        if asked.is_beginning { ":*" } else { "" }
                    )
                },
                " | ",
                FOUND_IN_POSTGRES,
            ),
        };
        let asked: Vec<String> = phrases.iter().map(text).collect();
        let kind = kind.map(DocumentKind::as_str);
        let values = [asked.join(any).into(), kind.into(), limit.into()];
        let rows = self
            .database
            .fetch_all(Statement::with(statement, values))
            .await?;
        rows.iter()
            .map(|row| Ok((row.get("id")?, row.get("score")?)))
            .collect()
    }

    /// The documents with these numbers, in no particular order.
    pub(crate) async fn documents(
        &self,
        numbers: &[i64],
    ) -> Result<Vec<StoredDocument>, StoreFailure> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let numbers = numbers.iter().copied();
        let statement = Statement::new(COLUMNS)
            .push(" WHERE id IN (")
            .list(numbers)
            .push(")");
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(stored).collect()
    }

    /// The documents that have words of a question, the best first, each with how well it fits.
    pub async fn search_words(
        &self,
        question: &str,
        kind: Option<DocumentKind>,
        limit: u32,
    ) -> Result<Vec<(Document, f64)>, StoreFailure> {
        let phrases = crate::search::phrases(question);
        let found = self.by_words(&phrases, kind, limit).await?;
        let numbers: Vec<i64> = found.iter().map(|(number, _)| *number).collect();
        let documents = self.documents(&numbers).await?;
        let mut documents: HashMap<i64, Document> = documents
            .into_iter()
            .map(|stored| (stored.number, stored.document))
            .collect();
        let in_order = found.into_iter();
        Ok(in_order
            .filter_map(|(number, score)| Some((documents.remove(&number)?, score)))
            .collect())
    }

    /// All documents of a kind.
    pub async fn documents_of(
        &self,
        kind: DocumentKind,
    ) -> Result<Vec<StoredDocument>, StoreFailure> {
        let statement = Statement::new(COLUMNS)
            .push(" WHERE kind = ")
            .bind(kind.as_str())
            .push(" ORDER BY key");
        let rows = self.database.fetch_all(statement).await?;
        rows.iter().map(stored).collect()
    }

    /// Texts that have no vector of this revision of the model.
    pub async fn unencoded(
        &self,
        revision: &str,
        limit: u32,
    ) -> Result<Vec<Unencoded>, StoreFailure> {
        let statement = Statement::with(UNENCODED, [revision.into(), limit.into()]);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(Unencoded {
                    number: row.get("id")?,
                    title: row.get("title")?,
                    text: row.get("text")?,
                })
            })
            .collect()
    }

    /// Keeps vectors of this revision of the model.
    pub async fn keep_vectors(
        &self,
        revision: &str,
        vectors: &[(Unencoded, Vec<u8>)],
    ) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        for (of, vector) in vectors {
            let values = [
                of.number.into(),
                vector.as_slice().into(),
                revision.into(),
                (&of.title).into(),
                (&of.text).into(),
            ];
            transaction
                .execute(Statement::with(KEEP_VECTOR, values))
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// All vectors of this revision of the model.
    pub async fn vectors(
        &self,
        revision: &str,
    ) -> Result<Vec<(i64, DocumentKind, Vec<u8>)>, StoreFailure> {
        let statement = Statement::with(VECTORS, [revision.into()]);
        let rows = self.database.fetch_all(statement).await?;
        rows.iter()
            .map(|row| {
                let kind = DocumentKind::from_word(&row.get::<String>("kind")?);
                Ok((row.get("id")?, kind, row.get("vector")?))
            })
            .collect()
    }

    /// Forgets every document: the next refresh makes them anew.
    pub async fn forget_documents(&self) -> Result<(), StoreFailure> {
        let mut transaction = self.database.write().await?;
        transaction.execute("DELETE FROM search_documents").await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How many there are.
    pub(crate) async fn count_documents(&self) -> Result<usize, StoreFailure> {
        let row = self
            .database
            .fetch_one("SELECT COUNT(*) AS count FROM search_documents")
            .await?;
        Ok(usize::try_from(row.count("count")?).unwrap_or(usize::MAX))
    }

    /// Makes the list of words anew from the documents, on SQLite; PostgreSQL looks after its own.
    pub async fn rebuild_words(&self) -> Result<(), StoreFailure> {
        if let Engine::Sqlite(_) = &self.database.engine {
            let mut transaction = self.database.write().await?;
            transaction.execute(REBUILD).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// When what data-api knows of the home was last read; none: never.
    pub(crate) async fn home_read_at(&self) -> Result<Option<UtcMicros>, StoreFailure> {
        let text = self.fact(HOME_READ_AT).await?;
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Nothing of it is known any more.
    pub(crate) async fn forget_home_read_at(&self) -> Result<(), StoreFailure> {
        self.set_fact(HOME_READ_AT, "").await
    }

    /// Remembers when it was read.
    pub(crate) async fn set_home_read_at(&self, at: UtcMicros) -> Result<(), StoreFailure> {
        self.set_fact(HOME_READ_AT, &at.to_string()).await
    }
}

fn stored(row: &Row) -> Result<StoredDocument, StoreFailure> {
    let actions: String = row.get("actions")?;
    Ok(StoredDocument {
        number: row.get("id")?,
        document: Document {
            kind: DocumentKind::from_word(&row.get::<String>("kind")?),
            key: row.get("key")?,
            title: row.get("title")?,
            text: row.get("text")?,
            area: row.get("area")?,
            actions: super::patterns::json(&actions)?,
            title_words: row.get("title_words")?,
            other_words: row.get("other_words")?,
        },
    })
}

/// Words with their places, in the form in which PostgreSQL reads a TSVECTOR.
fn lexemes(document: &Document) -> String {
    let title = document.title_words.split(' ').map(|word| (word, "A"));
    let other = document.other_words.split(' ').map(|word| (word, ""));
    let words = title.chain(other).filter(|(word, _)| !word.is_empty());
    let lexemes: Vec<String> = words
        .enumerate()
        .map(|(at, (word, weight))| format!("'{word}':{}{weight}", at + 1))
        .collect();
    lexemes.join(" ")
}
