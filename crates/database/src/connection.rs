//! One way to talk to either database: statements in, rows out, one transaction that writes at a time.
//!
//! Statements in common go through here. Where the two differ for good reason (bulk inserts, reading of events), a caller matches on
//! [`Database`] or [`Transaction`] and speaks to the driver itself.

use std::sync::Arc;

use sqlx::migrate::Migrator;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::failure::{CannotOpen, StoreFailure};
use crate::postgres::{self, Postgres};
use crate::reading::Reading;
use crate::row::Row;
use crate::sqlite::{self, Sqlite};
use crate::statement::Statement;
use crate::url::DatabaseUrl;

/// The tables of a service, for each database that it can be on.
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// For SQLite.
    pub sqlite: &'static Migrator,
    /// For PostgreSQL.
    pub postgres: &'static Migrator,
}

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database {
    /// Which one, for statements that only it knows.
    pub engine: Engine,
    writing: Arc<Mutex<()>>,
}

/// A database of either kind.
#[derive(Debug, Clone)]
pub enum Engine {
    /// A file.
    Sqlite(Sqlite),
    /// A server.
    Postgres(Postgres),
}

/// The right to write. Whoever holds it is alone.
#[derive(Debug)]
pub struct Writing(#[expect(dead_code, reason = "it is held, not read")] OwnedMutexGuard<()>);

/// A transaction that writes; dropped without a commit it leaves no trace.
#[derive(Debug)]
pub struct Transaction {
    /// Of which database, for statements that only it knows.
    pub engine: EngineTransaction,
    writing: Writing,
}

/// A transaction of either kind.
#[derive(Debug)]
pub enum EngineTransaction {
    /// Of SQLite.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    /// Of PostgreSQL.
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Database {
    /// Opens the database, makes a file where there is none, and brings the tables up to date.
    pub async fn open(url: &DatabaseUrl, migrations: Migrations) -> Result<Self, CannotOpen> {
        let engine = match url {
            DatabaseUrl::Sqlite(path) => {
                Engine::Sqlite(sqlite::open(path, migrations.sqlite).await?)
            }
            DatabaseUrl::Postgres(url) => {
                Engine::Postgres(postgres::open(url, migrations.postgres).await?)
            }
        };
        Ok(Self {
            engine,
            writing: Arc::default(),
        })
    }

    /// Opens the database of another program, which may be writing to it. Nothing in it is changed; whoever tries gets
    /// [`StoreFailure::ReadOnly`].
    pub async fn open_read_only(url: &DatabaseUrl) -> Result<Self, CannotOpen> {
        let engine = match url {
            DatabaseUrl::Sqlite(path) => Engine::Sqlite(sqlite::open_read_only(path).await?),
            DatabaseUrl::Postgres(url) => Engine::Postgres(postgres::open_read_only(url).await?),
        };
        Ok(Self {
            engine,
            writing: Arc::default(),
        })
    }

    /// The same database, read with the connection that writes: what was written last is in its memory already. Only whoever holds the
    /// right to write may use it, for others it waits.
    #[must_use]
    pub fn read_by_writer(&self, _held: &Writing) -> Self {
        let mut own = self.clone();
        if let Engine::Sqlite(sqlite) = &mut own.engine {
            sqlite.readers = sqlite.writer.clone();
        }
        own
    }

    /// Rows of a statement that only reads. Dropped before its end, it ends the statement, too.
    pub async fn fetch_all(
        &self,
        statement: impl Into<Statement>,
    ) -> Result<Vec<Row>, StoreFailure> {
        let statement = statement.into();
        Ok(match &self.engine {
            Engine::Sqlite(sqlite) => {
                let mut reading = Reading::sqlite(&sqlite.readers).await?;
                let mut statement = statement.sqlite();
                let rows = statement.query().fetch_all(reading.connection()).await;
                reading.done();
                rows?.into_iter().map(Row::Sqlite).collect()
            }
            Engine::Postgres(postgres) => {
                let mut reading = Reading::postgres(&postgres.pool).await?;
                let mut statement = statement.postgres();
                let rows = statement.query().fetch_all(reading.connection()).await;
                reading.done();
                rows?.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of a statement that only reads, if there is one.
    pub async fn fetch_optional(
        &self,
        statement: impl Into<Statement>,
    ) -> Result<Option<Row>, StoreFailure> {
        let statement = statement.into();
        Ok(match &self.engine {
            Engine::Sqlite(sqlite) => {
                let mut reading = Reading::sqlite(&sqlite.readers).await?;
                let mut statement = statement.sqlite();
                let row = statement.query().fetch_optional(reading.connection()).await;
                reading.done();
                row?.map(Row::Sqlite)
            }
            Engine::Postgres(postgres) => {
                let mut reading = Reading::postgres(&postgres.pool).await?;
                let mut statement = statement.postgres();
                let row = statement.query().fetch_optional(reading.connection()).await;
                reading.done();
                row?.map(Row::Postgres)
            }
        })
    }

    /// The one row of a statement that only reads.
    pub async fn fetch_one(&self, statement: impl Into<Statement>) -> Result<Row, StoreFailure> {
        self.fetch_optional(statement)
            .await?
            .ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// Begins to write, once nobody else does.
    pub async fn write(&self) -> Result<Transaction, StoreFailure> {
        let writing = Writing(Arc::clone(&self.writing).lock_owned().await);
        self.write_on(writing).await
    }

    /// Begins to write with the right that is held already.
    pub async fn write_on(&self, writing: Writing) -> Result<Transaction, StoreFailure> {
        let engine = match &self.engine {
            // The lock is taken at once, so that nothing can come between what is read and what is written.
            Engine::Sqlite(sqlite) => {
                EngineTransaction::Sqlite(sqlite.writer.begin_with("BEGIN IMMEDIATE").await?)
            }
            Engine::Postgres(postgres) => {
                let mut transaction = postgres.pool.begin().await?;
                sqlx::query(postgres::WRITER_LOCK)
                    .execute(&mut *transaction)
                    .await?;
                EngineTransaction::Postgres(transaction)
            }
        };
        Ok(Transaction { engine, writing })
    }

    /// Whether the database answers and can be written to.
    pub async fn check(&self) -> Result<(), StoreFailure> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.check().await,
            Engine::Postgres(postgres) => postgres.check().await,
        }
    }

    /// Bytes on disk.
    pub async fn size_bytes(&self) -> Result<u64, StoreFailure> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Ok(sqlite.size_bytes()),
            Engine::Postgres(postgres) => postgres.size_bytes().await,
        }
    }

    /// `sqlite` or `postgresql`.
    pub fn name(&self) -> &'static str {
        match &self.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgresql",
        }
    }

    /// Ends all work on it.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => postgres.pool.close().await,
        }
    }
}

impl Transaction {
    /// Runs a statement; how many rows it changed.
    pub async fn execute(&mut self, statement: impl Into<Statement>) -> Result<u64, StoreFailure> {
        let statement = statement.into();
        Ok(match &mut self.engine {
            EngineTransaction::Sqlite(transaction) => {
                let mut statement = statement.sqlite();
                let done = statement.query().execute(&mut **transaction).await?;
                done.rows_affected()
            }
            EngineTransaction::Postgres(transaction) => {
                let mut statement = statement.postgres();
                let done = statement.query().execute(&mut **transaction).await?;
                done.rows_affected()
            }
        })
    }

    /// Rows of a statement.
    pub async fn fetch_all(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Vec<Row>, StoreFailure> {
        let statement = statement.into();
        Ok(match &mut self.engine {
            EngineTransaction::Sqlite(transaction) => {
                let mut statement = statement.sqlite();
                let rows = statement.query().fetch_all(&mut **transaction).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            EngineTransaction::Postgres(transaction) => {
                let mut statement = statement.postgres();
                let rows = statement.query().fetch_all(&mut **transaction).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of a statement, if there is one.
    pub async fn fetch_optional(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Option<Row>, StoreFailure> {
        Ok(self.fetch_all(statement).await?.into_iter().next())
    }

    /// The one row of a statement.
    pub async fn fetch_one(
        &mut self,
        statement: impl Into<Statement>,
    ) -> Result<Row, StoreFailure> {
        self.fetch_optional(statement)
            .await?
            .ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// Makes it last. The right to write is given back to the caller: as long as it is held, nobody can write after this.
    pub async fn commit(self) -> Result<Writing, StoreFailure> {
        match self.engine {
            EngineTransaction::Sqlite(transaction) => transaction.commit().await?,
            EngineTransaction::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(self.writing)
    }
}
