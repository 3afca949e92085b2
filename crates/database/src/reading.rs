//! A connection while one statement reads on it.
//!
//! A caller that gives up (a deadline, a client that went away) drops its future. That alone does not end the statement: the connection
//! would stay busy with it, and a few of those leave nobody a connection to read with. So a reading that is dropped before its end
//! interrupts the statement and closes the connection; the pool opens another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::pool::PoolConnection;
use sqlx::{Pool, Postgres, Sqlite};

/// Steps of SQLite's machine between two looks at whether to go on: less than a millisecond.
const STEPS: i32 = 10_000;

/// A connection that is in use until [`Reading::done`].
pub(crate) struct Reading<DB: sqlx::Database> {
    connection: Option<PoolConnection<DB>>,
    give_up: Arc<AtomicBool>,
}

impl Reading<Sqlite> {
    /// Takes a connection, once one is free.
    pub(crate) async fn sqlite(readers: &Pool<Sqlite>) -> Result<Self, sqlx::Error> {
        let mut connection = readers.acquire().await?;
        let give_up = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&give_up);
        connection
            .lock_handle()
            .await?
            .set_progress_handler(STEPS, move || !asked.load(Ordering::Relaxed));
        Ok(Self {
            connection: Some(connection),
            give_up,
        })
    }
}

impl Reading<Postgres> {
    /// Takes a connection, once one is free. The server looks every few seconds whether its client is still there
    /// ([`crate::postgres`]).
    pub(crate) async fn postgres(pool: &Pool<Postgres>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            connection: Some(pool.acquire().await?),
            give_up: Arc::default(),
        })
    }
}

impl<DB: sqlx::Database> Reading<DB> {
    /// The connection.
    pub(crate) fn connection(&mut self) -> &mut DB::Connection {
        self.connection
            .as_mut()
            .expect("it is there until the reading is done")
    }

    /// The statement has ended, in whatever way: others may have the connection.
    pub(crate) fn done(mut self) {
        self.connection.take();
    }
}

impl<DB: sqlx::Database> Drop for Reading<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.give_up.store(true, Ordering::Relaxed);
            drop(connection.detach());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use sqlx::migrate::Migrator;

    use crate::url::DatabaseUrl;
    use crate::{Database, Migrations};

    static NO_TABLES: Migrator = Migrator::DEFAULT;
    const ENDLESS: &str =
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n";

    #[tokio::test]
    async fn a_statement_whose_caller_gave_up_ends_and_leaves_no_connection_busy() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("a.db"));
        let migrations = Migrations {
            sqlite: &NO_TABLES,
            postgres: &NO_TABLES,
        };
        let database = Database::open(&url, migrations).await.unwrap();
        let begun = Instant::now();
        for _ in 0..12 {
            let patience = Duration::from_millis(50);
            let given_up = tokio::time::timeout(patience, database.fetch_all(ENDLESS)).await;
            assert!(given_up.is_err());
        }
        let one = database.fetch_one("SELECT 1").await.unwrap();
        assert_eq!(one.get::<i64>(0).unwrap(), 1);
        assert!(begun.elapsed() < Duration::from_secs(10));
        // Closing waits for every connection of the pool, and the file is not held by a statement that goes on.
        tokio::time::timeout(Duration::from_secs(5), database.close())
            .await
            .unwrap();
    }
}
