//! PostgreSQL: a pool of connections, one transaction that writes at a time.

use std::str::FromStr;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions as _;
use sqlx::Connection;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use tokio::time::{sleep, timeout};

use crate::failure::{CannotOpen, StoreFailure};

const CONNECTIONS: u32 = 8;
/// How long the first connection may take: the server may be about to start, too.
const PATIENCE_AT_START: Duration = Duration::from_secs(30);
/// How long a caller waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a check may take: who asks for it does not wait longer.
const PATIENCE_OF_A_CHECK: Duration = Duration::from_secs(2);
/// Who holds this lock of the database is the one that writes: also against a second process on the same database.
pub(crate) const WRITER_LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('homeiq writer'))";

/// An open database.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// All connections.
    pub pool: PgPool,
    address: String,
}

/// Connects, and brings the tables up to date.
pub async fn open(url: &url::Url, migrations: &Migrator) -> Result<Postgres, CannotOpen> {
    let address = shown(url);
    let cannot = |error: sqlx::Error| CannotOpen::Server {
        address: address.clone(),
        failure: error.into(),
    };
    let options = PgConnectOptions::from_str(url.as_str())
        .map_err(cannot)?
        .application_name("homeiq")
        .statement_cache_capacity(200);
    wait_for(&options).await.map_err(cannot)?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // A statement whose client went away is ended. Servers that cannot look let it go on.
                let looks = "SELECT set_config('client_connection_check_interval', '2s', false)";
                if let Err(error) = sqlx::query(looks).execute(connection).await {
                    tracing::debug!(%error, "statements of clients that went away will go on");
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(cannot)?;
    migrations
        .run(&pool)
        .await
        .map_err(|error| CannotOpen::Migration {
            database: address.clone(),
            error,
        })?;
    Ok(Postgres { pool, address })
}

/// Waits for a server that is not there yet. Everything else that is wrong is told at once.
async fn wait_for(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let begun = Instant::now();
    loop {
        match options.connect().await {
            Ok(connection) => return connection.close().await,
            Err(error) if begun.elapsed() > PATIENCE_AT_START || !may_come(&error) => {
                return Err(error);
            }
            Err(error) => {
                tracing::info!(%error, "the database server does not answer yet");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Whether a server that starts answers so.
fn may_come(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // cannot_connect_now: it reads its log.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "57P03"),
        _ => false,
    }
}

/// A text as PostgreSQL can hold it: all of Unicode but U+0000, for which U+FFFD stands.
pub fn text(text: Option<String>) -> Option<String> {
    text.map(|text| {
        if text.contains('\0') {
            text.replace('\0', "\u{fffd}")
        } else {
            text
        }
    })
}

/// Connects to a database of another program, without a look at its tables. Every transaction is one that only reads.
pub async fn open_read_only(url: &url::Url) -> Result<Postgres, CannotOpen> {
    let address = shown(url);
    let cannot = |error: sqlx::Error| CannotOpen::Server {
        address: address.clone(),
        failure: error.into(),
    };
    let options = PgConnectOptions::from_str(url.as_str())
        .map_err(cannot)?
        .application_name("homeiq")
        .options([("default_transaction_read_only", "on")]);
    // A pool would go on trying for as long as its patience lasts: whoever names another program's server wants to know at once.
    let once = PgConnection::connect_with(&options).await.map_err(cannot)?;
    once.close().await.map_err(cannot)?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(cannot)?;
    Ok(Postgres { pool, address })
}

/// The address without its password, to be logged or told.
fn shown(url: &url::Url) -> String {
    let mut shown = url.clone();
    if shown.password().is_some() {
        shown.set_password(Some("***")).ok();
    }
    shown.to_string()
}

impl Postgres {
    /// Where it is, without the password.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn size_bytes(&self) -> Result<u64, StoreFailure> {
        let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
            .fetch_one(&self.pool)
            .await?;
        Ok(bytes.unsigned_abs())
    }

    pub(crate) async fn check(&self) -> Result<(), StoreFailure> {
        let asked = sqlx::query_scalar("SELECT current_setting('transaction_read_only')::boolean")
            .fetch_one(&self.pool);
        let read_only: bool = timeout(PATIENCE_OF_A_CHECK, asked)
            .await
            .map_err(|_| StoreFailure::Unreachable(sqlx::Error::PoolTimedOut))??;
        if read_only {
            return Err(StoreFailure::ReadOnly(sqlx::Error::Protocol(
                "the server takes no writes now (transaction_read_only)".into(),
            )));
        }
        Ok(())
    }
}
